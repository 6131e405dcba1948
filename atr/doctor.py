# SPDX-License-Identifier: Apache-2.0
"""`atr doctor`: find problems before the release day.

It only reads, except for one small file that it deletes at once. It uses the settings and connections of the web
process and the worker, and the worker's adapters. It only reads from platforms, with names that nobody uses.
"""

import asyncio
import dataclasses
import enum
import pathlib
import shutil
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import Any, Final

import sqlalchemy

import atr.config as config
import atr.db.condition as conditions
import atr.db.file_system as file_system
import atr.db.migrate as migrate
import atr.db.queries as queries
import atr.db.session as session
import atr.errors as errors
import atr.models.operating as operating
import atr.models.sql as sql
import atr.platforms.contract as contract
import atr.platforms.registry as registry
import atr.shared.distribution as distribution
import atr.storage.health as health
import atr.tasks.checks.readiness as readiness
import atr.worker as worker

Settings = config.WebSettings | registry.WorkerSettings

# A package and a version that nobody has: they show whether ATR may read, and no cache stores a "no" for a real name.
_NOBODYS: Final = "atr-doctor"
_NO_VERSION: Final = "0"
# The most namespaces that are checked.
_NAMES: Final = 50
# Bytes. With less free space than the first, uploads are refused; with less than the second, there is a warning.
_NO_ROOM: Final = 64_000_000
_LITTLE_ROOM: Final = 5_000_000_000


class Grade(enum.StrEnum):
    """The severity of a finding. Only a FAIL makes the command fail."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line: what was checked, what was found, and what to do about it, or empty."""

    grade: Grade
    what: str
    said: str
    to_do: str = ""


async def tell_all(environ: Mapping[str, str], tell: Callable[[Mapping[str, Any]], None], *, web: bool) -> bool:
    """Report each finding for the process that would start in this environment. Returns False if one is a FAIL."""
    kind = config.WebSettings if web else registry.WorkerSettings
    try:
        settings = kind.from_environ(environ)
    except errors.SettingsError as error:
        tell(dataclasses.asdict(Finding(Grade.FAIL, "settings", str(error))))
        return False
    is_well = True
    async for finding in examine(settings):
        is_well = is_well and (finding.grade is not Grade.FAIL)
        tell(dataclasses.asdict(finding))
    return is_well


async def examine(
    settings: Settings, *, clock: session.Clock = session.utc_now, mounts: pathlib.Path = file_system.MOUNTS
) -> AsyncIterator[Finding]:
    """Yield the findings of all checks, one after the other."""
    yield Finding(Grade.OK, "settings", "All settings are valid.")
    for finding in _state_dir(settings.state_dir):
        yield finding
    names: dict[str, tuple[str, ...]] = {}
    try:
        path = file_system.sqlite_file(settings.database)
    except errors.SettingsError as error:
        yield Finding(Grade.FAIL, "database", str(error))
    else:
        yield _file_system(settings.database, path, mounts)
        async for finding in _database(settings.database, path, clock, names):
            yield finding
    yield _private(
        "secret key", settings.state_dir / "secret-key", missing="The web process creates it on its first start."
    )
    if not isinstance(settings, registry.WorkerSettings):
        return
    if settings.maven_central_token_file is not None:
        yield _private("token file", settings.maven_central_token_file)
    async for finding in _platforms(settings, names):
        yield finding


def _state_dir(state_dir: pathlib.Path) -> Iterator[Finding]:
    what = "state directory"
    if not state_dir.exists():
        yield Finding(Grade.WARN, what, f"{state_dir} does not exist yet.", "The first start creates it.")
        return
    try:
        health.try_to_write(state_dir)
        free = shutil.disk_usage(state_dir).free
    except OSError as error:
        to_do = "Give this user write access to it."
        yield Finding(Grade.FAIL, what, f"{state_dir} is not writable: {error.strerror}.", to_do)
        return
    yield Finding(Grade.OK, what, f"{state_dir} is writable.")
    grade = Grade.FAIL if (free < _NO_ROOM) else Grade.WARN if (free < _LITTLE_ROOM) else Grade.OK
    to_do = "" if (grade is Grade.OK) else "Free some space: an upload needs its size, and its bundle the same again."
    yield Finding(grade, "room", f"{free / 1e9:,.1f} GB are free below the state directory.", to_do)


