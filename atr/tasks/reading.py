# SPDX-License-Identifier: Apache-2.0
"""Read files of a platform and hash them: the staged ones before the call, the public ones after it.

What was read is kept while the reading goes on, so that a broken one goes on where it stopped. What the last moment of
a whole reading read is not kept where its file set is stored next. No transaction is open while anything is read.
"""

import asyncio
import collections
import contextlib
import dataclasses
import functools
import hashlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar

import atr.disk as disk
import atr.errors as errors
import atr.models.work as work
import atr.platforms.contract as contract
import atr.platforms.http as http
import atr.promotion.ballot as ballot
import atr.promotion.checksums as checksums
import atr.promotion.fileset as fileset
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.words as words
import atr.tasks.keeping as keeping

# Readers at once for one account.
_READERS: Final = 4
# What was read is kept after so many files or seconds.
_KEEP_FILES: Final = 100
_KEEP_SECONDS: Final = 1.0
# No platform takes a file that is larger.
_LARGEST: Final = 5 * 1024**3
# Wrong checksums that a sentence names.
_NAMED: Final = 3

Keep = Callable[[Sequence[work.Read], int, int], Awaitable[None]]
# Told of each file that was read.
Each = Callable[[], object]
T = TypeVar("T")
# A file that was read, or none of its kind.
R = TypeVar("R", work.Read, work.Read | None)


@dataclasses.dataclass(frozen=True)
class Staged:
    """A complete reading of what is staged: the members, and what is wrong beside them. A sentence for each finding."""

    files: fileset.FileSet
    # Checksums that are not those of the bytes that they name.
    problems: tuple[str, ...] = ()
    # Packages that the platform names and of which no file was listed; empty if there is none.
    unread: str = ""
    # What refuses nothing and is worth a look: members that are named like checksums, packages that it does not name.
    remarks: tuple[str, ...] = ()
    # All that the platform listed, checksums too: how many, and their bytes.
    listed: tuple[int, int] = (0, 0)

    @property
    def unfit(self) -> str:
        """What must not become public though every member may be the voted one; empty if nothing."""
        return " ".join([*([self.unread] if self.unread else []), *self.problems[:_NAMED]])

    def difference(self, voted: fileset.FileSet) -> str:
        """Why it may not be published as what was voted on: how it differs, and what is unfit. Empty if it may."""
        difference = fileset.compare(voted, self.files)
        said = "" if difference.is_empty else difference.described("staged")
        return f"{said} {self.unfit}".strip()


@dataclasses.dataclass(frozen=True)
class Public:
    """A reading of the public files: what was there, and what was not."""

    found: tuple[fileset.File, ...]
    absent: tuple[str, ...]

    def differs(self, voted: fileset.FileSet) -> bool:
        """Whether a file that is there is another one than was voted on."""
        return not (set(self.found) <= set(voted.files))

    def not_there_yet(self, voted: fileset.FileSet) -> str:
        """How many are not there yet, and the first of them."""
        return (
            f"{len(self.absent):,} of {len(voted.files):,} public files "
            f"{words.either(len(self.absent), 'is', 'are')} not there yet ({words.some(self.absent)})."
        )

    def difference(self, voted: fileset.FileSet) -> str:
        """How the public files differ from the voted ones, in words; empty if they do not."""
        if not self.found:
            return "None of the voted files is there."
        difference = fileset.compare(voted, fileset.FileSet.of(self.found))
        return "" if difference.is_empty else difference.described("public")


