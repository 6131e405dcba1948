# SPDX-License-Identifier: Apache-2.0
"""The state machines of promotions and deployments: one table of transitions each. Any other pair raises an error.

Only storage/transitions.py changes a state. docs/states.md is rendered from these tables.
"""

import dataclasses
import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeVar

import atr.errors as errors


class State(enum.StrEnum):
    """The state of one promotion: of a deployment on its way from staged to public."""

    REQUESTED = "requested"
    SENDING = "sending"
    PUBLISHING = "publishing"
    CHECKING = "checking"
    LIVE = "live"
    ABORTING = "aborting"
    ABORTED = "aborted"
    REFUSED = "refused"
    IN_DOUBT = "in-doubt"
    DIVERGED = "diverged"


class DeploymentState(enum.StrEnum):
    """The state of one staging attempt on a platform."""

    UPLOADING = "uploading"
    VALIDATING = "validating"
    STAGED = "staged"
    FAILED = "failed"
    LOST = "lost"
    GONE = "gone"
    DROPPING = "dropping"
    DROPPED = "dropped"
    PUBLISHED = "published"


@dataclasses.dataclass(frozen=True)
class Words:
    """How a state is described to people: one word, one sentence, and who acts next."""

    word: str
    sentence: str
    who: str


def _table(rows: Mapping[State, str]) -> Mapping[State, frozenset[State]]:
    return MappingProxyType({state: frozenset(State[name] for name in names.split()) for state, names in rows.items()})


# Transitions that ATR may make by itself, from what the platform answers.
ARROWS: Final = _table(
    {
        State.REQUESTED: "SENDING PUBLISHING CHECKING ABORTED REFUSED",
        State.SENDING: "SENDING REQUESTED PUBLISHING CHECKING REFUSED ABORTING IN_DOUBT",
        State.PUBLISHING: "CHECKING REFUSED IN_DOUBT",
        State.CHECKING: "LIVE DIVERGED IN_DOUBT",
        State.ABORTING: "ABORTED PUBLISHING CHECKING IN_DOUBT",
        State.IN_DOUBT: "PUBLISHING CHECKING REFUSED ABORTING",
        State.LIVE: "DIVERGED",
        State.DIVERGED: "",
        State.ABORTED: "",
        State.REFUSED: "",
    }
)
# Further transitions, which need a person and a reason.
PERSONS_ARROWS: Final = _table({State.IN_DOUBT: "SENDING ABORTED", State.DIVERGED: "CHECKING"})
# The same transitions by who makes them: people in the transaction of their click, the worker in its own. A publish
# request from IN_DOUBT is requested by a person, but it needs a verification first, so the worker makes the transition.
PEOPLES_ARROWS: Final = _table(
    {
        State.REQUESTED: "ABORTED",
        State.SENDING: "ABORTING",
        State.IN_DOUBT: "ABORTING ABORTED",
        State.DIVERGED: "CHECKING",
    }
)
WORKERS_ARROWS: Final = _table(
    {
        State.REQUESTED: "SENDING PUBLISHING CHECKING ABORTED REFUSED",
        State.SENDING: "SENDING REQUESTED PUBLISHING CHECKING REFUSED IN_DOUBT",
        State.PUBLISHING: "CHECKING REFUSED IN_DOUBT",
        State.CHECKING: "LIVE DIVERGED IN_DOUBT",
        State.ABORTING: "ABORTED PUBLISHING CHECKING IN_DOUBT",
        State.IN_DOUBT: "PUBLISHING CHECKING REFUSED SENDING",
        State.LIVE: "DIVERGED",
    }
)

OPEN: Final = frozenset(State) - {State.LIVE, State.DIVERGED, State.ABORTED, State.REFUSED}
# In these states a promotion keeps its reservations, so no other promotion may have the same coordinates.
HOLDING: Final = frozenset(State) - {State.ABORTED, State.REFUSED}
# Nothing is left to do, but these are checked again: what the platform shows later takes precedence.
ENDED: Final = frozenset({State.ABORTED, State.REFUSED})
# A release with a promotion in one of these states cannot be announced.
UNSETTLED: Final = frozenset(
    {
        State.SENDING,
        State.PUBLISHING,
        State.CHECKING,
        State.ABORTING,
        State.IN_DOUBT,
        State.DIVERGED,
    }
)

