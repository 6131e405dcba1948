# SPDX-License-Identifier: Apache-2.0
"""The ballot that would be frozen if a vote opened now, and the newest vote: its papers, the count, its earliest end.

The page that shows a ballot and the writer that freezes it use the same proposal.
"""

import dataclasses
import datetime
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.db.session as session
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.ballot as ballots
import atr.promotion.fileset as fileset
import atr.promotion.states as states
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.words as words
import atr.storage.candidates as candidates
import atr.storage.eligibility as eligibility
import atr.storage.names as names
import atr.storage.transaction as transaction

_State = states.DeploymentState


@dataclasses.dataclass(frozen=True)
class Part:
    """One file set that would be frozen. `mapped` has the files of a mapped one, which are not stored yet."""

    kind: tables.BallotKind
    platform: str
    digest: str
    files: int
    size: int
    deployment: tables.Deployment | None = None
    mapped: fileset.FileSet | None = None

    @property
    def entry(self) -> ballots.Entry:
        """The part as the ballot digest reads it."""
        return ballots.Entry(self.kind.value, self.platform, self.digest)


@dataclasses.dataclass(frozen=True)
class Proposal:
    """The ballot as it would be frozen now, and why it cannot be."""

    revision: queries.Revision | None
    parts: tuple[Part, ...]
    # By platform: why the policy's mapping cannot be read.
    unreadable: tuple[tuple[distribution.DistributionPlatform, str], ...]
    blockers: tuple[reasons.Reason, ...]

    @property
    def digest(self) -> str:
        """The ballot digest."""
        return ballots.digest(part.entry for part in self.parts)


async def proposed(data: session.Session, of: eligibility.Release) -> Proposal:
    """Return the ballot of this release as it would be frozen now. Changes nothing and does not read the disk."""
    revision = of.newest_revision
    why_no_files = candidates.why_no_files(revision)
    if why_no_files or (revision is None):
        return Proposal(revision, (), (), (why_no_files,) if why_no_files else ())
    deployments = [row for row in await queries.deployments(data, of.row.key) if is_meant(row)]
    captured = {row.file_set_digest for row in deployments if row.file_set_digest}
    stored = await queries.file_set_rows(data, {revision.digest} | captured)
    files = await queries.revision_files(data, revision)
    parts = [_stored(stored, tables.BallotKind.REVISION, revision.digest)]
    unreadable = []
    for platform in data.built.platforms:
        try:
            mapped = candidates.mapped(data.built, files, of.policy, platform)
        except errors.InputError as error:
            unreadable.append((platform, str(error)))
            continue
        if mapped is not None:
            kind = tables.BallotKind.MAPPED
            parts.append(Part(kind, platform.name, mapped.digest, len(mapped.files), mapped.size, mapped=mapped))
    parts += [
        _stored(stored, tables.BallotKind.DEPLOYMENT, row.file_set_digest, row)
        for row in deployments
        if row.file_set_digest
    ]
    blockers = (
        *(reasons.of("mapping", problem=problem) for _, problem in unreadable),
        *(_unread(row) for row in deployments if not row.file_set_digest),
        *(_unfit(row) for row in deployments if row.side_problems),
        *await _foreign(data, of, parts),
        *(clash.reason for clash in ballots.clashes(await _held(data, parts), data.built)),
    )
    return Proposal(revision, tuple(parts), tuple(unreadable), blockers)


async def opened(data: session.Session, release: sql.Release) -> tuple[Sequence[tables.BallotEntry], str]:
    """Return the ballot of the newest vote and its digest; both empty before the first vote."""
    entries = await queries.ballot(data, release)
    return entries, digest(entries)


def digest(entries: Sequence[tables.BallotEntry]) -> str:
    """Return the digest of a vote's entries; empty before the first vote."""
    found = [ballots.Entry(entry.kind.value, entry.platform, entry.file_set_digest) for entry in entries]
    return ballots.digest(found) if found else ""


async def voted_revision(data: session.Session, release: sql.Release) -> str:
    """Return the number of the revision on the ballot of the newest vote; empty before the first vote."""
    if release.voted_revision_number is not None:
        return release.voted_revision_number
    # After a vote that failed only its event has the number.
    event = await _opening(data, release)
    return str(event.data["revision"]) if event and (event.data["vote"] == release.current_vote_seq) else ""