async def staged(  # noqa: PLR0913  (what is read, from where, and who is told of it)
    promoter: contract.Promoter,
    target: contract.Target,
    kept: Sequence[work.Read],
    keep: Keep,
    *,
    named: Sequence[distribution.Coordinates],
    layout: layouts.Layout,
    keeper: keeping.Keeper | None = None,
    each: Each = lambda: None,
    keep_all: bool = True,
) -> Staged:
    """Every staged file, hashed from bytes we read. Raises PlatformError when one cannot be read whole.

    Which files are members is decided here for whoever reads: the small files that are named like checksums are read
    first, and those that are none are members. `kept` is what an earlier, broken reading left; `keep` is called with
    what was read, how many are done, and of how many. `named` are the packages that the platform names. A `keeper`
    gets the members' bytes as they come; what was read before and is not in its store is read again. `keep_all` is for
    what is not stored at once when it is whole.
    """
    keeper = keeper or keeping.Keeper()
    listed = {one.path: one for one in await promoter.staged(target)}
    sizes = {path: one.size for path, one in listed.items()}
    candidates = checksums.candidates(sizes) if layout.has_checksums else {}
    known = {read.file.path: read for read in kept if read.file.path in listed}
    progress = _Progress(keep, each, len(listed), {path for path, read in known.items() if read.text})
    unread = [
        functools.partial(_checksum, promoter, target, listed[path], what)
        for path, what in candidates.items()
        if path not in known
    ]
    fresh = {read.file.path: read for read in await progress.through(unread) if read is not None}
    sides = {path: read for path, read in (known | fresh).items() if read.text and (path in candidates)}
    said: dict[str, dict[str, str]] = collections.defaultdict(dict)
    for path, read in sides.items():
        what = candidates[path]
        said[what.path][what.algorithm] = checksums.stated(read.text.encode(), what)
    members = {path: one for path, one in listed.items() if path not in sides}
    # What was read before its checksum was cannot have been compared with it.
    early = {candidates[path].path for path in fresh}
    done = {
        path: read
        for path, read in known.items()
        if (path in members) and (path not in early) and not keeper.lacks(read.file)
    }
    progress.done |= set(done)
    waiting = [
        functools.partial(_read, promoter, target, one, said.get(path, {}), keeper)
        for path, one in members.items()
        if path not in done
    ]
    done |= {read.file.path: read for read in await progress.through(waiting)}
    if keep_all:
        await progress.flush()
    files = fileset.FileSet.of(read.file for read in done.values())
    wrong = [read.problem for read in done.values()]
    wrong += [_against_text(sides[path], beside) for path, beside in said.items() if path in sides]
    unlisted, unnamed = ballot.named_apart(named, files, layout)
    remarks = checksums.remarks({file.path: file.size for file in files.files}, listed) if layout.has_checksums else ()
    counted = (len(listed), files.size + sum(read.file.size for read in sides.values()))
    return Staged(files, tuple(sorted(filter(None, wrong))), unlisted, (*remarks, *unnamed), counted)


async def packages(promoter: contract.Promoter, target: contract.Target) -> tuple[distribution.Coordinates, ...]:
    """The packages that the platform names; none if it names none. Raises UnavailableError if that cannot be told."""
    observation = await promoter.observe(target)
    if observation.seen in {steps.Seen.UNKNOWN, steps.Seen.GONE}:
        why = observation.detail or "The platform has no such deployment at the moment."
        raise errors.UnavailableError(why)
    return observation.coordinates


class _Progress:
    """What was read and is not kept yet, and how far the reading is."""

    def __init__(self, keep: Keep, each: Each, total: int, done: set[str]) -> None:
        self.done = done
        self._keep = keep
        self._each = each
        self._total = total
        self._batch: list[work.Read] = []
        self._since = time.monotonic()

    async def note(self, read: work.Read) -> None:
        """One more was read."""
        self.done.add(read.file.path)
        self._batch.append(read)
        self._each()
        if (len(self._batch) >= _KEEP_FILES) or (time.monotonic() - self._since > _KEEP_SECONDS):
            await self.flush()

    async def through(self, jobs: Sequence[Callable[[], Coroutine[Any, Any, R]]]) -> list[R]:
        """Everything that these jobs read; what was read is kept, should one of them fail."""
        every = []
        try:
            async with contextlib.aclosing(_in_parallel(jobs)) as reads:
                async for read in reads:
                    every.append(read)
                    if read is not None:
                        await self.note(read)
        except BaseException:
            await self.flush()
            raise
        return every

    async def flush(self) -> None:
        """Keep what was read and is not kept yet."""
        batch, self._batch, self._since = self._batch, [], time.monotonic()
        await self._keep(batch, len(self.done), self._total)


async def into_store(
    promoter: contract.Promoter, target: contract.Target, files: Sequence[fileset.File], keeper: keeping.Keeper
) -> None:
    """Read once more those captured files that the store lacks. Raises UnavailableError for one that is another now."""
    jobs = [
        functools.partial(_read, promoter, target, contract.Listed(file.path, file.size), {}, keeper)
        for file in files
        if keeper.lacks(file)
    ]
    captured = {file.path: file for file in files}
    async with contextlib.aclosing(_in_parallel(jobs)) as reads:
        async for read in reads:
            if read.file != captured[read.file.path]:
                raise errors.UnavailableError(f"{read.file.path} has changed since it was captured.")


