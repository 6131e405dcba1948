# SPDX-License-Identifier: Apache-2.0
"""T26: the power fails at any moment of a release's life, and what was not synced is lost, in whole or in part.

A life runs once, and each of its system calls is recorded. From the record the disk is rebuilt as a power loss leaves
it: before and after each sync, and when a publish request or an answer to a person has left. Then what people and the
platform know is compared with what is there; and a worker goes on from there, and must end live by one request.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import functools
import hashlib
import json
import pathlib
import random
import re
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import tests.chaos.broken_files as broken_files
import tests.chaos.forgetful as forgetful
import tests.chaos.lives as lives
import tests.chaos.outcome as outcome
import tests.chaos.recorded as recorded
import tests.chaos.truth as truth
from tests import databases, guarding, installed
from tests import world as worlds

# Power losses by chance at each moment, beside the one that takes all; of every how many moments a worker goes on.
_SIZES: Final = {outcome.Size.SMALL: (1, 12), outcome.Size.CI: (5, 3), outcome.Size.RELEASE: (300, 3)}
_SANDBOX: Final = f"{lives.STATE}/sandbox"
_PUBLISH: Final = re.compile(rb"POST /api/v1/publisher/deployment/([0-9a-f-]{36}) ")
# Longer than a lease: the next worker starts after that, at the latest.
_AWAY: Final = 90
_FILES_OF: Final = {
    "revision": (
        "SELECT 'unfinished/' || release.project_key || '/' || release.version || '/' || number || '/' || path,"
        " size, sha256 FROM revision_files JOIN release ON release.key = release_key"
        " JOIN file_set_file ON digest = file_set_digest"
    ),
    "copy": (
        "SELECT 'copies/' || substr(sha256, 1, 2) || '/' || sha256, size, sha256"
        " FROM kept_copy JOIN file_set_file ON digest = file_set_digest"
    ),
}
_MARKS: Final = (
    "SELECT count(*) FROM attempt JOIN promotion ON promotion.id = promotion_id"
    " JOIN deployment ON deployment.id = promotion.deployment_id WHERE kind = 'publish' AND external_id = ?"
)


@dataclasses.dataclass
class Known:
    """What the world outside knows at a moment: requests that have left, and what people were told."""

    sent: list[str] = dataclasses.field(default_factory=list)
    told: dict[str, Any] = dataclasses.field(default_factory=dict)
    revisions: list[str] = dataclasses.field(default_factory=list)
    _descriptor: str = ""

    @property
    def generations(self) -> Sequence[int | None]:
        """Those in which the database may be, None for no database; empty where nobody restores."""
        found: Sequence[int | None] = self.told.get("generations", ())
        return found

    @property
    def expects_rows(self) -> bool:
        """Whether somebody was told of rows."""
        return ("events" in self.told) or (bool(self.generations) and (None not in self.generations))

    def hear(self, call: recorded.Call) -> bool:
        """Whether it learns something of this call."""
        text = call.texts[0] if call.texts else b""
        if (call.name == "openat") and text.endswith(f"/{lives.TOLD}".encode()):
            self._descriptor = str(call.result)
        elif (call.name == "write") and (call.words[0] == self._descriptor):
            told = json.loads(text)
            self.told |= told
            self.revisions += [told["revision"]] if "revision" in told else []
            return True
        elif call.name.startswith("send") and (found := _PUBLISH.match(text)):
            self.sent.append(found[1].decode())
            return True
        return False


@dataclasses.dataclass(frozen=True)
class Moment:
    """The power fails before or after a call, and leaves by this chance what was not synced; nothing without one."""

    where: str
    disk: forgetful.Disk
    known: Known
    chance: str = ""

    def left(self, to: pathlib.Path) -> None:
        """The disk as it is then."""
        loss = forgetful.Loss(random.Random(self.chance) if self.chance else None)
        self.disk.left(to, loss, _SANDBOX)

    def __str__(self) -> str:
        return f"power lost {self.where}, {f'chance {self.chance}' if self.chance else 'all that was not synced'}"


@dataclasses.dataclass(frozen=True)
class Record:
    """A life that was recorded: its calls, and the directory in which it was lived."""

    name: str
    directory: pathlib.Path
    calls: Sequence[recorded.Call]

    @functools.cached_property
    def history(self) -> broken_files.Chains | None:
        """Every event that was committed; None where a restore made another history."""
        file = self.directory / lives.DISK / lives.STATE / "atr.db"
        return None if self.name == "restored" else broken_files.chains(file)

    def disk(self) -> forgetful.Disk:
        """The disk at the beginning."""
        return forgetful.Disk(self.directory / "before", self.directory / lives.DISK)

    def problems(self, moment: Moment) -> list[str]:
        """What people or the platform know and the disk does not, and what is on it only in part."""
        with tempfile.TemporaryDirectory(dir=outcome.MEMORY) as name:
            root = pathlib.Path(name)
            moment.left(root)
            state, told = root / lives.STATE, moment.known.told
            try:
                rows = list(_wrong_rows(state, moment.known, self.history))
            except sqlite3.DatabaseError as error:
                rows = [f"the database is damaged: {error}"] * (None not in moment.known.generations)
            return [
                *rows,
                *_wrong_key(state / "secret-key", told.get("key")),
                *_wrong_backups(root / lives.BACKUPS, told.get("backup")),
                *_wrong_kept(state, told.get("kept")),
            ]

    def moments(self, seed: int, times: int) -> Iterator[Moment]:
        """Each moment at which a power loss may leave something else than at the one before, and so many by chance."""
        disk, known = self.disk(), Known()
        for call in self.calls:
            what = f"{call.name} {disk.name_of(call)}" if disk.is_sync(call) else ""
            if what:
                where = f"before {what} ({call.ended})"
                yield from (Moment(where, disk, known, f"{seed}:{call.ended}:{time}") for time in range(times))
            disk.play(call)
            heard = known.hear(call)
            if heard:
                what = "the publish request" if call.name.startswith("send") else "somebody was told"
            if what:
                # What chance may leave after a sync, it may leave before the next one as well.
                yield Moment(f"after {what} ({call.ended})", disk, known)

    def without(self, named: str) -> "Record":
        """The record of a program that does not sync what is named so."""
        disk = self.disk()
        kept = []
        for call in self.calls:
            if not (disk.is_sync(call) and re.fullmatch(named, disk.name_of(call))):
                kept.append(call)
            disk.play(call)
        return dataclasses.replace(self, calls=kept)

    def is_whole(self) -> bool:
        """Whether the record played to its end gives the very files that the process left."""
        disk = self.disk()
        for call in self.calls:
            disk.play(call)
        root = self.directory / lives.DISK
        there = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        return _without_shared(there) == _without_shared(disk.seen())


def campaign(size: outcome.Size, seed: int) -> outcome.Outcome:
    """A release's life; the same with a log that begins anew often; restores. The power fails at each moment."""
    if not installed.STRACE.find():
        return outcome.Outcome(0, (f"T26 {installed.STRACE.advice}",))
    times, every = _SIZES[size]
    rounds, seen, violations = 0, [], []
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(lived("released"))
        records = (first, stack.enter_context(lived("released_often")), stack.enter_context(lived("restored", first)))
        stack.enter_context(guarding.watch())
        runner = stack.enter_context(asyncio.Runner())
        for record in records:
            wrong = ["the record is not what happened"] * (not record.is_whole())
            moments, resumed = 0, 0
            for moment in record.moments(seed, times):
                found = record.problems(moment)
                moments += 1
                here = ("publish" in moment.where) or (moments % every == 0)
                if here and not found and ("promoted" in moment.known.told):
                    found = runner.run(goes_on(moment))
                    resumed += 1
                wrong += [f"{moment}: {one}" for one in found]
            rounds += moments
            seen.append(f"{record.name}: power lost at {moments} moments, from {resumed} of which a worker went on")
            violations += [
                f"{record.name}: {one}. CHAOS={size} {outcome.SEED}={seed} python -m tests.chaos T26" for one in wrong
            ]
    return outcome.Outcome(rounds, tuple(violations), tuple(seen))


