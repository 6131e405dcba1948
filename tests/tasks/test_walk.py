# SPDX-License-Identifier: Apache-2.0
"""Which modules one click on Promote executes, from the POST to the LIVE row, and that the walk names each of them."""

import asyncio
import contextlib
import pathlib
import re
import sys
import types
from collections.abc import Iterator
from typing import Final

import pytest

import atr.config as config
import atr.promotion.states as states
import atr.server as server
import atr.tasks.distribution as scan
from tests import world as worlds
from tests.web import house as houses

ROOT: Final = pathlib.Path(__file__).resolve().parents[2]
ATR: Final = ROOT / "atr"
# The vocabulary and the tables are read beside any module; the sandbox is the platform, and no part of ATR.
APART: Final = ("atr/models/", "atr/shared/", "atr/sandbox/")
# Today's number. It may only fall: docs/adr/0060.
AT_MOST: Final = 58


@contextlib.contextmanager
def executed() -> Iterator[set[str]]:
    """The modules of `atr/` whose functions this thread calls while the block runs; an import is no such call."""
    found: set[types.CodeType] = set()
    names: set[str] = set()

    def on_event(frame: types.FrameType, event: str, _argument: object) -> None:
        if event == "call":
            found.add(frame.f_code)

    # A profiler leaves the tracer alone, which coverage needs.
    sys.setprofile(on_event)
    try:
        yield names
    finally:
        sys.setprofile(None)
    paths = {pathlib.Path(code.co_filename) for code in found if code.co_name != "<module>"}
    names |= {path.relative_to(ROOT).as_posix() for path in paths if path.is_relative_to(ATR)}


def named() -> set[str]:
    """The modules that the walk in docs/how-it-works.md names."""
    page = (ROOT / "docs" / "how-it-works.md").read_text("utf-8")
    section = page.partition("\n## One click on Promote")[2].partition("\n## ")[0]
    return set(re.findall(r"`(atr/[\w/]+\.py)`", section))


@pytest.mark.sqlite
async def test_a_click_executes_few_modules_and_the_walk_names_them(voted: worlds.World) -> None:
    settings = config.WebSettings(state_dir=voted.store.place.state_dir, sandbox=True)
    member = houses.Person(server.create_app(settings, voted.store), worlds.MEMBER)
    await member.sign_in()
    shown = await voted.form(1)
    form = {
        "platform": worlds.MAVEN.name,
        "deployment_id": "1",
        "evidence_digest": shown.evidence_digest,
        "row_version": str(shown.row_version),
        "version": "2.4.0",
    }
    # One check at least finds nothing new, as on any platform.
    voted.stand_in_settings(publishing_polls=2)
    with executed() as modules:
        answer = await member.post(f"/distribution/promote/{shown.project_key}/2.4.0", form)
    assert answer.status == 303
    row = await voted.promotion(1)
    while row.state is not states.State.LIVE:
        assert row.due_at is not None
        voted.clock.at = max(voted.clock.at, row.due_at)
        with executed() as found:
            await asyncio.gather(*await scan.status_check(voted.hands, limit=100))
        modules |= found
        row = await voted.promotion(1)
    walk = {name for name in modules if not name.startswith(APART)}
    assert {"atr/post/distribution.py", "atr/tasks/promote.py", "atr/tasks/looks.py"} <= walk
    assert sorted(walk - named()) == []
    assert len(walk) <= AT_MOST
