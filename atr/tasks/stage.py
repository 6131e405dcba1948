# SPDX-License-Identifier: Apache-2.0
"""Stage: upload a revision's mapped files as a deployment. One upload, marked before it is sent, never repeated."""

from collections.abc import Mapping
from typing import Any

import atr.errors as errors
import atr.models.promotion as tables
import atr.models.work as work
import atr.platforms.contract as contract
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.storage.worker.inputs as inputs
import atr.tasks.context as contexts
import atr.tasks.leased as leased
import atr.tasks.tend as tend


async def stage(context: contexts.Context, args: Mapping[str, Any]) -> None:
    """Upload the deployment `deployment_id`, unless an upload was already sent: then the scan searches for it."""
    claimed = await leased.taken(context, args["deployment_id"])
    over = (not claimed.may_upload) or (claimed.state is not states.DeploymentState.UPLOADING)
    if over or claimed.view.limit:
        async with context.service() as service:
            await (service.deployments.release if over else service.deployments.wait)(claimed)
        return
    try:
        promoter = context.promoter(claimed.mechanism)
        async with context.storage.read() as read:
            files = [contract.Upload(path, source) for path, source in await inputs.uploads(read, claimed.id)]
    except errors.AtrError as error:
        # Nothing was sent: the row says why, and the scan queues the task again.
        await tend.failed_look(context, claimed, error)
        return

    async with leased.DeploymentLease(context, claimed).alive():
        before = context.monotonic()
        try:
            async with context.service() as service:
                permit = await service.marks.transfer(claimed, tables.AttemptKind.UPLOAD, seconds=context.lease)
        except errors.BlockedError as error:
            # Switched off: nothing was sent, the row says why, and the scan queues the task again.
            await tend.failed_look(context, claimed, error)
            return
        context.failpoint("after_upload_mark")
        context.demand_fresh(before)
        progress = leased.UploadProgress(context, claimed)
        async with progress.told():
            reply = await _upload(promoter, context, claimed, files, progress.note)
        context.failpoint("after_upload_reply")
        async with context.service() as service:
            await service.deployments.answered(claimed, permit, reply)
        await leased.hear(context, claimed.mechanism, reply)


async def _upload(
    promoter: contract.Promoter,
    context: contexts.Context,
    claimed: work.Deployment,
    files: list[contract.Upload],
    sent: contract.Sent,
) -> contract.Reply:
    try:
        return await promoter.stage(claimed.name, files, context.scratch, sent)
    except (errors.InputError, errors.UnavailableError) as error:
        # The adapter raises before it sends a byte: the platform cannot accept these files, or the bundle could not be
        # made. So nothing arrived, and there is nothing to search for.
        return contract.Reply(steps.Answer.REFUSED, None, str(error))
