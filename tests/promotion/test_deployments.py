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
Version = steps.Version
LOOKED_AT: Final = (S.VALIDATING, S.STAGED, S.DROPPING, S.FAILED, S.LOST, S.GONE, S.DROPPED, S.PUBLISHED)


@pytest.mark.parametrize(
    ("view", "seen", "to", "problem"),
    [
        (samples.deployment(S.VALIDATING), Seen.WAITING, None, ""),
        (samples.deployment(S.VALIDATING), Seen.UNKNOWN, None, ""),
        (samples.deployment(S.VALIDATING), Seen.STAGED, S.STAGED, ""),
        (samples.deployment(S.VALIDATING), Seen.FAILED, S.FAILED, "detail"),
        (samples.deployment(S.VALIDATING), Seen.PUBLIC, S.PUBLISHED, ""),
        # Publishing is not public: it may still fail.
        (samples.deployment(S.VALIDATING), Seen.WORKING, None, ""),
        # An id that was just given may not be found at first.
        (samples.deployment(S.VALIDATING), Seen.GONE, None, ""),
        (samples.deployment(S.VALIDATING, gone_looks=9, gone_for=899), Seen.GONE, None, ""),
        (samples.deployment(S.VALIDATING, gone_looks=2, gone_for=900), Seen.GONE, None, ""),
        (samples.deployment(S.VALIDATING, gone_looks=3, gone_for=900), Seen.GONE, S.GONE, "dropped, it expired"),
        (samples.deployment(S.STAGED), Seen.STAGED, None, ""),
        (samples.deployment(S.STAGED), Seen.WAITING, None, ""),
        (samples.deployment(S.STAGED), Seen.UNKNOWN, None, ""),
        (samples.deployment(S.STAGED), Seen.PUBLIC, S.PUBLISHED, ""),
        (samples.deployment(S.STAGED), Seen.WORKING, None, ""),
        (samples.deployment(S.STAGED), Seen.FAILED, S.FAILED, "The platform reports that it failed. detail"),
        # A short outage of the platform must not lead there.
        (samples.deployment(S.STAGED, gone_looks=2, gone_for=900), Seen.GONE, None, ""),
        (samples.deployment(S.STAGED, gone_looks=3, gone_for=899), Seen.GONE, None, ""),
        (samples.deployment(S.STAGED, gone_looks=3, gone_for=900), Seen.GONE, S.GONE, "dropped, it expired"),
        (samples.deployment(S.DROPPING, drop_answer=Answer.TAKEN), Seen.GONE, S.DROPPED, ""),
        (samples.deployment(S.DROPPING, drop_answer=Answer.UNCLEAR, gone_looks=2), Seen.GONE, None, ""),
        (samples.deployment(S.DROPPING, drop_answer=Answer.UNCLEAR, gone_looks=3, gone_for=899), Seen.GONE, None, ""),
        (samples.deployment(S.DROPPING, drop_answer=Answer.UNCLEAR, gone_looks=2, gone_for=900), Seen.GONE, None, ""),
        (
            samples.deployment(S.DROPPING, drop_answer=Answer.UNCLEAR, gone_looks=3, gone_for=900),
            Seen.GONE,
            S.DROPPED,
            "",
        ),
        (samples.deployment(S.DROPPING, drop_answer=Answer.TAKEN, age=119), Seen.STAGED, None, ""),
        (samples.deployment(S.DROPPING, drop_answer=Answer.TAKEN, age=120), Seen.STAGED, S.STAGED, "did not drop it"),
        (samples.deployment(S.DROPPING, drop_answer=Answer.REFUSED), Seen.STAGED, S.STAGED, "did not drop it"),
        (samples.deployment(S.DROPPING, drop_answer=Answer.LIMITED), Seen.STAGED, S.STAGED, "did not drop it"),
        (
            samples.deployment(S.DROPPING, drop_answer=Answer.REFUSED, drop_said="(403): “no”"),
            Seen.STAGED,
            S.STAGED,
            "did not drop it (403): “no”.",
        ),
        # The drop is sent again when it is time, however long that is.
        (
            samples.deployment(S.DROPPING, drop_answer=Answer.LIMITED, limit=samples.limit(9), age=9_999),
            Seen.STAGED,
            None,
            "",
        ),
        (samples.deployment(S.DROPPING, drop_answer=Answer.UNCLEAR), Seen.FAILED, None, ""),
        (samples.deployment(S.DROPPING, drop_answer=Answer.UNCLEAR, age=120), Seen.FAILED, S.FAILED, "not dropped"),
        (samples.deployment(S.DROPPING, drop_answer=Answer.REFUSED), Seen.FAILED, S.FAILED, "not dropped"),
        (samples.deployment(S.DROPPING), Seen.PUBLIC, S.PUBLISHED, ""),
        (samples.deployment(S.DROPPING), Seen.WORKING, None, ""),
        (samples.deployment(S.DROPPING), Seen.WAITING, None, ""),
        (samples.deployment(S.DROPPING), Seen.UNKNOWN, None, ""),
        # What has ended is left only on a definite word.
        *((samples.deployment(state), Seen.PUBLIC, S.PUBLISHED, "") for state in (S.FAILED, S.LOST, S.GONE, S.DROPPED)),
        (samples.deployment(S.GONE), Seen.STAGED, S.STAGED, "lists it again"),
        (samples.deployment(S.DROPPED), Seen.STAGED, S.STAGED, "lists it again"),
        (samples.deployment(S.FAILED), Seen.STAGED, None, ""),
        (samples.deployment(S.GONE), Seen.FAILED, None, ""),
        (samples.deployment(S.GONE, gone_looks=9, gone_for=9_999), Seen.GONE, None, ""),
        (samples.deployment(S.FAILED, gone_looks=9, gone_for=9_999), Seen.GONE, None, ""),
        (samples.deployment(S.GONE), Seen.WORKING, None, ""),
        (samples.deployment(S.PUBLISHED), Seen.PUBLIC, None, ""),
        (samples.deployment(S.PUBLISHED, gone_looks=9, gone_for=9_999), Seen.GONE, None, ""),
    ],
)
def test_after_look(view: deployments.View, seen: Seen, to: S | None, problem: str) -> None:
    decision = deployments.after_look(view, seen, "detail", version=Version.ABSENT)
    assert decision.to is to
    assert problem in decision.problem
    assert bool(problem) == bool(decision.problem)


