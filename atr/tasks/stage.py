# SPDX-License-Identifier: Apache-2.0
"""Stage: upload a revision's mapped files as a deployment that waits. One request, marked before it, never repeated."""

from collections.abc import Mapping
from typing import Any

import atr.errors as errors
import atr.models.promotion as tables
import atr.models.work as work
import atr.platforms.contract as contract
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.storage.readers.work as readers
import atr.tasks.context as contexts
import atr.tasks.holds as holds
import atr.tasks.sending as sending


async def stage(context: contexts.Context, args: Mapping[str, Any]) -> None:
    """Upload for the deployment `deployment_id`, unless an upload was sent before: then the scan looks for it."""
    storage = context.storage
    async with storage.write_as_user_service() as service:
        claimed = await service.deployments.take(args["deployment_id"], owner=context.owner, seconds=context.lease)
    if claimed is None:
        raise errors.ConflictError("Somebody else works on this deployment.")
    sent = claimed.asked_before or (claimed.upload_answer not in {None, steps.Answer.LIMITED})
    if sent or (claimed.state is not states.DeploymentState.UPLOADING):
        async with storage.write_as_user_service() as service:
            await service.deployments.release(claimed)
        return
    try:
        promoter = context.promoter(claimed.platform)
        async with storage.read() as read:
            files = [contract.Upload(path, source) for path, source in await readers.uploads(read, claimed.id)]
    except errors.AtrError as error:
        # Nothing was sent: the row says why, and the scan asks again.
        async with storage.write_as_user_service() as service:
            await service.deployments.failed_look(claimed, str(error), None)
        return

    async with holds.DeploymentHold(context, claimed).alive():
        before = context.monotonic()
        try:
            async with storage.write_as_user_service() as service:
                permit = await service.deployments.mark(claimed, tables.AttemptKind.UPLOAD, seconds=context.lease)
        except errors.BlockedError as error:
            # Switched off: nothing was sent, the row says why, and the scan asks again.
            async with storage.write_as_user_service() as service:
                await service.deployments.failed_look(claimed, str(error), None)
            return
        context.failpoint("after_upload_mark")
        context.demand_fresh(before)
        progress = holds.UploadProgress(context, claimed)
        async with progress.told():
            outcome = await _upload(promoter, context, claimed, files, progress.note)
        context.failpoint("after_upload_reply")
        async with storage.write_as_user_service() as service:
            await service.deployments.answered(claimed, permit, outcome)


async def _upload(
    promoter: contract.Promoter,
    context: contexts.Context,
    claimed: work.Deployment,
    files: list[contract.Upload],
    sent: contract.Sent,
) -> work.Outcome:
    try:
        return sending.outcome(await promoter.stage(claimed.name, files, context.scratch, sent))
    except errors.InputError as error:
        # The adapter found, before it sent a byte, that the platform cannot take this: certainly refused.
        return work.Outcome(steps.Answer.REFUSED, sample=str(error))
