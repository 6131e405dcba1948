# SPDX-License-Identifier: Apache-2.0
"""What to do next with a promotion: the design's section 4, case by case. Every case at once: test_steps_model.py."""

import dataclasses
import datetime
from typing import Any, Final

import pytest

import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.shared.layouts as layouts
import atr.shared.mechanisms as mechanisms
from tests.promotion import samples

S = states.State
Seen = steps.Seen
Look = steps.Look
Do = steps.Do
NONE, REFUSED, LIMITED, TAKEN, UNCLEAR = (
    steps.Answer.NONE,
    steps.Answer.REFUSED,
    steps.Answer.LIMITED,
    steps.Answer.TAKEN,
    steps.Answer.UNCLEAR,
)
DIST_TAG: Final = mechanisms.Mechanism.NPM_DIST_TAG
OCI_TAG: Final = mechanisms.Mechanism.OCI_TAG
TIMING: Final = samples.TIMING
LOOKED, STAY = Look.NOT_LOOKED, Do.NOTHING
view = samples.view


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (view(S.REQUESTED), Do.VERIFY),
        (view(S.REQUESTED, answers=[LIMITED]), Do.VERIFY),
        (view(S.REQUESTED, by_hand=True), Do.ASK),
        (view(S.REQUESTED, answers=[REFUSED], held=True), Do.ASK),
        (view(S.REQUESTED, waits=True), Do.ASK),
        (view(S.SENDING, answers=[NONE]), Do.ASK),
        (view(S.PUBLISHING), Do.ASK),
        (view(S.IN_DOUBT), Do.ASK),
        (view(S.IN_DOUBT, resend=True), Do.ASK),
        (view(S.ABORTING), Do.ASK),
        (view(S.REQUESTED, off=True), Do.ASK),
        (view(S.CHECKING), Do.CHECK),
        (view(S.LIVE), Do.CHECK),
        (view(S.DIVERGED), Do.NOTHING),
        (view(S.ABORTED), Do.LOOK_AGAIN),
        (view(S.REFUSED), Do.LOOK_AGAIN),
    ],
)
def test_plan(row: steps.View, what: Do) -> None:
    assert steps.plan(row) is what


@pytest.mark.parametrize(
    ("row", "seen", "needed"),
    [
        (view(S.REQUESTED), Seen.STAGED, False),
        (view(S.REQUESTED), Seen.GONE, False),
        (view(S.REQUESTED), Seen.FAILED, False),
        (view(S.REQUESTED, answers=[REFUSED]), Seen.STAGED, True),
        (view(S.REQUESTED, answers=[REFUSED]), Seen.GONE, True),
        (view(S.REQUESTED, answers=[REFUSED]), Seen.FAILED, True),
        (view(S.REQUESTED, answers=[REFUSED]), Seen.PUBLIC, False),
        # Its id may be forgotten long after its files became public.
        (view(S.REQUESTED, by_hand=True), Seen.GONE, True),
        (view(S.REQUESTED, by_hand=True), Seen.FAILED, True),
        (view(S.REQUESTED, by_hand=True), Seen.WAITING, False),
        # The platform still holds it: asking the public place would teach its caches a "no".
        (view(S.SENDING, answers=[NONE]), Seen.STAGED, False),
        (view(S.SENDING, answers=[REFUSED]), Seen.STAGED, True),
        (view(S.SENDING, answers=[NONE]), Seen.WORKING, False),
        (view(S.SENDING, answers=[NONE]), Seen.UNKNOWN, False),
        (view(S.PUBLISHING), Seen.FAILED, True),
        (view(S.PUBLISHING), Seen.STAGED, True),
        (view(S.IN_DOUBT), Seen.GONE, True),
        # Published by hand, in doubt, stopped: no call of ours, and its end needs the look all the same.
        (view(S.ABORTING), Seen.FAILED, True),
        (view(S.ABORTING, answers=[NONE]), Seen.GONE, True),
        # It may be published yet, and caches keep a "no".
        (view(S.ABORTING, answers=[NONE]), Seen.STAGED, False),
        (view(S.CHECKING, answers=[TAKEN]), Seen.GONE, False),
    ],
)
def test_an_end_without_files_is_believed_only_with_a_look_at_the_public_place(
    row: steps.View,
    seen: Seen,
    needed: bool,  # noqa: FBT001
) -> None:
    assert steps.needs_public_look(row, seen) is needed


def stopped(**changes: Any) -> steps.View:
    """One whose drop the platform has taken, and that has not been there for long enough."""
    given: dict[str, Any] = {
        "answers": [NONE],
        "marked": 2_000,
        "drops": [TAKEN],
        "drop_marked": 1_000,
        "drop_taken": True,
        "gone_looks": 3,
        "gone_for": 900,
    }
    return view(S.ABORTING, **{**given, **changes})


