# SPDX-License-Identifier: Apache-2.0
"""How far an upload or a capture is: on the row while it runs, and after a break."""

import asyncio

import atr.demo.tree as trees
import atr.models.promotion as tables
from tests import world as worlds


async def test_an_upload_says_how_far_it_is_while_it_leaves(served_world: worlds.World) -> None:
    """The row has the bytes that left and the whole; at its end they are the same."""
    world = served_world
    release_key = await world.composed(trees.example(12_000_000))
    deployment_id = await world.stage(release_key)
    world.fault("upload", effect=True, delay=1.2)
    seen: list[tuple[int, int, str]] = []

    async def watch() -> None:
        while True:
            row = await world.row(deployment_id)
            seen.append((row.done, row.total, row.progress))
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    await world.until(deployment_id, lambda row: row.proof.staged is not None)
    watching.cancel()
    sending = [(done, total) for done, total, text in seen if text.endswith(" MB sent")]
    assert sending
    assert all(0 < done <= total for done, total in sending)
    (row,) = await world.rows(tables.Deployment)
    assert row.sent_bytes == row.send_total > 10_000_000


async def test_a_capture_that_broke_off_says_how_far_it_got(world: worlds.World) -> None:
    """And goes on from there: what was read is not read again."""
    release_key = await world.composed()
    deployment_id = await world.stage(release_key)
    world.fault("download", path="widgets-parent-2.4.0.pom.asc", status=503)
    broken = await world.until(deployment_id, lambda row: bool(row.problem) and bool(row.total), seconds=1)
    assert 0 < broken.done < broken.total
    assert broken.progress == f"{broken.done} of {broken.total} files read"
    whole = await world.until(deployment_id, lambda row: row.proof.staged is not None)
    assert (whole.done, whole.total, whole.progress) == (0, 0, "")
