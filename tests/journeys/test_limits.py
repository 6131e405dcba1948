# SPDX-License-Identifier: Apache-2.0
"""Requests that the platform refuses, limits or never answers: how often we send, what we read meanwhile, what is said.

Every count is the stand-in's own.
"""

import copy
import dataclasses
import datetime
import pathlib
import uuid

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.pages.views as views
import atr.promotion.states as states
import atr.sandbox.central_portal.bundle as bundle
from tests import world as worlds
from tests.coded import coded

_Deployment = states.DeploymentState
_State = states.State
RELEASE = f"{people.PROJECT}-2.4.0"
WORDS = "Publishing limit of this month reached"
# From one 429 without Retry-After to the next: 1 minute, doubled up to 6 hours, and the last call after 3 days.
WAITS = [60, 120, 240, 480, 960, 1_920, 3_840, 7_680, 15_360, *[21_600] * 10, 12_540]


def _is(state: _Deployment) -> object:
    return lambda row: row.deployment_state is state


def _held(row: views.DeploymentView) -> bool:
    return (row.state is _State.REQUESTED) and (row.needs_person == "a committee member")


async def _wait(world: worlds.World, **delta: float) -> None:
    """Let this time pass, with every look and every request at the instant at which it is due."""
    until = world.clock.at + datetime.timedelta(**delta)
    await world.work()
    while (await world.turn_to_due()) and (world.clock.at < until):
        await world.work()
    world.clock.at = until
    await world.work()


async def _by_the_table(world: worlds.World, endpoint: str) -> None:
    """Three days of 429 without a word: each request at its instant, and none a second earlier."""
    for number, seconds in enumerate(WAITS, start=1):
        await world.pass_time(seconds=seconds - 1)
        assert world.requests(endpoint) == number
        await world.pass_time(seconds=1)
        assert world.requests(endpoint) == number + 1


async def _look_now(world: worlds.World, promotion_id: int) -> None:
    async with world.manager() as manager:
        await manager.promotions.look_now(promotion_id)
    await world.work()


# 429 on publish


async def test_429_without_a_word_on_publish_is_sent_again_ever_more_rarely_for_three_days_then_by_a_person(
    voted: worlds.World,
) -> None:
    """The platform's words stand on the row; while it waits no staged file is read; a member's click sends again."""
    voted.fault("publish", status=429, body=WORDS, times=None)
    proved = voted.requests("download")
    await voted.promote(1)
    await voted.work()
    row = await voted.row(1)
    assert (voted.publish_calls, row.state) == (1, _State.REQUESTED)
    # One proof reads every file, and its checksums.
    proof = voted.requests("download") - proved
    assert proof >= len(voted.tree.files)
    assert "429" in row.next_note
    assert WORDS in row.next_note
    assert not _held(row)
    await _by_the_table(voted, "publish")
    row = await voted.row(1)
    assert _held(row)
    assert WORDS in row.next_note
    # Each call has one proof, and nothing is read between them.
    assert voted.requests("download") - proved == 21 * proof
    await voted.pass_time(rounds=3, days=2)
    assert voted.publish_calls == 21
    await voted.promote(1, "bob")
    await voted.work()
    assert voted.publish_calls == 22
    # The click began the table anew.
    await _wait(voted, seconds=61)
    assert voted.publish_calls == 23
    voted.platform.faults.clear()
    await voted.live(1)
    assert voted.publish_calls == 24


async def test_429_on_publish_is_obeyed_for_weeks_whoever_looks_and_whoever_works(voted: worlds.World) -> None:
    """Twenty days are twenty days; “Check now” and a worker that was started since send nothing earlier."""
    voted.fault("publish", status=429, body=WORDS, headers={"Retry-After": str(20 * 86_400)})
    promotion_id = await voted.promote(1)
    await voted.work()
    told = voted.clock.at
    proved = voted.requests("download")
    for days in (1, 6, 12):
        await voted.pass_time(days=days)
        with voted.other_hands(owner="a-worker-started-since"):
            await _look_now(voted, promotion_id)
        assert (voted.publish_calls, voted.requests("download")) == (1, proved)
    row = await voted.row(1)
    assert WORDS in row.next_note
    assert f"{told + datetime.timedelta(days=20):%H:%M}" in row.next_note
    voted.clock.at = told + datetime.timedelta(days=20, seconds=-1)
    await _look_now(voted, promotion_id)
    assert voted.publish_calls == 1
    voted.clock.turn(seconds=2)
    await voted.live(1)
    assert voted.publish_calls == 2


