# SPDX-License-Identifier: Apache-2.0
"""What else a person meets in a real browser: refused, diverged, stale, not allowed, recorded by hand, deleted."""

import re
from typing import Final

import httpx
import pytest

import atr.demo.people as people
import atr.demo.tree as trees
import atr.promotion.states as states
from tests import world as worlds
from tests.browser import conftest as fixtures
from tests.browser import person as persons
from tests.sandbox import bundles, clients

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

VERSION: Final = "2.4.0"
PROJECT: Final = people.PROJECT
FINISH: Final = f"/finish/{PROJECT}/{VERSION}"
LIST: Final = f"/distribution/list/{PROJECT}/{VERSION}"
RECORD: Final = f"/distribution/stage/record/{PROJECT}/{VERSION}"
PROMOTE: Final = f"Promote {VERSION} to Maven Central"


def confirm(deployment_id: int) -> str:
    """Where the promotion is confirmed."""
    return f"/distribution/promote/{PROJECT}/{VERSION}?deployment_id={deployment_id}"


def detail(deployment_id: int) -> str:
    """Where the evidence is."""
    return f"/distribution/detail/{PROJECT}/{VERSION}/d{deployment_id}"


async def signed_in(visit: fixtures.Visit, web: str, asf_uid: str) -> persons.Person:
    """Somebody who has signed in."""
    one: persons.Person = await visit(web)
    await one.go("/releases")
    await one.sign_in(asf_uid)
    return one


async def promote(one: persons.Person, deployment_id: int) -> None:
    """Type the version and press the button."""
    await one.go(confirm(deployment_id))
    await one.page.get_by_label("Type the version").fill(VERSION)
    await one.press(PROMOTE)


async def test_a_tampered_deployment_is_refused_and_says_which_file(
    house: worlds.World, web: str, visit: fixtures.Visit
) -> None:
    _, deployment_id = await house.voted()
    house.knob(await house.row(deployment_id), "tamper")
    alice = await signed_in(visit, web, "alice")
    await promote(alice, deployment_id)
    await house.until(deployment_id, states.State.REFUSED)
    # She only waits.
    await alice.until("Refused")
    await alice.look()
    await alice.go(detail(deployment_id))
    assert "widgets-core-2.4.0" in await alice.text()
    assert await alice.page.locator("table.files tr.is-differ, table.files tr.is-differs").count() == 1
    # What would be refused again is not offered again; the button says why.
    assert await alice.page.get_by_role("button", name=re.compile("^Promote"), disabled=False).count() == 0
    assert await alice.page.get_by_role("link", name=re.compile("^Promote")).count() == 0
    assert "These files were not voted on" in await alice.text()
    assert house.publish_calls == 0
    await alice.picture("refused")


async def test_other_public_bytes_are_an_incident(house: worlds.World, web: str, visit: fixtures.Visit) -> None:
    _, deployment_id = await house.voted()
    house.knob(await house.row(deployment_id), "alter-public")
    alice = await signed_in(visit, web, "alice")
    await promote(alice, deployment_id)
    await house.until(deployment_id, states.State.DIVERGED)
    await alice.until("Diverged")
    await alice.look()
    await alice.go(detail(deployment_id))
    assert "Action required" in await alice.text()
    await alice.picture("diverged")
    assert house.publish_calls == 1


async def test_a_second_person_s_old_form_changes_nothing(house: worlds.World, web: str, visit: fixtures.Visit) -> None:
    _, deployment_id = await house.voted()
    alice, bob = await signed_in(visit, web, "alice"), await signed_in(visit, web, "bob")
    await bob.go(confirm(deployment_id))
    await promote(alice, deployment_id)
    bob.expected.add(409)
    await bob.page.get_by_label("Type the version").fill(VERSION)
    await bob.press(PROMOTE)
    assert "Nothing was changed" in await bob.text()
    await bob.press(re.compile("^Back to"), kind="link")
    assert bob.page.url == web + FINISH
    await house.live(deployment_id)
    assert house.publish_calls == 1


async def test_the_second_tab_s_old_form_changes_nothing(house: worlds.World, web: str, visit: fixtures.Visit) -> None:
    """In the first tab the promotion was asked for and stopped again; the second one still shows the old evidence."""
    _, deployment_id = await house.voted()
    first = await signed_in(visit, web, "alice")
    second = await first.another_tab()
    await second.go(confirm(deployment_id))
    await promote(first, deployment_id)
    await first.go(detail(deployment_id))
    await first.page.get_by_label("Reason for “Stop it”").fill("The notes are not ready.")
    await first.press("Stop it")
    assert "Stopped. No publish request was accepted." in await first.text()
    second.expected.add(409)
    await second.page.get_by_label("Type the version").fill(VERSION)
    await second.press(PROMOTE)
    assert "changed since you opened the page" in await second.text()
    await house.work()
    assert house.publish_calls == 0
    assert second.said == []


async def test_a_committer_sees_the_button_and_why_it_is_off(
    house: worlds.World, web: str, visit: fixtures.Visit
) -> None:
    _, deployment_id = await house.voted()
    dave = await signed_in(visit, web, "dave")
    await dave.go(FINISH)
    button = dave.page.get_by_role("button", name="Promote to Maven Central…")
    assert await button.is_disabled()
    why = dave.page.locator(f"#{await button.get_attribute('aria-describedby')}")
    assert "only committee members may" in await why.inner_text()
    await dave.go(detail(deployment_id))
    await dave.go(confirm(deployment_id))
    assert await dave.page.get_by_label("Type the version").count() == 0
    assert "only committee members may" in await dave.text()


