# SPDX-License-Identifier: Apache-2.0
"""What an upload from a revision would send, and why it cannot be sent: one answer for the page and for the writer."""

import dataclasses
import functools
from collections.abc import Mapping

import atr.db.queries as queries
import atr.db.session as session
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.gates as gates
import atr.promotion.mapping as mapping
import atr.shared.bundle as bundles
import atr.shared.distribution as distribution
import atr.shared.maven as maven
import atr.storage.facts as facts


@dataclasses.dataclass(frozen=True)
class File:
    """A file that would be sent: whose it is, where it stands in the revision, and its bytes."""

    package: distribution.Coordinates
    here: str
    size: int


@dataclasses.dataclass(frozen=True)
class Plan:
    """The files by their paths on the platform, in order, and why they cannot be sent; empty if they can."""

    files: Mapping[str, File]
    why_not: str

    @functools.cached_property
    def bundle(self) -> bundles.Bundle:
        """What they come to, with the checksums that are made."""
        return bundles.planned({where: file.size for where, file in self.files.items()})

    @functools.cached_property
    def packages(self) -> tuple[distribution.Coordinates, ...]:
        """Whose files they are."""
        return tuple(sorted({file.package for file in self.files.values()}))


async def planned(
    data: session.Session,
    project: sql.Project,
    revision: queries.Revision | None,
    platform: distribution.DistributionPlatform,
) -> Plan:
    """What this revision would send now; with the reason if it cannot, and with its files as far as they are known."""
    why_not = facts.cannot_stage(platform) or facts.why_no_files(revision)
    if why_not or (revision is None):
        return Plan({}, why_not)
    patterns = mapping.patterns_of((await queries.policy(data, project)).file_tag_mappings, platform)
    if not patterns:
        return Plan({}, gates.no_mapping(platform))
    every = await queries.revision_files(data, revision)
    try:
        mapping.mapped(every, patterns)
        by_path = every.by_path
        files = {
            where: File(maven.parse_path(where).coordinates, here, by_path[here].size)
            for where, here in sorted(mapping.sources(every, patterns).items())
        }
    except errors.InputError as error:
        return Plan({}, str(error))
    plan = Plan(files, "")
    target = await queries.target(data, project.key, platform.name)
    return dataclasses.replace(plan, why_not=_why_not(plan, platform, target))


def _why_not(plan: Plan, platform: distribution.DistributionPlatform, target: tables.PlatformTarget | None) -> str:
    if target is None:
        return gates.no_target(platform)
    if beyond := facts.outside(plan.packages, target):
        return gates.is_outside(beyond)
    if plan.bundle.certain > platform.largest_upload:
        return gates.is_too_large(platform, plan.bundle.certain)
    return ""