async def public(
    promoter: contract.Promoter,
    target: contract.Target,
    voted: fileset.FileSet,
    kept: Sequence[work.Read],
    keep: Keep,
    *,
    each: Each = lambda: None,
) -> Public:
    """The public files under the voted paths, each read once, one after the other. Raises PlatformError for faults."""
    done = {read.file.path: read.file for read in kept}
    waiting = [file for file in voted.files if file.path not in done]
    progress = _Progress(keep, each, len(voted.files), set(done))
    absent = []
    try:
        async for one in promoter.public(target, waiting):
            if one.file is None:
                absent.append(one.path)
            else:
                done[one.path] = one.file
                await progress.note(work.Read(one.file))
    except BaseException:
        await progress.flush()
        raise
    if absent:
        # It is read on when these are there.
        await progress.flush()
    return Public(tuple(done.values()), tuple(absent))


async def _in_parallel(jobs: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> AsyncGenerator[T, None]:
    """What each job answers, as it comes; so many run at once as one account may.

    After a fault none is begun any more; those that run are waited for, so that one fault costs one file.
    """
    queue = list(reversed(jobs))
    running: set[asyncio.Task[T]] = set()
    fault: BaseException | None = None
    try:
        while running or (queue and (fault is None)):
            while queue and (fault is None) and (len(running) < _READERS):
                running.add(asyncio.create_task(queue.pop()()))
            finished, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                failed = task.exception()
                if failed is None:
                    yield task.result()
                fault = fault or failed
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    if fault is not None:
        raise fault


async def _read(
    promoter: contract.Promoter,
    target: contract.Target,
    one: contract.Listed,
    sides: Mapping[str, str],
    keeper: keeping.Keeper,
) -> work.Read:
    at_most = _LARGEST if one.size is None else one.size
    with keeper.part() as part:
        async with promoter.staged_bytes(target, one.path, at_most=at_most) as chunks:
            digests = await http.digested(part.passing(chunks), sides.keys())
        _demand_whole(one, digests.size)
        await part.keep()
    problem = checksums.wrong(one.path, sides, digests.side)
    return work.Read(fileset.File(one.path, digests.size, digests.sha256), problem)


async def _checksum(
    promoter: contract.Promoter, target: contract.Target, one: contract.Listed, named: checksums.Named
) -> work.Read | None:
    """A file that is named like a checksum, with its text; None if that is none of a checksum."""
    text = b""
    at_most = _LARGEST if one.size is None else one.size
    async with promoter.staged_bytes(target, one.path, at_most=at_most) as chunks:
        async for chunk in chunks:
            text += chunk
            if len(text) > checksums.LIMIT:
                return None
    _demand_whole(one, len(text))
    if not checksums.stated(text, named):
        return None
    return work.Read(fileset.File(one.path, len(text), hashlib.sha256(text).hexdigest()), text=text.decode("ascii"))


def _against_text(read: work.Read, said: Mapping[str, str]) -> str:
    """Which checksums of a checksum are wrong; empty if all are right."""
    return checksums.wrong(read.file.path, said, disk.digests([read.text.encode()], said))


def _demand_whole(one: contract.Listed, size: int) -> None:
    if (one.size is not None) and (size != one.size):
        raise errors.UnavailableError(f"{one.path} came with {size} of its {one.size} bytes. It will be read again.")


async def taken(promoter: contract.Promoter, packages: Sequence[distribution.Coordinates]) -> bool:
    """Whether the platform's own records have one of these packages, whoever published it."""
    for where in packages:
        if await promoter.taken(where):
            return True
    return False


async def version(promoter: contract.Promoter, packages: Sequence[distribution.Coordinates]) -> steps.Version:
    """Ask the platform's own records, and the public place only if they have one of these packages."""
    if not await taken(promoter, packages):
        return steps.Version.ABSENT
    for where in packages:
        if await promoter.lookup(where) is not None:
            return steps.Version.PUBLIC
    return steps.Version.RECORDED
