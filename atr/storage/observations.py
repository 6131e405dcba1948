# SPDX-License-Identifier: Apache-2.0
"""What the worker observed of a promotion: its last poll, the files it read, and the extra files.

Files are stored one by one while they are read, so that a reading that is interrupted continues where it stopped.
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
    """Store the last check on the row, with an event if it says something new or completes a reading."""
    if (learnt.seen is None) and (row.absent_since is not None) and (row.last_look is not None):
        # The check failed, so the time since the last one does not count as observed.
        row.absent_since += write.now - row.last_look
    row.last_look = write.now
    gone = learnt.seen is steps.Seen.GONE
    if learnt.seen is not None:
        row.gone_looks = row.gone_looks + 1 if gone else 0
        row.gone_since = (row.gone_since or write.now) if gone else None
        # A version is absent only if the platform and the public repository both say so: otherwise the time restarts.
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
    """End the lease and set when the row is checked next."""
    row.lease_until = None
    if (row.state in states.ENDED) and (learnt.decision.to is None):
        # A check after the end of the promotion failed: it is repeated.
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
    """Store these files of one reading, in place of those that are stored under the same paths."""
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
    """Delete the stored files of this owner: the reading is complete, and its file set contains them."""
    await write.data.exec(sqlalchemy.delete(tables.FileRead).where(col(tables.FileRead.owner) == owner))


async def kept_reads(
    read: transaction.Transaction, owner: str, side: tables.Side, number: int
) -> tuple[work.Read, ...]:
    """Return the stored files of one reading."""
    wanted = sqlmodel.select(tables.FileRead).where(
        tables.FileRead.owner == owner, tables.FileRead.side == side, tables.FileRead.round == number
    )
    rows = (await read.data.exec(wanted)).all()
    return tuple(work.Read(fileset.File(row.path, row.size, row.sha256), row.problem, row.text) for row in rows)


def of_verification(deployment_id: int) -> str:
    """Return the owner under which Verify now stores the files that it read, apart from those of a capture."""
    return f"verify:{deployment_id}"


def beside_memory(row: tables.Promotion) -> beside.Memory:
    """Return what earlier checks for extra files found."""
    return beside.Memory(files(row.extra_files), files(row.accepted_files), row.beside_asked_at, row.beside_problem)


def accepted(row: tables.Promotion) -> tuple[beside.Accepted, ...]:
    """Return the extra files that committee members accepted, oldest first."""
    return tuple(
        beside.Accepted(file, one["reason"], one["by"], datetime.datetime.fromisoformat(one["at"]))
        for file, one in zip(files(row.accepted_files), row.accepted_files, strict=True)
    )


def beside_sentence(row: tables.Promotion) -> str:
    """Return the sentence that pages show about a live promotion and its extra files."""
    return beside.sentence(row.beside_at, row.beside_problem, accepted(row))


def as_json(file: fileset.File) -> dict[str, Any]:
    """Return a file as a row or an event stores it."""
    return {"path": file.path, "size": file.size, "sha256": file.sha256}


def files(kept: Sequence[Mapping[str, Any]]) -> tuple[fileset.File, ...]:
    """Return the files that a row stores."""
    return tuple(fileset.File(one["path"], one["size"], one["sha256"]) for one in kept)
