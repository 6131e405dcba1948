# SPDX-License-Identifier: Apache-2.0
"""The policy page of a project, and a trial of its mapping with the files of a revision."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

import atr.errors as errors
import atr.models.sql as sql
import atr.pages.changes as changes
import atr.pages.distributions as distributions
import atr.promotion.fileset as fileset
import atr.promotion.mapping as mapping
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.words as words
import atr.storage.embargo as embargo
import atr.storage.names as names
import atr.storage.readers.events as events
import atr.storage.readers.projects as projects
import atr.storage.readers.release_rows as release_rows
import atr.storage.readers.revisions as revisions
import atr.storage.rights as rights
import atr.storage.transaction as transaction

# How many releases can be chosen, the newest first.
_RELEASES: Final = 20
# How much of each list is shown; the counts include everything.
_PLACED: Final = 100
_SKIPPED: Final = 20
_PROBLEMS: Final = 10
_PACKAGES: Final = 50


@dataclasses.dataclass(frozen=True)
class PolicyPlatform:
    """The policy for one platform; two members that share a slug share a line."""

    slug: str
    name: str
    # Why remote promotion cannot be switched on; empty if it can.
    why_not: str
    allowed: bool
    # The patterns under each of its slugs, as written.
    mappings: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def patterns(self) -> tuple[str, ...]:
        """Return the patterns under all slugs."""
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
    # The patterns under tags that ATR does not know: kept, but not shown as fields.
    other_tags: tuple[tuple[str, tuple[str, ...]], ...]
    # The digest that the page's form sends back.
    digest: str
    # Empty if the reader may edit the policy.
    edit_why_not: str
    # Whether the reader may try patterns that are not saved.
    may_try: bool
    changes: tuple[changes.Change, ...]
    # The releases with whose newest revision the mapping can be tried: (version, "2.4.0, in Compose").
    releases: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class TrialPackage:
    """A package among the mapped files, and whether it is in the project's namespaces; None if it has none."""

    name: str
    inside: bool | None


@dataclasses.dataclass(frozen=True)
class TrialPlatform:
    """The effect of one platform's patterns on the revision's files. Lists are cut; the counts include everything."""

    name: str
    css: str
    sentence: str
    # A sentence for each problem.
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
    """The result of trying the mapping. Without a revision `sentence` says why there are no files to try it with."""

    version_key: str
    revision_number: str
    files: int
    sentence: str
    platforms: tuple[TrialPlatform, ...]


@dataclasses.dataclass(frozen=True)
class TrialCase:
    """The input of a trial: the patterns and the files. `files` is None if there is no revision."""

    version_key: str
    revision_number: str
    files: fileset.FileSet | None
    patterns: Mapping[str, Sequence[str]]
    # By member name; a platform without namespaces has no entry.
    namespaces: Mapping[str, tuple[str, ...]]
    built: layouts.Layouts


async def page(read: transaction.Transaction, project_key: str) -> PolicyView:
    """Return the policy page, which everybody may read. Raises NotFoundError."""
    of = await projects.one(read, project_key)
    project, committee, policy = of.row, of.committee, of.policy
    manager = rights.is_release_manager(committee, read.asf_uid)
    return PolicyView(
        project_key=project.key,
        project_name=project.name,
        committee_name=committee.name,
        min_hours=policy.min_hours,
        keep_copies=policy.keep_copies,
        platforms=tuple(_platform(policy, slug, name) for slug, name in _named().items()),
        other_tags=tuple(
            (tag, tuple(policy.file_tag_mappings[tag])) for tag in mapping.unknown_tags(policy.file_tag_mappings)
        ),
        digest=names.seen_policy(policy),
        edit_why_not="" if manager else reasons.of("managers-only", what="change the policy").sentence,
        may_try=rights.is_participant(committee, read.asf_uid),
        changes=changes.of(await events.of_project(read, project_key, ("policy_edited",))),
        releases=await _releases(read, project_key),
    )


async def trial_case(
    read: transaction.Transaction,
    project_key: str,
    version_key: str,
    patterns: Mapping[str, Sequence[str]] | None = None,
) -> TrialCase:
    """Return the input of a trial: the saved mapping, or these patterns, which only committers may try.

    The default version is the newest release that is not announced. Raises AccessError, NotFoundError.
    """
    of = await projects.one(read, project_key)
    if (patterns is not None) and not rights.is_participant(of.committee, read.asf_uid):
        raise errors.AccessError(reasons.of("committers-only", committee=of.committee.name, what="try these patterns"))
    if not version_key:
        offered = await _releases(read, project_key)
        version_key = offered[0][0] if offered else ""
    revision = None
    if version_key:
        revision = await revisions.newest(read, await embargo.release_key(read, project_key, version_key))
    return TrialCase(
        version_key=version_key,
        revision_number=revision.number if revision else "",
        files=await revisions.files(read, revision),
        patterns=of.policy.file_tag_mappings if patterns is None else patterns,
        namespaces={name: tuple(row.namespaces) for name, row in of.targets.items()},
        built=read.data.built,
    )


