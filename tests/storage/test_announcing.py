# SPDX-License-Identifier: Apache-2.0
"""Announcing is decided in the writer: what each person may go on without, by name and with a reason."""

from collections.abc import Sequence
from typing import Any, Final

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.finish as finish
import atr.pages.releases as releases
import atr.pages.resolution as resolution
import atr.promotion.states as states
import atr.shared.distribution as distribution
from tests import world as worlds
from tests.coded import coded

RELEASE: Final = f"{people.PROJECT}-2.4.0"
_PYPI: Final = distribution.coordinates(distribution.DistributionPlatform.PYPI, "", "widgets", "2.4.0")
_NAME: Final = "widgets 2.4.0 on PyPI"
_REASON: Final = "I have compared the wheels by hand."
_TAGS: Final = {"maven": ["maven/**"], "pypi": ["*.whl"], "docs": ["docs/**"]}


async def _live(world: worlds.World, tags: dict[str, list[str]] | None = None) -> None:
    """All that was voted on is public; the policy maps files to PyPI too."""
    await world.promote(1)
    await world.live(1)
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings=_TAGS if tags is None else tags)


async def _record(world: worlds.World, *, publish: bool) -> None:
    async with world.member() as member:
        await member.distributions.record(RELEASE, _PYPI, staging=False)
    if publish:
        world.platform.publish_version("pypi", "", "widgets", "2.4.0")
    await world.work()


async def _page(world: worlds.World, who: str = worlds.MEMBER) -> resolution.AnnounceView:
    async with world.store.read(who) as read:
        return await resolution.announce(read, RELEASE)


async def _announce(world: worlds.World, **more: Any) -> None:
    async with world.manager() as manager:
        await manager.announce.announce(RELEASE, **more)


async def _without(world: worlds.World, seen: str, **more: Any) -> None:
    async with world.member() as member:
        await member.announce.announce_without(RELEASE, seen=seen, **more)


async def _event(world: worlds.World) -> tables.Event:
    (told,) = [one for one in await world.events_of(RELEASE) if one.what == "release_announced"]
    return told


def _codes(error: errors.BlockedError) -> Sequence[tuple[str, str]]:
    return [(one.code, str(one.facts["key"])) for one in error.reasons if "key" in one.facts]


async def test_a_platform_that_the_policy_maps_needs_a_distribution_or_a_members_waiver(voted: worlds.World) -> None:
    await _live(voted)
    page = await _page(voted)
    (missing,) = page.missing
    assert "PyPI" in missing
    assert (page.not_public, page.unproved, page.unknown_tags, page.why_not) == ((), (), ("docs",), "")
    with pytest.raises(errors.BlockedError, match="PyPI") as raised:
        await _announce(voted, reason=_REASON, vouched={_PYPI.purl})
    assert _codes(raised.value) == [("missing", "pypi")]
    assert "Only committee members can" in (await _page(voted, people.COMMITTER)).why_not
    for seen, reason, refusal in (("", _REASON, errors.ConflictError), (page.lacking_digest, " ", errors.InputError)):
        with pytest.raises(refusal):
            await _without(voted, seen, reason=reason)
    async with voted.store.read(worlds.MEMBER) as read:
        (line,) = (await releases.listing(read)).lines
        shown = await finish.page(read, RELEASE)
    assert line.todo.startswith(missing)
    assert (shown.announce_needs_reason, shown.announce_why_not) == (True, "")
    await _without(voted, page.lacking_digest, reason=_REASON)
    told = await _event(voted)
    assert (told.data["waived"], told.data["without"], told.data["vouched"], told.data["reason"]) == (
        [{"tag": "pypi", "name": "PyPI"}],
        [],
        [],
        _REASON,
    )
    announced = (await _page(voted)).announced
    assert announced
    assert (announced.waived, announced.vouched, announced.reason) == (("PyPI",), (), _REASON)


