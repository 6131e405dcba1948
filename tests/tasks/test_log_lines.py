# SPDX-License-Identifier: Apache-2.0
"""The worker's log: each line says which row it is about, and none holds a secret."""

import asyncio
import base64
import json
import logging
from collections.abc import Callable
from typing import Any

import atr.log as log
import atr.shared.mechanisms as mechanisms
from tests import world as worlds

Lines = Callable[[], list[dict[str, Any]]]


async def test_every_line_has_the_row_that_is_worked_on(voted: worlds.World, logged: Lines) -> None:
    """A whole promotion: what the worker logs, it logs of a promotion, a deployment or a task."""
    promotion = await voted.promote(1)
    asked = len(logged())
    await voted.live(1)
    lines = [line for line in logged()[asked:] if line["logger"].startswith("atr.")]
    assert lines
    assert {line.get("row", "").partition(":")[0] for line in lines} <= {"promotion", "deployment", "task"}
    moved = [line for line in lines if line["message"].endswith(f"promotion:{promotion}")]
    assert moved
    assert {line["row"] for line in moved} == {f"promotion:{promotion}"}


async def test_a_fault_of_ours_is_logged_with_its_row(staged: worlds.World, logged: Lines) -> None:
    class Broken:
        platform = worlds.MAVEN

        async def observe(self, _target: object) -> None:
            raise ZeroDivisionError

    with staged.other_hands(promoters={mechanisms.Mechanism.CENTRAL_PORTAL: Broken()}):
        await staged.pass_time(days=1)
    lines = [line for line in logged() if "ZeroDivisionError" in line.get("exception", "")]
    assert lines
    assert {line["row"] for line in lines if line["logger"] == "atr.tasks.distribution"} == {"deployment:1"}


async def test_no_line_holds_the_credential(voted: worlds.World, logged: Lines) -> None:
    """Not when the platform gives back what it was sent, refuses us, or cuts the line."""
    encoded = base64.b64encode(":".join(worlds.TOKEN).encode()).decode()
    voted.fault("status", status=401, body=f"Bearer {encoded} {worlds.TOKEN.password}", times=2)
    voted.fault("publish", status=500, body=f"{worlds.TOKEN.password}")
    await voted.promote(1)
    await voted.live(1)
    said = json.dumps(logged())
    assert "promotion:1" in said
    assert worlds.TOKEN.password not in said
    assert encoded not in said


async def test_what_a_line_is_about_stays_with_its_task(logged: Lines) -> None:
    async def work(row: str) -> None:
        with log.about(row=row):
            await asyncio.sleep(0)
            logging.getLogger("atr").info("inside")
            with log.about(side="staged"):
                await asyncio.create_task(_say("deeper"))
        logging.getLogger("atr").info("after")

    async def _say(what: str) -> None:
        await asyncio.sleep(0)
        logging.getLogger("atr").info(what)

    await asyncio.gather(work("a:1"), work("b:2"))
    told = [(line["message"], line.get("row"), line.get("side")) for line in logged() if line["logger"] == "atr"]
    assert sorted(told, key=str) == [
        ("after", None, None),
        ("after", None, None),
        ("deeper", "a:1", "staged"),
        ("deeper", "b:2", "staged"),
        ("inside", "a:1", None),
        ("inside", "b:2", None),
    ]


async def test_what_the_caller_gives_wins(logged: Lines) -> None:
    with log.about(row="a:1"):
        logging.getLogger("atr").info("x", extra={"row": "b:2"})
    assert logged()[-1]["row"] == "b:2"
