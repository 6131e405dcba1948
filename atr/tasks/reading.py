# SPDX-License-Identifier: Apache-2.0
"""Read files of a platform and hash them: the staged ones before the call, the public ones after it.

Each file is kept as soon as it is read, so that a broken reading goes on where it stopped. No transaction is open
while anything is read.
"""

import asyncio
import contextlib
import dataclasses
import functools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar

import atr.errors as errors
import atr.models.work as work
import atr.platforms.contract as contract
import atr.platforms.http as http
import atr.promotion.fileset as fileset
import atr.shared.maven as maven
import atr.tasks.keeping as keeping

# Readers at once for one account.
_READERS: Final = 4
# What was read is kept after so many files or seconds.
_KEEP_FILES: Final = 100
_KEEP_SECONDS: Final = 0.5
# No platform takes a file that is larger.
_LARGEST: Final = 5 * 1024**3
# A checksum file is a line: some tools add the file's name to it.
_SIDE_LIMIT: Final = 4096

Keep = Callable[[Sequence[work.Read], int, int], Awaitable[None]]
# Told of each file that was read.
Each = Callable[[], object]
T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Staged:
    """A complete reading of what is staged."""

    files: fileset.FileSet
    # Side files that do not agree with the bytes they name, a sentence each.
    problems: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Public:
    """A reading of the public files: what was there, and what was not."""

    found: tuple[fileset.File, ...]
    absent: tuple[str, ...]

    def differs(self, voted: fileset.FileSet) -> bool:
        """Whether a file that is there is another one than was voted on."""
        return not (set(self.found) <= set(voted.files))

    def difference(self, voted: fileset.FileSet) -> str:
        """How the public files differ from the voted ones, in words; empty if they do not."""
        if not self.found:
            return "None of the voted files is there."
        difference = fileset.compare(voted, fileset.FileSet.of(self.found))
        return "" if difference.is_empty else difference.described("public")


async def staged(
    promoter: contract.Promoter,
    external_id: str,
    kept: Sequence[work.Read],
    keep: Keep,
    *,
    with_side_files: bool,
    keeper: keeping.Keeper | None = None,
    each: Each = lambda: None,
) -> Staged:
    """Every staged file, hashed from bytes we read. Raises PlatformError when one cannot be read whole.

    `kept` is what an earlier, broken reading left; `keep` is called with what was read, how many are done, and of how
    many. With `with_side_files` each checksum is compared with the bytes that it names. A `keeper` gets the bytes as
    they come; what was read before and is not in its store is read again.
    """
    keeper = keeper or keeping.Keeper()
    listed = await promoter.staged(external_id)
    members = {one.path: one for one in listed if not maven.is_side_file(one.path)}
    if not members:
        raise errors.MalformedError("The deployment has no files but checksums, so there is nothing to prove.")
    sides = await _sides(promoter, external_id, listed) if with_side_files else {}
    orphans = tuple(f"{path} is a checksum of a file that is not there." for path in sorted(set(sides) - set(members)))
    done = {read.file.path: read for read in kept if (read.file.path in members) and not keeper.lacks(read.file)}
    waiting = [one for path, one in members.items() if path not in done]
    batch: list[work.Read] = []
    since = time.monotonic()
    try:
        jobs = [
            functools.partial(_read, promoter, external_id, one, sides.get(one.path, {}), keeper) for one in waiting
        ]
        async with contextlib.aclosing(_in_parallel(jobs)) as reads:
            async for read in reads:
                done[read.file.path] = read
                batch.append(read)
                each()
                if (len(batch) >= _KEEP_FILES) or (time.monotonic() - since > _KEEP_SECONDS):
                    await keep(batch, len(done), len(members))
                    batch, since = [], time.monotonic()
    finally:
        await keep(batch, len(done), len(members))
    problems = (*orphans, *(read.problem for read in done.values() if read.problem))
    return Staged(fileset.FileSet.of(read.file for read in done.values()), problems)


