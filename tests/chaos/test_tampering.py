# SPDX-License-Identifier: Apache-2.0
"""T13 catches what it is for: without heads that were told, a cut end and a forged one go unseen, and nothing else."""

import tests.chaos.tampering as tampering


async def test_without_anchors_a_cut_and_a_forged_end_do_not_show() -> None:
    done = await tampering.harmed(6, 1, anchored=False)
    missed = [line.partition(" of event ")[0] for line in done.violations]
    # Of a chain of six: cutting at any event, of which deleting the last is one, and forging from any event on.
    assert {what: missed.count(what) for what in missed} == {"cut": 6, "forge": 6, "delete": 1}


async def test_with_anchors_everything_shows() -> None:
    done = await tampering.harmed(6, 1, anchored=True)
    assert (done.rounds, done.violations) == (6 * len(tampering.HARMS), ())