async def test_what_is_only_claimed_is_missing_and_what_is_found_needs_a_word(voted: worlds.World) -> None:
    await _live(voted)
    await _record(voted, publish=False)
    assert (await _page(voted)).missing
    seen = (await _page(voted)).lacking_digest
    voted.platform.publish_version("pypi", "", "widgets", "2.4.0")
    await voted.pass_time(minutes=10)
    page = await _page(voted, people.COMMITTER)
    assert (page.missing, page.unproved, page.why_not) == ((), ((_PYPI.purl, _NAME),), "")
    assert _NAME in page.sentence
    with pytest.raises(errors.ConflictError, check=coded("stale", what="What is not published")):
        await _without(voted, seen, reason=_REASON)
    for vouched in ((), ("pkg:pypi/other@2.4.0",)):
        with pytest.raises(errors.BlockedError) as raised:
            await _announce(voted, reason=_REASON, vouched=vouched)
        assert _codes(raised.value) == [("unproved", _PYPI.purl)]
    with pytest.raises(errors.InputError):
        await _announce(voted, vouched={_PYPI.purl})
    await _announce(voted, reason=_REASON, vouched={_PYPI.purl, "pkg:pypi/other@2.4.0"})
    told = await _event(voted)
    assert (told.actor, told.data["reason"]) == (people.COMMITTER, _REASON)
    assert told.data["vouched"] == [{"purl": _PYPI.purl, "name": _NAME}]
    assert await voted.chain_holds()
    announced = (await _page(voted)).announced
    assert announced
    assert (announced.waived, announced.vouched) == ((), (_NAME,))


async def test_a_members_waiver_is_no_word(voted: worlds.World) -> None:
    """One platform lacks and another one is unproved: both are asked for, and both are in the event."""
    await _live(voted, {**_TAGS, "npm": ["*.tgz"]})
    await _record(voted, publish=True)
    page = await _page(voted)
    assert (len(page.missing), len(page.unproved)) == (1, 1)
    with pytest.raises(errors.BlockedError) as raised:
        await _without(voted, page.lacking_digest, reason=_REASON)
    assert _codes(raised.value) == [("unproved", _PYPI.purl)]
    await _without(voted, page.lacking_digest, reason=_REASON, vouched={_PYPI.purl})
    data = (await _event(voted)).data
    assert ([one["tag"] for one in data["waived"]], [one["purl"] for one in data["vouched"]]) == (["npm"], [_PYPI.purl])


async def test_what_diverged_is_cured_by_nobody(voted: worlds.World) -> None:
    """Whatever became of the promotion that found it."""
    await _live(voted, {})
    for row in await voted.rows(sql.Distribution):
        await voted.change(row.model_copy(update={"proof": distribution.Proof.DIVERGED}))
    page = await _page(voted)
    assert "Resolve the incident first" in page.why_not
    with pytest.raises(errors.BlockedError) as raised:
        await _announce(
            voted, reason=_REASON, vouched={row.coordinates.purl for row in await voted.rows(sql.Distribution)}
        )
    assert _codes(raised.value) == [("diverged", "mavencentral")]


async def test_what_was_only_asked_for_must_be_aborted_first(voted: worlds.World) -> None:
    async with voted.member() as member:
        await member.distributions.record(
            RELEASE,
            distribution.coordinates(worlds.MAVEN, "org.example.widgets", "widgets-core", "2.4.0"),
            staging=False,
        )
    with pytest.raises(errors.BlockedError) as raised:
        await _announce(voted)
    assert [word for word, _ in _codes(raised.value)] == ["requested", "not-public"]
    async with voted.member() as member:
        await member.promotions.abort(1, "A mistake.")
    assert (await voted.promotion(1)).state is states.State.ABORTED
    with pytest.raises(errors.BlockedError) as raised:
        await _announce(voted)
    assert [word for word, _ in _codes(raised.value)] == ["not-public"]


async def test_a_project_without_a_policy_of_files_is_announced_without_a_word(voted: worlds.World) -> None:
    await _live(voted, {})
    await _announce(voted)
    assert set((await _event(voted)).data) <= {"reason"}
