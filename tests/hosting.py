# SPDX-License-Identifier: Apache-2.0
"""What a host does that takes our tables in beside its own: statements of its own, where ours would be refused."""

from collections.abc import Awaitable, Callable

import sqlalchemy
from sqlmodel import col

import atr.db.guards as guards
import atr.db.queries as queries
import atr.demo.people as people
import atr.models.sql as sql
import atr.storage as storage
import atr.storage.files as files
import atr.storage.writers.revision as revisions
from tests import world as worlds


async def delete(world: worlds.World, release_key: str) -> None:
    """A release is deleted, with all that ATR's own tables have of it; ours know nothing of that."""
    async with world.by_hand() as data:
        await data.exec(sqlalchemy.delete(sql.Revision).where(col(sql.Revision.release_key) == release_key))
        await data.exec(sqlalchemy.delete(sql.Release).where(col(sql.Release.key) == release_key))


async def revise(store: storage.Storage, release_key: str, change: Callable[[files.Draft], Awaitable[None]]) -> str:
    """A revision that is made whatever the phase of its release, as no writer of ours makes one; its number."""
    async with store.draft(release_key) as draft:
        await change(draft)
        odd = await draft.odd_checksums()
        async with store.write(people.COMMITTER) as write:
            await guards.hold(write.data, guards.release(release_key))
            release = await queries.demand_release(write.data, release_key)
            counter = await write.data.get(sql.RevisionCounter, release_key)
            assert counter is not None
            counter.last_allocated_number += 1
            number = str(counter.last_allocated_number).zfill(sql.NUMBER_DIGITS)
            write.data.add(
                sql.Revision(
                    key=sql.revision_key(release_key, number),
                    release_key=release_key,
                    seq=counter.last_allocated_number,
                    number=number,
                    asfuid=write.asf_uid,
                    created=write.now,
                    phase=release.phase,
                    parent_key=sql.revision_key(release_key, draft.parent),
                    description="Made by the host",
                )
            )
            await revisions.record(write, release_key, number, draft.files, odd)
            target = write.place.revision_dir(release.project_key, release.version, number)
            draft.directory.rename(target)
            return number
