# SPDX-License-Identifier: Apache-2.0
"""From an adapter's reply to what is stored of it."""

import atr.models.work as work
import atr.platforms.contract as contract


def outcome(reply: contract.Reply) -> work.Outcome:
    """The part of a reply that is kept beside its mark."""
    return work.Outcome(
        answer=reply.answer,
        status=reply.status,
        sample=reply.sample,
        retry_after=reply.retry_after,
        external_id=reply.external_id,
        bytes_sent=reply.bytes_sent,
    )
