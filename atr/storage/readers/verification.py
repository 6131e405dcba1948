# SPDX-License-Identifier: Apache-2.0
"""Verify now, as a row shows it: who asked, how far it is, what was found."""

from collections.abc import Mapping, Sequence

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.models.promotion as tables
import atr.models.views as views
import atr.storage.reads as reads
import atr.storage.transaction as transaction


def of(deployment: tables.Deployment, file_sets: Mapping[str, tables.FileSetRow], done: int) -> views.Verified | None:
    """What the newest Verify now came to, or how many files it has read; None if nobody has asked."""
    if deployment.verify_asked_at is None:
        return None
    side = file_sets.get(deployment.verified_digest or deployment.file_set_digest or "")
    total = side.files if side else 0
    return views.Verified(
        asked_by=deployment.verify_asked_by,
        asked_at=deployment.verify_asked_at,
        at=deployment.verified_at,
        done=total if deployment.verified_at else done,
        total=total,
        digest=deployment.verified_digest or "",
        problem=deployment.verify_problem,
    )


async def progress(read: transaction.Transaction, deployments: Sequence[tables.Deployment]) -> Mapping[int | None, int]:
    """By deployment that is being verified: how many files were read. Checksums are read too, and are no members."""
    owners = {
        reads.of_verification(row.id or 0): row.id for row in deployments if row.verify_asked_at and not row.verified_at
    }
    if not owners:
        return {}
    row = tables.FileRead
    wanted = (
        sqlmodel.select(row.owner, sqlalchemy.func.count())
        .where(col(row.owner).in_(owners), col(row.text) == "")
        .group_by(col(row.owner))
    )
    return {owners[owner]: count for owner, count in (await read.data.exec(wanted)).all()}
