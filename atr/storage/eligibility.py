# SPDX-License-Identifier: Apache-2.0
"""Everything that the gates read, loaded for many deployments at once: for pages, for the request and for the mark.

The number of statements does not depend on the number of deployments or of their releases.
"""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.db.session as session
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.promotion.gates as gates
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.storage.candidates as candidates
import atr.storage.embargo as embargo
import atr.storage.lanes as lanes
import atr.storage.names as names
import atr.storage.rights as rights

# States from which a publish request may still be sent. A deployment has at most one promotion in one of these.
_ASKED_FOR = frozenset({states.State.REQUESTED, states.State.SENDING, states.State.IN_DOUBT})
# The key of a release, and the name of a platform.
_Where = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Release:
    """A release with its project, committee and policy, the ballot of its newest vote, and its newest revision."""

    row: sql.Release
    project: sql.Project
    committee: sql.Committee
    policy: sql.ReleasePolicy
    # By platform: the project's namespaces.
    targets: Mapping[str, tables.PlatformTarget]
    ballot: tuple[tables.BallotEntry, ...]
    newest_revision: queries.Revision | None
    lift: operating.EmbargoLift | None

    @property
    def is_embargoed(self) -> bool:
        """Whether nothing of the release may leave: it is under embargo, and no member has lifted it."""
        return self.row.is_embargoed and (self.lift is None)

    @property
    def has_passed(self) -> bool:
        """Whether the newest vote on the release passed."""
        return candidates.has_passed(self.row)

    def on_ballot(self, platform: str) -> Sequence[tables.BallotEntry]:
        """Return the entries of the newest vote's ballot for this platform."""
        return [entry for entry in self.ballot if entry.platform == platform]


@dataclasses.dataclass(frozen=True)
class Case:
    """A deployment with the facts that decide what can be done with it now."""

    of: Release
    deployment: tables.Deployment
    # The generation that the database is in.
    generation: int
    packages: tuple[distribution.Coordinates, ...]
    # Oldest first.
    promotions: Sequence[tables.Promotion]
    results: Sequence[sql.CheckResult]
    facts: gates.Facts
    voted_digest: str
    evidence_digest: str

    @property
    def release(self) -> sql.Release:
        """The deployment's release."""
        return self.of.row

    @property
    def platform(self) -> distribution.DistributionPlatform:
        """The deployment's platform."""
        return self.facts.platform

    @property
    def target(self) -> tables.PlatformTarget | None:
        """The project's namespaces on the deployment's platform."""
        return self.of.targets.get(self.deployment.platform)


async def release(data: session.Session, release_key: str) -> Release:
    """Return one release. Raises NotFoundError."""
    return (await releases_of(data, [release_key]))[release_key]


async def releases_of(data: session.Session, release_keys: Collection[str]) -> Mapping[str, Release]:
    """Return the releases by key. Raises NotFoundError if one does not exist, or its project has no committee."""
    row, project, committee, policy = sql.Release, sql.Project, sql.Committee, sql.ReleasePolicy
    wanted = (
        sqlmodel.select(row, project, committee, policy)
        .join(project, col(project.key) == col(row.project_key))
        .join(committee, col(committee.key) == col(project.committee_key))
        .join(policy, col(policy.id) == col(project.release_policy_id), isouter=True)
        .where(col(row.key).in_(release_keys))
    )
    found = {one[0].key: one for one in (await data.exec(wanted)).all()}
    for key in release_keys:
        if key not in found:
            orphan = await queries.demand_project(data, (await queries.demand_release(data, key)).project_key)
            await queries.demand_committee(data, orphan.committee_key)
    targets_of = await targets(data, {its_project.key for _, its_project, _, _ in found.values()})
    ballots = await queries.ballots(data, release_keys)
    revisions = await queries.latest_revisions(data, release_keys)
    lifts = await embargo.lifts(data, [one for one, _, _, _ in found.values() if one.is_embargoed])
    return {
        key: Release(
            row=one,
            project=its_project,
            committee=its_committee,
            policy=its_policy or sql.ReleasePolicy(),
            targets=targets_of.get(its_project.key, {}),
            ballot=ballots[key],
            newest_revision=revisions.get(key),
            lift=lifts.get(key),
        )
        for key, (one, its_project, its_committee, its_policy) in found.items()
    }


async def one(
    data: session.Session, deployment: tables.Deployment, asf_uid: str, *, sending: tables.Promotion | None = None
) -> Case:
    """Return the case of one deployment, for this person; `sending` as in `load`."""
    return (await load(data, [deployment], asf_uid, sending=sending))[deployment.id]


