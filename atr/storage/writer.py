# SPDX-License-Identifier: Apache-2.0
"""What every writer has: its transaction, small checks, and rows of the project for which the rights were granted.

ATR's release key joins project and version by a hyphen, and both may hold hyphens: "a-b-1.0" is version "1.0" of "a-b"
and could be read as version "b-1.0" of "a". So a key alone never says whose release it is.
"""

from typing import Final

import atr.db.guards as guards
import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.storage.transaction as transaction

_MAX_REASON: Final = 500


class Writer:
    """Changes rows in one open transaction. It never commits."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write


def checked_reason(reason: str) -> str:
    """A reason that a person gave. Raises InputError when there is none."""
    text = " ".join(reason.split())
    if (not text) or (len(text) > _MAX_REASON):
        raise errors.InputError(f"Enter a reason of at most {_MAX_REASON} characters.", field="reason")
    return text


def row_id(value: int | None) -> int:
    """The number of a row that was flushed."""
    if value is None:
        raise RuntimeError("The row was not flushed.")
    return value


async def load_project(write: transaction.Transaction, project_key: str) -> sql.Project:
    """The project. Raises NotFoundError for another one than the rights were granted for."""
    if write.project_key and (project_key != write.project_key):
        raise errors.NotFoundError(f"The rights are for {write.project_key}, not for “{project_key[:60]}”.")
    return await queries.demand_project(write.data, project_key)


async def load_release_for_update(write: transaction.Transaction, release_key: str) -> sql.Release:
    """The release. Raises NotFoundError for one of another project, and for one under embargo for all but members."""
    row = await _release(write, release_key)
    return row or await queries.demand_release(write.data, release_key)


async def load_deployment_for_update(write: transaction.Transaction, deployment_id: int) -> tables.Deployment:
    """The deployment. Raises NotFoundError for one of another project.

    The worker, which acts for no project, gets it though a host has deleted its release.
    """
    row = await queries.demand_deployment(write.data, deployment_id)
    write.subject = f"deployment:{deployment_id}"
    await _release(write, row.release_key)
    return await queries.demand_deployment(write.data, deployment_id, fresh=True)


async def load_promotion_for_update(write: transaction.Transaction, promotion_id: int) -> tables.Promotion:
    """The promotion; as above."""
    row = await queries.demand_promotion(write.data, promotion_id)
    write.subject = f"promotion:{promotion_id}"
    await _release(write, row.release_key)
    return await queries.demand_promotion(write.data, promotion_id, fresh=True)


async def _release(write: transaction.Transaction, release_key: str) -> sql.Release | None:
    await guards.hold(write.data, guards.release(release_key))
    row = await queries.get_release(write.data, release_key, fresh=True)
    if write.project_key and ((row is None) or (row.project_key != write.project_key)):
        raise errors.NotFoundError(f"{write.project_key} has no release “{release_key[:80]}”.")
    if write.project_key and row and row.is_embargoed and not write.is_committee_member:
        raise queries.no_release(release_key)
    write.chain, write.subject = release_key, write.subject or "release"
    return row
