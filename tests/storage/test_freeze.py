# SPDX-License-Identifier: Apache-2.0
"""A vote that a host opens: its own statement, then one call that freezes the ballot in the host's transaction."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import sqlalchemy
import sqlalchemy.ext.asyncio
from sqlmodel import col

import atr.db.session as session
import atr.demo.people as people
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.vote as votes
import atr.promotion.states as states
import atr.storage.ballots as proposals
import atr.storage.eligibility as eligibility
import atr.storage.writers.ballots as ballots
from tests import hosting
from tests import world as worlds
from tests.coded import coded

RELEASE: Final = f"{people.PROJECT}-2.4.0"
_Phase = sql.ReleasePhase
_HostSession = sqlalchemy.ext.asyncio.AsyncSession


@contextlib.asynccontextmanager
async def _host(world: worlds.World) -> AsyncIterator[_HostSession]:
    """A session as ATR has it: SQLAlchemy's own, over an engine of its own, which knows nothing of ours."""
    address = session.driven(world.settings.database)
    engine = sqlalchemy.ext.asyncio.create_async_engine(address)
    if address.get_backend_name() == "sqlite":
        session.prepare_sqlite(engine.sync_engine)
    try:
        async with _HostSession(engine, expire_on_commit=False) as data:
            yield data
    finally:
        await engine.dispose()


async def _start(data: _HostSession, world: worlds.World, **values: Any) -> None:
    """ATR's one statement (`start_vote_no_commit`): the candidate's newest revision, and the phase it must have."""
    statement = (
        sqlalchemy.update(sql.Release)
        .where(col(sql.Release.key) == RELEASE, col(sql.Release.phase) == _Phase.RELEASE_CANDIDATE_DRAFT)
        .values(
            phase=_Phase.RELEASE_CANDIDATE,
            vote_started=world.clock.at,
            vote_resolved=None,
            **{"current_vote_seq": 1, "voted_revision_number": "00001", **values},
        )
    )
    result = await data.execute(statement)
    assert getattr(result, "rowcount", 0) == 1


def _ballots(data: _HostSession, world: worlds.World) -> ballots.Host:
    return ballots.Host(data, world.store.place, world.clock.at, people.COMMITTER)


async def test_one_call_freezes_what_our_own_writer_would(staged: worlds.World) -> None:
    """The same ballot, the same event, the same check asked for; then the vote passes, and it goes live."""
    async with staged.store.read() as read:
        proposed = await proposals.proposed(read.data, await eligibility.release(read.data, RELEASE))
    async with _host(staged) as data:
        await _start(data, staged)
        assert await _ballots(data, staged).freeze(RELEASE) == proposed.digest
        await data.commit()
    entries = await staged.rows(tables.BallotEntry)
    assert [(one.kind, one.platform, one.file_set_digest) for one in entries] == [
        (part.kind, part.platform, part.digest) for part in proposed.parts
    ]
    assert {(one.vote_seq, one.opened) for one in entries} == {(1, staged.clock.at)}
    (opened,) = [one for one in await staged.events_of(RELEASE) if one.what == "vote_opened"]
    assert (opened.actor, opened.data["vote"], opened.data["revision"]) == (people.COMMITTER, 1, "00001")
    assert operating.TaskType.READINESS_CHECK in {one.task_type for one in await staged.rows(operating.Task)}
    assert await staged.chain_holds()
    await _passes(staged)
    await staged.promote(1)
    await staged.live(1)
    assert staged.publish_calls == 1


async def _passes(world: worlds.World) -> None:
    """ATR's statement when a vote has passed. Only a TRUSTED vote leaves papers; this one leaves none."""
    async with _host(world) as data:
        await data.execute(
            sqlalchemy.update(sql.Release)
            .where(col(sql.Release.key) == RELEASE, col(sql.Release.phase) == _Phase.RELEASE_CANDIDATE)
            .values(phase=_Phase.RELEASE_PREVIEW, vote_resolved=world.clock.at)
        )
        await data.commit()
    await world.work()


