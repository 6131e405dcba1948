# SPDX-License-Identifier: Apache-2.0
"""The page of what is stuck: each way of being stuck is on it, once, the worst first, and healthy rows are not."""

import datetime
import pathlib
from typing import Any

import pytest
import sqlalchemy
import sqlmodel

import atr.demo.people as people
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.stuck as stuck
import atr.promotion.states as states
import atr.storage.audit as audit
from tests import world as worlds
from tests.coded import coded

_State = states.State
_Deployment = states.DeploymentState
_OPERATORS = pathlib.Path(__file__).parents[2] / "docs" / "operators.md"


async def _page(world: worlds.World) -> stuck.StuckView:
    async with world.store.read(people.ADMIN) as read:
        return await stuck.page(read)


async def _words(world: worlds.World) -> list[str]:
    return [line.word for line in (await _page(world)).lines]


async def _make(world: worlds.World, table: Any, **values: Any) -> None:
    """Make every row of a table what it must be, past the rules; its events say the same."""
    async with world.by_hand() as data:
        await data.exec(sqlalchemy.update(table).values(**values))
        if (table is tables.Promotion) and ("state" in values):
            for row in (await data.exec(sqlmodel.select(tables.Promotion))).all():
                await audit.append(
                    data,
                    world.clock.at,
                    chain=row.release_key,
                    actor="a test",
                    subject=f"promotion:{row.id}",
                    what="promotion_moved",
                    facts={"to": values["state"].value},
                )


async def test_nothing_is_stuck_in_a_world_that_works(voted: worlds.World) -> None:
    assert (await _page(voted)) == stuck.StuckView(voted.clock.at, (), is_cut=False, held=(), left_alone=())
    await voted.promote(1)
    assert await _words(voted) == []
    await voted.live(1)
    assert await _words(voted) == []


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"state": _State.DIVERGED, "due_at": None}, "Diverged"),
        ({"state": _State.IN_DOUBT}, "In doubt"),
        ({"state": _State.SENDING, "deadline": datetime.timedelta(0)}, "Overdue"),
        ({"due_at": datetime.timedelta(seconds=-75)}, "Not taken"),
        (
            {"due_at": datetime.timedelta(seconds=-90), "lease_until": datetime.timedelta(seconds=-75)},
            "Lease expired",
        ),
        ({"held": True, "due_at": datetime.timedelta(hours=1)}, "Held"),
        ({"entered_at": datetime.timedelta(days=-1), "due_at": datetime.timedelta(hours=1)}, "Waiting for a long time"),
    ],
)
async def test_a_promotion_that_is_stuck(values: dict[str, Any], word: str, voted: worlds.World) -> None:
    await voted.promote(1)
    at = voted.clock.at
    given = {name: at + value if isinstance(value, datetime.timedelta) else value for name, value in values.items()}
    await _make(voted, tables.Promotion, **given)
    (line,) = (await _page(voted)).lines
    assert (line.word, line.row_key, line.platform, line.version_key) == (word, "d1", "Maven Central", "2.4.0")
    assert line.waits_for
    assert line.advice


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"due_at": datetime.timedelta(seconds=-74)}, []),
        ({"due_at": datetime.timedelta(seconds=-90), "lease_until": datetime.timedelta(seconds=1)}, []),
        ({"state": _State.ABORTED, "held": True, "due_at": None}, []),
    ],
)
async def test_a_promotion_that_is_not(values: dict[str, Any], words: list[str], voted: worlds.World) -> None:
    await voted.promote(1)
    at = voted.clock.at
    given = {name: at + value if isinstance(value, datetime.timedelta) else value for name, value in values.items()}
    await _make(voted, tables.Promotion, **given)
    assert await _words(voted) == words


async def test_held_and_then_forgotten_by_the_platform_is_on_the_page_and_can_be_stopped(voted: worlds.World) -> None:
    """After a refused call nothing ends it by itself, however long the platform has had nothing under its id."""
    voted.fault("publish", status=403)
    promotion_id = await voted.promote(1)
    row = await voted.until(
        1, lambda row: (row.state is _State.REQUESTED) and "refused the publish request" in row.next_note
    )
    voted.knob(row, "vanish")
    await voted.pass_time(rounds=4, hours=12)
    assert (await voted.row(1)).state is _State.REQUESTED
    (line,) = (await _page(voted)).lines
    assert (line.word, line.row_key) == ("Held", "d1")
    async with voted.member() as member:
        await member.promotions.abort(promotion_id, "It is not there any more.")
    assert await _words(voted) == []


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"state": _Deployment.LOST, "due_at": None}, "Lost"),
        ({"state": _Deployment.DROPPING, "entered_at": datetime.timedelta(hours=-1)}, "Takes long"),
        ({"state": _Deployment.UPLOADING, "entered_at": datetime.timedelta(hours=-1)}, "Takes long"),
        ({"due_at": datetime.timedelta(minutes=-2)}, "Not taken"),
    ],
)
async def test_a_deployment_that_is_stuck(values: dict[str, Any], word: str, voted: worlds.World) -> None:
    at = voted.clock.at
    given = {name: at + value if isinstance(value, datetime.timedelta) else value for name, value in values.items()}
    await _make(voted, tables.Deployment, **given)
    (line,) = (await _page(voted)).lines
    assert (line.word, line.row_key) == (word, "d1")


async def test_what_is_said_to_be_public_and_not_found_and_tasks(voted: worlds.World) -> None:
    day = datetime.timedelta(days=1)
    due = {"due_at": voted.clock.at + day, "pending": True, "staging": False, "last_error": "No answer."}
    await _make(voted, sql.Distribution, created=voted.clock.at - day, **due)
    failed = {"status": operating.TaskStatus.FAILED, "completed": voted.clock.at, "error": "The disk was full."}
    await _make(voted, operating.Task, **failed)
    page = await _page(voted)
    assert {line.word for line in page.lines} == {"Task failed", "Not found"}
    assert page.lines[0].waits_for == "The disk was full."
    assert (page.lines[-1].waits_for, page.lines[-1].row_key) == ("No answer.", "")
    await _make(voted, operating.Task, completed=voted.clock.at - 7 * day)
    assert {line.word for line in (await _page(voted)).lines} == {"Not found"}


async def test_the_worst_comes_first_and_what_is_off_is_said(voted: worlds.World) -> None:
    await voted.promote(1)
    await _make(voted, tables.Promotion, state=_State.IN_DOUBT)
    await _make(voted, tables.Deployment, state=_Deployment.LOST)
    async with voted.admin() as admin:
        await admin.switches.switch_off("site", "A storm.")
    page = await _page(voted)
    assert [line.word for line in page.lines] == ["In doubt", "Lost"]
    assert [sentence.split(" on ")[0] for sentence in page.held] == [f"{people.ADMIN} switched everything off"]


@pytest.mark.parametrize("who", ["", worlds.MEMBER])
async def test_it_is_for_foundation_admins(who: str, voted: worlds.World) -> None:
    async with voted.store.read(who) as read:
        with pytest.raises(errors.AccessError, check=coded("admins-only")):
            await stuck.page(read)


def test_the_operators_handbook_says_the_same() -> None:
    told = _OPERATORS.read_text("utf-8")
    rows = [f"| {kind.value.word} | {kind.value.waits_for} | {kind.value.advice} |" for kind in stuck.Kind]
    assert [row for row in rows if row not in told] == []
