# SPDX-License-Identifier: Apache-2.0
"""No way around the proof: record, automate, delete and the one line that makes a distribution final."""

import ast
import pathlib

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.models.work as work
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.storage.writers.distributions as distributions
from tests import world as worlds
from tests.coded import coded

_Proof = distribution.Proof
RELEASE = f"{people.PROJECT}-2.4.0"
_CORE, _PARENT = (
    distribution.coordinates(worlds.MAVEN, "org.example.widgets", name, "2.4.0")
    for name in ("widgets-core", "widgets-parent")
)
_OTHER = distribution.coordinates(worlds.MAVEN, "org.example.widgets", "widgets-extra", "2.4.0")
_PATH = "org/example/widgets/widgets-extra/2.4.0/widgets-extra-2.4.0.pom"


async def _said_public(world: worlds.World, where: distribution.Coordinates, asf_uid: str = worlds.MEMBER) -> None:
    async with world.member(asf_uid) as member:
        assert await member.distributions.record(RELEASE, where, staging=False) is None


async def _row(world: worlds.World, where: distribution.Coordinates) -> sql.Distribution:
    return next(one for one in await world.rows(sql.Distribution) if one.coordinates == where)


def _publish(world: worlds.World, *, alter: str = "") -> None:
    for path, content in world.tree.files.items():
        assert isinstance(content, bytes)
        world.platform.portal.put_public(path, b"other" if (path == alter) else content)


async def test_said_to_be_public_with_a_ballot_is_a_promotion_that_is_never_sent(voted: worlds.World) -> None:
    """REQUESTED by hand, open to abort; LIVE only when the public bytes are the ballot's under that coordinate."""
    await _said_public(voted, _CORE, "bob")
    row = await _row(voted, _CORE)
    assert (row.staging, row.pending) == (True, False), "nothing is believed"
    (promotion,) = await voted.rows(tables.Promotion)
    assert (promotion.state, promotion.by_hand, promotion.deployment_id) == (states.State.REQUESTED, True, None)
    voted_files = next(one for one in await voted.rows(tables.FileSetRow) if one.digest == promotion.voted_digest)
    assert voted_files.files == sum("widgets-core/" in path for path in voted.tree.files)
    await voted.pass_time(rounds=3, hours=2)
    assert (await voted.promotion(1)).state is states.State.REQUESTED
    _publish(voted)
    await voted.pass_time(rounds=20, minutes=10)
    assert (await voted.promotion(1)).state is states.State.LIVE
    row = await _row(voted, _CORE)
    assert (row.staging, row.pending, row.proof, row.created_by) == (False, False, _Proof.PROVED, "bob")
    assert row.upload_date
    assert row.web_url
    other = await _row(voted, _PARENT)
    assert (other.staging, other.pending) == (True, False), "only what was proved"
    assert voted.publish_calls == 0


async def test_said_to_be_public_with_other_bytes_diverges(voted: worlds.World) -> None:
    """An incident, not a success."""
    await _said_public(voted, _CORE)
    _publish(voted, alter="org/example/widgets/widgets-core/2.4.0/widgets-core-2.4.0.jar")
    await voted.pass_time(rounds=20, minutes=10)
    assert (await voted.promotion(1)).state is states.State.DIVERGED
    row = await _row(voted, _CORE)
    assert (row.staging, row.pending, row.proof) == (True, False, _Proof.DIVERGED)
    assert row.web_url
    assert (await _row(voted, _PARENT)).proof is _Proof.UNPROVED


async def test_what_is_tracked_by_hand_can_be_stopped_and_never_reaches_sending(voted: worlds.World) -> None:
    """And holds the coordinates meanwhile."""
    await _said_public(voted, _CORE)
    with pytest.raises(errors.ConflictError, check=coded("package-held")):
        await voted.promote(1)
    async with voted.member() as member:
        await member.promotions.abort(1, "It was a mistake.")
    await voted.promote(1)
    await voted.live(1)
    moved = [one.data["to"] for one in await voted.events("promotion:1") if one.what == "promotion_moved"]
    assert moved == ["aborted"]