# State and what is known; what the platform says; what the public place shows; where to; what at once.
ASKED: Final = [
    # Before any call.
    (view(S.REQUESTED), Seen.STAGED, Look.NOT_LOOKED, None, Do.VERIFY),
    (view(S.REQUESTED), Seen.WAITING, Look.NOT_LOOKED, None, Do.NOTHING),
    (view(S.REQUESTED), Seen.UNKNOWN, Look.NOT_LOOKED, None, Do.NOTHING),
    (view(S.REQUESTED), Seen.PUBLIC, Look.NOT_LOOKED, S.CHECKING, Do.NOTHING),
    (view(S.REQUESTED), Seen.WORKING, Look.NOT_LOOKED, S.PUBLISHING, Do.NOTHING),
    (view(S.REQUESTED), Seen.FAILED, Look.NOT_LOOKED, S.REFUSED, Do.NOTHING),
    (view(S.REQUESTED, gone_looks=1), Seen.GONE, Look.NOT_LOOKED, None, Do.NOTHING),
    (view(S.REQUESTED, gone_looks=2), Seen.GONE, Look.NOT_LOOKED, None, Do.NOTHING),
    (view(S.REQUESTED, gone_looks=3), Seen.GONE, Look.NOT_LOOKED, S.REFUSED, Do.NOTHING),
    # By hand: never sent; only "public" moves it on.
    (view(S.REQUESTED, by_hand=True), Seen.WAITING, Look.NOT_LOOKED, None, Do.NOTHING),
    (view(S.REQUESTED, by_hand=True), Seen.PUBLIC, Look.NOT_LOOKED, S.CHECKING, Do.NOTHING),
    (view(S.REQUESTED, by_hand=True), Seen.STAGED, Look.NONE, None, Do.NOTHING),
    (view(S.REQUESTED, by_hand=True), Seen.FAILED, Look.NONE, None, Do.NOTHING),
    (view(S.REQUESTED, by_hand=True, gone_looks=3, gone_for=900), Seen.GONE, Look.NONE, None, Do.NOTHING),
    (view(S.REQUESTED, by_hand=True), Seen.GONE, Look.SOME, S.CHECKING, Do.NOTHING),
    # After calls that were all completely refused.
    (view(S.REQUESTED, answers=[REFUSED], held=True), Seen.STAGED, Look.NONE, None, Do.NOTHING),
    (view(S.REQUESTED, answers=[REFUSED], held=True), Seen.PUBLIC, Look.NOT_LOOKED, S.CHECKING, Do.NOTHING),
    (view(S.REQUESTED, answers=[REFUSED]), Seen.STAGED, Look.NONE, None, Do.VERIFY),
    (view(S.REQUESTED, answers=[LIMITED]), Seen.STAGED, Look.NONE, None, Do.VERIFY),
    (view(S.REQUESTED, answers=[LIMITED]), Seen.STAGED, Look.SOME, S.CHECKING, Do.NOTHING),
    (view(S.REQUESTED, answers=[REFUSED], held=True), Seen.STAGED, Look.SOME, S.CHECKING, Do.NOTHING),
    (view(S.REQUESTED, answers=[REFUSED]), Seen.FAILED, Look.NONE, S.REFUSED, Do.NOTHING),
    (view(S.REQUESTED, answers=[REFUSED]), Seen.FAILED, Look.NOT_LOOKED, None, Do.NOTHING),
    (view(S.REQUESTED, answers=[REFUSED]), Seen.FAILED, Look.SOME, S.CHECKING, Do.NOTHING),
    # 404 is never proof once a call was made.
    (view(S.REQUESTED, answers=[REFUSED], gone_looks=99, gone_for=9e4), Seen.GONE, Look.NONE, None, Do.NOTHING),
    # After a call: the platform's word.
    (view(S.SENDING, answers=[NONE]), Seen.PUBLIC, Look.NOT_LOOKED, S.CHECKING, Do.NOTHING),
    (view(S.SENDING, answers=[NONE]), Seen.WORKING, Look.NOT_LOOKED, S.PUBLISHING, Do.NOTHING),
    (view(S.SENDING, answers=[NONE]), Seen.WAITING, Look.NOT_LOOKED, None, Do.NOTHING),
    (view(S.SENDING, answers=[NONE]), Seen.UNKNOWN, Look.NOT_LOOKED, None, Do.NOTHING),
    (view(S.SENDING, answers=[NONE]), Seen.FAILED, Look.NONE, S.REFUSED, Do.NOTHING),
    (view(S.SENDING, answers=[NONE]), Seen.FAILED, Look.SOME, S.CHECKING, Do.NOTHING),
    (view(S.SENDING, answers=[NONE]), Seen.FAILED, Look.NOT_LOOKED, None, Do.NOTHING),
    (view(S.SENDING, answers=[NONE]), Seen.GONE, Look.SOME, S.CHECKING, Do.NOTHING),
    (view(S.SENDING, answers=[NONE], gone_looks=2, gone_for=900), Seen.GONE, Look.NONE, None, Do.NOTHING),
    (view(S.SENDING, answers=[NONE], gone_looks=3, gone_for=899), Seen.GONE, Look.NONE, None, Do.NOTHING),
    (view(S.SENDING, answers=[NONE], gone_looks=9), Seen.GONE, Look.NONE, None, Do.NOTHING),
    (view(S.SENDING, answers=[NONE], gone_looks=3, gone_for=900), Seen.GONE, Look.NONE, S.IN_DOUBT, Do.NOTHING),
    # After a call: still staged.
    (view(S.SENDING, answers=[REFUSED], marked=1), Seen.STAGED, Look.NONE, S.REQUESTED, Do.NOTHING),
    (view(S.SENDING, answers=[LIMITED, REFUSED], marked=1), Seen.STAGED, Look.NONE, S.REQUESTED, Do.NOTHING),
    (view(S.SENDING, answers=[REFUSED], marked=1), Seen.STAGED, Look.SOME, S.CHECKING, Do.NOTHING),
    (view(S.SENDING, answers=[REFUSED], marked=1), Seen.UNKNOWN, Look.NOT_LOOKED, None, Do.NOTHING),
    (view(S.SENDING, answers=[REFUSED], marked=1, overdue=True), Seen.STAGED, Look.NONE, S.REQUESTED, Do.NOTHING),
    (view(S.SENDING, answers=[UNCLEAR, REFUSED], marked=1), Seen.STAGED, Look.NONE, None, Do.NOTHING),
    (view(S.SENDING, answers=[NONE], marked=119), Seen.STAGED, Look.NONE, None, Do.NOTHING),
    (view(S.SENDING, answers=[NONE], marked=120), Seen.STAGED, Look.NONE, None, Do.VERIFY),
    (view(S.SENDING, answers=[TAKEN], marked=120), Seen.STAGED, Look.NONE, None, Do.VERIFY),
    (view(S.SENDING, answers=[UNCLEAR], marked=120), Seen.STAGED, Look.SOME, S.CHECKING, Do.NOTHING),
    (view(S.SENDING, answers=[UNCLEAR, LIMITED], marked=120), Seen.STAGED, Look.NONE, None, Do.VERIFY),
    # A refusal waits for a person's click, wherever it stands.
    (view(S.SENDING, answers=[UNCLEAR, REFUSED], marked=120, held=True), Seen.STAGED, Look.NONE, None, Do.NOTHING),
    (view(S.SENDING, answers=[UNCLEAR, REFUSED], marked=120), Seen.STAGED, Look.NONE, None, Do.VERIFY),
    # The budget: three that may have been taken, one where a repeat may have a second effect.
    (view(S.SENDING, answers=[UNCLEAR, NONE], marked=120), Seen.STAGED, Look.NONE, None, Do.VERIFY),
    (view(S.SENDING, answers=[UNCLEAR, NONE, TAKEN], marked=120), Seen.STAGED, Look.NONE, S.IN_DOUBT, Do.NOTHING),
    (view(S.SENDING, answers=[UNCLEAR, REFUSED, NONE], marked=120), Seen.STAGED, Look.NONE, None, Do.VERIFY),
    (
        view(S.SENDING, answers=[LIMITED, REFUSED, REFUSED, LIMITED, UNCLEAR, UNCLEAR], marked=120),
        Seen.STAGED,
        Look.NONE,
        None,
        Do.VERIFY,
    ),
    (view(S.SENDING, answers=[NONE], marked=119, mechanism=OCI_TAG), Seen.STAGED, Look.NONE, None, Do.NOTHING),
    (view(S.SENDING, answers=[NONE], marked=120, mechanism=OCI_TAG), Seen.STAGED, Look.NONE, S.IN_DOUBT, Do.NOTHING),
    (view(S.SENDING, answers=[NONE], marked=120, mechanism=DIST_TAG), Seen.STAGED, Look.NONE, S.IN_DOUBT, Do.NOTHING),
    (
        view(S.SENDING, answers=[LIMITED], marked=120, mechanism=OCI_TAG),
        Seen.STAGED,
        Look.NONE,
        S.REQUESTED,
        Do.NOTHING,
    ),
    # The deadline.
    (view(S.SENDING, answers=[NONE], overdue=True), Seen.UNKNOWN, Look.NOT_LOOKED, S.IN_DOUBT, Do.NOTHING),
    (view(S.SENDING, answers=[NONE], overdue=True), Seen.WORKING, Look.NOT_LOOKED, S.PUBLISHING, Do.NOTHING),
    (view(S.SENDING, answers=[NONE], overdue=True), Seen.STAGED, Look.NONE, S.IN_DOUBT, Do.NOTHING),
    (view(S.SENDING, answers=[NONE], overdue=True), Seen.FAILED, Look.NONE, S.REFUSED, Do.NOTHING),
    # On its way.
    (view(S.PUBLISHING), Seen.WORKING, Look.NOT_LOOKED, None, Do.NOTHING),
    (view(S.PUBLISHING), Seen.UNKNOWN, Look.NOT_LOOKED, None, Do.NOTHING),
    (view(S.PUBLISHING), Seen.PUBLIC, Look.NOT_LOOKED, S.CHECKING, Do.NOTHING),
    (view(S.PUBLISHING), Seen.FAILED, Look.NONE, S.REFUSED, Do.NOTHING),
    (view(S.PUBLISHING), Seen.FAILED, Look.SOME, S.CHECKING, Do.NOTHING),
    # A backward answer is no news, however late.
    (view(S.PUBLISHING, answers=[TAKEN], marked=9_999), Seen.STAGED, Look.NONE, None, Do.NOTHING),
    (view(S.PUBLISHING, gone_looks=2, gone_for=900), Seen.GONE, Look.NONE, None, Do.NOTHING),
    (view(S.PUBLISHING, gone_looks=3, gone_for=900), Seen.GONE, Look.NONE, S.IN_DOUBT, Do.NOTHING),
    (view(S.PUBLISHING, overdue=True), Seen.WORKING, Look.NOT_LOOKED, S.IN_DOUBT, Do.NOTHING),
    (view(S.PUBLISHING, overdue=True), Seen.STAGED, Look.NONE, S.IN_DOUBT, Do.NOTHING),
    # A person must look; polling goes on.
    (view(S.IN_DOUBT), Seen.PUBLIC, Look.NOT_LOOKED, S.CHECKING, Do.NOTHING),
    (view(S.IN_DOUBT), Seen.GONE, Look.SOME, S.CHECKING, Do.NOTHING),
    (view(S.IN_DOUBT), Seen.FAILED, Look.NONE, S.REFUSED, Do.NOTHING),
    (view(S.IN_DOUBT), Seen.FAILED, Look.NOT_LOOKED, None, Do.NOTHING),
    (view(S.IN_DOUBT), Seen.WORKING, Look.NOT_LOOKED, S.PUBLISHING, Do.NOTHING),
    (view(S.IN_DOUBT), Seen.UNKNOWN, Look.NOT_LOOKED, None, Do.NOTHING),
    (view(S.IN_DOUBT), Seen.STAGED, Look.NONE, None, Do.NOTHING),
    (view(S.IN_DOUBT, gone_looks=99, gone_for=9e4), Seen.GONE, Look.NONE, None, Do.NOTHING),
    # Past the deadline only a definite end counts.
    (view(S.IN_DOUBT, overdue=True), Seen.WORKING, Look.NOT_LOOKED, None, Do.NOTHING),
    (view(S.IN_DOUBT, overdue=True), Seen.PUBLIC, Look.NOT_LOOKED, S.CHECKING, Do.NOTHING),
    (view(S.IN_DOUBT, overdue=True), Seen.FAILED, Look.NONE, S.REFUSED, Do.NOTHING),
    # A person asked for another call: proved again first, and not beside one that may still be on its way.
    (view(S.IN_DOUBT, answers=[NONE], marked=120, resend=True), Seen.STAGED, Look.NONE, None, Do.VERIFY),
    (view(S.IN_DOUBT, answers=[NONE], marked=119, resend=True), Seen.STAGED, Look.NONE, None, Do.NOTHING),
    (view(S.IN_DOUBT, answers=[NONE], marked=120, resend=True), Seen.STAGED, Look.SOME, S.CHECKING, Do.NOTHING),
    (view(S.IN_DOUBT, answers=[NONE], marked=120, resend=True), Seen.UNKNOWN, Look.NOT_LOOKED, None, Do.NOTHING),
    (view(S.IN_DOUBT, resend=True, by_hand=True), Seen.STAGED, Look.NONE, None, Do.NOTHING),
    # A stop was asked for.
    (view(S.ABORTING, answers=[NONE]), Seen.WORKING, Look.NOT_LOOKED, S.PUBLISHING, Do.NOTHING),
    (view(S.ABORTING, answers=[NONE]), Seen.PUBLIC, Look.NOT_LOOKED, S.CHECKING, Do.NOTHING),
    (view(S.ABORTING, answers=[NONE]), Seen.GONE, Look.SOME, S.CHECKING, Do.NOTHING),
    (view(S.ABORTING, answers=[NONE]), Seen.FAILED, Look.NONE, S.ABORTED, Do.NOTHING),
    (view(S.ABORTING, answers=[NONE], gone_looks=3, gone_for=900), Seen.GONE, Look.NONE, S.IN_DOUBT, Do.NOTHING),
    # Not before our own call has arrived or is lost; then one drop, and another when that one has.
    (view(S.ABORTING, answers=[NONE], marked=119), Seen.STAGED, Look.NOT_LOOKED, None, Do.NOTHING),
    (view(S.ABORTING, answers=[NONE], marked=120), Seen.STAGED, Look.NOT_LOOKED, None, Do.DROP),
    (view(S.ABORTING, answers=[NONE], marked=300, drops=[NONE], drop_marked=119), Seen.STAGED, LOOKED, None, STAY),
    (view(S.ABORTING, answers=[NONE], marked=300, drops=[NONE], drop_marked=120), Seen.STAGED, LOOKED, None, Do.DROP),
    (view(S.ABORTING, answers=[NONE], marked=300, drops=[REFUSED], drop_marked=1), Seen.STAGED, LOOKED, None, Do.DROP),
    (view(S.ABORTING, answers=[NONE], drops=[NONE] * 2 + [REFUSED] * 5), Seen.STAGED, LOOKED, None, Do.DROP),
    (view(S.ABORTING, answers=[NONE], drops=[NONE] * 3), Seen.STAGED, LOOKED, S.IN_DOUBT, STAY),
    (view(S.ABORTING, answers=[NONE], drops=[NONE], mechanism=OCI_TAG), Seen.STAGED, LOOKED, S.IN_DOUBT, STAY),
    (view(S.ABORTING, answers=[NONE], held=True), Seen.STAGED, LOOKED, None, STAY),
    (view(S.ABORTING, answers=[NONE], off=True), Seen.STAGED, LOOKED, None, STAY),
    (view(S.ABORTING, answers=[NONE], overdue=True), Seen.STAGED, LOOKED, S.IN_DOUBT, STAY),
    # Every call was completely refused: nothing can come any more, however late it is.
    (view(S.ABORTING, answers=[REFUSED], marked=1, overdue=True), Seen.STAGED, LOOKED, S.ABORTED, STAY),
    # Nothing under this id: proof only after the platform took a drop, for long enough, and with nothing in public.
    (stopped(), Seen.GONE, Look.NONE, S.ABORTED, STAY),
    (stopped(overdue=True), Seen.GONE, Look.NONE, S.ABORTED, STAY),
    (stopped(gone_looks=2), Seen.GONE, Look.NONE, None, STAY),
    (stopped(gone_for=899), Seen.GONE, Look.NONE, None, STAY),
    (stopped(gone_for=899, overdue=True), Seen.GONE, Look.NONE, S.IN_DOUBT, STAY),
    (stopped(drop_taken=False), Seen.GONE, Look.NONE, S.IN_DOUBT, STAY),
    (stopped(mechanism=OCI_TAG), Seen.GONE, Look.NONE, S.IN_DOUBT, STAY),
    (stopped(), Seen.GONE, Look.NOT_LOOKED, S.IN_DOUBT, STAY),
    (stopped(), Seen.GONE, Look.SOME, S.CHECKING, STAY),
    # Switched off: no further call, however it is asked for.
    (view(S.REQUESTED, off=True), Seen.STAGED, Look.NOT_LOOKED, None, STAY),
    (view(S.SENDING, answers=[NONE], marked=120, off=True), Seen.STAGED, Look.NOT_LOOKED, None, STAY),
    (view(S.IN_DOUBT, answers=[NONE], marked=120, resend=True, off=True), Seen.STAGED, Look.NONE, None, STAY),
    (view(S.ABORTING, answers=[NONE], overdue=True), Seen.UNKNOWN, Look.NOT_LOOKED, S.IN_DOUBT, Do.NOTHING),
]


