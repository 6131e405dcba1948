# SPDX-License-Identifier: Apache-2.0
"""What a look of the worker leaves on a promotion's row, whether an arrow follows or not."""

import datetime

import atr.db.queries as queries
import atr.models.promotion as tables
import atr.models.work as work
import atr.promotion.beside as beside
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.storage.beside_rows as beside_rows
import atr.storage.reads as reads
import atr.storage.row_views as row_views
import atr.storage.transaction as transaction


async def note(write: transaction.Transaction, row: tables.Promotion, learnt: work.Learnt) -> None:
    """An observation is an event when it says something new; the row keeps the last look."""
    if (learnt.seen is None) and (row.absent_since is not None) and (row.last_look is not None):
        # We could not look, so this time does not count as observed.
        row.absent_since += write.now - row.last_look
    row.last_look = write.now
    gone = learnt.seen is steps.Seen.GONE
    if learnt.seen is not None:
        row.gone_looks = row.gone_looks + 1 if gone else 0
        row.gone_since = (row.gone_since or write.now) if gone else None
        # Absent is only what the platform and the public place both say: anything else starts the count anew.
        absent = learnt.look is steps.Look.NONE
        row.absent_since = (row.absent_since or write.now) if absent else None
    news = any(
        (
            learnt.word not in {"", row.platform_word},
            learnt.blocker not in {"", row.blocker},
            learnt.difference not in {"", row.difference},
        )
    )
    if learnt.word:
        row.platform_word = learnt.word
    if not (row.held and not learnt.blocker):
        row.blocker = learnt.blocker
    if learnt.complete:
        row.difference = learnt.difference
        row.read_round += 1
        row.read_done = 0
        await reads.forget(write, f"promotion:{row.id}")
    if learnt.staged is not None:
        row.verified_digest = await queries.store_file_set(write.data, learnt.staged, write.now)
        row.verified_at = write.now
    if learnt.public is not None:
        row.public_digest = await queries.store_file_set(write.data, learnt.public, write.now)
        row.public_at = write.now
    if learnt.looked_beside is not None:
        _note_beside(write, row, learnt.looked_beside)
    if news or learnt.complete:
        await write.event(
            row.release_key,
            f"promotion:{row.id}",
            "promotion_looked",
            seen=learnt.seen.value if learnt.seen else "",
            word=learnt.word,
            blocker=learnt.blocker,
            difference=learnt.difference,
            public_digest=learnt.public.digest if learnt.public else "",
            public_files=len(learnt.public.files) if learnt.public else 0,
            extra_files=[beside_rows.as_json(file) for file in learnt.looked_beside.extras]
            if learnt.looked_beside
            else [],
            not_looked=learnt.looked_beside.problem if learnt.looked_beside else "",
        )


def _note_beside(write: transaction.Transaction, row: tables.Promotion, looked: beside.Looked) -> None:
    row.extra_files = [beside_rows.as_json(file) for file in looked.extras]
    if not looked.asked:
        return
    row.beside_asked_at, row.beside_problem = write.now, looked.problem
    if not looked.problem:
        row.beside_at = write.now


def rest(row: tables.Promotion, view: steps.View, learnt: work.Learnt) -> None:
    """Give the row back until its next look."""
    row.lease_until = None
    if (row.state in states.ENDED) and (learnt.decision.to is None):
        # A look after its end that could not be made is made up for.
        row.due_at = view.now + datetime.timedelta(seconds=view.timing.doubting)
        if learnt.retry_after is not None:
            row.due_at = steps.told(view.now, learnt.retry_after, view.timing)
    elif row.state not in {*states.ENDED, states.State.DIVERGED}:
        row.due_at = steps.next_look(
            view, then=learnt.decision.then, retry_after=learnt.retry_after, jitter=row_views.jitter(row)
        )