async def test_said_to_be_public_without_a_ballot_is_pending_until_a_find_which_proves_nothing(
    voted: worlds.World,
) -> None:
    """As in ATR a find clears `pending` and brings date and address. It is *unproved* then."""
    await _said_public(voted, _OTHER)
    row = await _row(voted, _OTHER)
    assert (row.staging, row.pending, row.web_url) == (False, True, None)
    assert not await voted.rows(tables.Promotion)
    await voted.pass_time(rounds=8, hours=30)
    row = await _row(voted, _OTHER)
    assert row.retries >= 8, "never given up"
    voted.platform.portal.put_public(_PATH, b"<project/>")
    await voted.pass_time(rounds=2, hours=30)
    row = await _row(voted, _OTHER)
    assert row.upload_date
    assert row.api_url
    assert row.web_url
    assert (row.staging, row.pending, row.proof) == (False, False, _Proof.UNPROVED), "found, and not proved"
    assert "distribution_found" in {one.what for one in await voted.events(f"distribution:{_OTHER.purl}")}
    looks = row.retries
    await voted.pass_time(rounds=3, hours=30)
    assert (await _row(voted, _OTHER)).retries == looks


@pytest.mark.parametrize(
    "platform", [one for one in distribution.DistributionPlatform if not one.supports_remote_promotion]
)
async def test_what_is_recorded_elsewhere_stays_pending_with_an_event(
    platform: distribution.DistributionPlatform, voted: worlds.World
) -> None:
    """Staged: nobody can look. Public: it is looked for. Nothing is believed either way."""
    owner = "example" if platform.requires_owner_namespace else ""
    where = distribution.coordinates(platform, owner, "widgets", "2.4.0")
    async with voted.member() as member:
        assert await member.distributions.record(RELEASE, where, staging=True) is None
    row = await _row(voted, where)
    assert (row.staging, row.pending, row.due_at) == (True, True, None)
    await _said_public(voted, where)
    row = await _row(voted, where)
    assert (row.staging, row.pending, row.due_at) == (False, True, voted.clock.at)
    events = [one for one in await voted.events(f"distribution:{where.purl}") if one.what == "distribution_recorded"]
    assert [one.data["staging"] for one in events] == [True, False]
    await voted.pass_time(rounds=2, hours=30)
    assert (await _row(voted, where)).pending
    with pytest.raises(errors.UnsupportedError):
        async with voted.member() as member:
            await member.distributions.automate(RELEASE, platform, staging=False)


async def test_nothing_is_said_to_be_public_before_the_vote_has_passed(staged: worlds.World) -> None:
    """In Compose and Vote only staging is recorded."""
    with pytest.raises(errors.ConflictError, check=coded("phase")):
        await _said_public(staged, _CORE)
    with pytest.raises(errors.ConflictError, check=coded("phase")):
        async with staged.member() as member:
            await member.distributions.automate(RELEASE, worlds.MAVEN, staging=False)


async def test_deleting_needs_a_reason_and_is_refused_once_a_call_was_made(voted: worlds.World) -> None:
    """Nothing changes on the platform."""

    async def delete(reason: str = "Recorded by mistake.") -> None:
        async with voted.member() as member:
            await member.distributions.delete_distribution(RELEASE, _CORE, reason)

    for empty in ("", "   ", "x" * 501):
        with pytest.raises(errors.InputError):
            await delete(empty)
    promotion_id = await voted.promote(1)
    with pytest.raises(errors.ConflictError, check=coded("promotion-requested")):
        await delete()
    voted.fault("publish", status=403)
    await voted.until(1, lambda row: "refused the publish request" in row.next_note)
    async with voted.member() as member:
        await member.promotions.abort(promotion_id, "No more.")
    with pytest.raises(errors.ConflictError, check=coded("record-kept")):
        await delete()
    async with voted.member() as member:
        with pytest.raises(errors.NotFoundError):
            await member.distributions.delete_distribution(RELEASE, _OTHER, "Not there.")
    assert len(await voted.rows(sql.Distribution)) == 2


async def test_deleting_what_was_only_recorded_is_an_event_with_its_reason(voted: worlds.World) -> None:
    """And the platform hears nothing."""
    before = voted.platform.traffic.counters()["requests"]
    async with voted.member("bob") as member:
        await member.distributions.delete_distribution(RELEASE, _CORE, "Recorded by mistake.")
    (event,) = [one for one in await voted.events(f"distribution:{_CORE.purl}") if one.what == "distribution_deleted"]
    assert (event.actor, event.data["reason"]) == ("bob", "Recorded by mistake.")
    assert len(await voted.rows(sql.Distribution)) == 1
    assert voted.platform.traffic.counters()["requests"] == before


