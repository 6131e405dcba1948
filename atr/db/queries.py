# SPDX-License-Identifier: Apache-2.0
"""Queries that several callers need. `get_...` returns None, `demand_...` raises NotFoundError, for a missing row."""

import asyncio
import dataclasses
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy
import sqlalchemy.orm
import sqlmodel
from sqlmodel import col

import atr.db.roles as roles
import atr.db.session as session
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms

# A row that was read before its scope was locked may be out of date, and its lease must not change before the commit.
# The lock does not cover its key, so transactions that only reference it do not wait. (SQLite needs no such lock.)
_FRESH: Final[Mapping[str, Any]] = MappingProxyType({"populate_existing": True, "with_for_update": {"key_share": True}})

_MANY: Final = 1_000


async def site(data: session.Session) -> operating.Site:
    """Return the row for the whole database, or a new one with defaults, which is not added to the session."""
    return await data.get(operating.Site, 1) or operating.Site()


async def demand_project(data: session.Session, project_key: str) -> sql.Project:
    """Return the project. Raises NotFoundError if it does not exist or has no committee."""
    project = await data.get(sql.Project, project_key)
    if project is None:
        raise errors.NotFoundError(f"There is no project “{project_key[:60]}”.")
    if not project.committee_key:
        raise errors.NotFoundError(f"{project.name} belongs to no committee, so it cannot be shown or changed here.")
    return project


async def demand_committee(data: session.Session, committee_key: str) -> sql.Committee:
    """Return the committee."""
    committee = await data.get(sql.Committee, committee_key)
    if committee is None:
        raise no_committee(committee_key)
    return committee


def no_committee(committee_key: str) -> errors.NotFoundError:
    """Return the error for a missing committee."""
    return errors.NotFoundError(f"There is no committee “{committee_key[:60]}”.")


async def get_release(data: session.Session, release_key: str, *, fresh: bool = False) -> sql.Release | None:
    """Return the release; None if the host application has deleted it, while this module's rows remain.

    `fresh` reads it again and locks the row until the transaction ends.
    """
    return await data.get(sql.Release, release_key, **_FRESH if fresh else {})


async def demand_release(data: session.Session, release_key: str, *, fresh: bool = False) -> sql.Release:
    """Return the release; `fresh` as above."""
    release = await get_release(data, release_key, fresh=fresh)
    if release is None:
        raise no_release(release_key)
    return release


def no_release(release_key: str) -> errors.NotFoundError:
    """Return the error for a release that does not exist or may not be seen: one sentence, so it reveals neither."""
    return errors.NotFoundError(f"There is no release “{release_key[:80]}”.")


def no_version(project_key: str, version: str) -> errors.NotFoundError:
    """Return the same error for a request that named a project and a version."""
    return errors.NotFoundError(f"There is no release {version[:64]} of “{project_key[:60]}”.")


async def demand_version(data: session.Session, project_key: str, version: str) -> sql.Release:
    """Return this version of this project. The composed key may be that of another project's release."""
    row = await get_release(data, sql.release_key(project_key, version))
    if (row is None) or (row.project_key != project_key):
        raise no_version(project_key, version)
    return row


async def policy(data: session.Session, project: sql.Project) -> sql.ReleasePolicy:
    """Return the project's current policy; ATR's defaults if it has none."""
    row = await data.get(sql.ReleasePolicy, project.release_policy_id) if project.release_policy_id else None
    return row or sql.ReleasePolicy()


@dataclasses.dataclass(frozen=True)
class Revision:
    """A revision with the record of its files."""

    row: sql.Revision
    recorded: tables.RevisionFiles | None

    @property
    def number(self) -> str:
        """The number, like "00002"."""
        return self.row.number

    @property
    def digest(self) -> str:
        """The digest of the files; empty for a revision whose files were not hashed."""
        return self.recorded.file_set_digest if self.recorded else ""

    def with_odd_checksums(self, files: fileset.FileSet) -> fileset.FileSet:
        """Return its files, with the problems of those that are named like checksums."""
        words = (self.recorded.odd_checksums if self.recorded else None) or {}
        odd = {path: fileset.Odd(word) for path, word in words.items()}
        if not odd:
            return files
        return fileset.FileSet.of(dataclasses.replace(file, odd=odd.get(file.path)) for file in files.files)


