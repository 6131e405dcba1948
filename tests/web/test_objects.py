# SPDX-License-Identifier: Apache-2.0
"""Whose is it? Every id of one project or release in an address of another, by somebody who may act there."""

from typing import Final

import pytest

import atr.demo.people as people
from tests.web import house as houses

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.authorisation]

# A project of the other committee, with a release of its own, whose member is at the browser.
THEIRS: Final = "elsewhere-things"
VERSION: Final = "3.0.0"


async def _theirs(house: houses.House) -> houses.Person:
    store = house.world.store
    async with store.write_as_foundation_admin(houses.ADMIN) as admin:
        await admin.policy.set_project(THEIRS, "Elsewhere Things", "elsewhere")
    async with store.write_as_project_committee_participant(THEIRS, houses.ELSEWHERE) as participant:
        await participant.release.start(THEIRS, VERSION)
    return house.people[houses.ELSEWHERE]


@pytest.mark.parametrize("page", ["finish/{p}/{v}/row/{r}", "distribution/detail/{p}/{v}/{r}"])
@pytest.mark.parametrize("name", ["ready", "live", "recorded"])
async def test_a_row_is_not_shown_under_another_project_or_version(house: houses.House, page: str, name: str) -> None:
    mallory, place = await _theirs(house), house.places[name]
    other = house.places["composed"]
    for person in (mallory, house.people[houses.MEMBER], house.people[""]):
        for project, version in ((THEIRS, VERSION), (houses.PROJECT, other.version), (THEIRS, place.version)):
            answer = await person.get("/" + page.format(p=project, v=version, r=place.row_key))
            assert answer.status == 404
            assert "widgets-core" not in answer.text


@pytest.mark.parametrize("name", ["ready", "requested", "live"])
async def test_a_deployment_is_not_promoted_under_another_project_or_version(house: houses.House, name: str) -> None:
    mallory, place = await _theirs(house), house.places[name]
    form = await house.promote_form(place)
    alice, other = house.people[houses.MEMBER], house.places["composed"]
    before = house.dump()
    for person, project, version in (
        (mallory, THEIRS, VERSION),
        (alice, houses.PROJECT, other.version),
        (mallory, THEIRS, place.version),
    ):
        path = f"/distribution/promote/{project}/{version}"
        # With the right version typed, and with a typing mistake, which shows the page again.
        for typed in (version, "9.9.9"):
            answer = await person.post(path, {**form, "version": typed})
            assert answer.status == 404
            assert form["evidence_digest"] not in answer.text
        shown = await person.get(f"{path}?deployment_id={place.deployment_id}")
        assert shown.status == 404
    assert house.dump() == before


ACTS: Final = (
    ("abort", "requested"),
    ("accept_extras", "extra file"),
    ("check_again", "diverged"),
    ("drop", "staged"),
    ("extend", "publishing"),
    ("give_up", "in doubt"),
    ("look", "ready"),
    ("prove_published", "published by another hand"),
    ("send_again", "in doubt"),
    ("settle_lost", "lost"),
    ("stop", "doubted"),
    ("abort", "recorded"),
)


@pytest.mark.parametrize(("act", "name"), ACTS)
async def test_nothing_is_done_to_a_row_of_another_project_or_version(house: houses.House, act: str, name: str) -> None:
    mallory, place = await _theirs(house), house.places[name]
    alice, other = house.people[houses.MEMBER], house.places["composed"]
    before = house.dump()
    for person, project, version in (
        (mallory, THEIRS, VERSION),
        (alice, houses.PROJECT, other.version),
        (mallory, THEIRS, place.version),
    ):
        path = f"/distribution/act/{project}/{version}/{place.row_key}"
        answer = await person.post(path, {"act": act, "reason": "mine now"})
        assert answer.status == 404
    assert house.dump() == before