async def parts(
    data: session.Session, wanted: Iterable[tuple[str, str]]
) -> Mapping[str, Mapping[distribution.Coordinates, fileset.FileSet]]:
    """Return the files of these (platform, digest) pairs, by digest and package."""
    platforms = {digest: distribution.DistributionPlatform[name] for name, digest in wanted}
    found = await queries.file_sets(data, platforms)
    return {digest: ballots.packages(files, data.built.on(platforms[digest])) for digest, files in found.items()}


def voted_of(
    parts: Iterable[Mapping[distribution.Coordinates, fileset.FileSet]],
    packages: Collection[distribution.Coordinates],
) -> fileset.FileSet | None:
    """Return the files of all these packages from `parts`; None if one has no files, or different ones in two parts."""
    found: dict[distribution.Coordinates, fileset.FileSet] = {}
    for held in parts:
        for one in packages:
            if (one in held) and (found.setdefault(one, held[one]).digest != held[one].digest):
                return None
    if not set(packages) <= found.keys():
        return None
    return fileset.FileSet.of(file for part in found.values() for file in part.files)


def is_meant(row: tables.Deployment) -> bool:
    """Return whether a deployment is part of the next candidate: not ended, and not taken off the ballot."""
    return (not row.off_ballot) and (row.state not in candidates.OUT)


def name(row: tables.Deployment) -> str:
    """Return the name of a deployment in sentences."""
    return f"deployment {row.external_id or row.name}"


def _unread(row: tables.Deployment) -> reasons.Reason:
    code = "unread-published" if row.state is _State.PUBLISHED else "unreadable" if row.problem else "unread"
    return reasons.of(code, **_where(row), problem=row.problem)


def _unfit(row: tables.Deployment) -> reasons.Reason:
    """Return the blocker for files that can never be promoted: it is shown before anyone votes on them."""
    return reasons.of("checksum", **_where(row), problems=words.some(row.side_problems))


def _where(row: tables.Deployment) -> dict[str, str]:
    platform = distribution.DistributionPlatform[row.platform].display_name
    return {"deployment": words.upper(name(row)), "platform": platform}


def _stored(
    stored: Mapping[str, tables.FileSetRow],
    kind: tables.BallotKind,
    digest: str,
    deployment: tables.Deployment | None = None,
) -> Part:
    row = stored.get(digest)
    files, size = (row.files, row.size) if row else (0, 0)
    return Part(kind, deployment.platform if deployment else "", digest, files, size, deployment)


async def _foreign(data: session.Session, of: eligibility.Release, parts: Sequence[Part]) -> Sequence[reasons.Reason]:
    """Return a blocker for each platform with packages that are not the project's. All these platforms can promote."""
    found: dict[distribution.DistributionPlatform, set[distribution.Coordinates]] = {}
    staged = await queries.packages_of(data, [part.deployment for part in parts if part.deployment])
    mapped = [
        ballots.packages(part.mapped, data.built.on(distribution.DistributionPlatform[part.platform]))
        for part in parts
        if part.mapped is not None
    ]
    for package in itertools.chain(*staged.values(), *mapped):
        found.setdefault(package.platform, set()).add(package)
    blockers = [
        names.blocked(data.built, platform, sorted(found[platform]), of.targets.get(platform.name))
        for platform in sorted(found, key=lambda one: one.name)
    ]
    return [one for one in blockers if one is not None]


async def _held(data: session.Session, parts: Sequence[Part]) -> Sequence[ballots.Held]:
    """Return the files of the platforms whose parts differ; where all parts are equal, nothing needs to be fetched."""
    digests: dict[str, set[str]] = {}
    for part in parts:
        digests.setdefault(part.platform, set()).add(part.digest)
    unlike = [part for part in parts if part.platform and (len(digests[part.platform]) > 1)]
    files = await queries.file_sets(data, {part.digest for part in unlike if part.mapped is None})
    return [
        ballots.Held(_called(part), part.platform, part.mapped or files[part.digest], is_mapped=part.mapped is not None)
        for part in unlike
    ]


