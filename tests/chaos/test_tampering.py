# SPDX-License-Identifier: Apache-2.0
"""T13 catches what it is for: what a told head covers shows, and after it an end may be cut off or forged unseen."""

import tests.chaos.tampering as tampering


async def test_without_any_head_a_cut_and_a_forged_end_do_not_show() -> None:
    done = await tampering.harmed(30, 1, told_after=0.0)
    assert (done.rounds, done.violations) == (30 * len(tampering.HARMS), ())
    # Cutting and forging from any event on, and deleting the last of each of five chains.
    assert done.seen == ("30 of 30 events came after the last head; not seen there: cut 30, delete 5, forge 30",)


async def test_what_a_head_covers_shows_whatever_came_after_it() -> None:
    done = await tampering.harmed(30, 1, told_after=0.5)
    assert done.violations == ()
    assert done.seen == ("15 of 30 events came after the last head; not seen there: cut 15, delete 5, forge 15",)


async def test_right_after_a_head_everything_shows() -> None:
    done = await tampering.harmed(30, 1, told_after=1.0)
    assert done.seen == ("0 of 30 events came after the last head; not seen there: nothing",)
