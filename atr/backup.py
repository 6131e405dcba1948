# SPDX-License-Identifier: Apache-2.0
"""`atr backup` and `atr restore`: the database as one file, with a manifest that describes it and has its digest.

It contains the database and nothing else: see `NOT_HELD`. A restored database is in a new generation: no earlier
request is sent to a platform until a person asks again (atr/storage/writers/restoring.py).
"""

import contextlib
import datetime
import hashlib
import importlib.metadata
import io
import itertools
import os
import pathlib
import tarfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import IO, Final

import pydantic

import atr.db.dumps as dumps
import atr.db.migrate as migrate
import atr.db.session as session
import atr.disk as disk
import atr.errors as errors
import atr.storage as storage
import atr.storage.audit as audit
import atr.storage.transaction as transaction

NOT_HELD: Final = (
    "It does not contain the files of revisions, copies, the web's secret key, settings or credentials: back up the "
    "state directory and your settings as well."
)
_FORMAT: Final = "atr-backup/1"
# The members of the file, in this order.
_MANIFEST: Final = "manifest.json"
_DATABASE: Final = "database"
_MANIFEST_LIMIT: Final = 64_000_000
_PIECE: Final = 1_048_576
_SUFFIX: Final = ".atrbackup"
_UNFINISHED: Final = ".atr-backup-"
# A backup contains the names of people and their decisions.
_PRIVATE: Final = 0o600


class Manifest(pydantic.BaseModel):
    """The description of a backup."""

    model_config = pydantic.ConfigDict(frozen=True)

    format: str
    engine: str
    revision: str
    taken_at: datetime.datetime
    program: str
    sha256: str
    size: int
    # The last event of each chain: its number and hash.
    heads: dict[str, tuple[int, str]]


async def take(url: str, to: pathlib.Path, clock: session.Clock = session.utc_now) -> tuple[pathlib.Path, Manifest]:
    """Back up to this new file, or to one in this directory, while web and worker run. It appears whole or not at all.

    Raises ConflictError if a file of that name exists, and SettingsError for a program that is missing.
    """
    # Taken before anything is read: the backup has every change before this instant, and perhaps later ones.
    taken_at = clock()
    file = _new(to, taken_at)
    engine = dumps.of(url)
    disk.sweep(file.parent, _UNFINISHED)
    with disk.workspace(file.parent, _UNFINISHED) as directory:
        dump = directory / _DATABASE
        revision = migrate.current(url)
        if revision is None:
            raise errors.ConflictError("The database has never been migrated, so there is nothing to back up.")
        async with engine.snapshot(dump) as data:
            heads = await audit.heads(data)
        sha256, size = _hashed(dump)
        manifest = Manifest(
            format=_FORMAT,
            engine=engine.kind,
            revision=revision,
            taken_at=taken_at,
            program=importlib.metadata.version("atr"),
            sha256=sha256,
            size=size,
            heads={chain: (head.number, head.hash) for chain, head in heads.items()},
        )
        written = directory / file.name
        _write(written, manifest, dump)
        # A link, not a rename: a file that somebody else wrote there meanwhile is not overwritten.
        try:
            os.link(written, file)
        except FileExistsError:
            raise errors.ConflictError(f"{file} exists already; nothing was written.") from None
    disk.sync(file.parent)
    return file, manifest


async def restore(
    url: str,
    file: pathlib.Path,
    *,
    replace: bool,
    clock: session.Clock | None = None,
    work: pathlib.Path | None = None,
) -> tuple[Manifest, int, str]:
    """Replace the database with a backup. Returns its manifest, the new generation, and the name of the old database.

    It is unpacked in the directory `work`, by default next to the backup. The next restore there deletes what a killed
    process left; in the state directory, a start of the web process does so too.

    Raises ConflictError, with nothing changed, for a backup that is broken or newer than this program, a database that
    is in use, and one that is not empty, unless `replace` is set.
    """
    engine = dumps.of(url)
    now = (clock or session.utc_now)()
    engine.demand_unused(now)
    # A second restore must not result in a generation that existed before.
    before = engine.generation()
    if not (replace or engine.is_empty()):
        raise errors.ConflictError(
            "The existing database is not empty. Use --replace to restore over it; it is kept under another name."
        )
    work = work or file.parent
    if not work.is_dir():
        raise errors.NotFoundError(f"{work} does not exist.")
    disk.sweep(work, disk.RESTORE)
    with disk.workspace(work, disk.RESTORE) as directory:
        dump = directory / _DATABASE
        manifest = _read(file, dump)
        if manifest.engine != engine.kind:
            raise errors.ConflictError(
                f"This is a backup of {manifest.engine}, but ATR_DATABASE_URL names another kind."
            )
        if not migrate.is_known(manifest.revision):
            raise errors.ConflictError(
                f"The backup is at revision {manifest.revision}, which this version does not know: it was taken by "
                "a newer one."
            )
        try:
            prepared = engine.prepare(dump)
            migrate.upgrade(prepared)
            generation = await _in_a_new_generation(prepared, manifest, before, clock)
            engine.demand_unused(now)
            kept = engine.swap(now)
        finally:
            engine.discard()
    return manifest, generation, kept