async def test_everybody_else_sees_the_evidence_and_whom_it_waits_for(
    house: worlds.World, web: str, visit: fixtures.Visit
) -> None:
    _, deployment_id = await house.voted()
    stranger, mallory = await visit(web), await signed_in(visit, web, "mallory")
    for one in (stranger, mallory):
        await one.go(FINISH)
        assert "Waiting for a committee member." in await one.text()
        await one.go(detail(deployment_id))
        assert await one.page.locator("table.files tbody tr:not(.group)").count() == 10
        for role in ("button", "link"):
            assert await one.page.get_by_role(role, name=re.compile("^Promote")).count() == 0
    await mallory.go(confirm(deployment_id))
    assert await mallory.page.get_by_label("Type the version").count() == 0
    # Whoever is nobody yet signs in first, and is led on from there.
    await stranger.go(confirm(deployment_id))
    await stranger.press(re.compile("^alice"))
    assert stranger.page.url == web + confirm(deployment_id)


async def test_a_deployment_recorded_by_hand_is_captured_and_its_record_deleted(
    house: worlds.World, web: str, visit: fixtures.Visit
) -> None:
    tree = await house.settle_in()
    await people.compose(house.store, tree)
    staged = await upload(house, tree)
    alice = await signed_in(visit, web, "alice")
    await alice.go(FINISH)
    await alice.press("Record a deployment…", kind="link")
    await alice.page.get_by_label("Maven Central").check()
    await alice.page.get_by_label("Deployment id").fill(staged)
    await alice.page.get_by_label("Owner").fill("org.elsewhere")
    await alice.page.get_by_label("Package", exact=True).fill("widgets-core")
    alice.expected.add(409)
    await alice.press("Record a deployment")
    assert "Outside the project's namespaces: org.elsewhere" in await alice.text()
    # Nothing was kept of it, so it is typed once more.
    await alice.go(RECORD)
    await alice.page.get_by_label("Maven Central").check()
    await alice.page.get_by_label("Deployment id").fill(staged)
    await alice.page.get_by_label("Package", exact=True).fill("widgets-core")
    await alice.page.get_by_label("Owner").fill("org.example.widgets")
    await alice.press("Record a deployment")
    assert "is recorded. It is being checked now." in await alice.text()

    await house.until(1, lambda row: row.proof.staged is not None)
    await alice.until("Staged")
    await alice.go(LIST)
    # One package was named; the other was found when the files were read.
    assert "2 third-party distributions" in await alice.text()

    await alice.page.get_by_text("Delete record…").first.click()
    await alice.page.get_by_label("Reason", exact=True).first.fill("Recorded twice.")
    await alice.press(re.compile("^Delete record of widgets-core"))
    assert "is no longer recorded. Nothing changed on Maven Central." in await alice.text()
    assert "1 third-party distribution" in await alice.text()
    told = await house.events("distribution:pkg:maven/org.example.widgets/widgets-core@2.4.0")
    assert (told[-1].what, told[-1].actor, told[-1].data["reason"]) == (
        "distribution_deleted",
        "alice",
        "Recorded twice.",
    )


async def upload(house: worlds.World, tree: trees.Tree) -> str:
    """Stage a tree as a build machine would, and answer the platform's id."""
    files = {path: data for path, data in tree.files.items() if isinstance(data, bytes)}
    mains = {path: data for path, data in files.items() if not path.endswith(".asc")}
    bundle = bundles.zipped(bundles.with_side_files(mains) | files)
    async with httpx.AsyncClient(
        base_url=house.sandbox.url, headers=clients.authorization(worlds.TOKEN), trust_env=False
    ) as client:
        answer = await client.post(f"{clients.API}/upload", files={"bundle": ("central-bundle.zip", bundle)})
    assert answer.status_code == 201
    return answer.text


async def test_what_was_published_on_another_platform_is_recorded_and_found(
    house: worlds.World, web: str, visit: fixtures.Visit
) -> None:
    """Recorded first, published on the stand-in's own page, found at a later look; its files stay unproved."""
    await house.voted()
    alice = await signed_in(visit, web, "alice")
    await alice.go(f"/distribution/record/{PROJECT}/{VERSION}")
    await alice.look()
    assert "Staging a version on npm and approving it are not supported yet." in await alice.text()
    await alice.page.get_by_label("npm (scoped)", exact=True).check()
    await alice.page.get_by_label("Owner").fill("@apache")
    await alice.page.get_by_label("Package", exact=True).fill("widgets")
    await alice.press("Record a third-party distribution")
    assert "cannot be verified because packages cannot be read there yet." in await alice.text()
    await house.work()
    await alice.go(LIST)
    assert "not found yet. Next check" in await alice.text()
    npm = await visit(house.sandbox.url)
    await npm.go("/registries/")
    await npm.page.get_by_label("Package").fill("@apache/widgets")
    await npm.page.get_by_label("Version").fill(VERSION)
    await npm.press("Publish the version")
    assert f"@apache/widgets {VERSION}" in await npm.text()
    await house.pass_time(minutes=5)
    for page in (LIST, FINISH):
        await alice.go(page)
        await alice.look()
        assert "Published since" in await alice.text()
    await alice.page.get_by_role("link", name="Open on npm (scoped)").click()
    assert "Public since" in await alice.text()
