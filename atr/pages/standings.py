# SPDX-License-Identifier: Apache-2.0
"""The state of a row of a page, in words, from database rows and gates that are already loaded."""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Final

import atr.models.promotion as tables
import atr.pages.views as views
import atr.promotion.gates as gates
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.reasons as reasons
import atr.storage.eligibility as eligibility
import atr.storage.incidents as incidents
import atr.storage.observations as observations

_State = states.State
_PUBLISHING: Final = (
    "The platform is publishing it, although ATR sent no publish request. It is polled until it is published or has "
    "failed."
)
_Deployment = states.DeploymentState
MOVING: Final = frozenset({_State.REQUESTED, _State.SENDING, _State.PUBLISHING, _State.CHECKING, _State.ABORTING})
_MOVING_DEPLOYMENT: Final = frozenset({_Deployment.UPLOADING, _Deployment.VALIDATING, _Deployment.DROPPING})
# The states in which another publish or drop request may have to be sent.
_MAY_SEND: Final = frozenset({_State.SENDING, _State.ABORTING, _State.IN_DOUBT})
NEXT: Final = {
    _State.REQUESTED: "The staged files are verified again, then the publish request is sent.",
    _State.SENDING: "The platform is queried for the outcome of the publish request.",
    _State.PUBLISHING: "The platform is publishing. You can close this page.",
    _State.CHECKING: "Every public file is being read. You can close this page.",
    _State.LIVE: "Nothing is left to do.",
    _State.ABORTED: "The deployment can be promoted again.",
    _State.REFUSED: "Restage the voted files, or start a new vote.",
    _State.IN_DOUBT: "A committee member must check the deployment on the platform itself.",
    _State.DIVERGED: "The committee must act now: inform the users and investigate.",
    _State.ABORTING: "ATR is finding out whether the stop or the publication took effect.",
}
_LIMITED: Final = (
    "No staged file is read and nothing is sent until then. It continues automatically and can still be stopped."
)


def of_incident(incident: incidents.Incident, since: datetime.datetime) -> views.Standing:
    """Return the state of a row with an incident."""
    return views.Standing("diverged", incident.word, incident.sentence, incident.who, since)


def overruling(
    deployment: tables.Deployment,
    promotion: tables.Promotion | None,
    incident: incidents.Incident | None,
    *,
    elsewhere: bool,
) -> views.Standing | None:
    """Return the state that takes precedence over an ended promotion and the deployment's own state, or None.

    `elsewhere` says that the version was published from another deployment.
    """
    if incident:
        return of_incident(incident, deployment.found_at or deployment.entered_at)
    if (promotion is not None) and (promotion.state not in states.ENDED):
        return None
    if deployment.publishing_since and (deployment.state is not _Deployment.PUBLISHED):
        return views.Standing("publishing", "Publishing", _PUBLISHING, "nobody", deployment.publishing_since)
    if elsewhere and (deployment.state is not _Deployment.PUBLISHED):
        words = states.DEPLOYMENT_WORDS[deployment.state]
        return views.Standing(
            deployment.state.value, words.word, elsewhere_sentence(deployment), words.who, deployment.entered_at
        )
    return None


def elsewhere_sentence(deployment: tables.Deployment) -> str:
    """Return the sentence that says that this version was published from another deployment."""
    still = (
        " This deployment is still staged on the platform: drop it." if (deployment.state is _Deployment.STAGED) else ""
    )
    return f"This version was published from another deployment.{still}"


def holds_up(promotion: tables.Promotion | None, blockers: Sequence[reasons.Reason]) -> reasons.Reason | None:
    """Return what a requested promotion waits for: another promotion, a switch or an embargo. None if nothing."""
    if (promotion is None) or (promotion.state is not _State.REQUESTED) or promotion.by_hand:
        return None
    return next((blocker for blocker in blockers if blocker.code in gates.WAITING - gates.ASKED_ANEW), None)


def of_promotion(promotion: tables.Promotion) -> views.Standing:
    words = states.WORDS[promotion.state]
    sentence = observations.beside_sentence(promotion) if promotion.state is _State.LIVE else words.sentence
    return views.Standing(promotion.state.value, words.word, sentence, words.who, promotion.entered_at)


def standing(
    deployment: tables.Deployment,
    promotion: tables.Promotion | None,
    blockers: Sequence[reasons.Reason],
    turn: reasons.Reason | None,
) -> views.Standing:
    if promotion is not None:
        standing = of_promotion(promotion)
        return dataclasses.replace(standing, sentence=turn.sentence, who=turn.who) if turn else standing
    words = states.DEPLOYMENT_WORDS[deployment.state]
    ready = (deployment.state is _Deployment.STAGED) and all(blocker.code == "rights" for blocker in blockers)
    if ready:
        return views.Standing(
            "ready",
            "Ready",
            "Verified; waiting for a committee member.",
            "a committee member",
            deployment.entered_at,
        )
    return views.Standing(deployment.state.value, words.word, words.sentence, words.who, deployment.entered_at)