async def revisions(data: session.Session, release_key: str, *where: Any, limit: int) -> Sequence[Revision]:
    """Return revisions of a release, newest first."""
    wanted = _revisions(sql.Revision.release_key == release_key, *where).order_by(col(sql.Revision.seq).desc())
    return [Revision(*pair) for pair in (await data.exec(wanted.limit(limit))).all()]


def _revisions(*where: Any) -> Any:
    """Return a SELECT of revisions, each with the record of its files."""
    row, files = sql.Revision, tables.RevisionFiles
    same = (col(files.release_key) == col(row.release_key)) & (col(files.number) == col(row.number))
    return sqlmodel.select(row, files).join(files, same, isouter=True).where(*where)


async def latest_revision(data: session.Session, release_key: str) -> Revision | None:
    """Return the newest revision; None if there is none."""
    return (await latest_revisions(data, [release_key])).get(release_key)


async def latest_revisions(data: session.Session, release_keys: Collection[str]) -> Mapping[str, Revision]:
    """Return the newest revision of each release that has one."""
    row, newer = sql.Revision, sqlalchemy.orm.aliased(sql.Revision)
    newest = sqlmodel.select(sqlalchemy.func.max(newer.seq)).where(col(newer.release_key) == col(row.release_key))
    wanted = _revisions(col(row.release_key).in_(release_keys), col(row.seq) == newest.scalar_subquery())
    return {
        revision.release_key: Revision(revision, recorded) for revision, recorded in (await data.exec(wanted)).all()
    }


async def revision(data: session.Session, release_key: str, number: str) -> Revision:
    """Return one revision by its number. Raises NotFoundError."""
    found = await revisions(data, release_key, sql.Revision.number == number, limit=1)
    if not found:
        raise errors.NotFoundError(f"{release_key} has no revision {number or 'yet'}.")
    return found[0]


async def deployments(data: session.Session, release_key: str) -> Sequence[tables.Deployment]:
    """Return every deployment of a release, oldest first."""
    wanted = sqlmodel.select(tables.Deployment).where(tables.Deployment.release_key == release_key)
    return (await data.exec(wanted.order_by(col(tables.Deployment.id)))).all()


async def demand_deployment(data: session.Session, deployment_id: int, *, fresh: bool = False) -> tables.Deployment:
    """Return the deployment; `fresh` as for a release."""
    row = await data.get(tables.Deployment, deployment_id, **_FRESH if fresh else {})
    if row is None:
        raise errors.NotFoundError(f"There is no deployment {deployment_id}.")
    return row


async def deployments_by_id(data: session.Session, ids: Sequence[int]) -> Sequence[tables.Deployment]:
    """Return the existing deployments of these numbers."""
    return (await data.exec(sqlmodel.select(tables.Deployment).where(col(tables.Deployment.id).in_(ids)))).all()


async def demand_promotion(data: session.Session, promotion_id: int, *, fresh: bool = False) -> tables.Promotion:
    """Return the promotion; `fresh` as for a release."""
    row = await data.get(tables.Promotion, promotion_id, **_FRESH if fresh else {})
    if row is None:
        raise errors.NotFoundError(f"There is no promotion {promotion_id}.")
    return row


async def promotions(data: session.Session, *where: Any) -> Sequence[tables.Promotion]:
    """Return promotions, newest last."""
    return (await data.exec(sqlmodel.select(tables.Promotion).where(*where).order_by(col(tables.Promotion.id)))).all()


async def deployment_named(data: session.Session, platform: str, external_id: str) -> tables.Deployment | None:
    """Return the deployment with this id on the platform; None if there is none."""
    row = tables.Deployment
    wanted = sqlmodel.select(row).where(row.platform == platform, row.external_id == external_id)
    return (await data.exec(wanted)).first()


async def packages(data: session.Session, deployment: tables.Deployment) -> tuple[distribution.Coordinates, ...]:
    """Return the packages of a deployment, in order."""
    return (await packages_of(data, [deployment]))[deployment.id]


async def packages_of(
    data: session.Session, deployments: Collection[tables.Deployment]
) -> Mapping[int | None, tuple[distribution.Coordinates, ...]]:
    """Return the packages of each deployment, in order."""
    row = tables.DeploymentPackage
    return await _coordinates(data, row, col(row.deployment_id), deployments)


