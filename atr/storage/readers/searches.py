# SPDX-License-Identifier: Apache-2.0
"""A search for a deployment, and which of its results are recorded."""

from collections.abc import Mapping

import sqlmodel
from sqlmodel import col

import atr.errors as errors
import atr.models.promotion as tables
import atr.storage.transaction as transaction


async def one(
    read: transaction.Transaction, release_key: str, number: int
) -> tuple[tables.DeploymentSearch, Mapping[str | None, tables.Deployment]]:
    """Return a search of this release and, by the platform's id, the results that are recorded in any release.

    Raises NotFoundError.
    """
    row = await read.data.get(tables.DeploymentSearch, number)
    if (row is None) or (row.release_key != release_key):
        raise errors.NotFoundError("This release has no such search.")
    deployment = tables.Deployment
    wanted = sqlmodel.select(deployment).where(
        deployment.platform == row.platform,
        col(deployment.external_id).in_([found["external_id"] for found in row.found]),
    )
    return row, {one.external_id: one for one in (await read.data.exec(wanted)).all()}
