# SPDX-License-Identifier: Apache-2.0
"""Files that were read and hashed, kept one by one so that a broken reading goes on where it stopped."""

from collections.abc import Sequence

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.models.promotion as tables
import atr.models.work as work
import atr.promotion.fileset as fileset
import atr.storage.transaction as transaction


async def keep(
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


async def forget(write: transaction.Transaction, owner: str) -> None:
    """Forget what was kept for this owner: the reading is complete, and its file set says it all."""
    await write.data.exec(sqlalchemy.delete(tables.FileRead).where(col(tables.FileRead.owner) == owner))


async def kept(read: transaction.Transaction, owner: str, side: tables.Side, number: int) -> tuple[work.Read, ...]:
    """What was kept of one reading."""
    wanted = sqlmodel.select(tables.FileRead).where(
        tables.FileRead.owner == owner, tables.FileRead.side == side, tables.FileRead.round == number
    )
    rows = (await read.data.exec(wanted)).all()
    return tuple(work.Read(fileset.File(row.path, row.size, row.sha256), row.problem, row.text) for row in rows)


def of_verification(deployment_id: int) -> str:
    """Under which owner Verify now keeps what it read: apart from what a capture keeps."""
    return f"verify:{deployment_id}"
