# SPDX-License-Identifier: Apache-2.0
"""The lives of promotions and deployments: one table of data each. Every pair that is not in it raises.

Who draws the arrows: storage/transitions.py, nobody else. docs/states.md is rendered from here.
"""

import dataclasses
import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeVar

import atr.errors as errors


class State(enum.StrEnum):
    """Where one deployment's way from staged to public stands."""

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
    """Where one staging attempt on a platform stands."""

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
    """A state for people: one word, one sentence, and who acts next."""

    word: str
    sentence: str
    who: str


def _table(rows: Mapping[State, str]) -> Mapping[State, frozenset[State]]:
    return MappingProxyType({state: frozenset(State[name] for name in names.split()) for state, names in rows.items()})


# What the machine may do, by what it learnt.
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
# What takes a person besides, with a reason.
PERSONS_ARROWS: Final = _table({State.IN_DOUBT: "SENDING ABORTED", State.DIVERGED: "CHECKING"})
# The same arrows by who draws them: people in the transaction of their click, the worker in one of its own. What a
# person asks for and only a proof allows, a call from IN_DOUBT, is drawn by the worker.
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
# These hold their coordinates: nobody else may promote them.
HOLDING: Final = frozenset(State) - {State.ABORTED, State.REFUSED}
# Final for us, and looked at again: what the platform shows later outranks them.
ENDED: Final = frozenset({State.ABORTED, State.REFUSED})
# While one of these is there, nothing is announced.
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
                # Somebody published it on the platform's page, and that failed.
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
        # Left again on the platform's definite word: what is public outranks what we did.
        DeploymentState.LOST: frozenset({DeploymentState.PUBLISHED}),
        DeploymentState.GONE: frozenset({DeploymentState.PUBLISHED, DeploymentState.STAGED}),
        DeploymentState.DROPPED: frozenset({DeploymentState.PUBLISHED, DeploymentState.STAGED}),
        DeploymentState.PUBLISHED: frozenset(),
    }
)
# These have ended, and are looked at again.
DEPLOYMENT_ENDED: Final = frozenset(
    {DeploymentState.FAILED, DeploymentState.LOST, DeploymentState.GONE, DeploymentState.DROPPED}
)
DEPLOYMENT_PERSONS_ARROWS: Final[Mapping[DeploymentState, frozenset[DeploymentState]]] = MappingProxyType(
    {
        DeploymentState.LOST: frozenset({DeploymentState.VALIDATING, DeploymentState.FAILED}),
    }
)
# By who draws them, as for promotions.
PEOPLES_DEPLOYMENT_ARROWS: Final[Mapping[DeploymentState, frozenset[DeploymentState]]] = MappingProxyType(
    {
        DeploymentState.STAGED: frozenset({DeploymentState.DROPPING}),
        DeploymentState.FAILED: frozenset({DeploymentState.DROPPING}),
        DeploymentState.LOST: frozenset({DeploymentState.VALIDATING, DeploymentState.FAILED}),
    }
)
# A drop that stops a promotion is marked by the worker.
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
    """Return if the table has this arrow; raise TransitionError if not."""
    _check(frm, to, ARROWS, PERSONS_ARROWS if by_person else {}, "promotion")


def check_deployment_move(frm: DeploymentState, to: DeploymentState, *, by_person: bool = False) -> None:
    """Return if the table of deployments has this arrow; raise TransitionError if not."""
    _check(frm, to, DEPLOYMENT_ARROWS, DEPLOYMENT_PERSONS_ARROWS if by_person else {}, "deployment")


def _check(frm: _S, to: _S, arrows: Mapping[_S, frozenset[_S]], persons: Mapping[_S, frozenset[_S]], what: str) -> None:
    if (to not in arrows.get(frm, frozenset())) and (to not in persons.get(frm, frozenset())):
        raise errors.TransitionError(
            f"This {what} is {frm.value} and cannot become {to.value}. Reload the page to see its current state."
        )
