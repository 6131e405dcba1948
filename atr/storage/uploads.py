# SPDX-License-Identifier: Apache-2.0
"""The files that an upload from a revision would send, or why it cannot: the page and the writer both use this."""

import dataclasses
import functools
from collections.abc import Mapping

import atr.db.queries as queries
import atr.db.session as session
import atr.errors as errors
import atr.models.sql as sql
import atr.promotion.mapping as mapping
import atr.reasons as reasons
import atr.shared.bundle as bundle
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.storage.candidates as candidates
import atr.storage.names as names


@dataclasses.dataclass(frozen=True)
class File:
    """A file that would be sent: its package, its path in the revision, and its size in bytes."""

    package: distribution.Coordinates
    here: str
    size: int


@dataclasses.dataclass(frozen=True)
class Plan:
    """The files by their paths on the platform, in order, and the reason why they cannot be sent; None if they can."""

    files: Mapping[str, File]
    why_not: reasons.Reason | None
    # The size of the upload; None if it is not known.
    upload: bundle.Upload | None = None
    # How many bytes one upload may have; 0 if no limit is known.
    limit: int = 0

    @functools.cached_property
    def packages(self) -> tuple[distribution.Coordinates, ...]:
        """The packages of the files, sorted."""
        return tuple(sorted({file.package for file in self.files.values()}))


async def planned(
    data: session.Session,
    project: sql.Project,
    revision: queries.Revision | None,
    platform: distribution.DistributionPlatform,
) -> Plan:
    """Return what this revision would send now; if it cannot, the reason, and its files as far as they are known."""
    why_not = candidates.cannot_stage(data.built, platform) or candidates.why_no_files(revision)
    if why_not or (revision is None):
        return Plan({}, why_not)
    patterns = mapping.patterns_of((await queries.policy(data, project)).file_tag_mappings, platform)
    if not patterns:
        why_not = reasons.of("no-mapping", platform=platform.display_name, tag=platform.gh_slug)
        return Plan({}, why_not)
    every = await queries.revision_files(data, revision)
    try:
        mechanism = await queries.mechanism(data, project.key, platform)
        layout = data.built.of(mechanism)
        mapping.mapped(every, patterns, layout)
        by_path = every.by_path
        files = {
            where: File(layout.package(where), here, by_path[here].size)
            for where, here in sorted(mapping.sources(every, patterns).items())
        }
    except errors.InputError as error:
        return Plan({}, reasons.of("mapping", problem=str(error)))
    upload = layout.upload({where: file.size for where, file in files.items()})
    plan = Plan(files, None, upload, mechanism.largest_upload)
    target = await queries.target(data, project.key, platform.name)
    why_not = names.blocked(data.built, platform, plan.packages, target)
    if (why_not is None) and plan.limit and (upload.certain > plan.limit):
        why_not = too_large(mechanism, upload.certain)
    return dataclasses.replace(plan, why_not=why_not)


def too_large(mechanism: mechanisms.Mechanism, least: int) -> reasons.Reason:
    """Return the reason why an upload of at least this many bytes is larger than the platform accepts."""
    return reasons.of("too-large", least=least, mechanism=mechanism.display_name, most=mechanism.largest_upload)