def _file_system(url: str, path: pathlib.Path | None, mounts: pathlib.Path) -> Finding:
    what = "file system"
    if path is None:
        return Finding(Grade.OK, what, "The database is not a local file.")
    try:
        file_system.demand_local(url, mounts)
    except errors.SettingsError as error:
        said, _, to_do = str(error).partition(". ")
        return Finding(Grade.FAIL, what, f"{said}.", to_do)
    kind = file_system.kind(path, mounts)
    if not kind:
        to_do = "Make sure that it is on a local disk."
        return Finding(Grade.WARN, what, f"The file system of {path} cannot be determined.", to_do)
    return Finding(Grade.OK, what, f"{path} is on a local disk ({kind}).")


async def _database(
    url: str, path: pathlib.Path | None, clock: session.Clock, names: dict[str, tuple[str, ...]]
) -> AsyncIterator[Finding]:
    """Check the database, and add the namespaces of projects to `names`."""
    what = "database"
    if _is_missing(path):
        # Opening it would create it.
        yield Finding(Grade.WARN, what, f"{path} does not exist yet.", "The first start creates it, or `atr migrate`.")
        return
    try:
        database = session.Database(url, clock)
    except errors.SettingsError as error:
        yield Finding(Grade.FAIL, what, str(error), "Set ATR_DATABASE_URL to a SQLite or PostgreSQL database.")
        return
    try:
        async with asyncio.timeout(health.PATIENCE):
            found = await conditions.of(database)
        yield Finding(Grade.OK, what, f"It responds ({found.dialect}).")
        yield _revision(found.revision)
        yield _durable(found) if database.on_sqlite else await _durable_server(database)
        yield _clock(found, database)
        if found.revision == migrate.head():
            async with database.read() as data:
                yield _generation(await queries.site(data))
                for platform in distribution.DistributionPlatform:
                    names[platform.name] = tuple(await queries.names(data, platform.name))
    except (OSError, sqlalchemy.exc.SQLAlchemyError) as error:
        # The error's own message is not shown, because it may contain the address with a password.
        said = f"It cannot be read: {type(error).__name__}."
        yield Finding(Grade.FAIL, what, said, "Check ATR_DATABASE_URL, the file's permissions, and the server.")
    finally:
        await database.close()


def _is_missing(path: pathlib.Path | None) -> bool:
    return (path is not None) and not path.exists()


def _revision(here: str | None) -> Finding:
    what, head = "migrations", migrate.head()
    if here == head:
        return Finding(Grade.OK, what, f"The database is at {head}.")
    if not migrate.is_known(here):
        said = f"The database is at {here}, which this version does not know: a newer one has migrated it."
        return Finding(Grade.FAIL, what, said, "Start the newer version.")
    said = f"The database is at {here or 'no revision'}, this program needs {head}."
    return Finding(Grade.WARN, what, said, "Run `atr migrate`; starting also migrates it if its role is allowed to.")


def _generation(site: operating.Site) -> Finding:
    if not site.generation:
        return Finding(Grade.OK, "generation", "The database has never been restored.")
    of = f" to {site.backup_at:%Y-%m-%d %H:%M:%S} UTC" if site.backup_at else ""
    at = f" at {site.restored_at:%Y-%m-%d %H:%M:%S} UTC" if site.restored_at else ""
    said = f"The database is in generation {site.generation}: it was restored{at}{of}."
    return Finding(Grade.OK, "generation", said)


def _durable(found: conditions.Condition) -> Finding:
    said = f"journal_mode={found.journal_mode}, synchronous={found.synchronous}"
    if (found.journal_mode == conditions.WAL) and (found.synchronous == conditions.FULL):
        return Finding(Grade.OK, "durability", f"Commits are durable ({said}).")
    to_do = f"It must be {conditions.WAL} and {conditions.FULL}: put the file on a local disk that supports it."
    return Finding(Grade.FAIL, "durability", f"A promotion's mark could be lost ({said}).", to_do)


async def _durable_server(database: session.Database) -> Finding:
    what = "durability"
    try:
        await database.ensure_durable()
    except errors.SettingsError as error:
        said, _, to_do = str(error).partition(". ")
        return Finding(Grade.FAIL, what, f"{said}.", to_do)
    return Finding(Grade.OK, what, "Commits are durable on the server.")


def _clock(found: conditions.Condition, database: session.Database) -> Finding:
    what, to_do = (
        "clock",
        "Synchronise the clocks with NTP before starting anything: leases and deadlines depend on them.",
    )
    if (found.clock is not None) and (found.our_clock is not None):
        apart = (found.our_clock - found.clock).total_seconds()
        if abs(apart) > conditions.APART_SECONDS:
            way = "ahead of" if (apart > 0) else "behind"
            # With such a database only the times in the log come from this machine's clock.
            to_do = "Synchronise the clocks with NTP: the times in logs do not match."
            return Finding(Grade.WARN, what, f"This machine is {abs(apart):,.0f} s {way} the database's.", to_do)
    if found.newest_event is not None:
        behind = (found.newest_event - database.here()).total_seconds()
        if behind > conditions.APART_SECONDS:
            return Finding(Grade.FAIL, what, f"This machine is {behind:,.0f} s behind the newest event.", to_do)
    return Finding(Grade.OK, what, "This machine's clock agrees with the database.")


