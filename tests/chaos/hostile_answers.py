# SPDX-License-Identifier: Apache-2.0
"""T8: every call of the adapters against each status with each body, slow ones, and what is generated beside."""

import concurrent.futures
import functools
import multiprocessing

import tests.chaos.outcome as outcome
import tests.hostile.campaign as campaigns


def campaign(size: outcome.Size, seed: int) -> outcome.Outcome:
    """All shares side by side: most of the time is spent waiting for answers that come late."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(campaigns.SHARES, mp_context=context) as pool:
        results = list(pool.map(functools.partial(campaigns.share, size=size, seed=seed), range(campaigns.SHARES)))
    return outcome.Outcome(
        rounds=sum(rounds for rounds, _ in results),
        violations=tuple(f"python -m tests.hostile {line}" for _, lines in results for line in lines),
    )
