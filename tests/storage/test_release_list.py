# SPDX-License-Identifier: Apache-2.0
"""The list of releases: who has the ball in each phase, and how many wait for the reader."""

import pytest

import atr.demo.people as people
import atr.models.sql as sql
import atr.pages.releases as releases
from tests import world as worlds

RELEASE = f"{people.PROJECT}-2.4.0"
MEMBER, OTHER = people.MEMBERS[0], people.MEMBERS[1]


async def _seen(world: worlds.World, who: str) -> tuple[str, releases.ReleaseLine]:
    async with world.store.read(who) as read:
        view = await releases.listing(read)
    (line,) = view.lines
    return view.sentence, line


async def test_a_release_that_is_composed_waits_for_the_committers_of_its_committee(staged: worlds.World) -> None:
    for who in (MEMBER, people.COMMITTER):
        sentence, line = await _seen(staged, who)
        assert (line.group, sentence) == ("you", "1 of 1 release in progress is waiting for you.")
        assert line.todo == "Review the staged deployments, then start the vote."
    sentence, line = await _seen(staged, people.STRANGER)
    assert (line.group, sentence) == ("others", "1 release is in progress; none is waiting for you.")
    sentence, line = await _seen(staged, "")
    assert (line.todo, sentence) == ("Being composed.", "1 release is in progress.")


async def test_an_open_vote_waits_for_whoever_has_not_voted(staged: worlds.World) -> None:
    async with staged.manager() as manager:
        await manager.vote.open_vote(RELEASE)
    async with staged.store.write_as_project_committee_participant(people.PROJECT, MEMBER) as participant:
        await participant.vote.cast(RELEASE, sql.VoteChoice.YES)
    _, line = await _seen(staged, MEMBER)
    assert (line.group, line.todo) == ("others", "The vote is open; you voted +1.")
    _, line = await _seen(staged, OTHER)
    assert (line.group, line.todo) == ("you", "The vote is open, and you have not voted.")
    _, line = await _seen(staged, people.STRANGER)
    assert (line.group, line.todo) == ("others", "The vote is open.")


@pytest.mark.parametrize("who", [MEMBER, people.COMMITTER, people.STRANGER])
async def test_an_announced_release_is_done_and_counts_no_more(staged: worlds.World, who: str) -> None:
    (release,) = await staged.rows(sql.Release)
    await staged.change(release.model_copy(update={"phase": sql.ReleasePhase.RELEASE}))
    sentence, line = await _seen(staged, who)
    assert (line.group, sentence) == ("done", "No release is in progress.")