@contextlib.contextmanager
def lived(name: str, after: Record | None = None) -> Iterator[Record]:
    """This life, recorded, while its directory is there; on a fresh disk, or on the one that another life left."""
    with tempfile.TemporaryDirectory(prefix="atr-power-", dir=outcome.MEMORY) as where:
        directory = pathlib.Path(where)
        for folder in ("before", lives.DISK):
            if after is None:
                (directory / folder / lives.BACKUPS).mkdir(parents=True)
            else:
                shutil.copytree(after.directory / lives.DISK, directory / folder)
        yield Record(name, directory, recorded.record(lives.__name__, [name, where], directory / "log"))


def _without_shared(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    return {name: data for name, data in files.items() if not name.endswith(forgetful.SHARED_MEMORY)}


def _wrong_rows(state: pathlib.Path, known: Known, history: broken_files.Chains | None) -> Iterator[str]:
    file = state / "atr.db"
    if not file.exists():
        yield from ["the database is gone"] * known.expects_rows
        return
    with contextlib.closing(sqlite3.connect(file)) as data:
        if data.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            yield "the database is damaged"
            return
        if not data.execute("SELECT 1 FROM sqlite_master WHERE name = 'kept_copy'").fetchone():
            yield from ["the tables are gone"] * known.expects_rows
            return
        yield from _lost(data, known)
        for what, statement in _FILES_OF.items():
            for path, size, sha256 in data.execute(statement).fetchall():
                yield from _wrong_file(state / path, size, sha256, f"{what} has its row, and {path}")
    if (history is not None) and (problem := broken_files.problem(file, history)):
        yield problem


def _lost(data: sqlite3.Connection, known: Known) -> Iterator[str]:
    """What the world outside knows, and no row tells."""
    for external_id in set(known.sent):
        if data.execute(_MARKS, (external_id,)).fetchone()[0] < known.sent.count(external_id):
            yield "S9: the publish request has left, and its mark is gone"
    events = data.execute("SELECT count(*) FROM event").fetchone()[0]
    if events < known.told.get("events", 0):
        yield f"{known.told['events']} events were told, and {events} are there"
    generation = next(iter(data.execute("SELECT generation FROM site").fetchall()), (0,))[0]
    if known.generations and (generation not in known.generations):
        yield f"it is in generation {generation}, and {known.generations} may be"
    numbers = {number for (number,) in data.execute("SELECT number FROM revision")}
    yield from (f"revision {one} was told, and its row is gone" for one in known.revisions if one not in numbers)


def _wrong_file(path: pathlib.Path, size: int, sha256: str, what: str) -> Iterator[str]:
    if not path.is_file():
        yield f"{what} is gone"
    elif (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()) != (size, sha256):
        yield f"{what} has other bytes"


def _wrong_key(file: pathlib.Path, told: str | None) -> Iterator[str]:
    if not file.exists():
        yield from ["the key is gone, and sessions were signed with it"] * bool(told)
    elif len(file.read_text()) != 64 or (told and hashlib.sha256(file.read_bytes()).hexdigest() != told):
        yield "the key is there in part"


def _wrong_kept(state: pathlib.Path, told: str | None) -> Iterator[str]:
    """What was replaced is kept: a database, or the very bytes of what was none."""
    if not told:
        return
    if not (state / told).exists():
        yield "what was replaced is gone"
        return
    with contextlib.closing(sqlite3.connect(state / told)) as data:
        try:
            whole = data.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            whole = whole and data.execute("SELECT count(*) > 0 FROM event").fetchone() == (1,)
        except sqlite3.DatabaseError:
            whole = (state / told).read_bytes() == lives.NO_DATABASE
    if not whole:
        yield "what was replaced is there in part"


def _wrong_backups(folder: pathlib.Path, told: str | None) -> Iterator[str]:
    if told and not (folder / told).exists():
        yield "the backup was told, and is gone"
    for file in folder.glob("*.atrbackup"):
        try:
            with tarfile.open(file) as archive:
                read = {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]  # files
            whole = json.loads(read["manifest.json"])["sha256"] == hashlib.sha256(read["database"]).hexdigest()
        except (tarfile.TarError, KeyError, ValueError):
            whole = False
        if not whole:
            yield "a backup has its name, and is there in part"


async def goes_on(moment: Moment) -> list[str]:
    """What is wrong when a worker starts on what the power loss left: it ends live, by one request in all."""
    with tempfile.TemporaryDirectory(dir=outcome.MEMORY) as name:
        moment.left(pathlib.Path(name))
        state = pathlib.Path(name) / lives.STATE
        moment.disk.whole(_SANDBOX, state / "sandbox")
        before = [one for one in truth.Truth(state / "sandbox").look().effects if one.ours]
        began = datetime.datetime.fromisoformat(moment.known.told["at"]) + datetime.timedelta(seconds=_AWAY)
        deployment_id = moment.known.told["promoted"]
        async with worlds.open_world(state, databases.sqlite_url(state / "atr.db"), began=began) as world:
            try:
                await world.live(deployment_id)
            except AssertionError as error:
                return [f"the next worker did not bring it to its end: {error}"]
            after = [one for one in truth.Truth(state / "sandbox").look().effects if one.ours]
            calls = world.publish_calls
        if (len(after), calls) != (1, 1 - len(before)):
            return [f"{len(before)} effects before, {len(after)} after {calls} more publish requests"]
        return []