@pytest.mark.parametrize(("row", "seen", "look", "to", "then"), ASKED)
def test_after_ask(row: steps.View, seen: Seen, look: Look, to: S | None, then: Do) -> None:
    decision = steps.after_ask(row, seen, look)
    assert (decision.to, decision.then) == (to, then)
    assert decision.reason or (to is None)


@pytest.mark.parametrize(
    ("row", "seen", "out_of_band"),
    [
        (view(S.REQUESTED), Seen.PUBLIC, True),
        (view(S.REQUESTED), Seen.WORKING, True),
        (view(S.REQUESTED, answers=[REFUSED]), Seen.PUBLIC, True),
        (view(S.SENDING, answers=[LIMITED]), Seen.WORKING, True),
        (view(S.SENDING, answers=[NONE]), Seen.PUBLIC, False),
        (view(S.SENDING, answers=[REFUSED, UNCLEAR]), Seen.WORKING, False),
    ],
)
def test_what_became_public_without_a_call_of_ours_is_marked_so(
    row: steps.View,
    seen: Seen,
    out_of_band: bool,  # noqa: FBT001
) -> None:
    assert steps.after_ask(row, seen).out_of_band is out_of_band


@pytest.mark.parametrize(
    ("answers", "attempted"),
    [
        ([], False),
        ([REFUSED], False),
        ([LIMITED, REFUSED], False),
        ([NONE], True),
        ([TAKEN], True),
        ([REFUSED, UNCLEAR, REFUSED], True),
    ],
)
def test_attempted(answers: list[steps.Answer], attempted: bool) -> None:  # noqa: FBT001
    assert view(S.SENDING, answers=answers).attempted is attempted