def test_a_refusal_without_a_reason_says_so() -> None:
    decision = deployments.after_look(samples.deployment(S.VALIDATING), Seen.FAILED, "")
    assert decision.problem == "The platform refused the files and gave no reason."


@pytest.mark.parametrize(
    ("view", "seen", "asks"),
    [
        (samples.deployment(S.DROPPING, gone_looks=3, gone_for=900), Seen.GONE, True),
        (samples.deployment(S.STAGED, gone_looks=3, gone_for=900), Seen.GONE, True),
        (samples.deployment(S.STAGED, gone_looks=2, gone_for=900), Seen.GONE, False),
        (samples.deployment(S.STAGED, unsure=True), Seen.GONE, True),
        (samples.deployment(S.STAGED, unsure=True), Seen.STAGED, False),
        (
            samples.deployment(S.DROPPING, gone_looks=3, gone_for=900, drop_answer=Answer.TAKEN),
            Seen.GONE,
            False,
        ),
        *((samples.deployment(state), Seen.GONE, True) for state in (S.FAILED, S.LOST, S.GONE, S.DROPPED)),
        (samples.deployment(S.GONE), Seen.STAGED, True),
        (samples.deployment(S.GONE), Seen.PUBLIC, False),
        (samples.deployment(S.GONE), Seen.WORKING, False),
    ],
)
def test_the_records_are_asked_where_an_end_would_be_believed(view: deployments.View, seen: Seen, asks: bool) -> None:  # noqa: FBT001
    """An early "no" of the public place is kept by caches, so nobody asks before it matters."""
    assert deployments.asks_records(view, seen) is asks


@pytest.mark.parametrize(
    ("view", "version", "to", "problem"),
    [
        (samples.deployment(S.STAGED, gone_looks=3, gone_for=900), Version.RECORDED, None, "its records list"),
        (samples.deployment(S.DROPPING, gone_looks=3, gone_for=900), Version.RECORDED, None, "its records list"),
        (samples.deployment(S.DROPPING, gone_looks=3, gone_for=900), Version.ABSENT, S.DROPPED, ""),
        (samples.deployment(S.DROPPING, gone_looks=3, gone_for=900), Version.PUBLIC, S.PUBLISHED, "counts as"),
        (samples.deployment(S.STAGED, unsure=True), Version.PUBLIC, S.PUBLISHED, "counts as published"),
        (samples.deployment(S.GONE), Version.PUBLIC, S.PUBLISHED, "counts as published"),
        (samples.deployment(S.DROPPED), Version.PUBLIC, S.PUBLISHED, "counts as published"),
        # The patience ended while we looked: the next look asks the records.
        (samples.deployment(S.DROPPING, gone_looks=3, gone_for=900), Version.NOT_ASKED, None, ""),
        (samples.deployment(S.STAGED, gone_looks=3, gone_for=900), Version.NOT_ASKED, None, ""),
        # What the platform gave up, or refused, was published by another one.
        (samples.deployment(S.DROPPED, drop_taken=True), Version.PUBLIC, None, ""),
        (samples.deployment(S.FAILED), Version.PUBLIC, None, ""),
    ],
)
def test_what_the_records_say_of_what_is_not_there(
    view: deployments.View, version: Version, to: S | None, problem: str
) -> None:
    decision = deployments.after_look(view, Seen.GONE, "", version=version)
    assert decision.to is to
    assert problem in decision.problem
    assert deployments.is_elsewhere(view, Seen.GONE, version) == ((version is Version.PUBLIC) and (to is None))


def test_a_version_that_is_public_while_the_platform_holds_this_one_was_published_by_another() -> None:
    assert deployments.is_elsewhere(samples.deployment(S.GONE), Seen.STAGED, Version.PUBLIC)
    assert not deployments.is_elsewhere(samples.deployment(S.GONE), Seen.STAGED, Version.RECORDED)


