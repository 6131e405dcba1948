# SPDX-License-Identifier: Apache-2.0
"""What asking may never decide, in every situation there is: 268,800 of them, each invariant by name."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

import pytest

import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.shared.mechanisms as mechanisms
from tests.promotion import samples

S = states.State
Seen = steps.Seen
Look = steps.Look
Do = steps.Do
Answer = steps.Answer

ASKED: Final = (S.REQUESTED, S.SENDING, S.PUBLISHING, S.ABORTING, S.IN_DOUBT)
# Certain noes: nothing came of the call.
REFUSALS: Final = frozenset({Answer.REFUSED, Answer.LIMITED, Answer.CHALLENGED})
# The rules look at answers as a bag, and UNCLEAR stands for every one that may have been taken: proved below.
ANSWERS: Final = tuple(
    answers
    for count in range(4)
    for answers in itertools.combinations_with_replacement((*sorted(REFUSALS), Answer.UNCLEAR), count)
)
# One where a repeat has no second effect, one where it may.
MECHANISMS: Final = (mechanisms.Mechanism.CENTRAL_PORTAL, mechanisms.Mechanism.OCI_TAG)
FLAGS: Final = tuple(itertools.product((False, True), repeat=6))


class Situation(NamedTuple):
    """A row, what was seen, and what was decided."""

    view: steps.View
    seen: Seen
    look: Look
    decision: steps.Decision
    # Time enough has passed for a delayed request to arrive and for "not there" to be believed.
    long_ago: bool

    @property
    def sends(self) -> bool:
        """Whether the files are proved again now, to be sent."""
        return self.decision.then is Do.VERIFY

    @property
    def uncertain(self) -> int:
        """How many calls may have been taken."""
        return sum(1 for answer in self.view.answers if answer not in REFUSALS)

    @property
    def persons(self) -> bool:
        """Whether a person asked for another call."""
        return (self.view.state is S.IN_DOUBT) and self.view.resend

    @property
    def definite_end(self) -> bool:
        """The platform's final word, and a public look that found nothing."""
        return (self.seen is Seen.FAILED) and (self.look is Look.NONE)

    @property
    def proved_drop(self) -> bool:
        """The platform took our drop and has had nothing under the id since, and a public look that found nothing."""
        return (
            (self.seen is Seen.GONE)
            and (self.look is Look.NONE)
            and self.long_ago
            and self.view.drop_taken
            and self.view.mechanism.repeatable
        )

    @property
    def surely_refused(self) -> bool:
        """Every call of ours was completely refused, and the files are still staged."""
        return bool(self.view.answers) and (self.uncertain == 0) and (self.seen is Seen.STAGED)

    @property
    def seen_public(self) -> bool:
        """Whether anything is public, by anybody's word."""
        return (self.seen is Seen.PUBLIC) or (self.look is Look.SOME)


Holds = Callable[[Situation], bool]

