# SPDX-License-Identifier: Apache-2.0
"""What the irreversible calls have in common: a drop, whoever asks for it, and what a reply tells."""

import atr.models.work as work
import atr.platforms.contract as contract
import atr.promotion.budget as budget
import atr.promotion.steps as steps
import atr.shared.mechanisms as mechanisms
import atr.storage.lanes as lanes
import atr.tasks.context as contexts


async def drop(
    context: contexts.Context, promoter: contract.Promoter, about: contract.Target, marked_since: float
) -> contract.Reply:
    """Send a drop, once. Raises UnavailableError, and sends nothing, where its mark is too old by now."""
    context.failpoint("in_abort")
    context.demand_fresh(marked_since)
    reply = await promoter.drop(about)
    context.failpoint("after_drop_reply")
    return reply


def target(
    claimed: work.Promotion | work.Deployment, digest: str = "", permit: work.Permit | None = None
) -> contract.Target:
    """What a call for this row is about; for a publish with what was proved and what its mark has handed out."""
    return contract.Target(
        claimed.external_id,
        claimed.packages,
        pointer=permit.pointer if permit else "",
        digest=digest,
        code=permit.code if permit else "",
    )


async def hear(context: contexts.Context, mechanism: mechanisms.Mechanism, reply: contract.Reply) -> None:
    """What the reply says of the platform itself counts for all its rows."""
    fault = (reply.answer is steps.Answer.UNCLEAR) and budget.is_fault(reply.status)
    await context.hear(lanes.Lane(mechanism.name), fault=fault, retry_after=reply.retry_after)
