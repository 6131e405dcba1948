# SPDX-License-Identifier: Apache-2.0
"""What voters can get of a ballot: each entry under an address that holds its digest, so candidates never share one."""

from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.repository_views as views
import atr.models.sql as sql
import atr.promotion.checksums as checksums
import atr.promotion.gates as gates
import atr.shared.distribution as distribution
import atr.shared.maven as maven
import atr.storage.ballots as ballots
import atr.storage.embargo as embargo
import atr.storage.holdings as holdings
import atr.storage.readers.distributions as distributions
import atr.storage.rights as rights
import atr.storage.transaction as transaction
import atr.storage.writers.stagings as stagings

# Lines of a folder that a page shows.
_SHOWN: Final = 1_000
# Files that the page lists before they are staged once more.
_LISTED: Final = 100
_ID: Final = 12
_LAST: Final = "\U0010ffff"
_NOTHING: Final = "Nothing is at this address."


async def entries(read: transaction.Transaction, release_key: str) -> tuple[views.VoterEntry, ...]:
    """What a voter can get of each entry of the newest ballot, in its order; empty before the first vote."""
    release = await queries.demand_release(read.data, release_key)
    return tuple([await _entry(read, release, entry) for entry in await queries.ballot(read.data, release)])


async def warnings(read: transaction.Transaction, release_key: str) -> tuple[str, ...]:
    """For the page that opens a vote: a sentence for each deployment that voters could not test."""
    release = await queries.demand_release(read.data, release_key)
    said = []
    for row in await queries.deployments(read.data, release_key):
        if ballots.is_meant(row) and row.file_set_digest:
            why_not = await _why_not(read, release, row, row.file_set_digest)
            if why_not:
                called = ballots.name(row)
                said.append(f"Voters cannot test {called}. {why_not}")
    return tuple(said)


async def served(
    read: transaction.Transaction, project_key: str, version_key: str, digest: str, path: str
) -> views.ServedFile | views.ServedFolder:
    """What stands at an address: a file, a checksum of one, or a folder. Raises NotFoundError."""
    release = await queries.demand_release(read.data, await queries.release_key(read.data, project_key, version_key))
    # Maven signs in nowhere, so before the embargo is lifted nobody is served, and what is there is not told.
    if await embargo.holds(read.data, release):
        raise queries.no_version(project_key, version_key)
    entry = await _on_a_ballot(read, release, digest)
    row, algorithm = await read.data.get(tables.FileSetFile, (digest, path)), ""
    named = checksums.named_by(path)
    if (row is None) and (named is not None):
        row, algorithm = await read.data.get(tables.FileSetFile, (digest, named.path)), named.algorithm
    if row is None:
        return await _folder(read, release, entry, path.strip("/"))
    file = await holdings.source(read, release, digest, row.sha256, row.size)
    if file is None:
        raise errors.NotFoundError("No copy of this file is kept any more, so it is not served.")
    return views.ServedFile(file, entry.opened, algorithm)


async def again(read: transaction.Transaction, release_key: str, digest: str) -> views.AgainView:
    """What would be uploaded if voted files were staged once more. Raises NotFoundError for what nobody voted on."""
    release = await queries.demand_release(read.data, release_key)
    await _on_a_ballot(read, release, digest)
    project = await queries.demand_project(read.data, release.project_key)
    committee = await queries.demand_committee(read.data, project.committee_key)
    platform = await stagings.voted_platform(read, release, digest)
    files = await queries.file_set(read.data, digest)
    held = await holdings.holder(read, release, digest)
    why_not = await stagings.again_why_not(read, release, digest)
    if not rights.is_release_manager(committee, read.asf_uid):
        why_not = "Only release managers and members of the committee can stage from here."
    return views.AgainView(
        project_key=project.key,
        project_name=project.name,
        version_key=release.version,
        phase_word=distributions.PHASE_WORDS[release.phase],
        platform_name=platform.display_name if platform else "",
        digest=digest,
        source=held.described if held else "",
        lines=tuple(views.FolderLine(file.path, file.path, file.size, file.sha256) for file in files.files[:_LISTED]),
        files=len(files.files),
        size=files.size,
        why_not=why_not,
    )


async def _on_a_ballot(read: transaction.Transaction, release: sql.Release, digest: str) -> tables.BallotEntry:
    """The first ballot entry with this file set: what nobody votes or voted on is not served."""
    wanted = (
        sqlmodel.select(tables.BallotEntry)
        .where(tables.BallotEntry.release_key == release.key, tables.BallotEntry.file_set_digest == digest)
        .order_by(col(tables.BallotEntry.id))
        .limit(1)
    )
    entry = (await read.data.exec(wanted)).first()
    if entry is None:
        raise errors.NotFoundError(f"No vote on {release.version} is or was about these files.")
    return entry


