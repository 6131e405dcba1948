# SPDX-License-Identifier: Apache-2.0
"""What is said to be public on a platform without a proof: looked for in due order, found with date and address."""

import asyncio
import datetime
from typing import Any

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.models.sql as sql
import atr.pages.distributions as distributions
import atr.platforms.contract as contract
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.tasks.distribution as scan
from tests import world as worlds

RELEASE = f"{people.PROJECT}-2.4.0"
Platform = distribution.DistributionPlatform

# Where each is named, and how the stand-in is told of it: registry, owner, package.
ELSEWHERE = {
    Platform.ARTIFACT_HUB: ("apache", "artifact-hub", "apache", "widgets"),
    Platform.DOCKER_HUB: ("apache", "docker-hub", "apache", "widgets"),
    Platform.NPM: ("", "npm", "", "widgets"),
    Platform.NPM_SCOPED: ("apache", "npm", "", "@apache/widgets"),
    Platform.PYPI: ("", "pypi", "", "widgets"),
}


def _where(platform: Platform, package: str = "widgets") -> distribution.Coordinates:
    owner = ELSEWHERE[platform][0] if platform in ELSEWHERE else "org.example.widgets"
    return distribution.coordinates(platform, owner, package, "2.4.0")


def _when(at: datetime.datetime) -> str:
    return f"{at.day} {at:%b, %H:%M}"


async def _record(world: worlds.World, *wanted: distribution.Coordinates) -> None:
    async with world.member() as member:
        for where in wanted:
            await member.distributions.record(RELEASE, where, staging=False)


async def _row(world: worlds.World, where: distribution.Coordinates) -> sql.Distribution:
    return next(one for one in await world.rows(sql.Distribution) if one.coordinates == where)


async def _shown(world: worlds.World, where: distribution.Coordinates) -> distributions.DistributionView:
    async with world.store.read(worlds.MEMBER) as read:
        listed = (await distributions.listing(read, RELEASE)).distributions
    return next(one for one in listed if one.coordinates == where)


@pytest.mark.parametrize("platform", ELSEWHERE, ids=lambda platform: platform.name)
async def test_it_is_found_with_date_and_address_and_stays_unproved(platform: Platform, voted: worlds.World) -> None:
    where = _where(platform)
    await _record(voted, where)
    shown = await _shown(voted, where)
    assert (shown.word, shown.sentence) == ("pending", "Reported as published; the platform is about to be checked.")
    await voted.work()
    again = (await _row(voted, where)).due_at
    assert again
    assert (await _shown(voted, where)).sentence == (
        f"Reported as published, not found yet. Next check {_when(again)}."
    )
    voted.platform.publish_version(*ELSEWHERE[platform][1:], "2.4.0")
    published = voted.clock.at
    await voted.pass_time(minutes=10)
    row = await _row(voted, where)
    assert row.upload_date is not None
    assert abs(row.upload_date - published) < datetime.timedelta(seconds=1)
    assert (row.staging, row.pending, row.due_at, row.last_error) == (False, False, None, "")
    assert row.proof is distribution.Proof.UNPROVED, "seen, and nothing is proved by that"
    shown = await _shown(voted, where)
    assert shown.word == "unproved"
    assert shown.web_url
    assert shown.api_url
    assert shown.sentence == f"Published since {_when(published)}, not verified because {platform.no_proof}."
    assert [one.what for one in await voted.events(f"distribution:{where.purl}")] == [
        "distribution_recorded",
        "distribution_found",
    ]


@pytest.mark.parametrize("platform", ELSEWHERE, ids=lambda platform: platform.name)
async def test_without_an_address_it_says_so_is_hardly_looked_at_and_delays_nobody(
    platform: Platform, voted: worlds.World
) -> None:
    where, other = _where(platform), _where(worlds.MAVEN, "widgets-more")
    await _record(voted, where, other)
    voted.platform.portal.put_public("org/example/widgets/widgets-more/2.4.0/widgets-more-2.4.0.pom", b"<project/>")
    with voted.other_hands(catalogues={}):
        await voted.work()
        assert (await _row(voted, other)).web_url, "another platform's row is found meanwhile"
        row = await _row(voted, where)
        assert row.due_at == voted.clock.at + datetime.timedelta(hours=1)
        await voted.pass_time(rounds=12, minutes=10)
    assert voted.requests(ELSEWHERE[platform][1]) == 0
    assert (await _row(voted, where)).lease_epoch == 3, "once an hour"
    shown = await _shown(voted, where)
    why = reasons.of("no-address", platform=platform.display_name).sentence
    assert shown.sentence == f"Reported as published, not found yet. {why}"
    told = [one.what for one in await voted.events(f"distribution:{where.purl}")]
    assert told == ["distribution_recorded", "distribution_not_read"], "said once, not at each look"
    assert (await _row(voted, where)).retries == 0, "nobody was asked, so the first look is still to come"
    voted.platform.publish_version(*ELSEWHERE[platform][1:], "2.4.0")
    await voted.pass_time(hours=1)
    assert (await _row(voted, where)).web_url, "the operator has set it since"