async def replace_packages(
    data: session.Session, deployment: tables.Deployment, packages: Sequence[distribution.Coordinates]
) -> None:
    """Replace the packages of a deployment with these."""
    row = tables.DeploymentPackage
    await data.exec(sqlalchemy.delete(row).where(col(row.deployment_id) == deployment.id))
    data.add_all(row(deployment_id=deployment.id or 0, **one.columns) for one in packages)
    await data.flush()


async def targets(data: session.Session, promotion: tables.Promotion) -> tuple[distribution.Coordinates, ...]:
    """Return the packages that a promotion makes public, in order."""
    return (await targets_of(data, [promotion]))[promotion.id]


async def targets_of(
    data: session.Session, promotions: Collection[tables.Promotion]
) -> Mapping[int | None, tuple[distribution.Coordinates, ...]]:
    """Return the packages that each promotion makes public, in order."""
    row = tables.PromotionTarget
    return await _coordinates(data, row, col(row.promotion_id), promotions)


async def _coordinates(
    data: session.Session,
    row: type[tables.DeploymentPackage] | type[tables.PromotionTarget],
    owner: Any,
    owners: Collection[tables.Deployment] | Collection[tables.Promotion],
) -> Mapping[int | None, tuple[distribution.Coordinates, ...]]:
    """Return the packages of each owner, whose id is in this column of their rows, in order."""
    platforms = {one.id: one.platform for one in owners}
    wanted = sqlmodel.select(owner, row.owner_namespace, row.package, row.version).where(owner.in_(platforms))
    found: dict[int | None, list[distribution.Coordinates]] = {number: [] for number in platforms}
    for number, *names in (await data.exec(wanted)).all():
        found[number].append(distribution.Coordinates(platforms[number], *names))
    return {number: tuple(sorted(these)) for number, these in found.items()}


async def attempts(data: session.Session, *where: Any) -> Sequence[tables.Attempt]:
    """Return attempts, oldest first."""
    return (await data.exec(sqlmodel.select(tables.Attempt).where(*where).order_by(col(tables.Attempt.id)))).all()


async def file_set(data: session.Session, digest: str) -> fileset.FileSet:
    """Return the file set with this digest, with all its files."""
    return (await file_sets(data, [digest]))[digest]


async def file_sets(data: session.Session, digests: Collection[str]) -> Mapping[str, fileset.FileSet]:
    """Return the file set of each digest, with all its files."""
    row = tables.FileSetFile
    # Columns, not objects: there may be 10,000 of them, and an ORM object costs four times as much.
    wanted = sqlmodel.select(row.digest, row.path, row.size, row.sha256).where(col(row.digest).in_(digests))
    rows = (await data.exec(wanted)).all() if digests else ()
    # In a thread where they are many, so that others have their turn.
    many = len(rows) > _MANY
    return await asyncio.to_thread(fileset.by_digest, digests, rows) if many else fileset.by_digest(digests, rows)


async def file_set_rows(data: session.Session, digests: Collection[str]) -> Mapping[str, tables.FileSetRow]:
    """Return the number of files and bytes of the file set of each digest."""
    row = tables.FileSetRow
    return {
        one.digest: one for one in (await data.exec(sqlmodel.select(row).where(col(row.digest).in_(digests)))).all()
    }


async def revision_files(data: session.Session, revision: Revision) -> fileset.FileSet:
    """Return the recorded files of a revision, with the problems of those that are named like checksums."""
    return revision.with_odd_checksums(await file_set(data, revision.digest))


async def store_file_set(data: session.Session, files: fileset.FileSet, now: Any) -> str:
    """Store a file set unless it exists, and return its digest."""
    if (await data.connection()).dialect.name == "postgresql":
        # By a function of the database that hashes it, so the web's role can write no set under another digest.
        one = files.files
        values = {
            "digest": files.digest,
            "paths": [file.path for file in one],
            "sizes": [file.size for file in one],
            "sha256s": [file.sha256 for file in one],
            "created": now,
        }
        await data.exec(sqlalchemy.text(roles.STORE_FILE_SET), params=values)  # type: ignore[call-overload]  # SQLModel types no plain text
        return files.digest
    if await data.get(tables.FileSetRow, files.digest) is None:
        data.add(tables.FileSetRow(digest=files.digest, files=len(files.files), size=files.size, created=now))
        await data.flush()
        data.add_all(
            tables.FileSetFile(digest=files.digest, path=file.path, size=file.size, sha256=file.sha256)
            for file in files.files
        )
        await data.flush()
    return files.digest