def tried(case: TrialCase) -> TrialView:
    """Try the patterns. Pure, because 10,000 files take long and no transaction may be open meanwhile."""
    platforms = [(slug, name) for slug, name in _named().items() if mapping.patterns_of(case.patterns, _of_slug(slug))]
    files = len(case.files.files) if case.files else 0
    if not case.version_key:
        sentence = "No release of this project is in progress, so there are no files to try the patterns with."
    elif case.files is None:
        sentence = f"{case.version_key} has no files yet to try the patterns with."
    elif not platforms:
        sentence = "There are no patterns, so no file is mapped."
    else:
        sentence = ""
    return TrialView(
        version_key=case.version_key,
        revision_number=case.revision_number,
        files=files,
        sentence=sentence,
        platforms=tuple(_tried(case, case.files, slug, name) for slug, name in platforms) if case.files else (),
    )


def _tried(case: TrialCase, files: fileset.FileSet, slug: str, name: str) -> TrialPlatform:
    platform, built = _of_slug(slug), case.built
    layout = built.on(platform) if built.supports(platform) else None
    trial = mapping.tried(files, mapping.patterns_of(case.patterns, platform), layout)
    problems = [
        *(f"{first} and {second} are both mapped to {where}." for where, first, second in trial.doubles),
        *(f"{path}: {why}" for path, why in trial.misfits),
        *(_idle(pattern, shadowed) for pattern, shadowed in trial.idle),
    ]
    more = len(problems) - _PROBLEMS
    owned = case.namespaces.get(platform.name)
    packages = [
        TrialPackage(str(one), None if owned is None else not built.outside([one], owned)) for one in trial.packages
    ]
    beyond = sum(1 for package in packages if package.inside is False)
    stops = bool(trial.doubles or trial.misfits or beyond or not trial.placed)
    return TrialPlatform(
        name=name,
        css="refused" if stops else ("warning" if problems else "passed"),
        sentence=_sentence(trial, beyond),
        problems=(*problems[:_PROBLEMS], *([f"And {more:,} more like this."] if more > 0 else [])),
        placed=trial.placed[:_PLACED],
        placed_total=len(trial.placed),
        sides=trial.sides,
        skipped=trial.skipped[:_SKIPPED],
        skipped_total=len(trial.skipped),
        # Packages outside the namespaces come first, because they need a correction.
        packages=tuple(sorted(packages, key=lambda package: package.inside is not False))[:_PACKAGES],
        packages_total=len(packages),
    )


def _sentence(trial: mapping.Trial, beyond: int) -> str:
    if not (trial.placed or trial.misfits):
        return "The patterns match no file of this revision."
    doubles, misfits = len(trial.doubles), len(trial.misfits)
    wrong = [
        *([f"{words.count(doubles, 'more stands', 'more stand')} where one stands already"] if doubles else []),
        *([f"{words.count(misfits, 'does', 'do')} not fit the platform's layout"] if misfits else []),
        *([f"{beyond:,} of {len(trial.packages):,} packages are outside the project's namespaces"] if beyond else []),
    ]
    count = f"{words.count(len(trial.placed), 'file goes', 'files go')} there"
    return f"{count}, but {words.listed(wrong)}." if wrong else f"{count}."


def _idle(pattern: str, shadowed: bool) -> str:  # noqa: FBT001  (one of the two facts that a trial pairs)
    if shadowed:
        return f"“{pattern}” has no effect: earlier patterns match all of its files."
    return f"“{pattern}” matches no file of this revision."


def _platform(policy: sql.ReleasePolicy, slug: str, name: str) -> PolicyPlatform:
    platform = _of_slug(slug)
    return PolicyPlatform(
        slug=slug,
        name=name,
        why_not=platform.why_not,
        allowed=bool(policy.remote_promotion.get(slug, False)),
        mappings=tuple((tag, tuple(policy.file_tag_mappings.get(tag, []))) for tag in platform.slugs),
    )


def _named() -> dict[str, str]:
    """Return each slug with its platform's name; platforms that can promote come first."""
    ordered = sorted(distribution.DistributionPlatform, key=lambda one: not one.supports_remote_promotion)
    names: dict[str, str] = {}
    for platform in ordered:
        names.setdefault(platform.gh_slug, platform.display_name)
    return names


def _of_slug(slug: str) -> distribution.DistributionPlatform:
    return next(platform for platform in distribution.DistributionPlatform if platform.gh_slug == slug)


async def _releases(read: transaction.Transaction, project_key: str) -> tuple[tuple[str, str], ...]:
    found = await release_rows.on_their_way(read, project_key, _RELEASES)
    return tuple((row.version, f"{row.version}, in {distributions.PHASE_WORDS[row.phase]}") for row in found)
