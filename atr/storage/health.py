# SPDX-License-Identifier: Apache-2.0
"""Whether this process can serve requests now. Machines ask often, so it is cheap; and anyone can read the answer, so
it quotes no error but the operating system's word for why a file cannot be written.
"""

import asyncio
import dataclasses
import logging
import pathlib
import tempfile
from typing import Final

import sqlalchemy

import atr.db.migrate as migrate
import atr.storage as storage

_LOG = logging.getLogger(__name__)
# In seconds. A load balancer does not wait longer for an answer.
PATIENCE: Final = 5.0
# The space that the smallest file takes on most disks.
_SAMPLE: Final = bytes(4_096)


@dataclasses.dataclass(frozen=True)
class Lack:
    """One reason why the process cannot serve requests."""

    # "database", "migrations" or "disk".
    what: str
    why: str


async def lacks(store: storage.Storage, *, patience: float = PATIENCE) -> tuple[Lack, ...]:
    """Return what prevents this process from serving requests; empty if nothing does. Never raises."""
    found = (await _database(store, patience), await _disk(store.place.state_dir, patience))
    return tuple(lack for lack in found if lack is not None)


async def _database(store: storage.Storage, patience: float) -> Lack | None:
    try:
        head = await asyncio.to_thread(migrate.head)
        async with asyncio.timeout(patience), store.database.read() as data:
            here = await (await data.connection()).run_sync(migrate.revision_of)
    except TimeoutError:
        return Lack("database", f"It did not respond within {patience:g} s.")
    except (OSError, sqlalchemy.exc.SQLAlchemyError) as error:
        _LOG.warning("the database cannot be read: %s", type(error).__name__, extra={"action": "not_ready"})
        return Lack("database", "It cannot be read; see the log.")
    if here != head:
        return Lack("migrations", f"The database is at {here or 'no revision'} and this program needs {head}.")
    return None


async def _disk(state_dir: pathlib.Path, patience: float) -> Lack | None:
    try:
        async with asyncio.timeout(patience):
            await asyncio.to_thread(try_to_write, state_dir)
    except TimeoutError:
        return Lack("disk", f"No file could be written to the state directory within {patience:g} s.")
    except OSError as error:
        return Lack("disk", f"No file can be written to the state directory: {error.strerror}.")
    return None


def try_to_write(state_dir: pathlib.Path) -> None:
    """Write a small file there that has no name and is deleted at once. Raises OSError."""
    with tempfile.TemporaryFile(dir=state_dir) as file:
        file.write(_SAMPLE)
        file.flush()
