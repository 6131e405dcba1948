# SPDX-License-Identifier: Apache-2.0
"""What a release takes of the platform's limits for a month: the stand-in's own counts, as the panel says them."""

import dataclasses
import datetime
import pathlib

import pytest

import atr.demo.people as people
import atr.models.sql as sql
import atr.pages.readiness as readiness
import atr.promotion.usage as usage
import atr.storage.transaction as transaction
from tests import world as worlds

RELEASE = f"{people.PROJECT}-2.4.0"


async def _panel(world: worlds.World, limits: usage.Usage | None = None) -> readiness.Panel:
    async with world.store.read(worlds.MEMBER) as read:
        place: transaction.Place = dataclasses.replace(read.place, monthly=limits or usage.Usage())
        limited = transaction.Transaction(place, read.data, read.now, read.asf_uid)
        return await readiness.of(limited, sql.release_key(people.PROJECT, "2.4.0"))


def _said(panel: readiness.Panel) -> str:
    (used,) = panel.usage
    return " ".join(used.sentences)


async def test_what_is_staged_is_counted_with_its_signatures_and_checksums(staged: worlds.World) -> None:
    """As many files, and as many bytes, as the platform holds."""
    (held,) = staged.platform.portal.deployments.values()
    size = sum(file.size for file in held.files.values())
    panel = await _panel(staged)
    assert f"It would publish {len(held.files)} files with {size / 1000:,.1f} kB" in _said(panel)
    assert "nothing has been promoted from here" in _said(panel)
    assert "no monthly limits" in _said(panel)
    assert (panel.css, panel.usage[0].is_over) == ("passed", False)


async def test_before_anything_is_staged_the_mapped_files_count_with_what_the_bundle_would_add(
    world: worlds.World,
) -> None:
    """What an upload then stages is what was said before."""
    release_key = await world.composed()
    await world.work()
    before = _said(await _panel(world)).partition(",")[0]
    deployment_id = await world.stage(release_key)
    await world.until(deployment_id, lambda row: row.proof.staged is not None)
    (held,) = world.platform.portal.deployments.values()
    assert f"It would publish {len(held.files)} files with " in before
    assert _said(await _panel(world)).partition(",")[0] == before


async def test_over_a_limit_it_is_a_warning_and_no_bar(staged: worlds.World) -> None:
    """The vote opens, and every gate would let it through."""
    (held,) = staged.platform.portal.deployments.values()
    count = len(held.files)
    assert not (await _panel(staged, usage.Usage(files=count))).usage[0].is_over
    panel = await _panel(staged, usage.Usage(files=count - 1, releases=5))
    assert (panel.css, panel.usage[0].is_over) == ("warning", True)
    assert "It would exceed this month's limit." in panel.sentence
    assert f"{count} files of {count - 1}" in _said(panel)
    assert {check.code: check.cells[0].word for check in panel.checks}["finish"] == "Yes"
    async with staged.manager() as manager:
        await manager.vote.open_vote(RELEASE)


async def test_what_was_promoted_this_month_is_counted_until_the_month_is_over(voted: worlds.World) -> None:
    """By the calendar, in UTC; another project's promotions count too, as there is one account."""
    (held,) = voted.platform.portal.deployments.values()
    await voted.promote(1)
    await voted.live(1)
    async with voted.member() as member:
        await member.release.start(people.PROJECT, "2.5.0")

    async def said() -> str:
        async with voted.store.read(worlds.MEMBER) as read:
            panel = await readiness.of(read, sql.release_key(people.PROJECT, "2.5.0"))
            return " ".join(panel.usage[0].sentences)

    assert f"In September (UTC) 1 deployment was promoted from here under this account: {len(held.files)} files" in (
        await said()
    )
    voted.clock.at = datetime.datetime(2026, 9, 30, 23, 59, tzinfo=datetime.UTC)
    assert "1 deployment was promoted" in await said()
    voted.clock.turn(minutes=2)
    assert "In October (UTC) nothing has been promoted" in await said()


@pytest.mark.parametrize("status", [401, 429])
async def test_what_the_platform_has_not_taken_is_not_counted(status: int, voted: worlds.World) -> None:
    voted.fault("publish", status=status, times=None)
    await voted.promote(1)
    await voted.work()
    assert "nothing has been promoted" in _said(await _panel(voted))


async def test_the_operators_settings_are_the_limits(tmp_path: pathlib.Path, database: str) -> None:
    async with worlds.open_world(
        tmp_path,
        database,
        maven_central_monthly_files=1_167,
        maven_central_monthly_bytes=78_000_000,
        maven_central_monthly_releases=7,
    ) as world:
        place = world.hands.storage.place
        assert place.monthly == usage.Usage(1_167, 78_000_000, 7)