async def load(
    data: session.Session,
    deployments: Collection[tables.Deployment],
    asf_uid: str,
    *,
    sending: tables.Promotion | None = None,
    releases: Mapping[str, Release] | None = None,
) -> Mapping[int | None, Case]:
    """Return by deployment everything that the gates and the evidence need, for this person.

    `releases` may be given if they were read in this transaction already. `sending` is the promotion that is about to
    be sent; without one the gates about a restored database and freed packages are met.
    """
    if not deployments:
        return {}
    numbers = [row.id for row in deployments]
    of = releases or await releases_of(data, {row.release_key for row in deployments})
    site = await queries.site(data)
    packages = await queries.packages_of(data, deployments)
    promotions: dict[int | None, list[tables.Promotion]] = {number: [] for number in numbers}
    for promotion in await queries.promotions(data, col(tables.Promotion.deployment_id).in_(numbers)):
        promotions[promotion.deployment_id].append(promotion)
    results = await candidates.staged_results(data, numbers)
    newer = await _newer(data, of, {(row.release_key, row.platform) for row in deployments})
    asked_for = {number: _asked_for(rows) for number, rows in promotions.items()}
    turns = await turns_of(data, [row for row in asked_for.values() if row is not None])
    silent, off = await lanes.silent(data), await lanes.off(data)
    freed = await _freed(data, sending) if sending else ()
    cases = {}
    for row in deployments:
        release, asked = of[row.release_key], asked_for[row.id]
        platform = distribution.DistributionPlatform[row.platform]
        newer_revision, newer_difference = newer[row.release_key, row.platform]
        waits_for, stopped_by = turns[asked.id] if asked else ("", "")
        on_ballot = frozenset(entry.file_set_digest for entry in release.on_ballot(row.platform))
        facts = gates.Facts(
            platform=platform,
            is_built=data.built.supports(platform),
            project_active=release.project.status is sql.ProjectStatus.ACTIVE,
            phase=release.row.phase.value,
            vote_passed=release.has_passed,
            deployment_state=row.state.value,
            staged_digest=row.file_set_digest or "",
            ballot=on_ballot if release.has_passed else frozenset(),
            has_ballot=bool(release.ballot),
            has_target=row.platform in release.targets,
            outside=names.outside(data.built, packages[row.id], release.targets.get(row.platform)),
            policy_allows=bool(release.policy.remote_promotion.get(platform.gh_slug, False)),
            asf_uid=asf_uid,
            is_committee_member=rights.is_member(release.committee, asf_uid),
            checked=candidates.checked_since(row, results[row.id]),
            check_blockers=_check_blockers(row, results[row.id]),
            waits_for=waits_for,
            stopped_by=stopped_by,
            restored=gates.restored(site.backup_at) if sending and (sending.asked_in < site.generation) else None,
            silence=silent[row.mechanism] if asked else None,
            freed=freed,
            newer_revision=newer_revision,
            newer_difference=newer_difference,
            embargoed=release.is_embargoed,
            switched_off=off[row.mechanism],
        )
        voted_digest = _voted_digest(release, row)
        cases[row.id] = Case(
            of=release,
            deployment=row,
            generation=site.generation,
            packages=packages[row.id],
            promotions=promotions[row.id],
            results=results[row.id],
            facts=facts,
            voted_digest=voted_digest,
            evidence_digest=_evidence_digest(release, row, packages[row.id], voted_digest),
        )
    return cases


async def turns_of(
    data: session.Session, promotions: Iterable[tables.Promotion]
) -> Mapping[int | None, tuple[str, str]]:
    """Return by promotion which one it waits for, and which one's failure stopped it and how; both empty if none."""
    every = list(promotions)
    numbers = {row.after_id for row in every if (row.state is states.State.REQUESTED) and (row.after_id is not None)}
    older = await queries.promotions(data, col(tables.Promotion.id).in_(numbers)) if numbers else ()
    packages = await queries.targets_of(data, older) if older else {}
    known = {row.id: (row, named(row, packages[row.id])) for row in older}
    return {row.id: _turn(row, *known[row.after_id]) if row.after_id in numbers else ("", "") for row in every}


def _turn(row: tables.Promotion, before: tables.Promotion, name: str) -> tuple[str, str]:
    match gates.turn(before.state, stop_at_trouble=row.stop_at_trouble):
        case gates.Turn.NOW:
            return "", ""
        case gates.Turn.WAITS:
            return name, ""
        case gates.Turn.STOPPED:
            return "", f"{name} is {states.WORDS[before.state].word.lower()}"


def named(promotion: tables.Promotion, packages: Sequence[distribution.Coordinates]) -> str:
    """Return what a promotion of these packages makes public, in a few words."""
    platform = distribution.DistributionPlatform[promotion.platform]
    return f"{distribution.in_one_line(packages)} on {platform.display_name}"


def _asked_for(promotions: Sequence[tables.Promotion]) -> tables.Promotion | None:
    return next((row for row in promotions if row.state in _ASKED_FOR), None)


