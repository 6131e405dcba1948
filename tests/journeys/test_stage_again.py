# SPDX-License-Identifier: Apache-2.0
"""The platform has the voted files no more: they are staged once more from here, and the vote stays good."""

import hashlib

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.views as views
import atr.promotion.states as states
from tests import world as worlds
from tests.coded import coded
from tests.journeys import test_copies as copying

_State = states.DeploymentState


async def passed(world: worlds.World, *, keep: bool = True) -> tuple[str, int, str]:
    """A vote that passed on what a build machine staged, which then expired: release, deployment, voted digest."""
    release_key, deployment_id = await copying.elsewhere(world, keep=keep)
    digest = (await copying.captured(world, deployment_id)).file_set_digest or ""
    await people.vote(world.store, release_key)
    await world.work()
    await expire(world, deployment_id)
    return release_key, deployment_id, digest


async def expire(world: worlds.World, deployment_id: int) -> None:
    """The platform forgets it, and we notice."""
    world.knob(await world.row(deployment_id), "vanish")
    await world.until(deployment_id, lambda row: row.deployment_state is _State.GONE)


def act(row: views.DeploymentView) -> views.Act | None:
    """The button of the row."""
    return next((one for one in row.acts if one.name == "stage_again"), None)


async def again(world: worlds.World, release_key: str, digest: str) -> int:
    """Click it."""
    async with world.member() as member:
        return await member.distributions.stage_again(release_key, digest)


async def test_expired_after_the_vote_it_is_staged_from_the_copy_and_goes_live_by_one_call(world: worlds.World) -> None:
    release_key, first, digest = await passed(world)
    button = act(await world.row(first))
    assert button is not None
    assert (button.label, button.why_not, button.target) == ("Restage the voted files…", "", digest)
    second = await again(world, release_key, digest)
    await world.until(second, lambda row: row.proof.staged is not None)
    await world.work()
    row = await world.row(second)
    assert (row.proof.staged_link, row.revision_number) == ("equal", "")
    assert act(await world.row(first)) is None
    await world.promote(second)
    row = await world.live(second)
    assert world.publish_calls == 1
    assert {side.digest for side in (row.proof.voted, row.proof.staged, row.proof.public) if side} == {digest}
    whats = [event.what for event in await world.events(f"deployment:{second}")]
    assert whats[0] == "distribution_staged_again"
    # Its bytes are here already: no second copy, and the first one stays.
    assert await copying.kept_copies(world) == [digest]


async def test_expired_during_the_vote_it_is_staged_again_while_people_vote(world: worlds.World) -> None:
    release_key, first = await copying.elsewhere(world)
    digest = (await copying.captured(world, first)).file_set_digest or ""
    async with world.manager() as manager:
        await manager.vote.open_vote(release_key)
    await expire(world, first)
    second = await again(world, release_key, digest)
    row = await world.until(second, lambda row: row.proof.staged is not None)
    assert row.proof.staged_link == "equal"


async def test_mapped_files_are_staged_again_from_the_revision(world: worlds.World) -> None:
    """ATR uploaded them in the first place; no copy is kept, and none is needed."""
    release_key, first = await world.voted()
    digest = (await copying.deployment(world, first)).file_set_digest or ""
    await expire(world, first)
    # Who changes the mapping afterwards changes nothing of what was voted on.
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={})
    second = await again(world, release_key, digest)
    await world.until(second, lambda row: row.proof.staged is not None)
    await world.work()
    await world.promote(second)
    await world.live(second)
    assert world.publish_calls == 1


async def test_without_a_copy_the_button_is_off_and_says_why(world: worlds.World) -> None:
    release_key, first, digest = await passed(world, keep=False)
    button = act(await world.row(first))
    assert button is not None
    assert "ATR has no copy of the voted files" in button.why_not
    with pytest.raises(errors.BlockedError, match="ATR has no copy of the voted files"):
        await again(world, release_key, digest)
    assert world.requests("upload") == 0


async def test_two_people_stage_it_again_once(world: worlds.World) -> None:
    """The second is told what the first one made; what nobody voted on is refused."""
    release_key, _, digest = await passed(world)
    await again(world, release_key, digest)
    with pytest.raises(errors.BlockedError, match="already has these files"):
        await again(world, release_key, digest)
    with pytest.raises(errors.BlockedError, match="on the ballot of an open or passed vote"):
        await again(world, release_key, hashlib.sha256(b"others").hexdigest())
    await world.work()
    assert world.requests("upload") == 1


async def test_a_release_manager_stages_again_and_another_committer_does_not(world: worlds.World) -> None:
    release_key, first, digest = await passed(world)
    button = act(await world.row(first, people.COMMITTER))
    assert button is not None
    assert not button.why_not
    async with world.admin() as admin:
        await admin.policy.set_committee(
            "example", "Example", committee_members=people.MEMBERS, committers=(people.COMMITTER,)
        )
    button = act(await world.row(first, people.COMMITTER))
    assert button is not None
    assert button.why_not == "Only release managers and committee members can do this."
    with pytest.raises(errors.AccessError):
        async with world.manager() as manager:
            await manager.distributions.stage_again(release_key, digest)


async def test_a_copy_that_is_needed_for_an_upload_is_not_forgotten(world: worlds.World) -> None:
    release_key, first, digest = await passed(world)
    await again(world, release_key, digest)
    async with world.member() as member:
        with pytest.raises(errors.ConflictError, check=coded("copy-in-use")):
            await member.deployments.forget_copy(first, "no longer wanted")


async def test_a_damaged_copy_uploads_nothing(world: worlds.World) -> None:
    """The row names the file; nothing was marked, so it goes on when the operator has mended it."""
    release_key, _, digest = await passed(world)
    jar = next(content for path, content in world.tree.files.items() if path.endswith("core-2.4.0.jar"))
    assert isinstance(jar, bytes)
    blob = copying.store(world).path(hashlib.sha256(jar).hexdigest())
    blob.unlink()
    second = await again(world, release_key, digest)
    await world.work()
    assert "widgets-core-2.4.0.jar is not there. Tell the operators." in (await world.row(second)).problem
    assert world.requests("upload") == 0
    assert await world.rows(tables.Attempt) == []
    with copying.store(world).part() as part:
        part.write(jar)
        part.keep(world.clock())
    await world.until(second, lambda row: row.proof.staged is not None)
    assert world.requests("upload") == 1


@pytest.mark.parametrize("place", ["after_upload_mark", "after_upload_reply"])
async def test_killed_while_staging_again_it_uploads_at_most_once(place: str, world: worlds.World) -> None:
    """The marks of any upload: what may have been sent is looked for and never sent again."""
    release_key, _, digest = await passed(world)
    second = await again(world, release_key, digest)
    hands = world.dying_at(place)
    while not await world.dies(hands):
        await world.turn_to_due()
    sent = place == "after_upload_reply"
    wanted = _State.STAGED if sent else _State.LOST
    await world.until(second, lambda row: row.deployment_state is wanted)
    assert world.requests("upload") == int(sent)


async def test_after_the_announcement_nothing_is_staged_again(world: worlds.World) -> None:
    release_key, first, digest = await passed(world)
    await world.change(await _announced(world, release_key))
    assert act(await world.row(first)) is None
    with pytest.raises(errors.ConflictError, check=coded("announced")):
        await again(world, release_key, digest)


async def _announced(world: worlds.World, release_key: str) -> sql.Release:
    (release,) = [one for one in await world.rows(sql.Release) if one.key == release_key]
    release.phase = sql.ReleasePhase.RELEASE
    return release
