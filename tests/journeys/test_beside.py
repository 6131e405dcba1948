# SPDX-License-Identifier: Apache-2.0
"""Nothing but what was voted on: what stands beside the voted files in public is found, whoever published it."""

import datetime
import hashlib

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.pages.finish as finish
import atr.pages.releases as releases
import atr.pages.views as views
import atr.promotion.states as states
import tests.world as worlds
from tests.coded import coded

_State = states.State
RELEASE = f"{people.PROJECT}-2.4.0"
CORE = "org/example/widgets/widgets-core/2.4.0"
EXTRA = f"{CORE}/widgets-core-2.4.0-all.jar"
MODULE = f"{CORE}/widgets-core-2.4.0.module"
UNVOTED = b"nobody voted on these bytes\n"
EVERYTHING = "Every public file of these packages was voted on"
NOT_LOOKED = "Extra files were not checked"


def publish(world: worlds.World, *paths: str) -> None:
    """Somebody makes these public beside the release; the platform's records know nothing of it."""
    known = dict(world.platform.portal.public.components)
    for path in paths:
        world.platform.portal.put_public(path, UNVOTED)
    world.platform.portal.public.components = known


def publish_voted(world: worlds.World) -> None:
    """Somebody makes exactly the voted files public, by another way."""
    for path, content in world.tree.files.items():
        assert isinstance(content, bytes)
        world.platform.portal.put_public(path, content)


async def ends(world: worlds.World, promotion_id: int) -> str:
    """Where the promotion stands once the first day is over."""
    for _ in range(200):
        await world.work()
        found = await world.promotion(promotion_id)
        if found.state in {_State.LIVE, _State.DIVERGED}:
            return f"{found.state.value}: {found.reason}"
        assert await world.turn_to_due()
    raise AssertionError(found.state)


async def test_a_jar_that_nobody_voted_on_diverges_after_our_own_call(voted: worlds.World) -> None:
    """It became public beside the voted files; the page names it with its digest."""
    publish(voted, EXTRA, MODULE)
    await voted.promote(1)
    row = await voted.until(1, lambda row: row.state in {_State.LIVE, _State.DIVERGED})
    assert row.state is _State.DIVERGED
    assert EXTRA in row.reason
    assert MODULE in row.reason
    assert voted.publish_calls == 1


async def test_a_jar_that_nobody_voted_on_diverges_when_the_deployment_was_published_by_hand(
    voted: worlds.World,
) -> None:
    voted.knob(await voted.row(1), "publish-by-hand")
    await voted.until(1, lambda row: row.deployment_state is states.DeploymentState.PUBLISHED)
    publish(voted, EXTRA)
    # What is public and was voted on is compared without anybody's click.
    assert (await ends(voted, 1)).startswith(f"diverged: 1 public file was not voted on ({EXTRA})")
    assert voted.publish_calls == 0


async def test_a_jar_that_nobody_voted_on_diverges_when_the_version_was_recorded_as_public(voted: worlds.World) -> None:
    """The voted set of what is recorded is the ballot's files under its coordinates."""
    publish_voted(voted)
    publish(voted, MODULE)
    (where,) = [one for one in voted.tree.packages if one.package == "widgets-core"]
    async with voted.member() as member:
        await member.distributions.record(RELEASE, where, staging=False)
    assert (await ends(voted, 1)).startswith(f"diverged: 1 public file was not voted on ({MODULE})")


async def test_a_jar_that_nobody_voted_on_diverges_when_the_same_files_were_public_already(
    voted: worlds.World,
) -> None:
    publish_voted(voted)
    publish(voted, EXTRA)
    await voted.promote(1)
    row = await voted.until(1, lambda row: row.state in {_State.LIVE, _State.DIVERGED})
    assert row.state is _State.DIVERGED
    assert voted.publish_calls == 0


async def test_a_jar_that_appears_after_live_is_found_by_after_care(voted: worlds.World) -> None:
    await voted.promote(1)
    await voted.live(1)
    publish(voted, EXTRA)
    row = await voted.until(1, _State.DIVERGED, rounds=10)
    assert EXTRA in row.reason


