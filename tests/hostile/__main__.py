# SPDX-License-Identifier: Apache-2.0
"""One case of T8 again: python -m tests.hostile observe 200 nan at-once listed 0. All of them: make chaos ARGS=T8."""

import asyncio
import sys

import tests.hostile.campaign as campaigns
import tests.hostile.cases as cases


async def main(line: str) -> int:
    """Play it, print what it broke, and answer the exit code."""
    async with campaigns.opened(slots=1) as campaign:
        await campaign.play([cases.Case.of(line)])
    for violation in campaign.violations:
        print(violation)
    return 1 if campaign.violations else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(" ".join(sys.argv[1:]))))