def next_sentence(
    case: eligibility.Case,
    promotion: tables.Promotion | None,
    blockers: Sequence[reasons.Reason],
    member: bool,  # noqa: FBT001
    attempts: Sequence[tables.Attempt] = (),
) -> str:
    if (promotion is not None) and (promotion.asked_in < case.generation) and (promotion.state in states.OPEN):
        return promotion.blocker or NEXT[promotion.state]
    if (promotion is not None) and promotion.held and (promotion.state is not _State.ABORTING):
        return "The platform refused the publish request. Promote again once the cause is fixed."
    if (promotion is not None) and (promotion.state is _State.LIVE) and _stays_staged(case.deployment, promotion):
        return elsewhere_sentence(case.deployment)
    over = (promotion is not None) and (promotion.state is _State.ABORTED)
    if (promotion is not None) and not (over and (case.deployment.state is not _Deployment.STAGED)):
        # The last answer was a 429: the note of the row has the platform's message and the time.
        limited = attempts and (attempts[-1].answer is steps.Answer.LIMITED) and (promotion.state is _State.REQUESTED)
        return _LIMITED if limited else NEXT[promotion.state]
    if case.deployment.state is not _Deployment.STAGED:
        return states.DEPLOYMENT_WORDS[case.deployment.state].sentence
    if not case.deployment.file_set_digest:
        return case.deployment.problem or "The staged files are being captured."
    others = [blocker for blocker in blockers if blocker.code != "rights"]
    if others:
        return others[0].sentence
    return "You can promote it." if member else "A committee member can promote it."


def _stays_staged(deployment: tables.Deployment, promotion: tables.Promotion) -> bool:
    """Return whether the platform has reported it as staged since the version was verified as public."""
    looked = deployment.last_look
    return (deployment.state is _Deployment.STAGED) and (looked is not None) and (looked >= promotion.entered_at)


def shown(
    promotion: tables.Promotion | None, blockers: tuple[reasons.Reason, ...], turn: reasons.Reason | None
) -> tuple[reasons.Reason, ...]:
    """Return the blockers that the page shows: all before a request, afterwards only those that the row waits for."""
    if (promotion is None) or (promotion.state not in states.HOLDING):
        return blockers
    if turn:
        return (turn,)
    return tuple(
        one for one in blockers if (one.code in {"switched-off", "embargo"}) and (promotion.state in _MAY_SEND)
    )


def needs_person(
    promotion: tables.Promotion | None, blockers: Sequence[reasons.Reason], turn: reasons.Reason | None
) -> str:
    if promotion is None:
        return blockers[0].who if blockers else "a committee member"
    if turn is not None:
        return "" if turn.who == "nobody" else turn.who
    if promotion.held:
        return "a committee member"
    who = states.WORDS[promotion.state].who
    return "" if who == "nobody" else who


def is_moving(
    deployment: tables.Deployment, promotion: tables.Promotion | None, verified: views.Verified | None
) -> bool:
    if (verified is not None) and (verified.at is None):
        return True
    if promotion is not None:
        return promotion.state in MOVING
    if deployment.publishing_since and (deployment.state is not _Deployment.PUBLISHED):
        return True
    capturing = (deployment.state is _Deployment.STAGED) and not deployment.file_set_digest and not deployment.problem
    return capturing or (deployment.state in _MOVING_DEPLOYMENT)


def verified(
    deployment: tables.Deployment, file_sets: Mapping[str, tables.FileSetRow], done: int
) -> views.Verified | None:
    """Return the result of the newest "Verify now", or its progress; None if it was never requested."""
    if deployment.verify_asked_at is None:
        return None
    side = file_sets.get(deployment.verified_digest or deployment.file_set_digest or "")
    total = side.files if side else 0
    return views.Verified(
        asked_by=deployment.verify_asked_by,
        asked_at=deployment.verify_asked_at,
        at=deployment.verified_at,
        done=total if deployment.verified_at else done,
        total=total,
        digest=deployment.verified_digest or "",
        problem=deployment.verify_problem,
    )


# The progress of an upload with fewer bytes is shown in kB.
_SMALL: Final = 10_000_000
_COUNTED: Final = frozenset({states.State.REQUESTED, states.State.CHECKING})


def progress(deployment: tables.Deployment, promotion: tables.Promotion | None) -> tuple[int, int, str]:
    """Return the progress: done, total and a text; zeroes and an empty text if there is nothing to count."""
    if (deployment.state is states.DeploymentState.UPLOADING) and deployment.send_total:
        done, total = min(deployment.sent_bytes, deployment.send_total), deployment.send_total
        return done, total, f"{_megabytes(done, total)} sent"
    row = promotion if (promotion is not None) and (promotion.state in _COUNTED) else None
    counted = row or (deployment if not deployment.file_set_digest else None)
    if (counted is None) or not counted.read_total:
        return 0, 0, ""
    return counted.read_done, counted.read_total, f"{counted.read_done:,} of {counted.read_total:,} files read"


def _megabytes(done: int, total: int) -> str:
    """Format bytes in the unit that suits the total: 412 of 1,030 MB."""
    unit, name = (1_000_000, "MB") if (total >= _SMALL) else (1_000, "kB")
    return f"{done / unit:,.0f} of {total / unit:,.0f} {name}"
