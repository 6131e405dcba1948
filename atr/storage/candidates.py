# SPDX-License-Identifier: Apache-2.0
"""What a release's candidate is made of: the files that the policy maps, and what is staged of them."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Final

import atr.db.queries as queries
import atr.db.session as session
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.promotion.mapping as mapping
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts

# Deployments in these states are not part of a candidate any more.
OUT: Final = frozenset(
    {
        states.DeploymentState.FAILED,
        states.DeploymentState.GONE,
        states.DeploymentState.DROPPED,
        states.DeploymentState.DROPPING,
    }
)
_UNSENT: Final = frozenset({states.State.REQUESTED, states.State.ABORTED, states.State.REFUSED})


def why_no_files(revision: queries.Revision | None) -> str:
    """Why the files of the newest revision cannot be told, in a sentence; empty if they can."""
    if revision is None:
        return "The release has no files yet."
    if not revision.digest:
        return "The latest revision was created before file digests were recorded. Create a new one."
    return ""


def cannot_stage(built: layouts.Layouts, platform: distribution.DistributionPlatform) -> str:
    """Why ATR cannot stage on the platform, in a sentence or two; empty if it can."""
    if built.supports(platform):
        return ""
    return f"ATR cannot stage on {platform.display_name}. {platform.why_not}"


def uploads_supported(built: layouts.Layouts, platform: distribution.DistributionPlatform) -> None:
    """Raise UnsupportedError unless ATR can stage on the platform."""
    if why_not := cannot_stage(built, platform):
        raise errors.UnsupportedError(why_not)


def mapped(
    built: layouts.Layouts,
    files: fileset.FileSet,
    policy: sql.ReleasePolicy,
    platform: distribution.DistributionPlatform,
) -> fileset.FileSet | None:
    """What the policy maps of these files to the platform; None without a mapping. Raises InputError as `mapping`."""
    patterns = mapping.patterns_of(policy.file_tag_mappings, platform)
    return mapping.mapped(files, patterns, built.on(platform)) if patterns else None


def wanted_platforms(
    built: layouts.Layouts, policy: sql.ReleasePolicy, deployments: Iterable[tables.Deployment]
) -> tuple[distribution.DistributionPlatform, ...]:
    """The platforms that a release goes to from here: the policy says so, or something of it is staged there."""
    staged = {row.platform for row in deployments if row.state not in OUT}
    return tuple(
        platform
        for platform in distribution.DistributionPlatform
        if built.supports(platform)
        and (
            (platform.name in staged)
            or mapping.patterns_of(policy.file_tag_mappings, platform)
            or policy.remote_promotion.get(platform.gh_slug, False)
        )
    )


def on_platform(
    deployments: Iterable[tables.Deployment], platform: distribution.DistributionPlatform
) -> tuple[tables.Deployment, ...]:
    """Those of a release's deployments that are on the platform and part of the candidate now."""
    return tuple(row for row in deployments if (row.platform == platform.name) and (row.state not in OUT))


async def spoken_for(
    data: session.Session, release: sql.Release, deployments: Iterable[tables.Deployment]
) -> frozenset[distribution.Coordinates]:
    """The packages whose staged deployment was published, or may have been: that they are public is no obstacle."""
    published = [row for row in deployments if row.state is states.DeploymentState.PUBLISHED]
    every = await queries.promotions(data, tables.Promotion.release_key == release.key)
    sent = [row for row in every if row.state not in _UNSENT]
    found = [*(await queries.targets_of(data, sent)).values(), *(await queries.packages_of(data, published)).values()]
    return frozenset(one for packages in found for one in packages)


def voted_mapping(
    release: sql.Release, ballot: Iterable[tables.BallotEntry], platform: distribution.DistributionPlatform
) -> str:
    """The digest of the mapped files on the ballot of the vote that is open or has passed; empty in Compose."""
    if release.phase is sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT:
        return ""
    found = (
        entry.file_set_digest
        for entry in ballot
        if (entry.platform == platform.name) and (entry.kind is tables.BallotKind.MAPPED)
    )
    return next(found, "")


def mapping_basis(
    revision: queries.Revision | None,
    policy: sql.ReleasePolicy,
    platform: distribution.DistributionPlatform,
    voted: str,
    mine: Sequence[tables.Deployment],
) -> str:
    """What a comparison of the staged files with the mapped ones depends on: when it moves, the comparison is old."""
    basis = voted or [
        revision.digest if revision else "",
        mapping.patterns_of(policy.file_tag_mappings, platform),
    ]
    staged = [[row.id, row.file_set_digest] for row in mine]
    return hashlib.sha256(json.dumps([basis, staged]).encode()).hexdigest()
