# SPDX-License-Identifier: Apache-2.0
"""The files that voters can download. The address of a ballot entry has its digest, so no two candidates share one."""

import dataclasses
import datetime
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import atr.disk as disk
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.distributions as distributions
import atr.pages.views as views
import atr.promotion.checksums as checksums
import atr.promotion.gates as gates
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.maven as maven
import atr.shared.words as words
import atr.storage.ballots as ballots
import atr.storage.eligibility as eligibility
import atr.storage.holdings as holdings
import atr.storage.preconditions as preconditions
import atr.storage.readers.ballots as ballot_rows
import atr.storage.readers.release_rows as release_rows
import atr.storage.rights as rights
import atr.storage.transaction as transaction

# The most lines of a folder that a page shows.
_SHOWN: Final = 1_000
# The most files that the page for restaging lists.
_LISTED: Final = 100
_ID: Final = 12
_NOTHING: Final = "There is no page at this address."


@dataclasses.dataclass(frozen=True)
class VoterEntry:
    """One entry of the ballot, which ATR serves under its `digest`, or a sentence that says why it does not."""

    # "revision", "mapped" or "deployment".
    kind: str
    title: str
    project_key: str
    version_key: str
    digest: str
    files: int
    size: int
    # Empty if it is served.
    why_not: str
    # Only for Maven: the id of the repository, and an artifact to try, like "g:a:1.0" or "g:a:1.0:pom".
    repository_id: str = ""
    example: str = ""


@dataclasses.dataclass(frozen=True)
class ServedFile:
    """A served file, or one of its checksums, named by `algorithm`."""

    file: disk.Recorded
    at: datetime.datetime
    algorithm: str = ""


@dataclasses.dataclass(frozen=True)
class FolderLine:
    """A line of a folder. A folder's path ends in a slash and has neither size nor digest."""

    name: str
    path: str
    size: int | None = None
    sha256: str = ""


@dataclasses.dataclass(frozen=True)
class ServedFolder:
    """The listing of a served folder."""

    project_key: str
    project_name: str
    version_key: str
    digest: str
    # From the root, with a slash at the end; empty for the root.
    path: str
    lines: tuple[FolderLine, ...]
    # The number of all lines; the page shows the first ones.
    total: int
    opened: datetime.datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class AgainView(views.ReleaseHead):
    """The files that would be restaged, and their source; or why they cannot be."""

    platform_name: str
    digest: str
    # "the kept copy" or "revision 00002"; empty if ATR does not have the files.
    source: str
    # The first files.
    lines: tuple[FolderLine, ...]
    files: int
    size: int
    why_not: str


async def entries(
    read: transaction.Transaction, of: eligibility.Release, known: ballot_rows.Frozen
) -> tuple[VoterEntry, ...]:
    """Return the entries of the newest ballot, in its order, for voters; empty before the first vote."""
    digests = {entry.file_set_digest for entry in of.ballot}
    held = await holdings.holders(read, {of.row.key: of.row}, {(of.row.key, digest) for digest in digests})
    built = read.data.built
    maven_like = {
        one.name
        for one in distribution.DistributionPlatform
        if built.supports(one) and built.on(one).is_maven_repository
    }
    examples = await _examples(read, {entry.file_set_digest for entry in of.ballot if entry.platform in maven_like})
    found = []
    for entry in of.ballot:
        digest, row = entry.file_set_digest, known.deployments.get(entry.deployment_id)
        stored = known.file_sets.get(digest)
        found.append(
            VoterEntry(
                kind=entry.kind.value,
                title=_title(entry, row),
                project_key=of.row.project_key,
                version_key=of.row.version,
                digest=digest,
                files=stored.files if stored else 0,
                size=stored.size if stored else 0,
                why_not=_why_not(of, row, held.get((of.row.key, digest))),
                repository_id=f"{of.row.key}-{digest[:_ID]}" if entry.platform in maven_like else "",
                example=examples.get(digest, "") if entry.platform in maven_like else "",
            )
        )
    return tuple(found)


async def warnings(
    read: transaction.Transaction, of: eligibility.Release, deployments: Sequence[tables.Deployment]
) -> tuple[str, ...]:
    """Return a sentence for each deployment that voters could not test, for the page that opens a vote."""
    meant = [row for row in deployments if ballots.is_meant(row) and row.file_set_digest]
    digests = {(of.row.key, row.file_set_digest or "") for row in meant}
    held = await holdings.holders(read, {of.row.key: of.row}, digests)
    said = [(row, _why_not(of, row, held.get((of.row.key, row.file_set_digest or "")))) for row in meant]
    return tuple(f"Voters cannot test {ballots.name(row)}. {why_not}" for row, why_not in said if why_not)