async def test_what_a_platform_asks_for_beyond_31_days_is_waited_for_31_days(voted: worlds.World) -> None:
    voted.fault("publish", status=429, headers={"Retry-After": str(400 * 86_400)})
    await voted.promote(1)
    await voted.work()
    await voted.pass_time(rounds=3, days=10)
    assert voted.publish_calls == 1
    await voted.pass_time(days=1)
    assert voted.publish_calls == 2


async def test_a_platform_that_says_come_back_at_once_for_ever_is_not_asked_for_ever(voted: worlds.World) -> None:
    """Retry-After: 0 says nothing that the table would not say better."""
    voted.fault("publish", status=429, headers={"Retry-After": "0"}, times=None)
    await voted.promote(1)
    await voted.work()
    await _by_the_table(voted, "publish")
    assert _held(await voted.row(1))
    await voted.pass_time(days=2)
    assert voted.publish_calls == 21


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_the_platforms_own_words_stand_on_a_row_whose_call_was_refused(status: int, voted: worlds.World) -> None:
    voted.fault("publish", status=status, body="This account was closed.")
    await voted.promote(1)
    row = await voted.until(1, _held)
    assert f"({status})" in row.next_note
    assert "This account was closed." in row.next_note


async def test_429_after_an_unclear_call_is_waited_for_too(voted: worlds.World) -> None:
    """The first call may have been taken, so its day runs; still nothing is sent before we were told."""
    voted.fault("publish", cut=True)
    voted.fault("publish", status=429, headers={"Retry-After": "7200"})
    await voted.promote(1)
    await _wait(voted, minutes=5)
    assert voted.publish_calls == 2
    await voted.pass_time(minutes=110)
    assert voted.publish_calls == 2
    await voted.live(1)
    assert voted.publish_calls == 3


# 429 on upload


async def test_429_without_a_word_on_an_upload_is_sent_again_by_the_same_table_then_by_a_person(
    world: worlds.World,
) -> None:
    """Twenty-one bundles in three days, the platform's words on the row, then FAILED; a click sends another."""
    release_key = await world.composed()
    world.fault("upload", status=429, body=WORDS, times=None)
    deployment_id = await world.stage(release_key)
    await world.work()
    row = await world.row(deployment_id)
    assert (world.requests("upload"), row.deployment_state) == (1, _Deployment.UPLOADING)
    assert "429" in row.problem
    assert WORDS in row.problem
    await _by_the_table(world, "upload")
    row = await world.row(deployment_id)
    assert row.deployment_state is _Deployment.FAILED
    assert WORDS in row.problem
    await world.pass_time(rounds=3, days=2)
    assert world.requests("upload") == 21
    world.platform.faults.clear()
    again = await world.stage(release_key)
    await world.until(again, _is(_Deployment.STAGED))
    assert (world.requests("upload"), len(world.platform.portal.deployments)) == (22, 1)


async def test_429_on_an_upload_is_obeyed_for_weeks_whoever_looks(world: worlds.World) -> None:
    """“Check now” asks for no task that would send it earlier."""
    release_key = await world.composed()
    world.fault("upload", status=429, headers={"Retry-After": str(3 * 86_400)})
    deployment_id = await world.stage(release_key)
    await world.work()
    for _ in range(2):
        await world.pass_time(days=1)
        async with world.manager() as manager:
            await manager.promotions.look_at_deployment_now(deployment_id)
        with world.other_hands(owner="a-worker-started-since"):
            await world.work()
        assert world.requests("upload") == 1
    await world.pass_time(days=1, seconds=1)
    assert world.requests("upload") == 2
    await world.until(deployment_id, _is(_Deployment.STAGED))


async def test_what_a_platform_asks_for_at_an_upload_goes_for_all_its_rows(world: worlds.World) -> None:
    """As after a look; but nobody stays away from all of a platform for longer than an hour."""
    release_key = await world.composed()
    world.fault("upload", status=429, headers={"Retry-After": "7200"})
    await world.stage(release_key)
    await world.work()
    external_id = await world.stage_elsewhere(world.tree)
    other = await world.record(release_key, external_id)
    await world.pass_time(minutes=59)
    assert world.requests("status") == 0
    await world.until(other, _is(_Deployment.STAGED))
    assert world.requests("upload") == 1


async def test_a_search_after_days_of_429_has_the_patience_of_any_other(world: worlds.World) -> None:
    """What counts is the age of the request that got no answer, not that of the row."""
    release_key = await world.composed()
    world.fault("upload", status=429, headers={"Retry-After": "86400"})
    world.fault("upload", cut=True)
    deployment_id = await world.stage(release_key)
    await world.work()
    await world.pass_time(hours=25)
    assert world.requests("upload") == 2
    began = world.clock.at
    await world.until(deployment_id, _is(_Deployment.LOST))
    assert world.clock.at - began >= datetime.timedelta(seconds=900)