@pytest.mark.parametrize(
    ("row", "twice", "to", "then", "says"),
    [
        (view(S.REQUESTED), False, None, Do.VERIFY, "1 differs."),
        (view(S.REQUESTED), True, S.REFUSED, Do.NOTHING, "1 differs. Nothing was sent."),
        (
            view(S.REQUESTED, answers=[REFUSED]),
            True,
            S.REFUSED,
            Do.NOTHING,
            "1 differs. The platform accepted no publish request.",
        ),
        (view(S.SENDING, answers=[NONE]), False, None, Do.VERIFY, "1 differs."),
        (
            view(S.SENDING, answers=[NONE]),
            True,
            S.IN_DOUBT,
            Do.NOTHING,
            "1 differs. A publish request was sent earlier, so",
        ),
        (view(S.IN_DOUBT, answers=[NONE], resend=True), False, None, Do.VERIFY, "1 differs."),
        (view(S.IN_DOUBT, answers=[NONE], resend=True), True, None, Do.NOTHING, "1 differs."),
    ],
)
def test_a_difference_counts_when_two_complete_reads_show_it(
    row: steps.View,
    twice: bool,  # noqa: FBT001
    to: S | None,
    then: Do,
    says: str,
) -> None:
    decision = steps.after_verify(row, equal=False, twice=twice, difference="1 differs.")
    assert (decision.to, decision.then) == (to, then)
    assert decision.reason.startswith(says)
    if to is not None:
        states.check_move(row.state, to)


