# SPDX-License-Identifier: Apache-2.0
"""Look for public files beside the voted ones, once all of those read equal.

The index of each version's directory is a hint; a name counts once its own file was read. Where no index is to be had,
the look does not count, and no page may claim more than was seen.
"""

from typing import Final

import atr.db.queries as queries
import atr.errors as errors
import atr.models.work as work
import atr.platforms.contract as contract
import atr.promotion.beside as beside
import atr.promotion.budget as budget
import atr.promotion.fileset as fileset
import atr.shared.words as words
import atr.storage.lanes as lanes
import atr.tasks.context as contexts
import atr.tasks.leased as leased

# So many files beside the voted ones are read in one look: more of them change nothing about what it comes to.
_MOST: Final = 100


async def look(
    context: contexts.Context, promoter: contract.Promoter, claimed: work.Promotion, voted: fileset.FileSet
) -> beside.Looked:
    """Ask for the index of each package, and read whatever it names that nobody voted on. No transaction is open.

    Raises PlatformError only for a file that was found by an earlier look and cannot be read now: whether it is still
    there decides.
    """
    memory, view = claimed.memory, claimed.view
    asked = memory.is_due(view.entered, view.now, view.timing)
    named: frozenset[str] = frozenset()
    problem = memory.problem
    if asked:
        named, problem = await _named(context, promoter, claimed, voted)
    async with context.storage.read() as read:
        known = await queries.ballot_paths(read.data, claimed.release_key, claimed.platform.name)
    accepted = frozenset(memory.accepted)
    unknown = beside.unknown(named, known | {file.path for file in voted.files})
    # An accepted name does not cover other bytes that an earlier look found under it.
    before = {file.path: file for file in memory.extras if file not in accepted}
    again = {file.path for file in accepted} - before.keys()
    fresh = [path for path in dict.fromkeys((*before, *unknown)) if path not in again]
    wanted = (*fresh[:_MOST], *(path for path in unknown if path in again))
    found: list[fileset.File] = []
    read_now: set[str] = set()
    try:
        async for one in promoter.public(leased.target(claimed), [contract.Listed(path, None) for path in wanted]):
            read_now.add(one.path)
            if (one.file is not None) and (one.file not in accepted):
                found.append(one.file)
    except errors.PlatformError as error:
        unread = [file for path, file in before.items() if path not in read_now]
        if unread and not found:
            raise
        # What was found stays found until it was seen to be gone.
        found += unread
        await context.hear(_lane(claimed), retry_after=error.retry_after)
        problem = f"The index lists a file that could not be read. {error}"
    if (len(fresh) > _MOST) and not found:
        problem = (
            f"The index names {len(fresh):,} files that nobody voted on ({words.some(fresh)}). None of the first "
            f"{_MOST} is there; the others were not tried."
        )
    return beside.Looked(tuple(found), problem, asked=asked)


async def _named(
    context: contexts.Context, promoter: contract.Promoter, claimed: work.Promotion, voted: fileset.FileSet
) -> tuple[frozenset[str], str]:
    """Every path that the indexes name, and why they do not count; the first one that does not ends it."""
    named: set[str] = set()
    try:
        for where in claimed.packages:
            named |= await promoter.beside(where)
    except errors.PlatformError as error:
        await context.hear(_lane(claimed), retry_after=error.retry_after)
        return frozenset(named), str(error).removesuffix(errors.ASKED_AGAIN)
    return frozenset(named), beside.left_out((file.path for file in voted.files), named)


def _lane(claimed: work.Promotion) -> lanes.Lane:
    return lanes.Lane(claimed.mechanism.name, budget.Reach.PUBLIC)