# 429 on a drop


async def test_429_without_a_word_on_a_drop_follows_the_same_table(voted: worlds.World) -> None:
    """Then it is staged again, with the platform's words; a new click is a new request."""
    voted.fault("drop", status=429, body=WORDS, times=None)
    async with voted.member() as member:
        await member.deployments.drop(1, "Not needed.")
    await voted.work()
    await _by_the_table(voted, "drop")
    row = await voted.until(1, _is(_Deployment.STAGED))
    assert WORDS in row.problem
    await voted.pass_time(rounds=2, days=1)
    assert voted.requests("drop") == 21


async def test_429_on_the_drop_of_a_stop_is_waited_for(voted: worlds.World) -> None:
    """A stop after the call drops; it is limited, so it waits as told and not two minutes."""
    voted.fault("publish", cut=True)
    voted.fault("drop", status=429, headers={"Retry-After": "7200"})
    promotion_id = await voted.promote(1)
    await voted.work()
    async with voted.member() as member:
        await member.promotions.stop(promotion_id, "Wrong candidate.")
    await _wait(voted, minutes=5)
    await voted.pass_time(minutes=100)
    assert voted.requests("drop") == 1
    await voted.until(1, _State.ABORTED)
    assert voted.requests("drop") == 2


# Refused for certain


@pytest.mark.parametrize("status", [404, 413, 415, 422])
async def test_a_complete_final_answer_to_an_upload_is_a_refusal(status: int, world: worlds.World) -> None:
    """FAILED at once, in the platform's words; nothing is looked for and nothing is sent by itself."""
    release_key = await world.composed()
    world.fault("upload", status=status, body="Not like this.")
    deployment_id = await world.stage(release_key)
    await world.work()
    row = await world.row(deployment_id)
    assert row.deployment_state is _Deployment.FAILED
    assert f"({status})" in row.problem
    assert "Not like this." in row.problem
    await world.pass_time(rounds=2, days=1)
    assert (world.requests("upload"), world.requests("files")) == (1, 0)


@pytest.mark.parametrize("status", [408, 409, 500, 503])
async def test_an_answer_to_an_upload_that_is_not_final_is_settled_by_the_name(
    status: int, world: worlds.World
) -> None:
    release_key = await world.composed()
    world.fault("upload", effect=True, status=status)
    deployment_id = await world.stage(release_key)
    await world.until(deployment_id, _is(_Deployment.STAGED))
    assert world.requests("upload") == 1


async def test_what_was_never_sent_says_why_and_nothing_of_a_status(world: worlds.World) -> None:
    """A file of the revision is gone from the disk: found before the first byte leaves."""
    release_key = await world.composed()
    deployment_id = await world.stage(release_key)
    (directory,) = (world.hands.storage.place.state_dir / "unfinished" / people.PROJECT / "2.4.0").iterdir()
    next(directory.rglob("*.pom")).unlink()
    row = await world.until(deployment_id, _is(_Deployment.FAILED))
    assert world.requests("upload") == 0
    assert "None" not in row.problem
    assert ".pom" in row.problem


async def test_an_upload_whose_bundle_could_not_be_written_is_not_lost(
    world: worlds.World, tmp_path: pathlib.Path
) -> None:
    """Nothing left this machine, so there is nothing to look for: the row says what to do."""
    release_key = await world.composed()
    deployment_id = await world.stage(release_key)
    with world.other_hands(scratch=tmp_path / "nowhere"):
        row = await world.until(deployment_id, _is(_Deployment.FAILED))
    assert "could not be written" in row.problem
    assert (world.requests("upload"), world.requests("files")) == (0, 0)


# Nothing to drop


async def test_what_never_reached_the_platform_is_over_at_once_when_it_is_dropped(world: worlds.World) -> None:
    """Refused for certain, or lost and never found: no id, no request."""
    release_key = await world.composed()
    world.fault("upload", status=403)
    refused = await world.stage(release_key)
    await world.until(refused, _is(_Deployment.FAILED))
    world.fault("upload", cut=True)
    lost = await world.stage(release_key)
    await world.until(lost, _is(_Deployment.LOST))
    async with world.member() as member:
        await member.deployments.settle_lost(lost, "", "The portal's page does not have it.")
    for deployment_id in (refused, lost):
        async with world.member() as member:
            await member.deployments.drop(deployment_id, "Done with it.")
    await world.work()
    for deployment_id in (refused, lost):
        row = await world.row(deployment_id)
        assert (row.deployment_state, row.is_moving) == (_Deployment.DROPPED, False)
        assert "nothing to drop" in row.problem
    assert world.requests("drop") == world.requests("status") == 0


