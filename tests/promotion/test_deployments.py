# SPDX-License-Identifier: Apache-2.0
"""What a look means for a deployment that no promotion is at work on."""

import datetime
import itertools
from typing import Final

import pytest

import atr.promotion.deployments as deployments
import atr.promotion.states as states
import atr.promotion.steps as steps
from tests.promotion import samples

S = states.DeploymentState
Seen = steps.Seen
Answer = steps.Answer
LOOKED_AT: Final = (S.VALIDATING, S.STAGED, S.DROPPING)


@pytest.mark.parametrize(
    ("view", "seen", "to", "problem"),
    [
        (samples.deployment(S.VALIDATING), Seen.WAITING, None, ""),
        (samples.deployment(S.VALIDATING), Seen.UNKNOWN, None, ""),
        (samples.deployment(S.VALIDATING), Seen.STAGED, S.STAGED, ""),
        (samples.deployment(S.VALIDATING), Seen.FAILED, S.FAILED, "detail"),
        (samples.deployment(S.VALIDATING), Seen.PUBLIC, S.PUBLISHED, "published it by itself"),
        (samples.deployment(S.VALIDATING), Seen.WORKING, S.PUBLISHED, "published it by itself"),
        # An id that was just given may not be found at first.
        (samples.deployment(S.VALIDATING), Seen.GONE, None, ""),
        (samples.deployment(S.VALIDATING, gone_looks=9, gone_for=899), Seen.GONE, None, ""),
        (samples.deployment(S.VALIDATING, gone_looks=2, gone_for=900), Seen.GONE, None, ""),
        (samples.deployment(S.VALIDATING, gone_looks=3, gone_for=900), Seen.GONE, S.GONE, "dropped, it expired"),
        (samples.deployment(S.STAGED), Seen.STAGED, None, ""),
        (samples.deployment(S.STAGED), Seen.WAITING, None, ""),
        (samples.deployment(S.STAGED), Seen.UNKNOWN, None, ""),
        (samples.deployment(S.STAGED), Seen.PUBLIC, S.PUBLISHED, ""),
        (samples.deployment(S.STAGED), Seen.WORKING, S.PUBLISHED, ""),
        (samples.deployment(S.STAGED), Seen.FAILED, S.GONE, "The platform says it failed. detail"),
        # GONE has no way back, so a short outage of the platform must not lead there.
        (samples.deployment(S.STAGED, gone_looks=2, gone_for=900), Seen.GONE, None, ""),
        (samples.deployment(S.STAGED, gone_looks=3, gone_for=899), Seen.GONE, None, ""),
        (samples.deployment(S.STAGED, gone_looks=3, gone_for=900), Seen.GONE, S.GONE, "dropped, it expired"),
        (samples.deployment(S.DROPPING, drop_answer=Answer.TAKEN), Seen.GONE, S.DROPPED, ""),
        (samples.deployment(S.DROPPING, drop_answer=Answer.UNCLEAR, gone_looks=2), Seen.GONE, None, ""),
        (samples.deployment(S.DROPPING, drop_answer=Answer.UNCLEAR, gone_looks=3), Seen.GONE, S.DROPPED, ""),
        (samples.deployment(S.DROPPING, drop_answer=Answer.TAKEN, age=119), Seen.STAGED, None, ""),
        (samples.deployment(S.DROPPING, drop_answer=Answer.TAKEN, age=120), Seen.STAGED, S.STAGED, "did not drop it"),
        (samples.deployment(S.DROPPING, drop_answer=Answer.REFUSED), Seen.STAGED, S.STAGED, "did not drop it"),
        (samples.deployment(S.DROPPING, drop_answer=Answer.LIMITED), Seen.STAGED, S.STAGED, "did not drop it"),
        (samples.deployment(S.DROPPING, drop_answer=Answer.UNCLEAR), Seen.FAILED, None, ""),
        (samples.deployment(S.DROPPING, drop_answer=Answer.UNCLEAR, age=120), Seen.FAILED, S.FAILED, "not dropped"),
        (samples.deployment(S.DROPPING, drop_answer=Answer.REFUSED), Seen.FAILED, S.FAILED, "not dropped"),
        (samples.deployment(S.DROPPING), Seen.PUBLIC, S.PUBLISHED, ""),
        (samples.deployment(S.DROPPING), Seen.WORKING, S.PUBLISHED, ""),
        (samples.deployment(S.DROPPING), Seen.WAITING, None, ""),
        (samples.deployment(S.DROPPING), Seen.UNKNOWN, None, ""),
    ],
)
def test_after_look(view: deployments.View, seen: Seen, to: S | None, problem: str) -> None:
    decision = deployments.after_look(view, seen, "detail")
    assert decision.to is to
    assert problem in decision.problem
    assert bool(problem) == bool(decision.problem)