def test_equal_staged_files_leave_the_row_where_it_is() -> None:
    assert steps.after_verify(view(S.REQUESTED), equal=True, twice=True, difference="") == steps.Decision(None)


@pytest.mark.parametrize(
    ("row", "complete", "equal", "twice", "to", "then"),
    [
        (view(S.CHECKING), True, True, False, S.LIVE, Do.NOTHING),
        (view(S.CHECKING, overdue=True), True, True, False, S.LIVE, Do.NOTHING),
        (view(S.CHECKING), True, False, False, None, Do.CHECK),
        (view(S.CHECKING), True, False, True, S.DIVERGED, Do.NOTHING),
        (view(S.CHECKING, overdue=True), True, False, True, S.DIVERGED, Do.NOTHING),
        # A short or broken body, a file that is not there yet.
        (view(S.CHECKING), False, False, False, None, Do.NOTHING),
        (view(S.CHECKING), False, False, True, None, Do.NOTHING),
        (view(S.CHECKING), False, True, False, None, Do.NOTHING),
        (view(S.CHECKING, overdue=True), False, False, False, S.IN_DOUBT, Do.NOTHING),
        # After-care.
        (view(S.LIVE), True, True, False, None, Do.NOTHING),
        (view(S.LIVE), True, False, False, None, Do.CHECK),
        (view(S.LIVE), True, False, True, S.DIVERGED, Do.NOTHING),
        (view(S.LIVE, overdue=True), False, False, False, None, Do.NOTHING),
    ],
)
def test_after_check(
    row: steps.View,
    complete: bool,  # noqa: FBT001
    equal: bool,  # noqa: FBT001
    twice: bool,  # noqa: FBT001
    to: S | None,
    then: Do,
) -> None:
    decision = steps.after_check(row, complete=complete, equal=equal, twice=twice, difference="1 differs.")
    assert (decision.to, decision.then) == (to, then)
    if to is not None:
        states.check_move(row.state, to)


