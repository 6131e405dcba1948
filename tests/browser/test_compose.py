# SPDX-License-Identifier: Apache-2.0
"""Start a release, upload a folder, compare revisions: with a script and without one, and two people at once."""

import pathlib
from typing import Final

import pytest

import atr.demo.people as people
from tests import world as worlds
from tests.browser import conftest as fixtures
from tests.browser import person as persons

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

VERSION: Final = "2.4.0"
COMPOSE: Final = f"/compose/{people.PROJECT}/{VERSION}"


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder of files as a build leaves it."""
    for name in ("widgets-core-2.4.0.jar", "widgets-core-2.4.0.pom"):
        path = tmp_path / "build" / "maven" / "org" / "example" / "widgets" / "widgets-core" / VERSION / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 1_000)
    (tmp_path / "build" / "NOTICE").write_text("Example Widgets")
    return tmp_path / "build"


async def started(house: worlds.World, web: str, visit: fixtures.Visit, **context: object) -> persons.Person:
    """Alice, who has started a release and stands on its compose page."""
    await people.settle_in(house.store, ("org.example.widgets",))
    alice = await visit(web, **context)
    await alice.go("/")
    await alice.sign_in("alice")
    await alice.press("Start a release…", kind="link")
    await alice.press("Example Widgets", kind="link")
    await alice.page.get_by_label("Version").fill(VERSION)
    await alice.press("Start the release")
    assert alice.page.url == web + COMPOSE
    return alice


async def send(alice: persons.Person, *, wait: str) -> None:
    """Upload what is chosen, and wait until the page says this."""
    await alice.page.get_by_role("button", name="Upload", exact=True).click()
    await alice.page.get_by_text(wait).first.wait_for(timeout=persons.PATIENCE)
    await alice.look()


@pytest.mark.parametrize("scripts", [True, False], ids=["with a script", "without one"])
async def test_a_folder_becomes_a_revision_and_two_are_compared(
    house: worlds.World,
    web: str,
    visit: fixtures.Visit,
    folder: pathlib.Path,
    scripts: bool,  # noqa: FBT001
) -> None:
    alice = await started(house, web, visit, java_script_enabled=scripts)
    assert "There are no files yet" in await alice.text()
    await alice.picture("compose-new")
    await alice.page.set_input_files("#folder", folder)
    await send(alice, wait="Revision 00001 is made: 3 files uploaded")
    assert "3 files in revision 00001, 2 of them for Maven Central" in await alice.text()
    await alice.picture("compose")

    (folder / "NOTICE").write_text("Example Widgets, changed")
    await alice.page.get_by_label("What changed").fill("A better notice")
    await alice.page.set_input_files("#files", folder / "NOTICE")
    await send(alice, wait="Revision 00002 is made: 1 file uploaded, 3 files in all")

    await alice.press("Change… NOTICE", kind="link")
    await alice.page.get_by_label("New path").fill("../NOTICE")
    alice.expected.add(422)
    await alice.press("Rename the file")
    assert "It contains “..”" in await alice.text()
    await alice.page.get_by_label("New path").fill("docs/NOTICE")
    await alice.press("Rename the file")
    assert "Revision 00003 is made" in await alice.text()

    await alice.press("Revisions", kind="link", exact=True)
    assert "A better notice" in await alice.text()
    await alice.page.locator("#from-00001").check()
    await alice.page.locator("#to-00002").check()
    await alice.press("Compare revisions")
    text = await alice.text()
    assert "From revision 00001 to 00002 1 file changed" in text
    assert "1 changed 0 renamed 0 added 0 removed 2 equal" in text
    await alice.picture("revisions")


async def test_progress_is_seen_and_an_upload_can_be_stopped(
    house: worlds.World, web: str, visit: fixtures.Visit, folder: pathlib.Path
) -> None:
    """What was chosen stays chosen: the same click sends it again."""
    alice = await started(house, web, visit)
    (folder / "large.bin").write_bytes(b"x" * 3_000_000)
    slow = await alice.page.context.new_cdp_session(alice.page)
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000}
    await slow.send("Network.emulateNetworkConditions", limits)
    await alice.page.set_input_files("#folder", folder)
    await alice.page.get_by_role("button", name="Upload", exact=True).click()
    await alice.page.get_by_text("of 3.0 MB").wait_for(timeout=persons.PATIENCE)
    await alice.picture("uploading")
    await alice.page.get_by_role("button", name="Cancel upload").click()
    await alice.page.get_by_text("You cancelled the upload. Nothing was saved").wait_for()
    await alice.look()
    await slow.send("Network.emulateNetworkConditions", {**limits, "uploadThroughput": -1})
    await send(alice, wait="Revision 00001 is made: 4 files uploaded")


async def test_what_is_wrong_is_said_in_place_and_nothing_is_chosen_anew(
    house: worlds.World, web: str, visit: fixtures.Visit, folder: pathlib.Path
) -> None:
    alice = await started(house, web, visit)
    alice.expected.update({422, 409})
    (folder / ".DS_Store").write_text("hidden")
    await alice.page.get_by_label("What changed").fill("my words")
    await alice.page.set_input_files("#folder", folder)
    await send(alice, wait="1 name cannot be used")
    assert ".DS_Store It is hidden" in await alice.text()
    assert await alice.page.get_by_label("What changed").input_value() == "my words"
    assert "4 files chosen" in await alice.text()
    await alice.picture("upload-refused")

    # Bob sends the same paths while Alice mends hers.
    bob = await visit(web)
    await bob.go("/")
    await bob.sign_in("bob")
    await bob.go(COMPOSE)
    (folder / ".DS_Store").unlink()
    (folder / "NOTICE").write_text("Bob's notice")
    await bob.page.set_input_files("#files", folder / "NOTICE")
    await send(bob, wait="Revision 00001 is made")
    (folder / "NOTICE").write_text("Alice's notice")
    await alice.page.set_input_files("#folder", folder)
    await send(alice, wait="bob changed NOTICE in revision 00001")
    # Told, she decides: the same click from the page as it is now.
    await send(alice, wait="Revision 00002 is made: 3 files uploaded")