def test_a_refusal_for_another_deployment_names_it_and_where_to_go() -> None:
    decision = deployments.after_look(samples.deployment(S.VALIDATING), Seen.FAILED, "Held.", held_by="6f2a")
    assert decision.problem.startswith("Held. Deployment 6f2a contains these packages.")
    assert "record it here" in decision.problem


def test_a_look_is_counted_before_it_is_decided_on() -> None:
    """Absence in a row, and since when it is publishing; any other answer ends the count."""
    first = samples.deployment(S.STAGED).counted(Seen.GONE)
    assert (first.gone_looks, first.gone_since, first.publishing_since) == (1, samples.NOW, None)
    again = samples.deployment(S.STAGED, gone_looks=1, gone_for=60).counted(Seen.GONE)
    assert (again.gone_looks, again.gone_since) == (2, samples.ago(60))
    working = again.counted(Seen.WORKING)
    assert (working.gone_looks, working.gone_since, working.publishing_since) == (0, None, samples.NOW)
    assert working.counted(Seen.FAILED).publishing_since is None


def test_no_look_draws_an_arrow_that_the_table_does_not_have() -> None:
    """Every state that is looked at, whatever is seen, was answered and has passed."""
    tried = 0
    for state, seen, answer, age, looks, gone_for, version in itertools.product(
        LOOKED_AT, Seen, Answer, (0, 120, 86_400), (0, 1, 2, 3, 9), (None, 0, 900), Version
    ):
        view = samples.deployment(state, age=age, gone_looks=looks, gone_for=gone_for, drop_answer=answer)
        to = deployments.after_look(view, seen, "", version=version).to
        tried += 1
        if to is None:
            continue
        states.check_deployment_move(state, to)
        if (seen is Seen.GONE) and (version is not Version.PUBLIC):
            assert to in {S.GONE, S.DROPPED}
            assert (version is Version.ABSENT) or (answer is Answer.TAKEN)
            patient = (looks >= view.timing.looks) and (gone_for == view.timing.vanishing)
            assert patient or (answer is Answer.TAKEN)
        assert seen not in {Seen.WAITING, Seen.UNKNOWN, Seen.WORKING}
    assert tried == 8 * 7 * 6 * 3 * 5 * 3 * 4


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
    assert ("enter its id" in decision.problem) == (to is S.LOST)
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
        (samples.deployment(S.STAGED, age=9_999, publishing_for=60), 10),
    ],
)
def test_what_moves_is_looked_at_often_and_what_rests_rarely(view: deployments.View, seconds: float) -> None:
    assert view.state not in states.DEPLOYMENT_ENDED
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


@pytest.mark.parametrize("state", sorted(states.DEPLOYMENT_ENDED))
def test_what_has_ended_is_looked_at_four_times_and_what_is_published_no_more(state: S) -> None:
    """After an hour, a day, a week and a month; a worker that was away looks once and goes on by the age."""
    ages = [(0, 3_600), (3_600, 82_800), (90_000, 514_800), (604_800, 1_987_200)]
    for age, wait in ages:
        assert waited(deployments.next_look(samples.deployment(state, age=age), jitter=1.0)) == wait
    assert deployments.next_look(samples.deployment(state, age=2_592_000)) is None
    assert waited(deployments.next_look(samples.deployment(state, age=9_999_999, publishing_for=700))) == 60
    assert deployments.next_look(samples.deployment(S.PUBLISHED, publishing_for=60)) is None


def waited(when: datetime.datetime | None) -> float:
    """Seconds from NOW."""
    assert when is not None
    return (when - samples.NOW).total_seconds()


@pytest.mark.parametrize(("seconds", "waits"), [(30, 30), (3_600, 3_600), (90_000, 3_600)])
def test_what_is_limited_is_looked_at_rarely_and_at_its_very_instant(seconds: float, waits: float) -> None:
    for state in (S.UPLOADING, S.DROPPING):
        view = samples.deployment(state, limit=samples.limit(seconds))
        assert waited(deployments.next_look(view, jitter=1.0)) == waits


@pytest.mark.parametrize(
    ("age", "marked", "looks", "is_outage", "to"),
    [
        (899, None, 99, False, None),
        (900, None, 2, False, None),
        (900, None, 3, False, S.LOST),
        (900, None, 3, True, None),
        (86_399, None, 99, True, None),
        (86_400, None, 3, True, S.LOST),
        # What counts is the age of the request.
        (900_000, 899, 99, False, None),
        (900_000, 900, 3, False, S.LOST),
    ],
)
def test_what_cannot_be_told_of_an_upload_is_lost_after_the_patience(
    age: float,
    marked: float | None,
    looks: int,
    is_outage: bool,  # noqa: FBT001  (a case of the table)
    to: S | None,
) -> None:
    view = samples.deployment(S.UPLOADING, age=age, marked=marked)
    decision = deployments.after_failed_search(view, looks=looks, trouble="The list is cut.", is_outage=is_outage)
    assert decision.to is to
    assert ("The list is cut. Check the platform" in decision.problem) == (to is S.LOST)
