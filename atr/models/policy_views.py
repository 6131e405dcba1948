# SPDX-License-Identifier: Apache-2.0
"""The policy page, the mapping tried against a revision, the names that belong to projects. Frozen, as all views."""

import dataclasses
import datetime


@dataclasses.dataclass(frozen=True)
class Change:
    """One change, with a sentence for each thing that moved."""

    at: datetime.datetime
    actor: str
    sentences: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class PolicyPlatform:
    """What the policy says of one platform; two members that share a slug share a line."""

    slug: str
    name: str
    supported: bool
    # Why remote promotion cannot be switched on; empty where it can.
    why_not: str
    allowed: bool
    # The patterns under each of its slugs, as written.
    mappings: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def patterns(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(pattern for _, patterns in self.mappings for pattern in patterns)


@dataclasses.dataclass(frozen=True)
class PolicyView:
    """The policy page."""

    project_key: str
    project_name: str
    committee_name: str
    min_hours: int
    keep_copies: bool
    platforms: tuple[PolicyPlatform, ...]
    # What the policy says of tags that are no platform of ours: kept, not shown as fields.
    other_tags: tuple[tuple[str, tuple[str, ...]], ...]
    # What a form that is drawn from this carries back.
    digest: str
    may_edit: bool
    edit_why_not: str
    # Whether the reader may have patterns tried that are not saved.
    may_try: bool
    changes: tuple[Change, ...]
    # Releases whose newest revision the mapping can be tried against: (version, "2.4.0, Compose, revision 00003").
    releases: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class TrialPackage:
    """A package among the mapped files, and whether it lies inside the project's names; None where nobody set them."""

    name: str
    inside: bool | None


@dataclasses.dataclass(frozen=True)
class TrialPlatform:
    """What the patterns of one platform do to the revision's files. Lists are cut; the counts are whole."""

    slug: str
    name: str
    css: str
    sentence: str
    # What is wrong, a sentence each.
    problems: tuple[str, ...]
    # (path on the platform, path in the revision)
    placed: tuple[tuple[str, str], ...]
    placed_total: int
    sides: int
    skipped: tuple[str, ...]
    skipped_total: int
    packages: tuple[TrialPackage, ...]
    packages_total: int


@dataclasses.dataclass(frozen=True)
class TrialView:
    """The mapping tried. Without a revision `sentence` says why there is nothing to try it against."""

    version_key: str
    revision_number: str
    files: int
    sentence: str
    platforms: tuple[TrialPlatform, ...]


@dataclasses.dataclass(frozen=True)
class TargetPlatform:
    """The names of a project on one platform."""

    member: str
    name: str
    namespaces: tuple[str, ...]
    source: str
    target: str
    # Empty and None while nobody has set them.
    set_by: str
    set_at: datetime.datetime | None
    digest: str
    # Projects of the same committee with a name that overlaps: (key, name, theirs).
    overlaps: tuple[tuple[str, str, str], ...]
    # Deployments on their way that lie outside as it is, a sentence each.
    outside: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class TargetView:
    """Which names belong to one project."""

    project_key: str
    project_name: str
    committee_name: str
    platforms: tuple[TargetPlatform, ...]
    may_edit: bool
    edit_why_not: str
    changes: tuple[Change, ...]


@dataclasses.dataclass(frozen=True)
class TargetLine:
    """One project in the list: (platform, its names) each."""

    project_key: str
    project_name: str
    committee_name: str
    targets: tuple[tuple[str, tuple[str, ...]], ...]


@dataclasses.dataclass(frozen=True)
class TargetList:
    """All projects."""

    lines: tuple[TargetLine, ...]
