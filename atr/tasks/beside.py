# SPDX-License-Identifier: Apache-2.0
"""Search for extra files in the public repository, once all voted files there were read and are identical.

The index of a version's directory is a hint; a name counts only after its own file was read. Without an index the check
does not count, and no page may claim more than was seen.
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

# The most extra files that one check reads: more of them would not change its outcome.
_MOST: Final = 100


async def look(
    context: contexts.Context, promoter: contract.Promoter, claimed: work.Promotion, voted: fileset.FileSet
) -> beside.Looked:
    """Request the index of each package, and read each file in it that was not voted on. No transaction is open.

    Raises PlatformError only for a file that an earlier check found and that cannot be read now, because the outcome
    depends on whether it is still there.
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
    # An accepted path does not cover different content that an earlier check found under it.
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
        # A file that was found still counts until a check has seen that it is gone.
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
    """Return every path that the indexes name, and why they do not count. Stops at the first one that does not."""
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
