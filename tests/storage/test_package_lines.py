# SPDX-License-Identifier: Apache-2.0
"""Packages of several versions are summed up with each version, in every place that sums packages up."""

import pathlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

import atr.db.queries as queries
import atr.demo.people as people
import atr.demo.tree as trees
import atr.errors as errors
import atr.models.sql as sql
import atr.pages.deployments as deployments
import atr.pages.finish as finish
import atr.pages.letters as letters
import atr.pages.searches as searches
import atr.pages.vote as votes
import atr.pages.voting as voting
import atr.promotion.order as order
import atr.promotion.states as states
import atr.storage.eligibility as eligibility
from tests import databases as provided
from tests import world as worlds
from tests.coded import coded

RELEASE = f"{people.PROJECT}-2.4.0"
# One deployment holds a parent of an older version beside the module.
BOTH = "org.example.widgets:widgets-core:2.4.0, org.example.widgets:widgets-parent:1.4.0"
_PAGE = "http://127.0.0.1/vote"


def _mixed() -> trees.Tree:
    new, old = trees.example(), trees.example(version="1.4.0")
    files = {path: data for path, data in new.files.items() if "/widgets-core/" in path}
    files |= {path: data for path, data in old.files.items() if "/widgets-parent/" in path}
    return trees.Tree(files, (new.packages[0], old.packages[1]))


async def _bring(world: worlds.World) -> tuple[str, int]:
    release_key = await world.composed()
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={})
    external_id = await world.stage_elsewhere(_mixed())
    # Before it is validated it is not found.
    await world.pass_time(minutes=5)
    async with world.member() as member:
        await member.deployments.search(release_key, _mixed().packages[0])
    await world.work()
    deployment_id = await world.record(release_key, external_id)
    await world.until(deployment_id, lambda row: row.proof.staged is not None)
    return release_key, deployment_id


@pytest.fixture(scope="module")
def mixed_scene(databases: provided.Databases, tmp_path_factory: pytest.TempPathFactory) -> worlds.Scene:
    """A release in Compose whose one deployment holds two versions."""
    return worlds.scene(tmp_path_factory.mktemp("mixed"), databases, _bring)


@pytest_asyncio.fixture
async def mixed(mixed_scene: worlds.Scene, tmp_path: pathlib.Path) -> AsyncIterator[worlds.World]:
    """A world of its own over that scene."""
    async with mixed_scene.opened(tmp_path) as opened:
        yield opened


async def test_what_is_found_by_its_name_says_both_versions(mixed: worlds.World) -> None:
    async with mixed.store.read(worlds.MEMBER) as read:
        (candidate,) = (await searches.one(read, sql.release_key(people.PROJECT, "2.4.0"), 1)).candidates
    assert candidate.packages_line == BOTH


async def test_a_row_and_the_ballot_and_its_mail_say_both_versions_before_the_vote(mixed: worlds.World) -> None:
    async with mixed.store.read(worlds.MEMBER) as read:
        (row,) = await deployments.all_of(read, RELEASE)
        view = await voting.voting(read, RELEASE)
    assert row.packages_line == BOTH
    assert view.choices[0].row.packages_line == BOTH
    assert [line.detail for line in view.lines if line.kind == "deployment"] == [
        f"{BOTH} in deployment {row.external_id}"
    ]
    assert BOTH in letters.call_for_votes(view, page=_PAGE).body


async def test_the_frozen_ballot_and_its_mail_say_both_versions(mixed: worlds.World) -> None:
    async with mixed.manager() as manager:
        await manager.vote.open_vote(RELEASE)
    async with mixed.store.read(worlds.MEMBER) as read:
        view = await votes.newest(read, RELEASE)
    assert BOTH in next(line.detail for line in view.lines if line.kind == "deployment")
    letter = letters.for_vote(view, page=_PAGE, address=lambda digest: f"http://127.0.0.1/{digest}")
    assert BOTH in letter.body


async def test_what_is_promoted_together_says_both_versions(mixed: worlds.World) -> None:
    """The list, what is left out of it, what one waits for, and why one is refused."""
    other = trees.example(version="3.0.0")
    await mixed.until(
        await mixed.record(RELEASE, await mixed.stage_elsewhere(other), other.packages[0]),
        lambda row: row.proof.staged is not None,
    )
    await people.vote(mixed.store, RELEASE)
    await mixed.work()
    async with mixed.store.read(worlds.MEMBER) as read:
        view = await finish.promote_all(read, sql.release_key(people.PROJECT, "2.4.0"))
        shown = await finish.page(read, RELEASE)
    assert BOTH in [row.packages_line for row in view.rows]
    assert f"{BOTH} on Maven Central is waiting for you" in shown.sentence
    assert any(line.what.startswith(f"{BOTH} on Maven Central:") for line in shown.missing)
    rows = [await mixed.row(number) for number in (1, 2)]
    asked = [order.Asked(row.deployment_id or 0, row.evidence_digest, row.row_version) for row in rows]
    with pytest.raises(errors.ConflictError, match=BOTH, check=coded("stale")):
        async with mixed.member() as member:
            await member.promotions.promote_all(
                RELEASE, [order.Asked(1, "0" * 64, rows[0].row_version), asked[1]], stop_at_trouble=True
            )
    async with mixed.member() as member:
        first, second = await member.promotions.promote_all(RELEASE, asked, stop_at_trouble=True)
    async with mixed.store.read(worlds.MEMBER) as read:
        assert eligibility.named(first, await queries.targets(read.data, first)) == f"{BOTH} on Maven Central"
        left_out = (await finish.promote_all(read, sql.release_key(people.PROJECT, "2.4.0"))).left_out
        deployment = await queries.demand_deployment(read.data, 2)
        case = await eligibility.one(read.data, deployment, worlds.MEMBER)
    assert case.facts.waits_for == f"{BOTH} on Maven Central"
    assert f"{BOTH} on Maven Central" in [name for name, _, _ in left_out]
    (asking,) = [one for one in await mixed.events(f"promotion:{second.id}") if one.what == "promotion_requested"]
    assert asking.data["after"] == f"{BOTH} on Maven Central"
    assert (await mixed.promotion(second.id or 0)).state is states.State.REQUESTED
