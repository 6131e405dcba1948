# SPDX-License-Identifier: Apache-2.0
"""What the worker observed of a promotion: its last poll, the files it read, and the files beside the voted ones.

Files are kept one by one while they are read, so that a reading that breaks goes on where it stopped.
"""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.models.promotion as tables
import atr.models.work as work
import atr.promotion.beside as beside
import atr.promotion.fileset as fileset
import atr.promotion.states as states
import atr.promotion.steps as steps
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
        await forget_reads(write, row.subject)
    if learnt.staged is not None:
        row.verified_digest = await queries.store_file_set(write.data, learnt.staged, write.now)
        row.verified_at = write.now
    if learnt.public is not None:
        row.public_digest = await queries.store_file_set(write.data, learnt.public, write.now)
        row.public_at = write.now
    if learnt.looked_beside is not None:
        _note_beside(write, row, learnt.looked_beside)
    if news or learnt.complete:
        await write.event_of(
            row,
            "promotion_looked",
            seen=learnt.seen.value if learnt.seen else "",
            word=learnt.word,
            blocker=learnt.blocker,
            difference=learnt.difference,
            public_digest=learnt.public.digest if learnt.public else "",
            public_files=len(learnt.public.files) if learnt.public else 0,
            extra_files=[as_json(file) for file in learnt.looked_beside.extras] if learnt.looked_beside else [],
            not_looked=learnt.looked_beside.problem if learnt.looked_beside else "",
        )


def _note_beside(write: transaction.Transaction, row: tables.Promotion, looked: beside.Looked) -> None:
    row.extra_files = [as_json(file) for file in looked.extras]
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


async def keep_reads(
    write: transaction.Transaction, owner: str, side: tables.Side, number: int, done: Sequence[work.Read]
) -> None:
    """Keep these files of one reading, in place of what an earlier one kept of the same paths."""
    if not done:
        return
    row = tables.FileRead
    await write.data.exec(
        sqlalchemy.delete(row).where(
            col(row.owner) == owner,
            col(row.side) == side,
            col(row.round) == number,
            col(row.path).in_([read.file.path for read in done]),
        )
    )
    values = [
        {
            "owner": owner,
            "side": side,
            "round": number,
            "path": read.file.path,
            "size": read.file.size,
            "sha256": read.file.sha256,
            "problem": read.problem,
            "text": read.text,
            "read_at": write.now,
        }
        for read in done
    ]
    await write.data.exec(sqlalchemy.insert(row), params=values)


async def forget_reads(write: transaction.Transaction, owner: str) -> None:
    """Forget what was kept for this owner: the reading is complete, and its file set says it all."""
    await write.data.exec(sqlalchemy.delete(tables.FileRead).where(col(tables.FileRead.owner) == owner))


async def kept_reads(
    read: transaction.Transaction, owner: str, side: tables.Side, number: int
) -> tuple[work.Read, ...]:
    """What was kept of one reading."""
    wanted = sqlmodel.select(tables.FileRead).where(
        tables.FileRead.owner == owner, tables.FileRead.side == side, tables.FileRead.round == number
    )
    rows = (await read.data.exec(wanted)).all()
    return tuple(work.Read(fileset.File(row.path, row.size, row.sha256), row.problem, row.text) for row in rows)


def of_verification(deployment_id: int) -> str:
    """Under which owner Verify now keeps what it read: apart from what a capture keeps."""
    return f"verify:{deployment_id}"


def beside_memory(row: tables.Promotion) -> beside.Memory:
    """What earlier looks left."""
    return beside.Memory(files(row.extra_files), files(row.accepted_files), row.beside_asked_at, row.beside_problem)


def accepted(row: tables.Promotion) -> tuple[beside.Accepted, ...]:
    """The extra files that committee members accepted, oldest first."""
    return tuple(
        beside.Accepted(file, one["reason"], one["by"], datetime.datetime.fromisoformat(one["at"]))
        for file, one in zip(files(row.accepted_files), row.accepted_files, strict=True)
    )


def beside_sentence(row: tables.Promotion) -> str:
    """What may be said of a live promotion."""
    return beside.sentence(row.beside_at, row.beside_problem, accepted(row))


def as_json(file: fileset.File) -> dict[str, Any]:
    """A file as a row or an event keeps it."""
    return {"path": file.path, "size": file.size, "sha256": file.sha256}


def files(kept: Sequence[Mapping[str, Any]]) -> tuple[fileset.File, ...]:
    """The files that a row keeps."""
    return tuple(fileset.File(one["path"], one["size"], one["sha256"]) for one in kept)