async def test_every_public_file_is_said_only_of_what_was_looked_at(voted: worlds.World) -> None:
    await voted.promote(1)
    row = await voted.live(1)
    assert EVERYTHING in row.standing.sentence
    assert voted.requests("index") == 2


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 404},
        {"status": 403},
        {"status": 429, "headers": {"Retry-After": "60"}},
        {"status": 503},
        {"cut": True},
        {"effect": True, "cut_after": 200},
    ],
    ids=str,
)
async def test_without_an_index_live_says_that_nobody_looked_and_after_care_looks_again(
    voted: worlds.World, fault: dict[str, object]
) -> None:
    """For a day there is no index; then the extra file is found."""
    publish(voted, EXTRA)
    voted.fault("index", **fault)
    await voted.promote(1)
    row = await voted.live(1)
    assert NOT_LOOKED in row.standing.sentence
    assert EVERYTHING not in row.standing.sentence
    asked, live_at = voted.requests("index"), voted.clock.at
    assert asked == 1
    row = await voted.until(1, _State.DIVERGED, rounds=10)
    assert voted.clock.at - live_at >= datetime.timedelta(days=1)
    assert EXTRA in row.reason


@pytest.mark.parametrize("twist", ["stale", "cut"])
async def test_an_index_that_is_stale_or_not_whole_does_not_count(voted: worlds.World, twist: str) -> None:
    """It leaves a voted file out, or ends in the middle, with 200 and every header in order."""
    voted.stand_in_settings(index_twist=twist)
    await voted.promote(1)
    row = await voted.live(1)
    assert NOT_LOOKED in row.standing.sentence
    voted.stand_in_settings(index_twist="")
    row = await voted.until(1, lambda row: EVERYTHING in row.standing.sentence, rounds=10)
    assert row.state is _State.LIVE


async def test_an_older_look_does_not_speak_for_a_newer_one_that_did_not_count(voted: worlds.World) -> None:
    """After-care asks for the indexes again and gets none: nobody knows what stands there now."""
    await voted.promote(1)
    row = await voted.live(1)
    assert EVERYTHING in row.standing.sentence
    voted.fault("index", status=404, times=None)
    row = await voted.until(1, lambda row: EVERYTHING not in row.standing.sentence, rounds=10)
    assert row.state is _State.LIVE
    assert "could not be checked again" in row.standing.sentence
    async with voted.store.read() as read:
        assert EVERYTHING.lower() not in (await finish.page(read, RELEASE)).sentence.lower()


@pytest.mark.parametrize("shape", ["page", "apache", "sorted", "nexus"])
async def test_every_shape_of_an_index_is_read_alike(voted: worlds.World, shape: str) -> None:
    """Checksums of voted files, sort links, parents, folders and truncated names are no extra files."""
    voted.stand_in_settings(index_shape=shape)
    await voted.promote(1)
    row = await voted.live(1)
    assert EVERYTHING in row.standing.sentence
    publish(voted, f"{CORE}/widgets-core-2.4.0-with-a-name-that-is-too-long-for-a-column-of-text.jar")
    row = await voted.until(1, _State.DIVERGED, rounds=10)
    assert "too-long-for-a-column-of-text.jar" in row.reason


async def test_a_name_whose_file_is_not_there_does_not_count(voted: worlds.World) -> None:
    """An index may name what was taken away since."""
    publish(voted, EXTRA)
    voted.fault("repository", path=EXTRA, status=404, times=None)
    await voted.promote(1)
    row = await voted.live(1)
    assert EVERYTHING in row.standing.sentence


async def test_a_name_whose_file_cannot_be_read_is_told_and_does_not_count_as_looked_at(voted: worlds.World) -> None:
    publish(voted, EXTRA)
    voted.fault("repository", path=EXTRA, status=403, times=1)
    await voted.promote(1)
    row = await voted.live(1)
    assert NOT_LOOKED in row.standing.sentence
    assert EXTRA in row.standing.sentence
    await voted.until(1, _State.DIVERGED, rounds=10)


