# SPDX-License-Identifier: Apache-2.0
"""Read the files of a platform and hash them: staged files before the publish request, public files after it.

The results are stored while the reading continues, so that the next try can resume it. The last batch of a complete
reading is not stored if its file set is stored next. No transaction is open while anything is read.
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

# How many files one reading requests at once.
_READERS: Final = 4
# The results are stored after this many files, or this many seconds.
_KEEP_FILES: Final = 100
_KEEP_SECONDS: Final = 1.0
# Bytes. No platform accepts a larger file.
_LARGEST: Final = 5 * 1024**3
# How many wrong checksums a sentence names.
_NAMED: Final = 3

Keep = Callable[[Sequence[work.Read], int, int], Awaitable[None]]
# Called after each file that was read.
Each = Callable[[], object]
T = TypeVar("T")
# A file that was read; None if it was read as a checksum and is none.
R = TypeVar("R", work.Read, work.Read | None)


@dataclasses.dataclass(frozen=True)
class Staged:
    """The staged files, read completely: the members of the file set, and a sentence for each other finding."""

    files: fileset.FileSet
    # Checksums that do not match the bytes of their file.
    problems: tuple[str, ...] = ()
    # The packages that the platform names and of which it lists no file; empty if there are none.
    unread: str = ""
    # Shown, but no reason to refuse: members that are named like checksums, packages that the platform does not name.
    remarks: tuple[str, ...] = ()
    # The number and the bytes of all listed files, checksums included.
    listed: tuple[int, int] = (0, 0)

    @property
    def unfit(self) -> str:
        """Return what must not be published even if every member is identical to its voted file; empty if nothing."""
        return " ".join([*([self.unread] if self.unread else []), *self.problems[:_NAMED]])

    def difference(self, voted: fileset.FileSet) -> str:
        """Return why it may not be published as the voted files: how it differs, and what is unfit. Empty if it may."""
        difference = fileset.compare(voted, self.files)
        said = "" if difference.is_empty else difference.described("staged")
        return f"{said} {self.unfit}".strip()


@dataclasses.dataclass(frozen=True)
class Public:
    """The result of reading the public files: those that exist, and the paths of those that do not."""

    found: tuple[fileset.File, ...]
    absent: tuple[str, ...]

    def differs(self, voted: fileset.FileSet) -> bool:
        """Return whether one of the public files is not identical to a voted file."""
        return not (set(self.found) <= set(voted.files))

    def not_there_yet(self, voted: fileset.FileSet) -> str:
        """Return a sentence with the number of files that are not public yet, and the first of them."""
        return (
            f"{len(self.absent):,} of {len(voted.files):,} public files "
            f"{words.either(len(self.absent), 'is', 'are')} not there yet ({words.some(self.absent)})."
        )

    def difference(self, voted: fileset.FileSet) -> str:
        """Return how the public files differ from the voted ones, as a sentence; empty if they do not."""
        if not self.found:
            return "None of the voted files is there."
        difference = fileset.compare(voted, fileset.FileSet.of(self.found))
        return "" if difference.is_empty else difference.described("public")


async def staged(  # noqa: PLR0913  (what is read, from where, and the callbacks)
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
    """Read and hash every staged file. Raises PlatformError if one cannot be read completely.

    Which files are members is decided here for every caller: the small files that are named like checksums are read
    first, and those that are none are members. `kept` are the results of an earlier, interrupted try; `keep` is called
    with the new results, the number of files done and the total. `named` are the packages that the platform names. A
    `keeper` gets the members' bytes as they arrive; a file that was read before and is not in its store is read again.
    Without `keep_all` the last batch is not stored, for a caller that stores the file set next.
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
    # A member that was read before its checksum has not been compared with it.
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
    """Return the packages that the platform names, if any. Raises UnavailableError if it shows no such deployment."""
    observation = await promoter.observe(target)
    if observation.seen in {steps.Seen.UNKNOWN, steps.Seen.GONE}:
        why = observation.detail or "The platform has no such deployment at the moment."
        raise errors.UnavailableError(why)
    return observation.coordinates


class _Progress:
    """The results that are not stored yet, and the progress of the reading."""

    def __init__(self, keep: Keep, each: Each, total: int, done: set[str]) -> None:
        self.done = done
        self._keep = keep
        self._each = each
        self._total = total
        self._batch: list[work.Read] = []
        self._since = time.monotonic()

    async def note(self, read: work.Read) -> None:
        """Add the result of one file, and store the batch if it is due."""
        self.done.add(read.file.path)
        self._batch.append(read)
        self._each()
        if (len(self._batch) >= _KEEP_FILES) or (time.monotonic() - self._since > _KEEP_SECONDS):
            await self.flush()

    async def through(self, jobs: Sequence[Callable[[], Coroutine[Any, Any, R]]]) -> list[R]:
        """Run these jobs and return their results. If one fails, the results so far are stored first."""
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
        """Store the results that are not stored yet."""
        batch, self._batch, self._since = self._batch, [], time.monotonic()
        await self._keep(batch, len(self.done), self._total)


async def into_store(
    promoter: contract.Promoter, target: contract.Target, files: Sequence[fileset.File], keeper: keeping.Keeper
) -> None:
    """Read again the captured files that are not in the store. Raises UnavailableError for one that has changed."""
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
    """Read the public files under the voted paths, each once, one after the other. Raises PlatformError for faults."""
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
        # A later try reads only the absent ones.
        await progress.flush()
    return Public(tuple(done.values()), tuple(absent))


async def _in_parallel(jobs: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> AsyncGenerator[T, None]:
    """Yield the result of each job as it completes, with at most _READERS jobs at once.

    After a fault no job is started; the running ones are awaited, so that one fault costs one file.
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
    """Read a file that is named like a checksum, with its text. Returns None if it is not a checksum."""
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
    """Return which checksums of a checksum are wrong; empty if all are right."""
    return checksums.wrong(read.file.path, said, disk.digests([read.text.encode()], said))


def _demand_whole(one: contract.Listed, size: int) -> None:
    if (one.size is not None) and (size != one.size):
        raise errors.UnavailableError(f"{one.path} came with {size} of its {one.size} bytes. It will be read again.")


async def taken(promoter: contract.Promoter, packages: Sequence[distribution.Coordinates]) -> bool:
    """Return whether the platform's own records have one of these packages, regardless of who published it."""
    for where in packages:
        if await promoter.taken(where):
            return True
    return False


async def version(promoter: contract.Promoter, packages: Sequence[distribution.Coordinates]) -> steps.Version:
    """Query the platform's own records, and the public repository only if they have one of these packages."""
    if not await taken(promoter, packages):
        return steps.Version.ABSENT
    for where in packages:
        if await promoter.lookup(where) is not None:
            return steps.Version.PUBLIC
    return steps.Version.RECORDED