def _check_blockers(row: tables.Deployment, results: Sequence[sql.CheckResult]) -> tuple[str, ...]:
    found = (result.message for result in results if result.status is sql.CheckResultStatus.BLOCKER)
    return tuple(dict.fromkeys((*row.side_problems, *found)))


def _voted_digest(release: Release, row: tables.Deployment) -> str:
    """Return the digest that was voted on for this deployment: its own if the ballot has it, else the platform's entry.

    The mapped files come before other deployments. Empty if the ballot has nothing for the platform.
    """
    entries = release.on_ballot(row.platform)
    if any(entry.file_set_digest == row.file_set_digest for entry in entries):
        return row.file_set_digest or ""
    ordered = sorted(entries, key=lambda entry: entry.kind is not tables.BallotKind.MAPPED)
    return ordered[0].file_set_digest if ordered else ""


def _evidence_digest(
    release: Release, row: tables.Deployment, packages: Sequence[distribution.Coordinates], voted_digest: str
) -> str:
    target = release.targets.get(row.platform)
    return fileset.evidence_digest(
        row.external_id or "",
        f"{row.platform} {target.target if target else ''}",
        (package.purl for package in packages),
        voted_digest,
        row.file_set_digest or "",
    )


async def targets(
    data: session.Session, project_keys: Collection[str]
) -> Mapping[str, Mapping[str, tables.PlatformTarget]]:
    """Return the namespaces of projects, by project and platform."""
    row = tables.PlatformTarget
    found: dict[str, dict[str, tables.PlatformTarget]] = {}
    for one in (await data.exec(sqlmodel.select(row).where(col(row.project_key).in_(project_keys)))).all():
        found.setdefault(one.project_key, {})[one.platform] = one
    return found


async def _freed(data: session.Session, promotion: tables.Promotion) -> tuple[str, ...]:
    """Return the packages that a promotion was requested for and has no reservation of now."""
    row = tables.PromotionTarget
    wanted = sqlmodel.select(row.purl).where(row.promotion_id == promotion.id, ~col(row.holding))
    return tuple((await data.exec(wanted.order_by(col(row.purl)))).all())


async def _newer(
    data: session.Session, of: Mapping[str, Release], wheres: Collection[_Where]
) -> Mapping[_Where, tuple[str, str]]:
    """Return by release and platform a revision made after the vote, and how it differs from the voted files there.

    Both are empty where it does not differ. This module never makes such a revision, a host application may. If the
    ballot maps nothing to the platform, the whole revision is compared.
    """
    row, release = tables.RevisionFiles, sql.Release
    wanted = (
        sqlmodel.select(row)
        .join(release, col(release.key) == col(row.release_key))
        .where(col(row.release_key).in_(of), col(row.number) == col(release.voted_revision_number))
    )
    named = {one.release_key: one for one in (await data.exec(wanted)).all()}
    found: dict[_Where, tuple[str, str]] = dict.fromkeys(wheres, ("", ""))
    compared: dict[_Where, tuple[queries.Revision, str, str]] = {}
    for key, platform in wheres:
        if not of[key].has_passed:
            continue
        entries = {one.kind: one.file_set_digest for one in of[key].ballot if one.platform in {"", platform}}
        whole, mapped = (entries.get(kind, "") for kind in (tables.BallotKind.REVISION, tables.BallotKind.MAPPED))
        latest = of[key].newest_revision
        if (key in named) and whole and (named[key].file_set_digest != whole):
            found[key, platform] = (
                named[key].number,
                "the vote names this revision, but its ballot has the files of another.",
            )
        elif (latest is None) or (not whole) or (latest.digest == whole):
            # ATR deletes the revisions of a release that is announced.
            continue
        elif not latest.digest:
            found[key, platform] = latest.number, "its files were not recorded."
        else:
            compared[key, platform] = latest, mapped, mapped or whole
    files = (
        await queries.file_sets(data, {one for row, _, before in compared.values() for one in (row.digest, before)})
        if compared
        else {}
    )
    for (key, platform), (latest, mapped, before) in compared.items():
        difference = _difference(
            data.built,
            of[key],
            platform,
            latest.with_odd_checksums(files[latest.digest]),
            files[before],
            is_mapped=bool(mapped),
        )
        found[key, platform] = (latest.number, difference) if difference else ("", "")
    return found


def _difference(
    built: layouts.Layouts,
    release: Release,
    platform: str,
    after: fileset.FileSet,
    before: fileset.FileSet,
    *,
    is_mapped: bool,
) -> str:
    if is_mapped:
        try:
            now = candidates.mapped(built, after, release.policy, distribution.DistributionPlatform[platform])
        except errors.InputError as error:
            return str(error)
        if now is None:
            return "the policy maps nothing of it."
        after = now
    found = fileset.compare(before, after)
    return "" if found.is_empty else found.described("mapped" if is_mapped else "revision")