async def test_one_reading_of_an_extra_file_is_not_enough(voted: worlds.World) -> None:
    publish(voted, EXTRA)
    await voted.promote(1)
    for _ in range(20):
        if await voted.dies(voted.hands):
            raise AssertionError
        if EXTRA in (await voted.promotion(1)).difference:
            break
        await voted.turn_to_due()
    assert (await voted.row(1)).state is _State.CHECKING
    voted.platform.portal.public.withdraw(EXTRA)
    row = await voted.live(1)
    assert EVERYTHING in row.standing.sentence


async def test_files_that_are_not_there_yet_are_named(voted: worlds.World) -> None:
    """N2: which of them, not how many alone."""
    path = f"{CORE}/widgets-core-2.4.0-sources.jar"
    voted.fault("repository", path=path, status=404, times=1)
    await voted.promote(1)
    row = await voted.until(1, lambda row: "not there yet" in row.next_note)
    assert path in row.next_note


async def test_the_records_are_asked_once_for_each_package_of_a_call(voted: worlds.World) -> None:
    """N4: once before the call (ADR 0015), and not again while the same files are proved a second time."""
    voted.platform.traffic.requests["published"] = 0
    voted.fault("download", effect=True, alter=True, times=1)
    await voted.promote(1)
    await voted.live(1)
    assert voted.publish_calls == 1
    assert voted.requests("published") == len(voted.tree.packages)


async def _diverged(world: worlds.World, *paths: str) -> int:
    publish(world, *paths)
    promotion_id = await world.promote(1)
    await world.until(1, _State.DIVERGED)
    return promotion_id


def _seen(row: views.DeploymentView) -> str:
    """What the page's form carries back."""
    (act,) = [act for act in row.acts if act.name == "accept_extras"]
    assert not act.why_not
    return act.target


async def _accept(world: worlds.World, promotion_id: int, seen: str, reason: str = "The notes, added later.") -> None:
    async with world.member() as member:
        await member.promotions.accept(promotion_id, seen, reason)


async def test_named_extra_files_are_accepted_by_a_member_and_shown_for_good(voted: worlds.World) -> None:
    promotion_id = await _diverged(voted, EXTRA, MODULE)
    await _accept(voted, promotion_id, _seen(await voted.row(1, worlds.MEMBER)))
    assert (await voted.row(1)).state is _State.CHECKING
    row = await voted.live(1)
    assert EVERYTHING in row.standing.sentence
    assert EXTRA in row.standing.sentence
    digest = hashlib.sha256(UNVOTED).hexdigest()
    assert [(one.file.path, one.file.size, one.file.sha256) for one in row.accepted] == [
        (path, len(UNVOTED), digest) for path in (EXTRA, MODULE)
    ]
    assert {(one.by, one.reason) for one in row.accepted} == {(worlds.MEMBER, "The notes, added later.")}
    (event,) = [one for one in await voted.events(f"promotion:{promotion_id}") if one.what == "extra_files_accepted"]
    assert (event.actor, [one["path"] for one in event.data["files"]]) == (worlds.MEMBER, [EXTRA, MODULE])
    await voted.pass_time(days=1, rounds=10)
    assert (await voted.row(1)).state is _State.LIVE


async def test_a_new_extra_file_diverges_again_after_others_were_accepted(voted: worlds.World) -> None:
    promotion_id = await _diverged(voted, EXTRA)
    await _accept(voted, promotion_id, _seen(await voted.row(1, worlds.MEMBER)))
    await voted.live(1)
    publish(voted, MODULE)
    row = await voted.until(1, _State.DIVERGED, rounds=10)
    assert MODULE in row.reason
    assert EXTRA not in row.reason


async def test_an_accepted_file_with_other_bytes_diverges_again(voted: worlds.World) -> None:
    """What was accepted are these bytes under this name."""
    promotion_id = await _diverged(voted, EXTRA)
    await _accept(voted, promotion_id, _seen(await voted.row(1, worlds.MEMBER)))
    await voted.live(1)
    voted.platform.portal.public.alter(EXTRA)
    await voted.until(1, _State.DIVERGED, rounds=10)