async def served(
    read: transaction.Transaction, project_key: str, version_key: str, digest: str, path: str
) -> ServedFile | ServedFolder:
    """Return the file, the checksum of a file, or the folder at an address. Raises NotFoundError."""
    release = await ballot_rows.served(read, project_key, version_key)
    entry = await ballot_rows.entry(read, release, digest)
    named = checksums.named_by(path)
    found = await ballot_rows.named(read, digest, [path, *([named.path] if named else [])])
    row, algorithm = found.get(path), ""
    if (row is None) and (named is not None):
        row, algorithm = found.get(named.path), named.algorithm
    if row is None:
        return await _folder(read, release, entry, path.strip("/"))
    file = await holdings.source(read, release, digest, row.sha256, row.size)
    if file is None:
        raise errors.NotFoundError("The copy of this file has been deleted.")
    return ServedFile(file, entry.opened, algorithm)


async def again(read: transaction.Transaction, release_key: str, digest: str) -> AgainView:
    """Return the page for restaging voted files. Raises NotFoundError if the digest was not voted on."""
    of = await eligibility.release(read.data, release_key)
    release, asked = of.row, (release_key, digest)
    await ballot_rows.entry(read, release, digest)
    platform = preconditions.voted_platform(of.ballot, digest)
    files = (await ballot_rows.files(read, [digest]))[digest]
    held = await holdings.holder(read, release, digest)
    why_not = reasons.sentence((await preconditions.stage_again(read, {release_key: of}, [asked]))[asked][0])
    if not rights.is_release_manager(of.committee, read.asf_uid):
        why_not = reasons.of("managers-only", what="stage deployments from here").sentence
    return AgainView(
        **vars(distributions.heading(of)),
        platform_name=platform.display_name if platform else "",
        digest=digest,
        source=held.described if held else "",
        lines=tuple(FolderLine(file.path, file.path, file.size, file.sha256) for file in files.files[:_LISTED]),
        files=len(files.files),
        size=files.size,
        why_not=why_not,
    )


async def _folder(
    read: transaction.Transaction, release: sql.Release, entry: tables.BallotEntry, path: str
) -> ServedFolder:
    prefix = f"{path}/" if path else ""
    folders: dict[str, FolderLine] = {}
    files: list[FolderLine] = []
    for there, size, sha256 in await ballot_rows.below(read, entry.file_set_digest, prefix):
        name, slash, _ = there.removeprefix(prefix).partition("/")
        if slash:
            folders.setdefault(name, FolderLine(f"{name}/", f"{prefix}{name}/"))
        else:
            files.append(FolderLine(name, there, size, sha256))
    if not (folders or files):
        raise errors.NotFoundError(_NOTHING)
    lines = (*folders.values(), *files)
    _, project = await release_rows.one(read, release.key)
    return ServedFolder(
        project_key=project.key,
        project_name=project.name,
        version_key=release.version,
        digest=entry.file_set_digest,
        path=prefix,
        lines=lines[:_SHOWN],
        total=len(lines),
        opened=entry.opened,
    )


def _title(entry: tables.BallotEntry, row: tables.Deployment | None) -> str:
    if entry.kind is tables.BallotKind.REVISION:
        return "The revision's files"
    where = distribution.DistributionPlatform[entry.platform].display_name
    if row is None:
        return f"The revision's files for {where}"
    called = ballots.name(row)
    return f"{words.upper(called)} on {where}"


def _why_not(of: eligibility.Release, row: tables.Deployment | None, held: holdings.Holder | None) -> str:
    """Return why voters cannot download a file set from ATR, and what to do; empty if they can."""
    if of.is_embargoed:
        return gates.EMBARGOED.sentence
    if held is not None:
        return ""
    if row is None:
        return "Its files are no longer on this server."
    where = distribution.DistributionPlatform[row.platform].display_name
    said = f"{where} shows the files only to the account that staged them, and ATR keeps no copy."
    if row.copy_problem:
        return f"{said} {row.copy_problem}"
    if of.policy.keep_copies:
        return f"{said} While the deployment is staged, a committee member can keep a copy from its page."
    return f"{said} A release manager can enable copies in the project's policy."


async def _examples(read: transaction.Transaction, digests: Collection[str]) -> Mapping[str, str]:
    """Return an artifact to try for each file set: one with a jar if there is one, else a POM."""
    found: dict[str, str] = {}
    for ending, more in ((".jar", ""), (".pom", ":pom")):
        for digest, path in await ballot_rows.ending(read, digests, ending):
            if digest in found:
                continue
            where = maven.parse_path(path).coordinates
            if path == f"{maven.directory(where)}/{where.package}-{where.version}{ending}":
                found[digest] = f"{where.owner_namespace}:{where.package}:{where.version}{more}"
    return found