def of_newest_vote(release: Any = sql.Release) -> Any:
    """Return the condition for an entry of the newest vote's ballot, of this release or of each joined one.

    It excludes the ballots of a deleted release with the same key.
    """
    entry = tables.BallotEntry
    return (
        (col(entry.release_key) == release.key)
        & (col(entry.vote_seq) == release.current_vote_seq)
        & (col(entry.opened) >= release.created)
    )


async def ballot(data: session.Session, release: sql.Release) -> Sequence[tables.BallotEntry]:
    """Return the ballot of the newest vote on this release, open or closed; empty before the first one."""
    return (await ballots(data, [release.key]))[release.key]


async def ballots(data: session.Session, release_keys: Collection[str]) -> Mapping[str, tuple[tables.BallotEntry, ...]]:
    """Return the ballot of the newest vote on each release, in the order in which it was frozen."""
    entry, release = tables.BallotEntry, sql.Release
    wanted = (
        sqlmodel.select(entry)
        .join(release, of_newest_vote())
        .where(col(entry.release_key).in_(release_keys))
        .order_by(col(entry.id))
    )
    found: dict[str, list[tables.BallotEntry]] = {key: [] for key in release_keys}
    for one in (await data.exec(wanted)).all():
        found[one.release_key].append(one)
    return {key: tuple(entries) for key, entries in found.items()}


async def has_old_ballot(data: session.Session, release: sql.Release) -> bool:
    """Return whether a vote with this number was opened on a deleted release with the same key."""
    entry = tables.BallotEntry
    wanted = sqlmodel.select(entry.id).where(
        entry.release_key == release.key, entry.vote_seq == release.current_vote_seq, entry.opened < release.created
    )
    return (await data.exec(wanted.limit(1))).first() is not None


async def ballot_paths(data: session.Session, release_key: str, platform: str) -> frozenset[str]:
    """Return the path of every file on the newest vote's ballot for this platform, in any entry.

    If the host application has deleted the release, this is over every vote on it.
    """
    release = await get_release(data, release_key)
    votes = of_newest_vote(release) if release else (col(tables.BallotEntry.release_key) == release_key)
    wanted = (
        sqlmodel.select(tables.FileSetFile.path)
        .join(tables.BallotEntry, col(tables.BallotEntry.file_set_digest) == col(tables.FileSetFile.digest))
        .where(votes, tables.BallotEntry.platform == platform)
        .distinct()
    )
    return frozenset((await data.exec(wanted)).all())


async def target(data: session.Session, project_key: str, platform: str) -> tables.PlatformTarget | None:
    """Return the target with the project's namespaces on this platform; None if it has none."""
    wanted = sqlmodel.select(tables.PlatformTarget).where(
        tables.PlatformTarget.project_key == project_key, tables.PlatformTarget.platform == platform
    )
    return (await data.exec(wanted)).first()


async def mechanism(
    data: session.Session, project_key: str, platform: distribution.DistributionPlatform
) -> mechanisms.Mechanism:
    """Return the mechanism by which a project publishes on a platform: its target's, else the first available one.

    Raises UnsupportedError if ATR does not promote there.
    """
    first = data.built.mechanism(platform)
    if first is None:
        raise errors.UnsupportedError(reasons.of("unsupported", why=platform.why_not))
    chosen = await target(data, project_key, platform.name)
    name = chosen.mechanism if chosen else first.name
    if name not in {one.name for one in data.built.by_mechanism}:
        raise errors.UnsupportedError(f"The project publishes on {platform.display_name} by “{name}”, not built here.")
    return mechanisms.Mechanism[name]


async def names(data: session.Session, platform: str) -> Sequence[str]:
    """Return the namespaces of all projects on this platform, in order."""
    wanted = sqlmodel.select(tables.PlatformTarget.namespaces).where(tables.PlatformTarget.platform == platform)
    return sorted({name for one in (await data.exec(wanted)).all() for name in one})