DEPLOYMENT_ARROWS: Final[Mapping[DeploymentState, frozenset[DeploymentState]]] = MappingProxyType(
    {
        DeploymentState.UPLOADING: frozenset(
            {DeploymentState.VALIDATING, DeploymentState.FAILED, DeploymentState.LOST}
        ),
        DeploymentState.VALIDATING: frozenset(
            {
                DeploymentState.STAGED,
                DeploymentState.FAILED,
                DeploymentState.GONE,
                DeploymentState.PUBLISHED,
            }
        ),
        DeploymentState.STAGED: frozenset(
            {
                DeploymentState.DROPPING,
                DeploymentState.GONE,
                DeploymentState.PUBLISHED,
                # A person published it on the platform's own page, and that failed.
                DeploymentState.FAILED,
            }
        ),
        DeploymentState.FAILED: frozenset({DeploymentState.DROPPING, DeploymentState.PUBLISHED}),
        DeploymentState.DROPPING: frozenset(
            {
                DeploymentState.DROPPED,
                DeploymentState.STAGED,
                DeploymentState.FAILED,
                DeploymentState.PUBLISHED,
            }
        ),
        # A definite answer of the platform ends these states: what is public takes precedence over what ATR did.
        DeploymentState.LOST: frozenset({DeploymentState.PUBLISHED}),
        DeploymentState.GONE: frozenset({DeploymentState.PUBLISHED, DeploymentState.STAGED}),
        DeploymentState.DROPPED: frozenset({DeploymentState.PUBLISHED, DeploymentState.STAGED}),
        DeploymentState.PUBLISHED: frozenset(),
    }
)
# These have ended, and are checked again.
DEPLOYMENT_ENDED: Final = frozenset(
    {DeploymentState.FAILED, DeploymentState.LOST, DeploymentState.GONE, DeploymentState.DROPPED}
)
DEPLOYMENT_PERSONS_ARROWS: Final[Mapping[DeploymentState, frozenset[DeploymentState]]] = MappingProxyType(
    {
        DeploymentState.LOST: frozenset({DeploymentState.VALIDATING, DeploymentState.FAILED}),
    }
)
# The same transitions by who makes them, as for promotions.
PEOPLES_DEPLOYMENT_ARROWS: Final[Mapping[DeploymentState, frozenset[DeploymentState]]] = MappingProxyType(
    {
        DeploymentState.STAGED: frozenset({DeploymentState.DROPPING}),
        DeploymentState.FAILED: frozenset({DeploymentState.DROPPING}),
        DeploymentState.LOST: frozenset({DeploymentState.VALIDATING, DeploymentState.FAILED}),
    }
)
# The worker may move to DROPPING too: it writes the mark of a drop that stops a promotion.
WORKERS_DEPLOYMENT_ARROWS: Final[Mapping[DeploymentState, frozenset[DeploymentState]]] = MappingProxyType(
    {**DEPLOYMENT_ARROWS, DeploymentState.FAILED: frozenset({DeploymentState.PUBLISHED})}
)

WORDS: Final[Mapping[State, Words]] = MappingProxyType(
    {
        State.REQUESTED: Words("Requested", "Requested; the staged files are verified first.", "nobody"),
        State.SENDING: Words("Sending", "The publish request has been sent, or may have been.", "nobody"),
        State.PUBLISHING: Words("Publishing", "The platform has accepted it and is publishing.", "nobody"),
        State.CHECKING: Words(
            "Checking", "The platform reports it as published; the public files are being compared.", "nobody"
        ),
        State.LIVE: Words("Live", "Every voted file is public and identical.", "nobody"),
        State.ABORTING: Words(
            "Stopping", "A stop was requested after the publish request; the outcome is not known yet.", "nobody"
        ),
        State.ABORTED: Words(
            "Stopped", "Stopped; none of its files is known to be public.", "anyone who may request it"
        ),
        State.REFUSED: Words(
            "Refused",
            "Refused by verification, a gate or the platform; none of its files is known to be public.",
            "the release manager",
        ),
        State.IN_DOUBT: Words("In doubt", "The outcome is unknown, and a person must check.", "a committee member"),
        State.DIVERGED: Words("Diverged", "The public files differ from the voted files.", "the committee, at once"),
    }
)
DEPLOYMENT_WORDS: Final[Mapping[DeploymentState, Words]] = MappingProxyType(
    {
        DeploymentState.UPLOADING: Words("Uploading", "The files are being uploaded to the platform.", "nobody"),
        DeploymentState.VALIDATING: Words("Validating", "The platform is validating the files.", "nobody"),
        DeploymentState.STAGED: Words(
            "Staged", "The files are on the platform and not published.", "a committee member"
        ),
        DeploymentState.FAILED: Words("Failed", "The platform refused the files.", "the release manager"),
        DeploymentState.LOST: Words(
            "Lost", "The upload got no reply, and the files cannot be found on the platform.", "the release manager"
        ),
        DeploymentState.GONE: Words("Gone", "The platform no longer shows the deployment.", "the release manager"),
        DeploymentState.DROPPING: Words("Dropping", "The platform has been asked to drop it.", "nobody"),
        DeploymentState.DROPPED: Words("Dropped", "The deployment was dropped from the platform.", "nobody"),
        DeploymentState.PUBLISHED: Words("Published", "The platform reports it as published.", "nobody"),
    }
)

_S = TypeVar("_S", State, DeploymentState)


def check_move(frm: State, to: State, *, by_person: bool = False) -> None:
    """Raise TransitionError if the table of promotions does not have this transition."""
    _check(frm, to, ARROWS, PERSONS_ARROWS if by_person else {}, "promotion")


def check_deployment_move(frm: DeploymentState, to: DeploymentState, *, by_person: bool = False) -> None:
    """Raise TransitionError if the table of deployments does not have this transition."""
    _check(frm, to, DEPLOYMENT_ARROWS, DEPLOYMENT_PERSONS_ARROWS if by_person else {}, "deployment")


def _check(frm: _S, to: _S, arrows: Mapping[_S, frozenset[_S]], persons: Mapping[_S, frozenset[_S]], what: str) -> None:
    if (to not in arrows.get(frm, frozenset())) and (to not in persons.get(frm, frozenset())):
        raise errors.TransitionError(
            f"This {what} is {frm.value} and cannot become {to.value}. Reload the page to see its current state."
        )