async def test_a_record_of_another_release_is_not_deleted(house: houses.House) -> None:
    mallory, place = await _theirs(house), house.places["recorded"]
    form = {"platform": "PYPI", "package": "widgets-core", "version": place.version, "reason": "mine now"}
    before = house.dump()
    for person, project, version in (
        (mallory, THEIRS, VERSION),
        (mallory, THEIRS, place.version),
        (house.people[houses.MEMBER], houses.PROJECT, house.places["composed"].version),
    ):
        assert (await person.post(f"/distribution/delete/{project}/{version}", form)).status == 404
    assert house.dump() == before


@pytest.mark.parametrize("page", ["record", "stage/record", "automate", "stage/automate", "delete", "promote"])
async def test_a_release_that_nobody_started_takes_no_form(house: houses.House, page: str) -> None:
    alice, place = house.people[houses.MEMBER], house.places["ready"]
    form = {
        **await house.promote_form(place),
        "version": "7.7.7",
        "owner_namespace": "org.example.widgets",
        "package": "widgets-core",
        "reason": "no",
    }
    before = house.dump()
    answer = await alice.post(f"/distribution/{page}/{houses.PROJECT}/7.7.7", form)
    assert answer.status == 404
    assert house.dump() == before


# ATR's key of a release joins project and version by a hyphen, which both may hold: these two have one key.
SHORT: Final = "example"
LONG_VERSION: Final = "widgets-{version}"


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("finish/{p}/{v}", "ready"),
        ("finish/{p}/{v}/row/{r}", "ready"),
        ("distribution/list/{p}/{v}", "recorded"),
        ("distribution/detail/{p}/{v}/{r}", "ready"),
        ("distribution/promote/{p}/{v}?deployment_id={n}", "ready"),
        ("distribution/record/{p}/{v}", "ready"),
        ("distribution/stage/record/{p}/{v}", "ready"),
        ("distribution/automate/{p}/{v}", "ready"),
        ("distribution/stage/automate/{p}/{v}", "ready"),
    ],
)
async def test_two_projects_with_one_release_key_do_not_show_each_other(
    house: houses.House, page: str, name: str
) -> None:
    mallory, place, version = await _ambiguous(house, name)
    address = page.format(p=SHORT, v=version, r=place.row_key, n=place.row_key[1:])
    assert (await mallory.get(f"/{address}")).status == 404


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("distribution/promote/{p}/{v}", "ready"),
        ("distribution/record/{p}/{v}", "ready"),
        ("distribution/stage/record/{p}/{v}", "staged"),
        ("distribution/automate/{p}/{v}", "ready"),
        ("distribution/stage/automate/{p}/{v}", "composed"),
        ("distribution/delete/{p}/{v}", "recorded"),
        ("distribution/act/{p}/{v}/{r}", "requested"),
    ],
)
async def test_two_projects_with_one_release_key_do_not_change_each_other(
    house: houses.House, page: str, name: str
) -> None:
    """Mallory is a member of the committee of `example`, and `example-widgets` is nothing of hers."""
    mallory, place, version = await _ambiguous(house, name)
    form = {
        "act": "abort",
        "reason": "mine now",
        "owner_namespace": "",
        "package": "widgets-core",
        "deployment_id": "6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6aa",
        **(await house.promote_form(place) if page.startswith("distribution/promote") else {}),
        "platform": "PYPI" if page.startswith(("distribution/delete", "distribution/record")) else "MAVEN",
        "version": version if page.startswith("distribution/promote") else place.version,
    }
    if page.startswith("distribution/stage/record"):
        form["owner_namespace"] = "org.example.widgets"
    before = house.dump()
    answer = await mallory.post(f"/{page.format(p=SHORT, v=version, r=place.row_key)}", form)
    assert answer.status == 404, answer.text
    assert house.dump() == before


async def _ambiguous(house: houses.House, name: str) -> tuple[houses.Person, houses.Place, str]:
    place = house.places[name]
    assert people.PROJECT.removeprefix(SHORT) == "-widgets"
    async with house.world.store.write_as_foundation_admin(houses.ADMIN) as admin:
        await admin.policy.set_project(SHORT, "Example", "elsewhere")
    return house.people[houses.ELSEWHERE], place, LONG_VERSION.format(version=place.version)
