# SPDX-License-Identifier: Apache-2.0
"""The whole way on foot: a release is started, composed, staged, voted on, promoted and announced by clicks alone.

Real processes, as `make run` starts them; nobody calls a writer here but to say who the people are.
"""

import pathlib
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio

import atr.demo.journey as journey
import atr.demo.people as people
import atr.demo.playground as playground
import atr.demo.processes as processes
import atr.demo.tree as trees
from tests.browser import conftest as fixtures
from tests.browser import person as persons

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

VERSION: Final = playground.NEXT
WHERE: Final = f"{people.PROJECT}/{VERSION}"
# So often a page without a script is loaded again, before it is given up.
LOOKS: Final = 100


@pytest_asyncio.fixture(loop_scope="session")
async def nothing_yet(tmp_path: pathlib.Path) -> AsyncIterator[processes.Stack]:
    """A committee and its project; no release, nothing composed, nothing staged."""
    playground.lay_out(tmp_path / "to-upload")
    tree = trees.example()
    store = journey.storage_in(tmp_path)
    try:
        async with processes.Stack(tmp_path, processes.Ports(), tree.namespaces) as running:
            await people.settle_in(store, tree.namespaces)
            yield running
    finally:
        await store.database.close()


async def arrive(visit: fixtures.Visit, running: processes.Stack, asf_uid: str, *, scripts: bool) -> persons.Person:
    somebody: persons.Person = await visit(running.web_url, java_script_enabled=scripts)
    await somebody.go("/releases")
    await somebody.sign_in(asf_uid)
    return somebody


async def staged(someone: persons.Person) -> None:
    """Wait on the compose page until what was uploaded stands staged, and has been read."""
    again = someone.page.get_by_role("link", name="Reload the page")
    for _ in range(LOOKS):
        # Without a script this page never reloads by itself: what was chosen for an upload would be lost.
        if someone.scripts or not await again.count():
            break
        await someone.page.wait_for_timeout(250)
        await again.click()
    await someone.until("Staged")


@pytest.mark.parametrize("scripts", [True, False], ids=["with-script", "without-script"])
@pytest.mark.timeout(300)
async def test_from_nothing_to_announced(
    nothing_yet: processes.Stack,
    visit: fixtures.Visit,
    tmp_path: pathlib.Path,
    scripts: bool,  # noqa: FBT001  (a case of the table)
) -> None:
    dave = await arrive(visit, nothing_yet, people.COMMITTER, scripts=scripts)
    assert "No release is in progress." in await dave.text()
    await dave.press("Start a release…", kind="link")
    await dave.press("Example Widgets", kind="link")
    await dave.page.get_by_label("Version").fill(VERSION)
    await dave.press("Start the release")
    assert dave.page.url.endswith(f"/compose/{WHERE}")

    await dave.page.get_by_label("Folder", exact=True).set_input_files(tmp_path / "to-upload")
    await dave.page.get_by_label("What changed").fill("The first candidate")
    await dave.press("Upload", exact=True)
    assert "00001" in await dave.text()
    assert "Maven Central 10 files" in await dave.text()
    await dave.picture("compose" if scripts else "compose-plain")

    alice = await arrive(visit, nothing_yet, people.MEMBERS[0], scripts=scripts)
    await alice.press(f"Example Widgets {VERSION}", kind="link")
    await alice.press("Stage the revision's files…", kind="link")
    await alice.press("Stage 10 files")
    await staged(alice)
    # What is staged in Compose is looked at there: the vote is the next step, and its button stands on that page.
    assert alice.page.url.endswith(f"/compose/{WHERE}")
    await alice.page.wait_for_selector("text=10 staged files", timeout=persons.PATIENCE)

    await dave.go(f"/compose/{WHERE}")
    await dave.press("Start the vote…", kind="link")
    await dave.picture("voting" if scripts else "voting-plain")
    await dave.press("Open the vote on candidate 1")
    for asf_uid in people.MEMBERS:
        voter = await arrive(visit, nothing_yet, asf_uid, scripts=scripts)
        await voter.press(f"Example Widgets {VERSION}", kind="link")
        await voter.page.get_by_role("radio", name="+1", exact=True).check()
        await voter.page.get_by_label("What you checked").fill("Built it, ran the tests, read the NOTICE.")
        await voter.press("Cast my vote")
    await voter.picture("vote" if scripts else "vote-plain")
    await dave.go(f"/vote/{WHERE}")
    await dave.press("Resolve the vote…", kind="link")
    await dave.press("Resolve as passed")
    assert dave.page.url.endswith(f"/finish/{WHERE}")

    await alice.go(f"/finish/{WHERE}")
    await alice.until("Ready")
    await alice.press("Promote to Maven Central…", kind="link")
    await alice.page.get_by_label("Type the version").fill(VERSION)
    await alice.press(f"Promote {VERSION} to Maven Central")
    await alice.until("Live")
    await alice.go(f"/finish/{WHERE}")
    assert "every public file of these packages was voted on" in await alice.text()

    await dave.go(f"/finish/{WHERE}")
    await dave.press(f"Announce {VERSION}…", kind="link")
    await dave.page.get_by_label("Type the version").fill(VERSION)
    await dave.press(f"Mark {VERSION} as announced")
    assert "is marked as announced" in await dave.text()
