# SPDX-License-Identifier: Apache-2.0
"""The third-party distributions of a release."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.models.paging as paging
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.shared.distribution as distribution
import atr.storage.transaction as transaction


async def page(
    read: transaction.Transaction, release_key: str, asked: paging.Asked
) -> tuple[Sequence[sql.Distribution], paging.Part]:
    """Return a page of them, in order of platform and package."""
    where = [col(sql.Distribution.release_key) == release_key, *map(_names, asked.words)]
    counted = sqlmodel.select(sqlalchemy.func.count()).select_from(sql.Distribution).where(*where)
    part = asked.part((await read.data.exec(counted)).one())
    return await _ordered(read, *where, offset=part.offset), part


async def not_promoted(read: transaction.Transaction, release_key: str) -> Sequence[sql.Distribution]:
    """Return one page of those on platforms that cannot promote, not found yet, or published and not verified."""
    row = sql.Distribution
    cannot = [one.name for one in distribution.DistributionPlatform if not read.data.built.supports(one)]
    unproved = ~col(row.staging) & (col(row.proof) == distribution.Proof.UNPROVED)
    return await _ordered(
        read, row.release_key == release_key, col(row.pending) | unproved | col(row.platform).in_(cannot)
    )


async def deployments(read: transaction.Transaction, release_key: str) -> Mapping[tuple[str, str, str, str], int]:
    """Return by platform, owner, package and version the newest deployment that has it."""
    row, deployment = tables.DeploymentPackage, tables.Deployment
    wanted = (
        sqlmodel.select(deployment.platform, row)
        .join(deployment, col(deployment.id) == col(row.deployment_id))
        .where(deployment.release_key == release_key)
        .order_by(col(deployment.id))
    )
    return {
        (platform, one.owner_namespace, one.package, one.version): one.deployment_id
        for platform, one in (await read.data.exec(wanted)).all()
    }


async def _ordered(read: transaction.Transaction, *where: Any, offset: int = 0) -> Sequence[sql.Distribution]:
    row = sql.Distribution
    wanted = (
        sqlmodel.select(row)
        .where(*where)
        .order_by(col(row.platform), col(row.owner_namespace), col(row.package), col(row.version))
        .offset(offset)
        .limit(paging.SHOWN)
    )
    return (await read.data.exec(wanted)).all()


def _names(word: str) -> Any:
    """Return the condition under which a third-party distribution is found by this word."""
    row = sql.Distribution
    named = (col(row.platform), col(row.owner_namespace), col(row.package), col(row.version))
    return sqlalchemy.or_(*(column.icontains(word, autoescape=True) for column in named))