async def test_what_the_host_takes_back_is_taken_back_with_the_ballot(staged: worlds.World) -> None:
    async with _host(staged) as data:
        await _start(data, staged)
        await _ballots(data, staged).freeze(RELEASE)
        await data.rollback()
    assert not await staged.rows(tables.BallotEntry)
    assert not [one for one in await staged.events_of(RELEASE) if one.what == "vote_opened"]
    (release,) = await staged.rows(sql.Release)
    assert (release.phase, release.current_vote_seq) == (_Phase.RELEASE_CANDIDATE_DRAFT, 0)


async def test_what_holds_a_vote_of_ours_holds_the_hosts(world: worlds.World) -> None:
    """A sentence for everything; the host rolls back, and nothing has happened."""
    await world.composed()
    await world.stage(RELEASE)
    async with _host(world) as data:
        await _start(data, world)
        with pytest.raises(errors.BlockedError, match="has not been captured yet"):
            await _ballots(data, world).freeze(RELEASE)
        await data.rollback()
    assert not await world.rows(tables.BallotEntry)


@pytest.mark.parametrize("number", [None, "00001"])
async def test_a_vote_that_is_not_about_the_newest_revision_gets_no_ballot(
    number: str | None, staged: worlds.World
) -> None:
    async def nothing(_draft: object) -> None:
        return

    await hosting.revise(staged.store, RELEASE, nothing)
    async with _host(staged) as data:
        await _start(data, staged, voted_revision_number=number)
        with pytest.raises(
            errors.ConflictError, check=coded("newer-than-seen", revision=number or "none", newest="00002")
        ):
            await _ballots(data, staged).freeze(RELEASE)
        await data.rollback()


async def test_a_ballot_is_frozen_once_and_only_for_a_vote_that_was_started(staged: worlds.World) -> None:
    async with _host(staged) as data:
        with pytest.raises(errors.ConflictError, check=coded("no-open-vote")):
            await _ballots(data, staged).freeze(RELEASE)
        await _start(data, staged)
        await _ballots(data, staged).freeze(RELEASE)
        with pytest.raises(errors.ConflictError, check=coded("ballot-fixed")):
            await _ballots(data, staged).freeze(RELEASE)
        await data.commit()
    assert len(await staged.rows(tables.BallotEntry)) == 3


async def test_a_second_round_has_a_ballot_of_its_own_over_the_same_revision(staged: worlds.World) -> None:
    """A podling votes twice: the second round keeps the phase and has another number."""
    async with _host(staged) as data:
        await _start(data, staged)
        await _ballots(data, staged).freeze(RELEASE)
        await data.commit()
    staged.clock.turn(hours=72)
    async with _host(staged) as data:
        await data.execute(
            sqlalchemy.update(sql.Release)
            .where(col(sql.Release.key) == RELEASE, col(sql.Release.voted_revision_number) == "00001")
            .values(current_vote_seq=2, vote_started=staged.clock.at)
        )
        await _ballots(data, staged).freeze(RELEASE)
        await data.commit()
    assert [one.vote_seq for one in await staged.rows(tables.BallotEntry)] == [1, 1, 1, 2, 2, 2]
    await _passes(staged)
    await staged.promote(1)
    await staged.live(1)


async def test_a_vote_without_a_ballot_authorises_nothing_and_says_so(staged: worlds.World) -> None:
    """Opened before our tables were there, or by a host that makes no call: its pages stand, and nothing is sent."""
    async with _host(staged) as data:
        await _start(data, staged)
        await data.commit()
    async with staged.store.read(worlds.MEMBER) as read:
        vote = await votes.newest(read, RELEASE)
    assert (vote.word, vote.lines, vote.ballot_digest, vote.revision_number) == ("open", (), "", "00001")
    await _passes(staged)
    async with staged.store.read(worlds.MEMBER) as read:
        vote = await votes.newest(read, RELEASE)
    assert (vote.word, vote.sentence) == ("passed", "The vote on candidate 1 has passed.")
    (blocker,) = (await staged.row(1)).blockers
    assert (blocker.code, blocker.who) == ("no-ballot", "the committee")
    with pytest.raises(errors.BlockedError, match="opened without a ballot"):
        await staged.promote(1)
    await staged.pass_time(hours=1)
    assert (await staged.row(1)).deployment_state is states.DeploymentState.STAGED
    assert staged.publish_calls == 0