def _called(part: Part) -> str:
    if part.deployment is not None:
        return name(part.deployment)
    return f"the revision's files for {distribution.DistributionPlatform[part.platform].display_name}"


# https://www.apache.org/foundation/voting.html#ReleaseVotes
BINDING_NEEDED: Final = 3


@dataclasses.dataclass(frozen=True)
class Tally:
    """The number of binding votes; only each person's last paper counts."""

    plus: int
    minus: int


async def opened_by(read: transaction.Transaction, release: sql.Release) -> str:
    """Return who opened the newest vote; empty if the event log does not have it."""
    event = await _opening(read.data, release)
    return event.actor if event else ""


async def _opening(data: session.Session, release: sql.Release) -> tables.Event | None:
    """Return the event of the opening of the newest vote."""
    wanted = (
        sqlmodel.select(tables.Event)
        .where(tables.Event.chain == release.key, tables.Event.what == "vote_opened")
        .order_by(col(tables.Event.number).desc())
        .limit(1)
    )
    return (await data.exec(wanted)).first()


async def papers(read: transaction.Transaction, release: sql.Release) -> Mapping[str, sql.BallotPaper]:
    """Return the last paper of each person in the newest vote, in the order in which they were cast."""
    return last_papers(await every_paper(read, release))


def last_papers(cast: Iterable[sql.BallotPaper]) -> Mapping[str, sql.BallotPaper]:
    """As `papers`, for papers that were read already."""
    last: dict[str, sql.BallotPaper] = {}
    for paper in cast:
        # A person who votes again has the position of their last paper.
        last.pop(paper.voter_asf_uid, None)
        last[paper.voter_asf_uid] = paper
    return last


async def every_paper(read: transaction.Transaction, release: sql.Release) -> Sequence[sql.BallotPaper]:
    """Return the papers of the newest vote, including replaced ones, in the order in which they were cast."""
    row = sql.BallotPaper
    wanted = sqlmodel.select(row).where(row.release_key == release.key, row.vote_seq == release.current_vote_seq)
    return (await read.data.exec(wanted.order_by(col(row.id)))).all()


async def papers_by(
    read: transaction.Transaction, release_keys: Collection[str], asf_uid: str
) -> Mapping[str, sql.BallotPaper]:
    """Return by release this person's last paper in the newest vote, where they have cast one."""
    row, release = sql.BallotPaper, sql.Release
    wanted = (
        sqlmodel.select(row)
        .join(release, col(release.key) == col(row.release_key))
        .where(
            col(row.release_key).in_(release_keys),
            col(row.vote_seq) == col(release.current_vote_seq),
            row.voter_asf_uid == asf_uid,
        )
        .order_by(col(row.id))
    )
    return {paper.release_key: paper for paper in (await read.data.exec(wanted)).all()}


async def tally(read: transaction.Transaction, release: sql.Release) -> Tally:
    """Count the binding papers of the newest vote, the last one of each person."""
    return counted(await every_paper(read, release))


def counted(cast: Iterable[sql.BallotPaper]) -> Tally:
    """As `tally`, for papers that were read already."""
    binding = [paper.choice for paper in last_papers(cast).values() if paper.is_binding_at_cast]
    return Tally(binding.count(sql.VoteChoice.YES), binding.count(sql.VoteChoice.NO))


def why_not_passed(of: eligibility.Release, count: Tally, now: datetime.datetime) -> Sequence[reasons.Reason]:
    """Return why the open vote cannot be resolved as passed now; empty if it can."""
    found = []
    if (count.plus < BINDING_NEEDED) or (count.plus <= count.minus):
        found.append(reasons.of("too-few-votes", plus=count.plus, minus=count.minus, needed=BINDING_NEEDED))
    until = ends(of, now)
    if now < until:
        found.append(reasons.of("too-early", until=f"{until:%a %d %b %Y, %H:%M}"))
    return found


def hours(of: eligibility.Release) -> int:
    """Return the minimum number of hours for which the newest vote is open."""
    return of.policy.min_hours if of.row.vote_hours is None else of.row.vote_hours


def ends(of: eligibility.Release, now: datetime.datetime) -> datetime.datetime:
    """Return the earliest end of the newest vote."""
    return (of.row.vote_started or now) + datetime.timedelta(hours=hours(of))