async def _folder(
    read: transaction.Transaction, release: sql.Release, entry: tables.BallotEntry, path: str
) -> views.ServedFolder:
    prefix = f"{path}/" if path else ""
    row = tables.FileSetFile
    wanted = (
        sqlmodel.select(row.path, row.size, row.sha256)
        .where(row.digest == entry.file_set_digest, row.path >= prefix, row.path <= f"{prefix}{_LAST}")
        .order_by(col(row.path))
    )
    folders: dict[str, views.FolderLine] = {}
    files: list[views.FolderLine] = []
    for there, size, sha256 in (await read.data.exec(wanted)).all():
        name, slash, _ = there.removeprefix(prefix).partition("/")
        if slash:
            folders.setdefault(name, views.FolderLine(f"{name}/", f"{prefix}{name}/"))
        else:
            files.append(views.FolderLine(name, there, size, sha256))
    if not (folders or files):
        raise errors.NotFoundError(_NOTHING)
    lines = (*folders.values(), *files)
    project = await queries.demand_project(read.data, release.project_key)
    return views.ServedFolder(
        project_key=project.key,
        project_name=project.name,
        version_key=release.version,
        digest=entry.file_set_digest,
        path=prefix,
        lines=lines[:_SHOWN],
        total=len(lines),
        opened=entry.opened,
    )


async def _entry(read: transaction.Transaction, release: sql.Release, entry: tables.BallotEntry) -> views.VoterEntry:
    stored = await read.data.get(tables.FileSetRow, entry.file_set_digest)
    row = await read.data.get(tables.Deployment, entry.deployment_id) if entry.deployment_id else None
    platform = distribution.DistributionPlatform[entry.platform] if entry.platform else None
    built = read.data.built
    is_maven = (platform is not None) and built.supports(platform) and built.on(platform).is_maven_repository
    return views.VoterEntry(
        kind=entry.kind.value,
        title=_title(entry, row),
        project_key=release.project_key,
        version_key=release.version,
        digest=entry.file_set_digest,
        files=stored.files if stored else 0,
        size=stored.size if stored else 0,
        why_not=await _why_not(read, release, row, entry.file_set_digest),
        repository_id=f"{release.key}-{entry.file_set_digest[:_ID]}" if is_maven else "",
        example=await _example(read, entry.file_set_digest) if is_maven else "",
    )


def _title(entry: tables.BallotEntry, row: tables.Deployment | None) -> str:
    if entry.kind is tables.BallotKind.REVISION:
        return "The revision's files"
    where = distribution.DistributionPlatform[entry.platform].display_name
    if row is None:
        return f"The revision's files for {where}"
    called = ballots.name(row)
    return f"{called[:1].upper()}{called[1:]} on {where}"


async def _why_not(
    read: transaction.Transaction, release: sql.Release, row: tables.Deployment | None, digest: str
) -> str:
    """Why voters cannot get a file set from here, and what to do; empty if they can."""
    if await embargo.holds(read.data, release):
        return gates.EMBARGOED
    if await holdings.holder(read, release, digest) is not None:
        return ""
    if row is None:
        return "Its files are not on this server any more."
    where = distribution.DistributionPlatform[row.platform].display_name
    said = f"{where} shows its files only to the account that staged them, and no copy is kept here."
    if row.copy_problem:
        return f"{said} {row.copy_problem}"
    project = await queries.demand_project(read.data, release.project_key)
    if (await queries.policy(read.data, project)).keep_copies:
        return f"{said} A committee member can have one kept on the deployment's page, while it is staged."
    return f"{said} A release manager can switch copies on in the project's policy."


async def _example(read: transaction.Transaction, digest: str) -> str:
    """An artifact to try: one with a jar if there is one, else a POM."""
    row = tables.FileSetFile
    for ending, more in ((".jar", ""), (".pom", ":pom")):
        wanted = (
            sqlmodel.select(row.path)
            .where(row.digest == digest, col(row.path).endswith(ending, autoescape=True))
            .order_by(col(row.path))
        )
        for path in (await read.data.exec(wanted)).all():
            where = maven.parse_path(path).coordinates
            if path == f"{maven.directory(where)}/{where.package}-{where.version}{ending}":
                return f"{where.owner_namespace}:{where.package}:{where.version}{more}"
    return ""