class _Dead:
    """A platform that takes the call and never answers."""

    platform = Platform.NPM

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.over = asyncio.Event()

    async def lookup(self, where: distribution.Coordinates) -> contract.Published | None:
        """Until the deadline of the call."""
        self.asked.append(where.package)
        await self.over.wait()
        raise errors.UnavailableError("npm gave no complete answer.")


async def test_a_dead_platform_delays_no_other(voted: worlds.World) -> None:
    """Twenty of its rows were due before; one waits for it, and the others' rows take the free places."""
    dead = _Dead()
    await _record(voted, *(_where(Platform.NPM, f"widgets-{number:02}") for number in range(20)))
    voted.clock.turn(seconds=1)
    living = [_where(one) for one in ELSEWHERE if one is not Platform.NPM]
    await _record(voted, *living)
    for where in living:
        voted.platform.publish_version(*ELSEWHERE[where.platform][1:], "2.4.0")
    with voted.other_hands(catalogues={**voted.hands.catalogues, Platform.NPM: dead}):
        steps = await scan.status_check(voted.hands, limit=8)
        assert len(steps) == 1 + len(living), "one row of each platform"
        running = [asyncio.create_task(step) for step in steps]
        await asyncio.gather(*running[1:])
        assert all([(await _row(voted, where)).web_url for where in living])
        assert await scan.status_check(voted.hands, limit=8) == [], "the dead one has its one place, and no more"
        dead.over.set()
        await asyncio.gather(*running)
        for step in await scan.status_check(voted.hands, limit=8):
            await step
    assert dead.asked == ["widgets-00", "widgets-01"], "oldest first, and the next one only after it"


async def test_rows_are_looked_for_in_due_order_over_all_platforms(voted: worlds.World) -> None:
    order: list[Platform] = []
    for platform in (Platform.PYPI, Platform.NPM, Platform.DOCKER_HUB, Platform.NPM_SCOPED, Platform.ARTIFACT_HUB):
        await _record(voted, _where(platform))
        order.append(platform)
        voted.clock.turn(seconds=1)
    names = {"artifact-hub", "docker-hub", "npm", "pypi"}
    for _ in order:
        for step in await scan.status_check(voted.hands, limit=1):
            await step
    asked = [one.path for one in voted.platform.traffic.log if one.endpoint in names]
    assert [
        next(part for part in ("pypi", "npm/widgets", "docker", "npm/@apache", "artifact") if part in path)
        for path in asked
    ] == ["pypi", "npm/widgets", "docker", "npm/@apache", "artifact"]


async def test_a_platform_that_asks_us_to_wait_is_left_alone(voted: worlds.World) -> None:
    """The answer to one row holds for all of them; other platforms go on."""
    first, second, third = (_where(Platform.NPM, name) for name in ("widgets-a", "widgets-b", "widgets-c"))
    await _record(voted, first)
    voted.clock.turn(seconds=1)
    await _record(voted, second, third, _where(Platform.PYPI))
    voted.fault("npm", status=429, headers={"Retry-After": "900"})
    await voted.work()
    assert (voted.requests("npm"), voted.requests("pypi")) == (1, 1)
    told = voted.clock.at + datetime.timedelta(seconds=900)
    assert {(await _row(voted, where)).due_at for where in (first, second, third)} == {told}
    await voted.pass_time(minutes=14)
    assert voted.requests("npm") == 1
    await voted.pass_time(minutes=2)
    assert voted.requests("npm") == 4


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"status": 503}, "It will be retried."),
        ({"status": 200, "body": "<html>"}, "no JSON"),
        ({"status": 404, "body": "<html>"}, "no JSON"),
        ({"status": 200, "body": {"name": "widgets", "version": "3.0"}}, "answered about"),
        ({"cut": True}, "gave no complete answer"),
    ],
)
async def test_what_went_wrong_stands_on_the_row_until_a_look_succeeds(
    fault: dict[str, Any], said: str, voted: worlds.World
) -> None:
    where = _where(Platform.NPM)
    voted.platform.publish_version("npm", "", "widgets", "2.4.0")
    voted.fault("npm", **fault)
    await _record(voted, where)
    await voted.work()
    shown = await _shown(voted, where)
    assert shown.sentence.startswith("Reported as published, not found yet. ")
    assert said in shown.sentence
    assert (shown.upload_date, shown.api_url, shown.web_url) == (None, "", "")
    await voted.pass_time(minutes=10)
    assert "Published since" in (await _shown(voted, where)).sentence


async def test_what_is_said_once_more_is_looked_for_at_once(voted: worlds.World) -> None:
    where = _where(Platform.PYPI)
    await _record(voted, where)
    await voted.pass_time(rounds=4, hours=1)
    voted.platform.publish_version("pypi", "", "widgets", "2.4.0")
    await _record(voted, where)
    await voted.work()
    assert (await _row(voted, where)).web_url


async def test_what_waits_elsewhere_is_not_looked_at_and_says_so(voted: worlds.World) -> None:
    where = _where(Platform.DOCKER_HUB)
    async with voted.member() as member:
        await member.distributions.record(RELEASE, where, staging=True)
    await voted.pass_time(rounds=2, hours=2)
    assert (await _shown(voted, where)).sentence == (
        "Reported as staged, not verified. Staged packages on Docker Hub cannot be read yet."
    )
    assert voted.requests("docker-hub") == 0