def test_a_refusal_without_a_reason_says_so() -> None:
    decision = deployments.after_look(samples.deployment(S.VALIDATING), Seen.FAILED, "")
    assert decision.problem == "The platform refused the files and gave no reason."


def test_no_look_draws_an_arrow_that_the_table_does_not_have() -> None:
    """Every state that is looked at, whatever is seen, was answered and has passed."""
    tried = 0
    for state, seen, answer, age, looks, gone_for in itertools.product(
        LOOKED_AT, Seen, Answer, (0, 120, 86_400), (0, 1, 2, 3, 9), (None, 0, 900)
    ):
        view = samples.deployment(state, age=age, gone_looks=looks, gone_for=gone_for, drop_answer=answer)
        to = deployments.after_look(view, seen, "").to
        tried += 1
        if to is None:
            continue
        states.check_deployment_move(state, to)
        if seen is Seen.GONE:
            assert to in {S.GONE, S.DROPPED}
            assert (looks >= view.timing.looks) or (answer is Answer.TAKEN)
        assert seen not in {Seen.WAITING, Seen.UNKNOWN}
    assert tried == 4725


@pytest.mark.parametrize(
    ("age", "found", "looks", "to"),
    [
        (0, True, 0, S.VALIDATING),
        (99_999, True, 99, S.VALIDATING),
        (899, False, 99, None),
        (900, False, 2, None),
        (900, False, 3, S.LOST),
    ],
)
def test_a_lost_upload_is_looked_for_and_never_sent_again(age: float, found: bool, looks: int, to: S | None) -> None:  # noqa: FBT001
    decision = deployments.after_search(samples.deployment(S.UPLOADING, age=age), found=found, looks=looks)
    assert decision.to is to
    assert ("give us its id" in decision.problem) == (to is S.LOST)
    if to is not None:
        states.check_deployment_move(S.UPLOADING, to)


@pytest.mark.parametrize(
    ("view", "seconds"),
    [
        (samples.deployment(S.UPLOADING), 10),
        (samples.deployment(S.VALIDATING, age=119), 10),
        (samples.deployment(S.VALIDATING, age=120), 30),
        (samples.deployment(S.DROPPING, age=600), 60),
        (samples.deployment(S.STAGED), 3_600),
        (samples.deployment(S.STAGED, age=9_999, gone_looks=1), 60),
    ],
)
def test_what_moves_is_looked_at_often_and_what_rests_rarely(view: deployments.View, seconds: float) -> None:
    assert waited(deployments.next_look(view)) == seconds
    assert waited(deployments.next_look(view, jitter=1.0)) == pytest.approx(seconds * 1.1)


@pytest.mark.parametrize(("told", "waits"), [(0.0, 10), (-5.0, 10), (77.0, 77), (3_600.0, 3_600), (1e9, 3_600)])
def test_retry_after_wins_up_to_an_hour_and_is_never_faster_than_the_table(told: float, waits: float) -> None:
    view = samples.deployment(S.STAGED)
    assert waited(deployments.next_look(view, retry_after=told, jitter=1.0)) == waits
    assert waited(deployments.next_pending_look(samples.NOW, 3, samples.TIMING, retry_after=told)) == waits


@pytest.mark.parametrize(
    ("looks", "seconds"), [(0, 120), (1, 240), (5, 3_840), (9, 61_440), (10, 86_400), (12, 86_400), (10_000, 86_400)]
)
def test_what_is_said_to_be_public_is_looked_for_ever_more_rarely_but_never_given_up(
    looks: int, seconds: float
) -> None:
    assert waited(deployments.next_pending_look(samples.NOW, looks, samples.TIMING)) == seconds


def waited(when: datetime.datetime) -> float:
    """Seconds from NOW."""
    return (when - samples.NOW).total_seconds()