INVARIANTS: Final[dict[str, Holds]] = {
    "an arrow that the machine may draw": lambda s: (
        s.decision.to is None or s.decision.to in states.ARROWS[s.view.state]
    ),
    "asking alone never ends as live, diverged or sending": lambda s: (
        s.decision.to not in {S.LIVE, S.DIVERGED, S.SENDING}
    ),
    "every move has its reason": lambda s: (s.decision.to is None) or bool(s.decision.reason),
    "a row that moves does nothing else at once": lambda s: (s.decision.to is None) or (s.decision.then is Do.NOTHING),
    "refused after a call only for certain": lambda s: (
        (s.decision.to is not S.REFUSED) or (not s.view.answers) or s.definite_end
    ),
    "refused before a call only if failed or not there in three looks": lambda s: (
        (s.decision.to is not S.REFUSED)
        or (s.seen is Seen.FAILED)
        or ((s.seen is Seen.GONE) and (s.view.gone_looks >= s.view.timing.looks))
    ),
    "the machine stops only what the platform ended": lambda s: (
        (s.decision.to is not S.ABORTED)
        or ((s.view.state is S.ABORTING) and (s.definite_end or s.proved_drop or s.surely_refused))
    ),
    "a drop is asked for only in a stop, once our call has arrived, and for what is staged": lambda s: (
        (s.decision.then is not Do.DROP)
        or (
            (s.view.state is S.ABORTING)
            and (s.seen is Seen.STAGED)
            and (s.long_ago or (s.view.marked is None))
            and not (s.view.held or s.view.overdue or s.seen_public)
        )
    ),
    "a refusal after a call was preceded by a public look": lambda s: (
        (s.decision.to not in {S.REFUSED, S.ABORTED})
        or (not s.view.answers)
        or s.surely_refused
        or steps.needs_public_look(s.view, s.seen)
    ),
    "what is public is never refused, stopped, sent or asked for again": lambda s: (
        (not s.seen_public) or ((s.decision.to in {S.CHECKING, S.PUBLISHING}) and (not s.sends))
    ),
    "checking only if something is public": lambda s: (s.decision.to is not S.CHECKING) or s.seen_public,
    "publishing only on the platform's word": lambda s: (s.decision.to is not S.PUBLISHING) or (s.seen is Seen.WORKING),
    "back to requested only if every call was completely refused and the files are still staged": lambda s: (
        (s.decision.to is not S.REQUESTED) or (bool(s.view.answers) and (s.uncertain == 0) and (s.seen is Seen.STAGED))
    ),
    "what is tracked by hand is never sent": lambda s: not (s.sends and s.view.by_hand),
    "what is tracked by hand moves on only when it is public": lambda s: (
        (not s.view.by_hand)
        or (s.view.state is not S.REQUESTED)
        or (s.decision.to is None)
        or s.seen_public
        or (s.seen is Seen.WORKING)
    ),
    "what waits for a click is not sent": lambda s: (not s.sends) or (not s.view.held) or s.persons,
    "what waits for another one is not sent before its turn": lambda s: (
        (not s.sends) or (not s.view.waits) or (s.view.state is not S.REQUESTED)
    ),
    "sent only what is staged": lambda s: (not s.sends) or (s.seen is Seen.STAGED),
    "no second call by itself where a repeat may have a second effect": lambda s: (
        (not s.sends)
        or s.persons
        or (s.uncertain == 0)
        or (s.view.mechanism.repeatable and s.view.mechanism.content_pinned)
    ),
    "no call beside one that may still be on its way": lambda s: (
        (not s.sends) or (s.view.state is S.REQUESTED) or s.long_ago or (s.view.marked is None)
    ),
    "no fourth call by itself": lambda s: (not s.sends) or s.persons or (s.uncertain < 3),
    "in doubt is sent again only by a person": lambda s: (not s.sends) or (s.view.state is not S.IN_DOUBT) or s.persons,
    "publishing is never sent again": lambda s: not (s.sends and (s.view.state in {S.PUBLISHING, S.ABORTING})),
    "nothing definite moves nothing before the deadline": lambda s: (
        s.view.overdue
        or (s.seen not in {Seen.UNKNOWN, Seen.WAITING})
        or (s.look is Look.SOME)
        or (s.decision == steps.Decision(None))
    ),
    "not there is believed only after a while and three looks, and not as an end once a call was made": lambda s: (
        (s.seen is not Seen.GONE)
        or s.view.overdue
        or (s.look is Look.SOME)
        or (s.decision.to is None)
        or ((s.view.gone_looks >= 3) and (s.decision.to is S.IN_DOUBT) and s.long_ago)
        or ((s.view.gone_looks >= 3) and (s.decision.to is S.REFUSED) and (not s.view.answers))
        or s.proved_drop
    ),
    "past the deadline nothing stays where it is": lambda s: (
        (not s.view.overdue)
        or (s.view.state not in {S.SENDING, S.PUBLISHING, S.ABORTING})
        or (s.decision.to is not None)
    ),
    "past the deadline a doubt ends only for certain": lambda s: (
        (not s.view.overdue)
        or (s.view.state is not S.IN_DOUBT)
        or (s.decision.to in {None, S.CHECKING})
        or s.definite_end
    ),
    "published outside means: no call of ours can have done it": lambda s: (
        (not s.decision.out_of_band) or ((s.uncertain == 0) and (s.decision.to in {S.CHECKING, S.PUBLISHING}))
    ),
}


def situations() -> Iterator[Situation]:
    """Every row that is asked about, with everything that may be seen."""
    for state, answers, mechanism, flags in itertools.product(ASKED, ANSWERS, MECHANISMS, FLAGS):
        by_hand, held, resend, overdue, waits, long_ago = flags
        view = samples.view(
            state,
            answers=answers,
            mechanism=mechanism,
            marked=(120 if long_ago else 119) if answers else None,
            by_hand=by_hand,
            held=held,
            resend=resend,
            overdue=overdue,
            waits=waits,
            gone_looks=3 if long_ago else 2,
            gone_for=900 if long_ago else 899,
            # Where the one means something the other means nothing.
            drop_taken=resend,
        )
        for seen, look in itertools.product(Seen, Look):
            yield Situation(view, seen, look, steps.after_ask(view, seen, look), long_ago)


@pytest.fixture(scope="module")
def violations() -> dict[str, list[Situation]]:
    """For each invariant, the first situations that break it."""
    found: dict[str, list[Situation]] = {name: [] for name in INVARIANTS}
    count = 0
    for situation in situations():
        count += 1
        for name, holds in INVARIANTS.items():
            if (not holds(situation)) and (len(found[name]) < 3):
                found[name].append(situation)
    assert count == len(ASKED) * len(ANSWERS) * len(MECHANISMS) * len(FLAGS) * len(Seen) * len(Look) == 470_400
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", INVARIANTS)
def test_invariant(name: str, violations: dict[str, list[Situation]]) -> None:
    assert violations[name] == []


def test_the_order_of_the_answers_means_nothing() -> None:
    assert_alike(sorted)


def test_whatever_is_no_refusal_may_have_been_taken() -> None:
    assert_alike(lambda answers: [answer if (answer in REFUSALS) else Answer.UNCLEAR for answer in answers])


def assert_alike(other: Callable[[Iterable[Answer]], list[Answer]]) -> None:
    """The decisions after any three answers are those after the other ones, made of them."""
    for answers, state in itertools.product(itertools.product(Answer, repeat=3), (S.REQUESTED, S.SENDING)):
        for seen, look in itertools.product(Seen, Look):
            given, expected = (
                steps.after_ask(samples.view(state, answers=bag, marked=120), seen, look)
                for bag in (answers, other(answers))
            )
            assert given == expected
