# SPDX-License-Identifier: Apache-2.0
"""The whole campaign, or one case of it again.

python -m tests.hostile                       T8=release for the long one
python -m tests.hostile observe 200 nan at-once listed 0
"""

import asyncio
import concurrent.futures
import multiprocessing
import sys
import time
from collections.abc import Sequence

import tests.hostile.campaign as campaigns
import tests.hostile.cases as cases


def main(words: Sequence[str]) -> int:
    """One line at the end; 1 at any violation, each printed with what replays it."""
    started = time.monotonic()
    if words:
        results = [asyncio.run(_replayed(" ".join(words)))]
    else:
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(campaigns.SHARES, mp_context=context) as pool:
            results = list(pool.map(campaigns.result, range(campaigns.SHARES)))
    rounds = sum(played for played, _ in results)
    violations = [broken for _, broke in results for broken in broke]
    for broken in violations:
        print(f"violation: python -m tests.hostile {broken}")
    print(f"T8 rounds={rounds} violations={len(violations)} seconds={time.monotonic() - started:.0f}")
    return 1 if violations else 0


async def _replayed(line: str) -> tuple[int, list[str]]:
    async with campaigns.opened(slots=1) as campaign:
        await campaign.play([cases.Case.of(line)])
        return campaign.rounds, campaign.violations


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