def _private(what: str, path: pathlib.Path, *, missing: str = "") -> Finding:
    """Check that only the owner can read a file with a secret. The file is not opened."""
    to_do = f"chmod 600 {path}"
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if missing:
            return Finding(Grade.OK, what, f"{path} does not exist yet. {missing}")
        return Finding(Grade.FAIL, what, f"{path} does not exist.", "It must contain name:password on one line.")
    except OSError as error:
        return Finding(Grade.FAIL, what, f"{path} cannot be inspected: {error.strerror}.", to_do)
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        return Finding(Grade.FAIL, what, f"Other users can read or change {path} ({stat.filemode(mode)}).", to_do)
    if mode & stat.S_IRGRP:
        return Finding(Grade.WARN, what, f"A group can read {path} ({stat.filemode(mode)}).", to_do)
    return Finding(Grade.OK, what, f"Only its owner can read {path}.")


async def _platforms(settings: registry.WorkerSettings, names: dict[str, tuple[str, ...]]) -> AsyncIterator[Finding]:
    try:
        promoters, catalogues = worker.adapters(settings), worker.catalogues(settings)
    except errors.SettingsError as error:
        yield Finding(Grade.FAIL, "platforms", str(error))
        return
    if not (promoters or catalogues):
        yield Finding(Grade.WARN, "platforms", "No platform address is configured, so no platform is contacted.")
    for promoter in promoters.values():
        async with aclosing(promoter):
            for finding in await _promoter(promoter, names.get(promoter.platform.name, ())):
                yield finding
            yield await _public(promoter)
    for catalogue in catalogues.values():
        async with aclosing(catalogue):
            yield await _public(catalogue)


async def _promoter(promoter: contract.Promoter, names: tuple[str, ...]) -> list[Finding]:
    """Run the pre-flight check of the permission to publish, for each namespace of a project."""
    what = promoter.platform.display_name
    wanted = [_nobodys(promoter.platform, name) for name in (names[:_NAMES] or (_NOBODYS,))]
    credential, right, _ = await readiness.ask(promoter, wanted)
    to_do = "Check the token in ATR_MAVEN_CENTRAL_TOKEN_FILE and the state of its account on the platform."
    if credential.data["answer"] == "no":
        return [Finding(Grade.FAIL, what, credential.message, to_do)]
    if credential.data["answer"] != "yes" and right.data["answer"] != "no":
        # No usable answer: the sentence says what happened.
        said = credential.message.removesuffix(errors.ASKED_AGAIN)
        return [Finding(Grade.FAIL, what, said, "Check the address, the network, and the platform's status page.")]
    known = Finding(Grade.OK, what, "It responds and accepts the credential.")
    if not names:
        to_do = "A foundation admin can set namespaces at /targets; then run this again."
        return [known, Finding(Grade.WARN, f"{what}, rights", "No project has namespaces there yet.", to_do)]
    if right.data["answer"] == "no":
        return [
            known,
            Finding(Grade.FAIL, f"{what}, rights", right.message, "Grant the account that permission on the platform."),
        ]
    grade = Grade.OK if (right.status is sql.CheckResultStatus.NOTE) else Grade.WARN
    more = f" {len(names) - _NAMES:,} more namespaces were not checked." if (len(names) > _NAMES) else ""
    return [known, Finding(grade, f"{what}, rights", f"{right.message}{more}")]


async def _public(catalogue: contract.Catalogue) -> Finding:
    what = f"{catalogue.platform.display_name}, in public"
    try:
        await catalogue.lookup(_nobodys(catalogue.platform))
    except errors.AtrError as error:
        said = str(error).removesuffix(errors.ASKED_AGAIN)
        return Finding(Grade.FAIL, what, said, "Check the address, the network, and the platform's status page.")
    return Finding(Grade.OK, what, "It answers.")


def _nobodys(platform: distribution.DistributionPlatform, owner: str = "") -> distribution.Coordinates:
    owner = owner or platform.default_owner_namespace or (_NOBODYS if platform.requires_owner_namespace else "")
    return distribution.Coordinates(platform.name, owner, _NOBODYS, _NO_VERSION)