@pytest.mark.parametrize("external_id", ["", "6f2a9c54-1111-4222-8333-444455556666"])
async def test_an_upload_that_is_still_looked_for_is_not_settled_by_a_person(
    external_id: str, world: worlds.World
) -> None:
    release_key = await world.composed()
    world.fault("upload", effect=True, cut=True)
    deployment_id = await world.stage(release_key)
    with pytest.raises(errors.ConflictError, check=coded("not-in-state", state="uploading", needed="lost")):
        async with world.member() as member:
            await member.deployments.settle_lost(deployment_id, external_id, "I know better.")
    row = await world.until(deployment_id, _is(_Deployment.STAGED))
    assert row.external_id in world.platform.portal.deployments


# Accounts with many deployments


async def _older(world: worlds.World, count: int, *, files: int = 1, path: int = 60) -> None:
    """So many deployments of the account, uploaded an hour apart and before now."""
    world.stand_in_settings(held_by="publishing")
    first = await world.stage_elsewhere(world.tree, name="of last year")
    model = world.platform.portal.deployments.pop(first)
    names = {f"org/example/old/1.0/{number:x>{path}}.jar": bundle.StagedFile(1, 0.0) for number in range(files)}
    for number in range(count, 0, -1):
        one = dataclasses.replace(copy.copy(model), deployment_id=str(uuid.UUID(int=number)), files=names)
        one.uploaded_at = world.clock.seconds() - (number + 2) * 3_600
        world.platform.portal.deployments[one.deployment_id] = one


@pytest.mark.parametrize("arrived", [True, False])
@pytest.mark.parametrize(("count", "files"), [(4_100, 1), (100, 1_000)])
async def test_a_lost_upload_is_settled_in_an_account_that_lists_ever_so_many(
    arrived: bool,  # noqa: FBT001  (a case of the table)
    count: int,
    files: int,
    world: worlds.World,
) -> None:
    """Newest first, as far as the first that is older than ours; more than 200 pages, or pages of more than 16 MiB."""
    release_key = await world.composed()
    await _older(world, count, files=files, path=900 if files > 1 else 60)
    world.fault("upload", effect=arrived, cut=True)
    began = world.clock.at
    deployment_id = await world.stage(release_key)
    await world.until(deployment_id, _is(_Deployment.STAGED if arrived else _Deployment.LOST))
    assert world.clock.at - began <= datetime.timedelta(minutes=30)
    assert world.requests("upload") == 1
    if not arrived:
        # A look costs a page, not the whole account.
        assert world.requests("files") <= 400


async def test_what_cannot_be_told_becomes_lost_with_the_reason(world: worlds.World) -> None:
    """A list that cannot be read is no answer; after the patience a person must look, and the vote can go on."""
    release_key = await world.composed()
    world.fault("upload", cut=True)
    world.fault("files", status=200, body={"deployments": [{"deploymentId": "x"}]}, times=None)
    deployment_id = await world.stage(release_key)
    began = world.clock.at
    row = await world.until(deployment_id, _is(_Deployment.LOST))
    assert datetime.timedelta(minutes=15) <= world.clock.at - began <= datetime.timedelta(minutes=30)
    assert "without a name" in row.problem
    assert "Check the platform: enter its id if the deployment exists" in row.problem


async def test_a_platform_that_is_down_for_a_day_leaves_a_lost_upload_to_a_person(world: worlds.World) -> None:
    """Not after a quarter of an hour: when it is up again, the name settles it."""
    release_key = await world.composed()
    world.fault("upload", cut=True)
    world.fault("files", status=401, times=None)
    deployment_id = await world.stage(release_key)
    await world.pass_time(rounds=4, hours=6, minutes=-1)
    assert (await world.row(deployment_id)).deployment_state is _Deployment.UPLOADING
    row = await world.until(deployment_id, _is(_Deployment.LOST))
    assert "401" in row.problem


async def test_find_it_reads_the_newest_first_and_says_where_it_stopped(world: worlds.World) -> None:
    """What was staged a moment ago is found in an account of thousands; that not all was looked at is said."""
    await world.composed()
    await _older(world, 4_100)
    external_id = await world.stage_elsewhere(world.tree)
    await world.pass_time(minutes=5)
    where = world.tree.packages[0]
    async with world.member() as member:
        number = await member.deployments.search(RELEASE, where)
    await world.work()
    (row,) = [one for one in await world.rows(tables.DeploymentSearch) if one.id == number]
    assert external_id in [one["external_id"] for one in row.found]
    assert "newest" in row.problem
    assert world.requests("files") <= 200
