# SPDX-License-Identifier: Apache-2.0
"""What the scan does with a deployment: check it, search for a lost one, drop it."""

import atr.errors as errors
import atr.models.promotion as tables
import atr.models.work as work
import atr.platforms.contract as contract
import atr.promotion.deployments as rules
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.tasks.context as contexts
import atr.tasks.leased as leased
import atr.tasks.reading as reading


async def advance(context: contexts.Context, claimed: work.Deployment) -> None:
    """Take the step that is due for this deployment. Raises AtrError; the scan records it on the row."""
    async with leased.DeploymentLease(context, claimed).alive():
        if claimed.probe and claimed.external_id:
            await _look(context, claimed)
        elif claimed.state is states.DeploymentState.UPLOADING:
            if claimed.probe:
                # There is no deployment to poll yet, so any list that the platform returns answers the probe.
                await _found(context, claimed)
            if claimed.view.limit is not None:
                async with context.service() as service:
                    await service.deployments.wait(claimed)
            elif claimed.may_upload:
                async with context.service() as service:
                    await service.deployments.ask_to_stage(claimed)
            else:
                await _search(context, claimed)
        elif claimed.state is states.DeploymentState.LOST:
            await _search_again(context, claimed)
        elif (claimed.state is states.DeploymentState.DROPPING) and not claimed.external_id:
            async with context.service() as service:
                await service.deployments.nothing_to_drop(claimed)
        elif (claimed.state is states.DeploymentState.DROPPING) and claimed.may_drop:
            await _drop(context, claimed)
        else:
            await _look(context, claimed)


async def failed_look(context: contexts.Context, claimed: work.Deployment, error: errors.AtrError) -> None:
    """Record on the row that the platform could not be read, or that nothing was sent; it is checked again."""
    is_outage = not isinstance(error, errors.MalformedError)
    async with context.service() as service:
        await service.deployments.failed_look(claimed, str(error), error.retry_after, is_outage=is_outage)


async def _look(context: contexts.Context, claimed: work.Deployment) -> None:
    await _note(context, claimed, await context.promoter(claimed.mechanism).observe(leased.target(claimed)))


async def _note(context: contexts.Context, claimed: work.Deployment, observation: contract.Observation) -> None:
    """Record the platform's status, with its records of the version if the status alone does not suffice."""
    version = steps.Version.NOT_ASKED
    if rules.asks_records(claimed.view.counted(observation.seen), observation.seen):
        version = await reading.version(context.promoter(claimed.mechanism), claimed.packages)
    unclear = observation.detail if (observation.seen is steps.Seen.UNKNOWN) else ""
    async with context.service() as service:
        await service.deployments.looked(claimed, observation, version, problem=unclear)


async def _found(context: contexts.Context, claimed: work.Deployment) -> tuple[contract.Found, ...]:
    """Return the platform's deployments that have the name that ATR gave to this one."""
    promoter = context.promoter(claimed.mechanism)
    return await promoter.find(claimed.name, leased.target(claimed), since=claimed.view.marked)


async def _search(context: contexts.Context, claimed: work.Deployment) -> None:
    """Search by name for an upload whose reply was lost; it is never uploaded again."""
    found = await _found(context, claimed)
    async with context.service() as service:
        await service.deployments.searched(claimed, found[0].external_id if found else "")


async def _search_again(context: contexts.Context, claimed: work.Deployment) -> None:
    """Search again for an upload in LOST. Only a published one changes its state; otherwise a person enters the id."""
    found = await _found(context, claimed)
    async with context.service() as service:
        await service.deployments.found_again(
            claimed, found[0].external_id if found else "", found[0].observation.seen if found else steps.Seen.UNKNOWN
        )


async def _drop(context: contexts.Context, claimed: work.Deployment) -> None:
    promoter = context.promoter(claimed.mechanism)
    observation = await promoter.observe(leased.target(claimed))
    if observation.seen not in {steps.Seen.STAGED, steps.Seen.FAILED}:
        await _note(context, claimed, observation)
        return
    before = context.monotonic()
    async with context.service() as service:
        permit = await service.marks.transfer(claimed, tables.AttemptKind.DROP, seconds=context.lease)
    reply = await leased.drop(context, promoter, leased.target(claimed), before)
    async with context.service() as service:
        await service.deployments.answered(claimed, permit, reply)
    await leased.hear(context, claimed.mechanism, reply)
