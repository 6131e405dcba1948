# SPDX-License-Identifier: Apache-2.0
"""Store files while they are read and hashed, so that they are read only once.

A full disk or quota ends the storing, never the reading: the hashes matter more than the copy.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from typing import Final

import atr.disk as disk
import atr.models.work as work
import atr.promotion.fileset as fileset
import atr.storage as storage
import atr.storage.worker as services
import atr.storage.worker.copies as copies

_DISK: Final = (
    "No copy was made: the server's disk did not accept it ({why}). Tell the operator; try again once there is space."
)


class Keeper:
    """Stores the files that pass through it while there is room. Without a store it stores and requires nothing."""

    def __init__(self, storage: storage.Storage | None = None, plan: work.CopyPlan | None = None) -> None:
        self._storage = storage
        self._store = storage.place.blobs if (storage and plan) else None
        self._plan = plan
        # The blobs that it added to those of the project, with their sizes.
        self._new: dict[str, int] = {}
        # Why it stopped storing, as a sentence for people; empty if it has not.
        self.problem = ""

    def lacks(self, file: fileset.File) -> bool:
        """Return whether this file must be read because the store does not have it."""
        if (self._store is None) or self.problem:
            return False
        return not self._store.has(file.sha256, file.size)

    @contextlib.contextmanager
    def part(self) -> Iterator["Part"]:
        """Open one file for its bytes as they arrive. A file that is not kept completely is removed."""
        with contextlib.ExitStack() as stack:
            part: disk.Part | None = None
            if (self._store is not None) and not self.problem:
                try:
                    part = stack.enter_context(self._store.part())
                except OSError as error:
                    self.give_up(error)
            yield Part(self, part)

    def give_up(self, error: OSError) -> None:
        """Stop storing, because the disk failed with this error."""
        self.problem = _DISK.format(why=error.strerror or type(error).__name__)

    async def keep(self, part: disk.Part) -> None:
        """Store a complete file as a blob under its digest, if the quota has room for it."""
        if self._plan is None:
            return
        if part.sha256 not in self._plan.paid:
            # Counted before it is written, because other files of the same deployment are read concurrently.
            self._new[part.sha256] = part.size
            if sum(self._new.values()) > self._plan.room:
                self.problem = copies.over_quota(self._plan.quota)
                return
        try:
            await asyncio.to_thread(part.keep, self._plan.at)
        except OSError as error:
            self.give_up(error)

    async def make_room(self) -> None:
        """If storing has stopped, remove the blobs of this copy: the database may need the space on the same disk."""
        if (self._storage is None) or not (self.problem and self._new):
            return
        names, self._new = set(self._new), {}
        async with self._storage.write_as_system(services.PromotionService) as service:
            await service.copies.free(names)


class Part:
    """One file that passes through: hashed by the reader, stored by the keeper."""

    def __init__(self, keeper: Keeper, part: disk.Part | None) -> None:
        self._keeper = keeper
        self._part = part

    async def passing(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Yield the same chunks and write them, also those that the disk refuses."""
        async for chunk in chunks:
            if self._part is not None:
                await self._write(self._part, chunk)
            yield chunk

    async def keep(self) -> None:
        """Keep the file, which was read completely."""
        if (self._part is not None) and not self._keeper.problem:
            await self._keeper.keep(self._part)
            await self._keeper.make_room()

    async def _write(self, part: disk.Part, chunk: bytes) -> None:
        try:
            if not self._keeper.problem:
                part.write(chunk)
        except OSError as error:
            self._keeper.give_up(error)
        if self._keeper.problem:
            part.discard()
            self._part = None
            await self._keeper.make_room()