@pytest.mark.parametrize(
    ("row", "seconds"),
    [
        (view(S.REQUESTED), 10),
        (view(S.SENDING, age=119), 10),
        (view(S.SENDING, age=120), 30),
        (view(S.PUBLISHING, age=599), 30),
        (view(S.PUBLISHING, age=600), 60),
        (view(S.PUBLISHING, age=999_999), 60),
        (view(S.ABORTING), 10),
        (view(S.REQUESTED, off=True), 3_600),
        (view(S.REQUESTED, off=True, gone_looks=1), 10),
        # A public place bans those who poll it.
        (view(S.CHECKING), 120),
        (view(S.CHECKING, age=600), 300),
        (view(S.REQUESTED, by_hand=True), 120),
        (view(S.REQUESTED, by_hand=True, age=600), 300),
        (view(S.IN_DOUBT), 600),
        (view(S.IN_DOUBT, age=999_999), 600),
        # An hour, a day and eight days after it went live, then weekly.
        (view(S.LIVE), 3_600),
        (view(S.LIVE, age=3_600), 82_800),
        (view(S.LIVE, age=86_400), 604_800),
        (view(S.LIVE, age=9_999_999), 604_800),
        # A clock that was set back.
        (view(S.SENDING, age=-50), 10),
    ],
)
def test_the_polling_table(row: steps.View, seconds: float) -> None:
    assert waited(steps.next_look(row)) == seconds
    assert waited(steps.next_look(row, jitter=0.5)) == pytest.approx(seconds * 1.05)
    assert waited(steps.next_look(row, jitter=1.0)) == pytest.approx(seconds * 1.1)


