# SPDX-License-Identifier: Apache-2.0
"""What was voted on and is not public, in a real browser: named on each page, and announced only with a reason."""

from typing import Final

import pytest

import atr.promotion.states as states
from tests import world as worlds
from tests.browser import conftest as fixtures
from tests.browser import test_situations as situations
from tests.journeys import test_promote_all as modules

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

_GONE: Final = states.DeploymentState.GONE
_ANNOUNCE: Final = f"/announce/{situations.PROJECT}/{situations.VERSION}"
_CLI: Final = "org.example.widgets:widgets-cli:2.4.0 on Maven Central"
_REASON: Final = "The portal lost it; 2.4.1 follows tomorrow."


async def _vanish(house: worlds.World, deployment_id: int) -> None:
    house.knob(await house.row(deployment_id), "vanish")
    await house.until(deployment_id, lambda row: row.deployment_state is _GONE)


async def test_the_only_deployment_vanished_and_nothing_is_said_to_be_live(
    house: worlds.World, web: str, visit: fixtures.Visit
) -> None:
    _, deployment_id = await house.voted()
    await _vanish(house, deployment_id)
    alice = await situations.signed_in(visit, web, "alice")
    await alice.picture("releases")
    await alice.go(situations.FINISH)
    await alice.look()
    text = await alice.text()
    assert "Nothing is outstanding" not in text
    assert (
        "0 of 1 voted file set is live; org.example.widgets:widgets-*:2.4.0 on Maven Central is not published." in text
    )
    await alice.picture("only-one-vanished")
    await alice.go(situations.LIST)
    await alice.look()
    await alice.picture("list")


async def test_one_of_two_is_live_and_the_other_is_announced_without_for_a_reason(
    house: worlds.World, web: str, visit: fixtures.Visit
) -> None:
    await modules._bring(house)
    for number in (1, 2):
        await house.promote(number)
        await house.live(number)
    await _vanish(house, 3)
    dave = await situations.signed_in(visit, web, "dave")
    await dave.go(_ANNOUNCE)
    assert "can announce a release without something that was voted on" in await dave.text()
    await dave.picture("announce-manager")
    alice = await situations.signed_in(visit, web, "alice")
    await alice.go(situations.FINISH)
    await alice.look()
    assert f"2 of 3 voted file sets are live; {_CLI} is not published." in await alice.text()
    await alice.picture("one-of-them-vanished")
    await alice.go(_ANNOUNCE)
    await alice.look()
    await alice.picture("announce-without")
    await alice.page.get_by_label("Reason for announcing without it").fill(_REASON)
    await alice.page.get_by_label("Type the version").fill(situations.VERSION)
    await alice.press(f"Mark {situations.VERSION} as announced anyway")
    text = await alice.text()
    assert f"{_CLI} (2 files)" in text
    assert _REASON in text
    await alice.look()
    await alice.picture("announced-without")
