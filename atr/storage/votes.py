# SPDX-License-Identifier: Apache-2.0
"""The newest vote on a release: its papers, the count, and until when it is open at least."""

import dataclasses
import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.models.promotion as tables
import atr.models.sql as sql
import atr.storage.eligibility as eligibility
import atr.storage.transaction as transaction

# https://www.apache.org/foundation/voting.html#ReleaseVotes
BINDING_NEEDED: Final = 3


@dataclasses.dataclass(frozen=True)
class Tally:
    """The binding votes, each person's last paper."""

    plus: int
    minus: int


async def opened_by(read: transaction.Transaction, release: sql.Release) -> str:
    """Who opened the newest vote; empty if that was before our records."""
    wanted = (
        sqlmodel.select(tables.Event.actor)
        .where(tables.Event.chain == release.key, tables.Event.what == "vote_opened")
        .order_by(col(tables.Event.number).desc())
        .limit(1)
    )
    return (await read.data.exec(wanted)).first() or ""


async def papers(read: transaction.Transaction, release: sql.Release) -> Mapping[str, sql.BallotPaper]:
    """The last paper of each person in the newest vote, in the order in which they were cast."""
    return last_papers(await every_paper(read, release))


def last_papers(cast: Iterable[sql.BallotPaper]) -> Mapping[str, sql.BallotPaper]:
    """The same of papers that were read already."""
    last: dict[str, sql.BallotPaper] = {}
    for paper in cast:
        # Whoever votes again stands where their last paper does.
        last.pop(paper.voter_asf_uid, None)
        last[paper.voter_asf_uid] = paper
    return last


async def every_paper(read: transaction.Transaction, release: sql.Release) -> Sequence[sql.BallotPaper]:
    """The papers of the newest vote, replaced ones too, in the order in which they were cast."""
    row = sql.BallotPaper
    wanted = sqlmodel.select(row).where(row.release_key == release.key, row.vote_seq == release.current_vote_seq)
    return (await read.data.exec(wanted.order_by(col(row.id)))).all()


async def papers_by(
    read: transaction.Transaction, release_keys: Collection[str], asf_uid: str
) -> Mapping[str, sql.BallotPaper]:
    """By release: this person's last paper in the newest vote, where they have cast one."""
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
    """The same of papers that were read already."""
    binding = [paper.choice for paper in last_papers(cast).values() if paper.is_binding_at_cast]
    return Tally(binding.count(sql.VoteChoice.YES), binding.count(sql.VoteChoice.NO))


def why_not_passed(of: eligibility.Release, count: Tally, now: datetime.datetime) -> Sequence[str]:
    """Why the open vote cannot be resolved as passed now, a sentence each; empty if it can."""
    reasons = []
    if (count.plus < BINDING_NEEDED) or (count.plus <= count.minus):
        reasons.append(
            f"There are {count.plus} binding +1 and {count.minus} binding -1; a release needs at least "
            f"{BINDING_NEEDED} binding +1 and more binding +1 than -1."
        )
    until = ends(of, now)
    if now < until:
        reasons.append(f"The vote is open until at least {until:%a %d %b %Y, %H:%M} UTC.")
    return reasons


def hours(of: eligibility.Release) -> int:
    """For how many hours the newest vote is open at least."""
    return of.policy.min_hours if of.row.vote_hours is None else of.row.vote_hours


def ends(of: eligibility.Release, now: datetime.datetime) -> datetime.datetime:
    """Until when the newest vote is open at least."""
    return (of.row.vote_started or now) + datetime.timedelta(hours=hours(of))
