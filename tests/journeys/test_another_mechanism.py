# SPDX-License-Identifier: Apache-2.0
"""Another platform by another mechanism, through the real storage and worker: what is built is only what tests pass.

Its files stand under ids, staging them takes several requests, publishing wants a code, and it is no Maven repository.
"""

import contextlib
import dataclasses
import pathlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import pytest

import atr.db.session as session
import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.finish as finish
import atr.promotion.order as order
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.sandbox.world as stand_in_worlds
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.mechanisms as mechanisms
import atr.storage as storage
import atr.storage.files as files
import tests.depot.adapter as adapter
import tests.depot.layout as layout
import tests.depot.stand_in as stand_in
import tests.sandboxes as sandboxes
from tests import world as worlds
from tests.coded import coded

NPM: Final = distribution.DistributionPlatform.NPM
STAGE: Final = mechanisms.Mechanism.NPM_STAGE
FILES: Final[Mapping[str, bytes]] = {
    "widgets@2.4.0/widgets-2.4.0.tgz": b"the package",
    # No checksum: a file like any other.
    "widgets@2.4.0/widgets-2.4.0.tgz.sha512": b"signed by hand",
    "widgets-cli@2.4.0/widgets-cli-2.4.0.tgz": b"the other package",
}


@contextlib.asynccontextmanager
async def opened(world: worlds.World, directory: pathlib.Path) -> AsyncIterator[stand_in.Depot]:
    """The world with the depot beside Central's Portal."""
    place = stand_in_worlds.World(directory / "depot", clock=world.clock.seconds)
    depot = stand_in.Depot(place)
    async with contextlib.AsyncExitStack() as stack:
        running = await stack.enter_async_context(sandboxes.RunningSandbox(place, depot.application))
        promoter = await stack.enter_async_context(contextlib.aclosing(adapter.Depot(running.url)))
        built = layouts.Layouts({**layouts.BUILT.by_mechanism, STAGE: layout.Flat()})
        timings = {**world.hands.storage.place.timings, STAGE: steps.Timing()}
        where = dataclasses.replace(world.hands.storage.place, timings=timings)
        database = session.Database(world.settings.database, world.clock, built)
        world.store = storage.Storage(database, where)
        promoters = {**world.hands.promoters, STAGE: promoter}
        world.hands = dataclasses.replace(world.hands, storage=world.store, promoters=promoters)
        try:
            yield depot
        finally:
            await database.close()


async def in_finish(world: worlds.World) -> tuple[str, int]:
    """A release in Finish with a deployment in the depot that is on the ballot."""
    release_key = await world.composed()
    async with world.admin() as admin:
        await admin.policy.set_target(people.PROJECT, NPM, namespaces=["widgets", "widgets-cli"])
    async with world.member() as member:
        await member.policy.edit(
            people.PROJECT,
            file_tag_mappings={"mavencentral": ["maven/**"], "npm": ["npm/**"]},
            remote_promotion={NPM: True},
        )

    async def add(draft: files.Draft) -> None:
        for path, content in FILES.items():
            await draft.add(f"npm/{path}", worlds.stream(content))

    await world.revise(release_key, add)
    async with world.member() as member:
        deployment_id = await member.distributions.automate(release_key, NPM, staging=True)
    await world.until(deployment_id, lambda row: row.proof.staged is not None)
    await people.vote(world.store, release_key)
    await world.work()
    return release_key, deployment_id


async def promote(world: worlds.World, release_key: str, deployment_id: int, **given: Any) -> int:
    """Click Promote with what the page shows now."""
    form = await world.form(deployment_id)
    async with world.member() as member:
        return await member.distributions.promote_staging_to_production(
            release_key,
            NPM,
            deployment_id,
            evidence_digest=form.evidence_digest,
            row_version=form.row_version,
            **given,
        )


async def test_from_the_vote_to_live_with_a_code(world: worlds.World, tmp_path: pathlib.Path) -> None:
    async with opened(world, tmp_path) as depot:
        release_key, deployment_id = await in_finish(world)
        (row,) = await world.rows(tables.Deployment)
        assert (row.platform, row.mechanism, row.listed_files) == ("NPM", "NPM_STAGE", 3)
        assert depot.public == {}

        # Without a code nothing happens, and the row says what it waits for.
        number = await promote(world, release_key, deployment_id)
        await world.work()
        promotion = await world.promotion(number)
        assert (promotion.held, promotion.one_time_code, depot.public) == (True, "", {})
        assert promotion.blocker.startswith("A code is wanted (401)")
        calls = [one for one in await world.rows(tables.Attempt) if one.kind is tables.AttemptKind.PUBLISH]
        assert [one.answer for one in calls] == [steps.Answer.CHALLENGED]

        assert await promote(world, release_key, deployment_id, code=stand_in.CODE) == number
        live = await world.live(deployment_id)
        assert live.state is states.State.LIVE
        assert {path: data for there in depot.public.values() for path, data in there.values()} == dict(FILES)
        assert depot.world.traffic.effects["publish"] == 1
        assert (await world.promotion(number)).one_time_code == ""
        final = [one for one in await world.rows(sql.Distribution) if one.platform == "NPM"]
        assert {(one.package, one.staging, one.pending) for one in final} == {
            ("widgets", False, False),
            ("widgets-cli", False, False),
        }
        # A code is nobody's to read later.
        assert stand_in.CODE not in repr(await world.events_of(release_key))


async def test_what_may_need_a_code_is_promoted_by_itself(world: worlds.World, tmp_path: pathlib.Path) -> None:
    """A code is good for one request, so one form cannot carry it for several."""
    async with opened(world, tmp_path):
        release_key, deployment_id = await in_finish(world)
        form = await world.form(deployment_id)
        asked = [order.Asked(deployment_id, form.evidence_digest, form.row_version)]
        async with world.store.read("alice") as read:
            offered = await finish.promote_all(read, sql.release_key(people.PROJECT, "2.4.0"))
        assert offered.rows == ()
        assert "Promote it by itself" in offered.left_out[0][2]
        async with world.member() as member:
            with pytest.raises(errors.ConflictError, check=coded("needs-code")):
                await member.promotions.promote_all(release_key, asked, stop_at_trouble=True)


async def test_what_is_outside_the_project_is_refused(world: worlds.World, tmp_path: pathlib.Path) -> None:
    async with opened(world, tmp_path):
        release_key = await world.composed()
        async with world.admin() as admin:
            await admin.policy.set_target(people.PROJECT, NPM, namespaces=["widgets"])
        where = distribution.coordinates(NPM, "", "widgets-cli", "2.4.0")
        async with world.member() as member:
            with pytest.raises(errors.BlockedError, match="Outside the project's namespaces"):
                await member.distributions.record(
                    release_key, where, staging=True, deployment_id="stage-0123456789abcdef"
                )


async def test_without_it_in_what_is_built_nothing_of_it_can_be_staged(world: worlds.World) -> None:
    release_key = await world.composed()
    async with world.member() as member:
        with pytest.raises(errors.UnsupportedError):
            await member.distributions.automate(release_key, NPM, staging=True)


async def test_a_code_is_not_kept_where_no_call_is_made(world: worlds.World, tmp_path: pathlib.Path) -> None:
    async with opened(world, tmp_path):
        release_key, deployment_id = await in_finish(world)
        number = await promote(world, release_key, deployment_id, code=stand_in.CODE)
        assert (await world.promotion(number)).one_time_code == stand_in.CODE
        async with world.member() as member:
            await member.promotions.abort(number, "Not today.")
        assert (await world.promotion(number)).one_time_code == ""