async def test_accepted_files_hide_no_changed_byte(voted: worlds.World) -> None:
    """Missing or changed bytes are never accepted: the comparison that follows finds them."""
    promotion_id = await _diverged(voted, EXTRA)
    seen = _seen(await voted.row(1, worlds.MEMBER))
    voted.platform.portal.public.alter(f"{CORE}/widgets-core-2.4.0.jar")
    await _accept(voted, promotion_id, seen)
    row = await voted.until(1, _State.DIVERGED)
    assert "widgets-core-2.4.0.jar" in row.reason


async def test_what_was_not_seen_is_not_accepted(voted: worlds.World) -> None:
    promotion_id = await _diverged(voted, EXTRA)
    with pytest.raises(errors.ConflictError, check=coded("stale", what="The extra files")):
        await _accept(voted, promotion_id, "0" * 64)
    with pytest.raises(errors.InputError):
        await _accept(voted, promotion_id, _seen(await voted.row(1, worlds.MEMBER)), " ")
    assert (await voted.row(1)).state is _State.DIVERGED


async def test_only_what_diverged_by_extra_files_has_any_to_accept(voted: worlds.World) -> None:
    promotion_id = await voted.promote(1)
    voted.knob(await voted.row(1), "alter-public")
    row = await voted.until(1, _State.DIVERGED)
    assert [act.name for act in row.acts if act.name == "accept_extras"] == []
    with pytest.raises(errors.ConflictError, check=coded("no-extra-files")):
        await _accept(voted, promotion_id, "0" * 64)


async def test_an_extra_file_that_was_found_counts_though_the_index_is_gone(voted: worlds.World) -> None:
    """A person has it compared again while no index is to be had: the file itself still answers."""
    promotion_id = await _diverged(voted, EXTRA)
    voted.fault("index", status=404, times=None)
    async with voted.member() as member:
        await member.promotions.check_again(promotion_id, "Somebody took it away, they say.")
    row = await voted.until(1, _State.DIVERGED)
    assert EXTRA in row.reason


async def test_other_bytes_under_an_accepted_name_count_though_the_index_is_gone(voted: worlds.World) -> None:
    """What was accepted are the old bytes; that the name is known hides nothing of what was found under it."""
    promotion_id = await _diverged(voted, EXTRA)
    await _accept(voted, promotion_id, _seen(await voted.row(1, worlds.MEMBER)))
    await voted.live(1)
    voted.platform.portal.public.alter(EXTRA)
    await voted.until(1, _State.DIVERGED, rounds=10)
    voted.fault("index", status=404, times=None)
    async with voted.member() as member:
        await member.promotions.check_again(promotion_id, "It was put right, they say.")
    row = await voted.until(1, lambda row: row.state in {_State.LIVE, _State.DIVERGED})
    assert row.state is _State.DIVERGED
    assert EXTRA in row.reason


async def test_an_extra_file_that_cannot_be_read_now_is_not_forgotten(voted: worlds.World) -> None:
    """Another one beside it was read, so there is a difference all the same; both stay found."""
    promotion_id = await _diverged(voted, EXTRA, MODULE)
    voted.fault("index", status=404, times=None)
    voted.fault("repository", path=MODULE, status=403, times=None)
    async with voted.member() as member:
        await member.promotions.check_again(promotion_id, "It was taken away, they say.")
    row = await voted.until(1, _State.DIVERGED)
    assert EXTRA in row.reason
    assert MODULE in row.reason


async def test_nothing_is_announced_while_one_reading_has_found_a_difference(voted: worlds.World) -> None:
    """One reading may be a fault; until the second has told, the release may not be what was voted on."""
    await voted.promote(1)
    await voted.live(1)
    voted.platform.portal.public.withdraw(f"{CORE}/widgets-core-2.4.0-sources.jar")
    for _ in range(20):
        await voted.turn_to_due()
        await worlds.drain(voted.hands)
        if (await voted.promotion(1)).difference:
            break
    assert (await voted.row(1)).state is _State.LIVE
    with pytest.raises(errors.BlockedError, match="read again"):
        async with voted.manager() as manager:
            await manager.announce.announce(RELEASE)
    async with voted.store.read(people.COMMITTER) as read:
        (line,) = (await releases.listing(read)).lines
    assert "read again" in line.todo
