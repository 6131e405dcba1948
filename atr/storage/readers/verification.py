# SPDX-License-Identifier: Apache-2.0
"""Verify now, as a row shows it: who asked, how far it is, what was found."""

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.models.promotion as tables
import atr.models.views as views
import atr.storage.reads as reads
import atr.storage.transaction as transaction


async def of(read: transaction.Transaction, deployment: tables.Deployment) -> views.Verified | None:
    """What the newest Verify now came to; None if nobody has asked."""
    if deployment.verify_asked_at is None:
        return None
    digest = deployment.verified_digest or deployment.file_set_digest
    side = await read.data.get(tables.FileSetRow, digest) if digest else None
    total = side.files if side else 0
    return views.Verified(
        asked_by=deployment.verify_asked_by,
        asked_at=deployment.verify_asked_at,
        at=deployment.verified_at,
        done=total if deployment.verified_at else await _read(read, deployment),
        total=total,
        digest=deployment.verified_digest or "",
        problem=deployment.verify_problem,
    )


async def _read(read: transaction.Transaction, deployment: tables.Deployment) -> int:
    wanted = sqlmodel.select(sqlalchemy.func.count()).where(
        col(tables.FileRead.owner) == reads.of_verification(deployment.id or 0),
        # Checksums are read, and are no members.
        col(tables.FileRead.text) == "",
    )
    return (await read.data.exec(wanted)).one()
