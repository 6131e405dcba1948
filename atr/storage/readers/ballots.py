# SPDX-License-Identifier: Apache-2.0
"""The ballot of the newest vote on a release, and the files that may be served from it."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.shared.distribution as distribution
import atr.storage.eligibility as eligibility
import atr.storage.embargo as embargo
import atr.storage.transaction as transaction

_LAST: Final = "\U0010ffff"


@dataclasses.dataclass(frozen=True)
class Frozen:
    """The deployments of a release, and by digest the file sets of its newest ballot."""

    deployments: Mapping[int | None, tables.Deployment]
    packages: Mapping[int | None, tuple[distribution.Coordinates, ...]]
    file_sets: Mapping[str, tables.FileSetRow]


async def frozen(read: transaction.Transaction, of: eligibility.Release) -> Frozen:
    """Return everything that pages show about the entries of this release's newest ballot."""
    deployments = await queries.deployments(read.data, of.row.key)
    return Frozen(
        deployments={row.id: row for row in deployments},
        packages=await queries.packages_of(read.data, deployments),
        file_sets=await queries.file_set_rows(read.data, {entry.file_set_digest for entry in of.ballot}),
    )


async def served(read: transaction.Transaction, project_key: str, version_key: str) -> sql.Release:
    """Return a release whose files are served to everyone. Raises NotFoundError, also while it is under embargo."""
    release = await queries.demand_version(read.data, project_key, version_key)
    # Maven does not sign in, so no one is served before the embargo is lifted, nor told that the release exists.
    if await embargo.holds(read.data, release.key):
        raise queries.no_version(project_key, version_key)
    return release


async def entry(read: transaction.Transaction, release: sql.Release, digest: str) -> tables.BallotEntry:
    """Return the first ballot entry with this file set. Raises NotFoundError: files on no ballot are not served."""
    row = tables.BallotEntry
    wanted = sqlmodel.select(row).where(row.release_key == release.key, row.file_set_digest == digest)
    found = (await read.data.exec(wanted.order_by(col(row.id)).limit(1))).first()
    if found is None:
        raise errors.NotFoundError(f"These files are not on any ballot of {release.version}.")
    return found


async def files(read: transaction.Transaction, digests: Collection[str]) -> Mapping[str, fileset.FileSet]:
    """Return these file sets with all their files, by digest."""
    return await queries.file_sets(read.data, digests)


async def named(read: transaction.Transaction, digest: str, paths: Collection[str]) -> Mapping[str, tables.FileSetFile]:
    """Return those of these files that the file set has, by path."""
    row = tables.FileSetFile
    wanted = sqlmodel.select(row).where(row.digest == digest, col(row.path).in_(paths))
    return {one.path: one for one in (await read.data.exec(wanted)).all()}


async def below(read: transaction.Transaction, digest: str, prefix: str) -> Sequence[tuple[str, int, str]]:
    """Return path, size and sha256 of each file of the file set whose path begins with `prefix`, in order."""
    row = tables.FileSetFile
    wanted = (
        sqlmodel.select(row.path, row.size, row.sha256)
        .where(row.digest == digest, row.path >= prefix, row.path <= f"{prefix}{_LAST}")
        .order_by(col(row.path))
    )
    return (await read.data.exec(wanted)).all()


async def ending(read: transaction.Transaction, digests: Collection[str], ending: str) -> Sequence[tuple[str, str]]:
    """Return digest and path of each file of these file sets whose path ends with `ending`, in order of the paths."""
    if not digests:
        return ()
    row = tables.FileSetFile
    wanted = sqlmodel.select(row.digest, row.path).where(
        col(row.digest).in_(digests), col(row.path).endswith(ending, autoescape=True)
    )
    return (await read.data.exec(wanted.order_by(col(row.path)))).all()