@pytest.mark.parametrize("state", S, ids=lambda state: state.name)
@pytest.mark.parametrize(("told", "waits"), [(0.0, 10), (-1.0, 10), (17.5, 17.5), (3_600.0, 3_600), (86_400.0, 3_600)])
def test_retry_after_wins_up_to_an_hour_and_is_never_faster_than_the_table(state: S, told: float, waits: float) -> None:
    assert waited(steps.next_look(view(state), retry_after=told, jitter=1.0)) == waits


def test_another_proof_is_due_at_once_and_another_public_reading_a_probe_later() -> None:
    assert waited(steps.next_look(view(S.REQUESTED), then=Do.VERIFY, jitter=1.0)) == 0
    assert waited(steps.next_look(view(S.CHECKING), then=Do.CHECK)) == 120
    assert waited(steps.next_look(view(S.LIVE, age=9_999), then=Do.CHECK)) == 120


@pytest.mark.parametrize(
    ("state", "absent_for", "may"),
    [
        (S.IN_DOUBT, None, False),
        (S.IN_DOUBT, 86_399.0, False),
        (S.IN_DOUBT, 86_400.0, True),
        (S.SENDING, 999_999.0, False),
        (S.PUBLISHING, 999_999.0, False),
    ],
)
def test_giving_up_takes_a_day_of_observed_absence(state: S, absent_for: float | None, may: bool) -> None:  # noqa: FBT001
    since = None if absent_for is None else samples.ago(absent_for)
    assert steps.may_give_up(view(state), since) is may


def test_after_a_restore_nothing_is_denied_for_want_of_a_row() -> None:
    """A call may have been made of which no row tells, until a person has asked again and after that."""
    row = view(S.REQUESTED, unsure=True, gone_looks=99, gone_for=90_000)
    assert steps.plan(row) is Do.VERIFY
    assert all(steps.needs_public_look(row, seen) for seen in (Seen.FAILED, Seen.GONE, Seen.STAGED))
    assert steps.after_ask(row, Seen.GONE, Look.NONE).to is None
    assert steps.after_ask(row, Seen.FAILED, Look.NOT_LOOKED).to is None
    assert steps.after_ask(row, Seen.FAILED, Look.NONE).to is S.REFUSED
    assert steps.after_ask(row, Seen.STAGED, Look.NONE).then is Do.VERIFY
    public = steps.after_ask(row, Seen.STAGED, Look.SOME)
    assert (public.to, public.out_of_band) == (S.CHECKING, False)
    assert steps.after_verify(row, equal=False, twice=True, difference="One file differs.").to is None
    assert steps.next_look(row) > samples.NOW + datetime.timedelta(seconds=TIMING.asking[0][1])
    # A refused call on record does not make it certain: a later one may have been made.
    sending = view(S.SENDING, answers=[REFUSED], unsure=True, marked=9_000)
    assert steps.after_ask(sending, Seen.STAGED, Look.NONE).to is not S.REQUESTED