async def into_store(
    promoter: contract.Promoter, external_id: str, files: Sequence[fileset.File], keeper: keeping.Keeper
) -> None:
    """Read once more those captured files that the store lacks. Raises UnavailableError for one that is another now."""
    jobs = [
        functools.partial(_read, promoter, external_id, contract.Listed(file.path, file.size), {}, keeper)
        for file in files
        if keeper.lacks(file)
    ]
    captured = {file.path: file for file in files}
    async with contextlib.aclosing(_in_parallel(jobs)) as reads:
        async for read in reads:
            if read.file != captured[read.file.path]:
                raise errors.UnavailableError(f"{read.file.path} is not what was captured any more.")


async def public(
    promoter: contract.Promoter,
    voted: fileset.FileSet,
    kept: Sequence[work.Read],
    keep: Keep,
    *,
    each: Each = lambda: None,
) -> Public:
    """The public files under the voted paths, each read once, one after the other. Raises PlatformError for faults."""
    done = {read.file.path: read.file for read in kept}
    waiting = [file for file in voted.files if file.path not in done]
    absent = []
    batch: list[work.Read] = []
    since = time.monotonic()
    try:
        async for one in promoter.public(waiting):
            if one.file is None:
                absent.append(one.path)
                continue
            done[one.path] = one.file
            batch.append(work.Read(one.file))
            each()
            if (len(batch) >= _KEEP_FILES) or (time.monotonic() - since > _KEEP_SECONDS):
                await keep(batch, len(done), len(voted.files))
                batch, since = [], time.monotonic()
    finally:
        await keep(batch, len(done), len(voted.files))
    return Public(tuple(done.values()), tuple(absent))


async def _in_parallel(jobs: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> AsyncGenerator[T, None]:
    """What each job answers, as it comes; so many run at once as one account may."""
    queue = list(reversed(jobs))
    running: set[asyncio.Task[T]] = set()
    try:
        while queue or running:
            while queue and (len(running) < _READERS):
                running.add(asyncio.create_task(queue.pop()()))
            finished, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            # What was read whole is handed on before the first fault is raised.
            for task in sorted(finished, key=lambda task: task.exception() is not None):
                yield task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _read(
    promoter: contract.Promoter,
    external_id: str,
    one: contract.Listed,
    sides: Mapping[str, str],
    keeper: keeping.Keeper,
) -> work.Read:
    at_most = _LARGEST if one.size is None else one.size
    with keeper.part() as part:
        async with promoter.staged_bytes(external_id, one.path, at_most=at_most) as chunks:
            digests = await http.digested(part.passing(chunks), sides.keys())
        if (one.size is not None) and (digests.size != one.size):
            raise errors.UnavailableError(
                f"{one.path} came with {digests.size} of its {one.size} bytes. We read it again later."
            )
        await part.keep()
    wrong = [algorithm for algorithm, value in sides.items() if digests.side[algorithm] != value]
    problem = f"The {wrong[0]} beside {one.path} is not that of its bytes." if wrong else ""
    return work.Read(fileset.File(one.path, digests.size, digests.sha256), problem)


async def _sides(
    promoter: contract.Promoter, external_id: str, listed: Sequence[contract.Listed]
) -> dict[str, dict[str, str]]:
    """For each file, what the checksums beside it say: algorithm to hex."""
    said: dict[str, dict[str, str]] = {}
    # There are two to four of them for each file: one after the other they would take longer than the files.
    jobs = [
        functools.partial(_side, promoter, external_id, one.path, *named)
        for one in listed
        if (named := maven.named_by(one.path)) is not None
    ]
    async with contextlib.aclosing(_in_parallel(jobs)) as sides:
        async for path, algorithm, value in sides:
            said.setdefault(path, {})[algorithm] = value
    return said


async def _side(
    promoter: contract.Promoter, external_id: str, path: str, named: str, algorithm: str
) -> tuple[str, str, str]:
    """Which file a checksum names, its algorithm, and what it says."""
    text = b""
    async with promoter.staged_bytes(external_id, path, at_most=_SIDE_LIMIT) as chunks:
        async for chunk in chunks:
            text += chunk
    first = text.decode("ascii", "replace").split()[:1]
    return named, algorithm, first[0].lower() if first else ""