async def test_automate_for_production_is_the_same_promotion_by_the_same_gates(voted: worlds.World) -> None:
    """Staged as user-managed, captured, asked for by the same person, sent once."""
    voted.knob(await voted.row(1), "vanish")
    async with voted.member("carol") as member:
        deployment_id = await member.distributions.automate(RELEASE, worlds.MAVEN, staging=False)
    row = await voted.live(deployment_id)
    assert not voted.platform.portal.deployments[row.external_id].automatic
    assert (row.requested_by, voted.publish_calls) == ("carol", 1)
    assert {one.created_by for one in await voted.rows(sql.Distribution)} == {"carol"}


async def test_what_a_release_manager_automates_for_production_waits_for_a_members_click(voted: worlds.World) -> None:
    """Staged and captured it is; nothing is asked for, and nothing is sent, until a member promotes it."""
    voted.knob(await voted.row(1), "vanish")
    async with voted.manager() as manager:
        deployment_id = await manager.distributions.automate(RELEASE, worlds.MAVEN, staging=False)
    row = await voted.until(deployment_id, lambda row: row.standing.css == "ready")
    await voted.pass_time(rounds=3, hours=2)
    assert not await voted.rows(tables.Promotion)
    assert (row.problem, row.needs_person, voted.publish_calls) == ("", "a committee member", 0)
    await voted.promote(deployment_id, "carol")
    row = await voted.live(deployment_id)
    assert (row.requested_by, row.staged_by, voted.publish_calls) == ("carol", people.COMMITTER, 1)


async def test_automate_for_production_stops_at_a_gate_and_says_so(voted: worlds.World) -> None:
    """Staged it is, promoted it is not, and the row keeps saying why."""
    voted.knob(await voted.row(1), "vanish")
    async with voted.member() as member:
        deployment_id = await member.distributions.automate(RELEASE, worlds.MAVEN, staging=False)
        await member.policy.edit(people.PROJECT, remote_promotion={worlds.MAVEN: False})
    row = await voted.until(deployment_id, lambda row: row.proof.staged is not None)
    for _ in range(3):
        assert "was not promoted" in row.problem
        assert "policy does not allow" in row.problem
        await voted.pass_time(hours=2)
        row = await voted.row(deployment_id)
    assert row.state is None
    assert voted.publish_calls == 0


async def test_settle_and_record_from_data_write_only_under_the_lease(voted: worlds.World) -> None:
    """The service itself changes nothing without the row's newest epoch."""
    promotion_id = await voted.promote(1)
    async with voted.service() as service:
        (claimed,) = await service.promotions.claim(owner="w", seconds=60, limit=1)
    forged = work.Promotion(**{**vars(claimed), "epoch": claimed.epoch + 1})
    learnt = work.Learnt(steps.Decision(states.State.CHECKING, "Believe me."))
    for epoch in (forged, work.Promotion(**{**vars(claimed), "epoch": claimed.epoch - 1})):
        with pytest.raises(errors.ConflictError):
            async with voted.service() as service:
                await service.distributions.settle(epoch, learnt)
    # Nor does the table of states have an arrow to LIVE that spares the comparison.
    for to in (states.State.LIVE, states.State.DIVERGED):
        with pytest.raises(errors.TransitionError):
            async with voted.service() as service:
                await service.distributions.settle(claimed, work.Learnt(steps.Decision(to, "Believe me.")))
    assert (await voted.promotion(promotion_id)).state is states.State.REQUESTED


def test_the_one_line_that_makes_it_final_is_called_by_settle_alone() -> None:
    """It is the only one that makes it proved, and sets `staging` to False; a find and a difference clear `pending`."""
    tree = ast.parse(pathlib.Path(distributions.__file__).read_text())
    methods = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]

    def those_with(text: str) -> list[str]:
        return [method.name for method in methods if text in ast.unparse(method) and not method.name.endswith(text)]

    assert those_with("__upgrade_staging_to_final") == ["_note_public"]
    assert those_with("_note_public") == ["settle"]
    assert those_with("row.staging, row.pending") == ["__upgrade_staging_to_final"]
    assert those_with("Proof.PROVED") == ["__upgrade_staging_to_final"]
    found = {"record_from_data", "__upgrade_staging_to_final", "_note_diverged"}
    assert set(those_with(".pending, row.due_at")) == found
    assert those_with(".pending = False") == []
