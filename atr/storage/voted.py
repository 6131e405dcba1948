# SPDX-License-Identifier: Apache-2.0
"""What was voted on and what of it is proved public, from the rows: three statements for one release or for many."""

import collections
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy
import sqlalchemy.orm
import sqlmodel
from sqlmodel import col

import atr.db.session as session
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.promotion.voted as voted
import atr.shared.distribution as distribution

_AFTER_VOTE: Final = (sql.ReleasePhase.RELEASE_PREVIEW, sql.ReleasePhase.RELEASE)
# What stands before a path's last slash, in the words that SQLite and PostgreSQL share.
_DIRECTORY: Final[sqlalchemy.ColumnElement[str]] = sqlalchemy.literal_column(
    "rtrim(file_set_file.path, replace(file_set_file.path, '/', ''))"
)
# A release and a platform.
_Where = tuple[str, str]


def passed(release: sql.Release) -> bool:
    """Whether the newest vote passed: it is over, and the release went on to Finish."""
    return (release.phase in _AFTER_VOTE) and (release.vote_resolved is not None)


async def of(data: session.Session, release: sql.Release) -> voted.Measure:
    """The measure of one release; empty until its vote has passed."""
    return (await of_many(data, col(sql.Release.key) == release.key)).get(release.key, voted.Measure())


async def of_many(data: session.Session, *where: Any) -> Mapping[str, voted.Measure]:
    """By key: the measure of every release, of those chosen by `where`, that was voted on for a platform."""
    entries = await _entries(data, where)
    on_ballot: dict[_Where, set[str]] = collections.defaultdict(set)
    for entry, _ in entries:
        on_ballot[_where(entry)].add(entry.file_set_digest)
    live: dict[_Where, set[str]] = collections.defaultdict(set)
    for release_key, platform, digest in await _live(data, where):
        live[release_key, platform].add(digest)
    # Where every digest of a platform is live there is nothing to look into.
    unsettled = {where for where, digests in on_ballot.items() if not digests <= live[where]}
    parts = await _parts(data, [entry for entry, _ in entries if _where(entry) in unsettled])
    found: dict[str, list[voted.Entry]] = collections.defaultdict(list)
    for entry, files in entries:
        found[entry.release_key].append(
            voted.Entry(
                platform=distribution.DistributionPlatform[entry.platform],
                digest=entry.file_set_digest,
                is_mapped=entry.kind is tables.BallotKind.MAPPED,
                parts=tuple(parts.get(entry.id, (voted.Part(f"{entry.file_set_digest}/", files, files),))),
            )
        )
    return {release_key: voted.measured(these, data.built) for release_key, these in found.items()}


def _where(entry: tables.BallotEntry) -> _Where:
    return entry.release_key, entry.platform


async def _entries(data: session.Session, where: Iterable[Any]) -> Sequence[tuple[tables.BallotEntry, int]]:
    """What the vote that passed was about on platforms, each with its number of files."""
    entry, release = tables.BallotEntry, sql.Release
    wanted = (
        sqlmodel.select(entry, tables.FileSetRow.files)
        .join(release, (col(release.key) == col(entry.release_key)))
        .join(tables.FileSetRow, col(tables.FileSetRow.digest) == col(entry.file_set_digest))
        .where(
            col(release.phase).in_(_AFTER_VOTE),
            col(release.vote_resolved).is_not(None),
            col(release.current_vote_seq) == col(entry.vote_seq),
            col(release.created) <= col(entry.opened),
            entry.platform != "",
            *where,
        )
        .order_by(col(entry.id))
    )
    return (await data.exec(wanted)).all()


async def _live(data: session.Session, where: Iterable[Any]) -> Sequence[tuple[str, str, str]]:
    """Release, platform and digest of what was proved public."""
    promotion, release = tables.Promotion, sql.Release
    wanted = (
        sqlmodel.select(promotion.release_key, promotion.platform, promotion.voted_digest)
        .join(release, col(release.key) == col(promotion.release_key))
        .where(promotion.state == states.State.LIVE, *where)
    )
    return (await data.exec(wanted)).all()


async def _parts(data: session.Session, entries: Sequence[tables.BallotEntry]) -> Mapping[int | None, list[voted.Part]]:
    """By entry: its files, directory by directory, with how many of them a live promotion of its release proved."""
    found: dict[int | None, list[voted.Part]] = collections.defaultdict(list)
    if not entries:
        return found
    entry, file, promotion = tables.BallotEntry, tables.FileSetFile, tables.Promotion
    proved = sqlalchemy.orm.aliased(tables.FileSetFile)
    is_public = (
        sqlmodel.select(promotion.id)
        .join(proved, col(proved.digest) == col(promotion.voted_digest))
        .where(
            promotion.release_key == entry.release_key,
            promotion.platform == entry.platform,
            promotion.state == states.State.LIVE,
            proved.path == file.path,
            proved.size == file.size,
            proved.sha256 == file.sha256,
        )
        .correlate(entry, file)
        .exists()
    )
    wanted = (
        sqlmodel.select(
            entry.id,
            sqlalchemy.func.min(file.path),
            sqlalchemy.func.count(),
            sqlalchemy.func.sum(sqlalchemy.case((is_public, 1), else_=0)),
        )
        .join(file, col(file.digest) == col(entry.file_set_digest))
        .where(col(entry.id).in_([one.id for one in entries]))
        .group_by(col(entry.id), _DIRECTORY)
        .order_by(col(entry.id), _DIRECTORY)
    )
    for number, path, files, public in (await data.exec(wanted)).all():
        found[number].append(voted.Part(path, files, public))
    return found