async def declare(
    url: str, backup_at: datetime.datetime | None, clock: session.Clock | None = None, *, before: int = 0
) -> int:
    """Record that a database was restored by other means. Returns the new generation, later than `before`."""
    async with _opened(url, clock) as store, store.write_as_operator() as operator:
        return await operator.restoring.declare(backup_at, before=before)


async def verify(url: str, anchors: Mapping[str, frozenset[audit.Head]]) -> list[audit.Found]:
    """Check every chain of events against these heads, and return the result for each."""
    async with _opened(url, None) as store, store.read() as read:
        return [found async for found in audit.check(read.data, anchors)]


def told(logs: Iterable[Iterable[str]], files: Iterable[pathlib.Path]) -> dict[str, frozenset[audit.Head]]:
    """Return the heads that the worker's logs and the manifests of backups contain."""
    every = [audit.anchors(log) for log in logs]
    for file in files:
        with _archive(file) as archive:
            every.append(_anchors(_manifest(archive)))
    found: dict[str, frozenset[audit.Head]] = {}
    for chain, heads in itertools.chain.from_iterable(one.items() for one in every):
        found[chain] = found.get(chain, frozenset()) | heads
    return found


@contextlib.asynccontextmanager
async def _opened(url: str, clock: session.Clock | None) -> AsyncIterator[storage.Storage]:
    database = session.Database(url, clock)
    try:
        yield storage.Storage(database, transaction.Place(pathlib.Path()))
    finally:
        await database.close()


async def _in_a_new_generation(prepared: str, manifest: Manifest, before: int, clock: session.Clock | None) -> int:
    wrong = [found for found in await verify(prepared, _anchors(manifest)) if found.wrong]
    if wrong:
        raise errors.ConflictError(f"The event log in the backup is damaged: {wrong[0].chain}: {wrong[0].wrong[0]}")
    return await declare(prepared, manifest.taken_at, clock, before=before)


def _new(to: pathlib.Path, taken_at: datetime.datetime) -> pathlib.Path:
    file = to / f"atr-{taken_at:%Y%m%dT%H%M%SZ}{_SUFFIX}" if to.is_dir() else to
    if file.exists():
        raise errors.ConflictError(f"{file} exists already; nothing was written.")
    if not file.parent.is_dir():
        raise errors.InputError(f"{file.parent} is not a directory.", field="to")
    return file


def _anchors(manifest: Manifest) -> dict[str, frozenset[audit.Head]]:
    return {chain: frozenset({audit.Head(*head)}) for chain, head in manifest.heads.items()}


def _write(file: pathlib.Path, manifest: Manifest, dump: pathlib.Path) -> None:
    told = manifest.model_dump_json(indent=1).encode()
    with file.open("xb") as out, tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        os.fchmod(out.fileno(), _PRIVATE)
        info = tarfile.TarInfo(_MANIFEST)
        info.size = len(told)
        archive.addfile(info, io.BytesIO(told))
        info = tarfile.TarInfo(_DATABASE)
        info.size = manifest.size
        with dump.open("rb") as source:
            archive.addfile(info, source)
        archive.close()
        out.flush()
        os.fsync(out.fileno())


def _read(file: pathlib.Path, dump: pathlib.Path) -> Manifest:
    """Unpack the dump, and return the manifest. Raises ConflictError if the dump does not match it."""
    with _archive(file) as archive:
        manifest = _manifest(archive)
        member = _member(archive, _DATABASE)
        with dump.open("xb") as out:
            while piece := member.read(_PIECE):
                out.write(piece)
    if _hashed(dump) != (manifest.sha256, manifest.size):
        raise errors.ConflictError(f"{file} is damaged: its content does not match its manifest.")
    return manifest


@contextlib.contextmanager
def _archive(file: pathlib.Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, mode="r:") as archive:
            yield archive
    except FileNotFoundError:
        raise errors.NotFoundError(f"{file} does not exist.") from None
    except tarfile.TarError as error:
        raise errors.ConflictError(f"{file} is damaged or not a backup: {error}.") from error


def _manifest(archive: tarfile.TarFile) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(_member(archive, _MANIFEST).read(_MANIFEST_LIMIT))
    except pydantic.ValidationError as error:
        raise errors.ConflictError("This is not a backup of ATR: its manifest cannot be read.") from error
    if manifest.format != _FORMAT:
        raise errors.ConflictError(
            f"This backup has the unknown format {manifest.format[:40]}: it was taken by a newer version."
        )
    return manifest


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        member = archive.extractfile(name)
    except KeyError:
        member = None
    if member is None:
        raise errors.ConflictError(f"This is not a backup of ATR: it has no {name}.")
    return member


def _hashed(file: pathlib.Path) -> tuple[str, int]:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest(), file.stat().st_size
