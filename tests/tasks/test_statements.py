# SPDX-License-Identifier: Apache-2.0
"""How many statements the way of a promotion costs, and a look of the worker that finds nothing new."""

import asyncio
import collections
import contextlib
from collections.abc import Iterator
from typing import Any, Final

import pytest
import sqlalchemy

import atr.promotion.states as states
import atr.storage as storage
import atr.tasks.distribution as scan
from tests import world as worlds

# From the click to LIVE: what is sent, asked, read and compared; one package of five files.
_CLICK_TO_LIVE: Final = 150


@contextlib.contextmanager
def counted(*stores: storage.Storage) -> Iterator[collections.Counter[str]]:
    """The statements that these stores execute while the block runs, each with how often."""
    found: collections.Counter[str] = collections.Counter()

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found[statement] += 1

    engines = {store.database._engine.sync_engine for store in stores}
    for engine in engines:
        sqlalchemy.event.listen(engine, "before_cursor_execute", count)
    try:
        yield found
    finally:
        for engine in engines:
            sqlalchemy.event.remove(engine, "before_cursor_execute", count)


# On PostgreSQL each scope that is locked is two statements more (db/guards.py), and the time of a transaction one.
@pytest.mark.sqlite
async def test_a_click_goes_live_with_few_statements(voted: worlds.World) -> None:
    form = await voted.form(1)
    with counted(voted.store) as found:
        async with voted.member() as member:
            promotion_id = await form.send(member)
    row = await voted.promotion(promotion_id)
    while row.state is not states.State.LIVE:
        assert row.due_at is not None
        voted.clock.at = max(voted.clock.at, row.due_at)
        with counted(voted.hands.storage) as looked:
            await asyncio.gather(*await scan.status_check(voted.hands, limit=100))
        found += looked
        row = await voted.promotion(promotion_id)
    assert found.total() <= _CLICK_TO_LIVE