def test_what_may_have_been_sent_before_a_restore_is_stopped_after_a_day_of_observed_absence() -> None:
    assert steps.may_give_up(view(S.REQUESTED, unsure=True), samples.ago(86_400))
    assert not steps.may_give_up(view(S.REQUESTED, unsure=True), samples.ago(86_000))
    assert not steps.may_give_up(view(S.REQUESTED, unsure=True), None)
    assert not steps.may_give_up(view(S.REQUESTED), samples.ago(90_000))


def test_a_faster_table_is_the_same_table() -> None:
    slow = steps.Timing()
    fast = slow.faster(10)
    assert fast.asking == ((12, 1), (60, 3), (8_640, 6))
    assert fast.probing == ((60, 12), (8_640, 30))
    assert fast.caring == ((360, 360), (8_640, 8_280), (69_120, 60_480))
    assert (fast.doubting, fast.resting, fast.settling, fast.vanishing) == (60, 360, 12, 90)
    assert fast.again == (360, 8_640, 60_480, 259_200)
    assert (fast.deadline, fast.usual, fast.looks) == (8_640, (60, 240), 3)
    assert slow.faster(1) == slow


@pytest.mark.parametrize(
    ("age", "ahead"), [(0, 3_600), (3_599, 1), (3_600, 82_800), (90_000, 514_800), (2_591_999, 1), (2_592_000, None)]
)
def test_what_has_ended_is_looked_at_again_at_fixed_ages_and_then_no_more(age: float, ahead: float | None) -> None:
    due = steps.again(samples.ago(age), samples.NOW, TIMING)
    assert (None if due is None else waited(due)) == ahead


def test_every_mechanism_of_a_platform_has_its_polling_table() -> None:
    assert steps.TIMINGS.keys() == layouts.BUILT.by_mechanism.keys()


def waited(when: datetime.datetime) -> float:
    """Seconds from NOW."""
    return (when - samples.NOW).total_seconds()


# 429


def test_while_the_platform_takes_no_call_nothing_is_proved_and_the_row_says_why() -> None:
    """Wherever a call might be sent; what it says otherwise moves the row as ever."""
    wait = samples.limit(600)
    asked = view(S.REQUESTED, answers=[LIMITED], limit=wait)
    sent = view(S.SENDING, answers=[UNCLEAR, LIMITED], marked=120, limit=wait)
    doubted = view(S.IN_DOUBT, answers=[UNCLEAR, LIMITED], marked=120, resend=True, limit=wait)
    for one in (asked, sent, doubted):
        decision = steps.after_ask(one, Seen.STAGED, Look.NONE)
        assert (decision.to, decision.then) == (None, Do.NOTHING)
        assert "“Limit reached”" in decision.reason
        assert steps.after_ask(dataclasses.replace(one, limit=None), Seen.STAGED, Look.NONE).then is Do.VERIFY
    assert steps.plan(asked) is Do.ASK
    assert steps.after_ask(asked, Seen.PUBLIC).to is S.CHECKING
    stopped = view(S.ABORTING, answers=[UNCLEAR], marked=120, drops=[LIMITED], drop_marked=120, drop_limit=wait)
    assert "drop" in steps.after_ask(stopped, Seen.STAGED).reason
    assert steps.after_ask(dataclasses.replace(stopped, drop_limit=None), Seen.STAGED).then is Do.DROP


@pytest.mark.parametrize(("seconds", "waits"), [(30, 30), (3_600, 3_600), (90_000, 3_600)])
def test_what_is_limited_is_looked_at_rarely_and_at_its_very_instant(seconds: float, waits: float) -> None:
    wait = samples.limit(seconds)
    assert waited(steps.next_look(view(S.REQUESTED, answers=[LIMITED], limit=wait), jitter=1.0)) == waits
    assert waited(steps.next_look(view(S.ABORTING, drop_limit=wait), jitter=1.0)) == waits
    # A limit of the other kind says nothing of it.
    assert waited(steps.next_look(view(S.ABORTING, limit=wait))) == 10


@pytest.mark.parametrize("seen", [Seen.PUBLIC, Seen.WORKING])
@pytest.mark.parametrize(("answer", "outside"), [(REFUSED, True), (UNCLEAR, False)])
def test_what_a_stop_finds_public_is_marked_so_too(seen: Seen, answer: steps.Answer, outside: bool) -> None:  # noqa: FBT001
    assert steps.after_ask(view(S.ABORTING, answers=[answer]), seen).out_of_band is outside
