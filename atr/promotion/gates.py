# SPDX-License-Identifier: Apache-2.0
"""The conditions that every promotion must meet before its publish request is sent, as a table. Pure.

The table is read three times: when the page is rendered (to explain a disabled button), when a person requests the
promotion (a blocker changes nothing), and in the transaction that writes the mark (a blocker ends it as REFUSED with
nothing sent, unless it is in WAITING). To add a gate, add a fact, a row, and its sentence in reasons.py.
"""

import dataclasses
import datetime
import enum
from collections.abc import Callable, Mapping
from typing import Final

import atr.promotion.states as states
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.words as words

_TROUBLE: Final = frozenset({states.State.REFUSED, states.State.ABORTED, states.State.DIVERGED, states.State.IN_DOUBT})


class Turn(enum.StrEnum):
    """Whether a queued promotion may be sent, by the outcome of the one before it."""

    NOW = "now"
    WAITS = "waits"
    STOPPED = "stopped"


@dataclasses.dataclass(frozen=True)
class Facts:
    """The facts that the gates read, all from one transaction."""

    platform: distribution.DistributionPlatform
    # `supports_remote_promotion`, of the layouts that this program was started with.
    is_built: bool
    project_active: bool
    # The value of ATR's ReleasePhase.
    phase: str
    vote_passed: bool
    # "staged", ...; empty if there is no such deployment.
    deployment_state: str
    staged_digest: str
    # The digests on the ballot of the vote that passed.
    ballot: frozenset[str]
    # Whether that vote was opened with a ballot.
    has_ballot: bool
    # Whether the project has a PlatformTarget, and the packages of the deployment that are outside it.
    has_target: bool
    outside: tuple[str, ...]
    policy_allows: bool
    asf_uid: str
    is_committee_member: bool
    # Whether the check of the staged files has run since their capture, and the sentences of its blockers.
    checked: bool = True
    check_blockers: tuple[str, ...] = ()
    # Promote all: the promotion that must be live before this one; or the one that stopped it, with its state.
    waits_for: str = ""
    stopped_by: str = ""
    # `restored`, if it was requested before the database was restored from a backup; else None.
    restored: reasons.Reason | None = None
    # Of a requested promotion: why nothing is sent to the platform now; None if it answers.
    silence: reasons.Reason | None = None
    # Packages whose reservation the promotion lost: they were freed while they were outside the PlatformTarget.
    freed: tuple[str, ...] = ()
    # A revision that was created after the vote, and a sentence on how the files that the policy maps from it to the
    # platform differ from the voted files; empty if nothing differs.
    newer_revision: str = ""
    newer_difference: str = ""
    # An expedited release that is not announced, whose embargo no committee member has lifted.
    embargoed: bool = False
    # Who switched off the platform or all platforms, when and why; None while they are on.
    switched_off: reasons.Reason | None = None


@dataclasses.dataclass(frozen=True)
class Gate:
    """One row: its code, its condition, and the facts of the reason if it is not met (reasons.py has the sentence)."""

    code: str
    holds: Callable[[Facts], bool]
    facts: Callable[[Facts], Mapping[str, str | int]] = lambda _: {}


EMBARGOED: Final = reasons.of("embargo")


def restored(backup_at: datetime.datetime | None, then: str = "promote again") -> reasons.Reason:
    """Return why requests from before the database was restored do not continue: the time is the backup's."""
    backup = f" from a backup of {backup_at:%H:%M} on {backup_at.day} {backup_at:%B}" if backup_at else ""
    return reasons.of("restored", backup=backup, then=then)


# These delay a promotion until the one before it has moved on, or the platform answers again; when the mark is written
# they refuse nothing.
TURN: Final = frozenset({"turn", "stopped", "silent"})
# A request from before a restore waits for a person, because it is not known what was sent.
ASKED_ANEW: Final = frozenset({"restored"})
# Every blocker that delays a promotion and does not refuse it: it continues when the blocker is gone.
WAITING: Final = TURN | ASKED_ANEW | {"switched-off", "embargo"}
RELEASE_PREVIEW: Final = "release_preview"
STAGED: Final = "staged"

GATES: Final[tuple[Gate, ...]] = (
    Gate("unsupported", lambda f: f.is_built, lambda f: {"why": f.platform.why_not}),
    Gate("project-inactive", lambda f: f.project_active),
    Gate("embargo", lambda f: not f.embargoed),
    Gate("phase", lambda f: f.phase == RELEASE_PREVIEW),
    Gate("vote", lambda f: f.vote_passed),
    Gate("no-ballot", lambda f: f.has_ballot or not f.vote_passed),
    Gate(
        "not-staged",
        lambda f: f.deployment_state == STAGED,
        lambda f: {"platform": f.platform.display_name, "state": f.deployment_state or "unknown"},
    ),
    Gate("not-captured", lambda f: bool(f.staged_digest)),
    Gate(
        "not-on-ballot",
        lambda f: (not f.staged_digest) or (f.staged_digest in f.ballot) or (f.vote_passed and not f.has_ballot),
    ),
    Gate("not-checked", lambda f: f.checked or not f.staged_digest),
    Gate("check", lambda f: not f.check_blockers, lambda f: {"finding": f.check_blockers[0]}),
    Gate(
        "newer-revision",
        lambda f: not f.newer_difference,
        lambda f: {"revision": f.newer_revision, "platform": f.platform.display_name, "difference": f.newer_difference},
    ),
    Gate("no-target", lambda f: f.has_target, lambda f: {"platform": f.platform.display_name}),
    Gate(
        "outside-target",
        lambda f: (not f.has_target) or (not f.outside),
        lambda f: {"packages": words.some(f.outside)},
    ),
    Gate("freed", lambda f: not f.freed, lambda f: {"packages": words.some(f.freed)}),
    Gate("switched-off", lambda f: not f.switched_off, lambda f: reasons.facts(f.switched_off)),
    Gate("policy", lambda f: f.policy_allows, lambda f: {"platform": f.platform.display_name}),
    Gate("restored", lambda f: not f.restored, lambda f: reasons.facts(f.restored)),
    Gate("turn", lambda f: not f.waits_for, lambda f: {"promotion": f.waits_for}),
    Gate("stopped", lambda f: not f.stopped_by, lambda f: {"ending": f.stopped_by}),
    Gate("silent", lambda f: not f.silence, lambda f: reasons.facts(f.silence)),
    Gate("rights", lambda f: f.is_committee_member, lambda f: {"asf_uid": f.asf_uid or "You"}),
)


def blockers(facts: Facts) -> tuple[reasons.Reason, ...]:
    """Return the reason of every gate that is not met, in the order of the table; empty if it may be sent."""
    return tuple(reasons.Reason(gate.code, gate.facts(facts)) for gate in GATES if not gate.holds(facts))


def turn(before: states.State | None, *, stop_at_trouble: bool) -> Turn:
    """Return whether a promotion may be sent, by the state of the one before it; `before` is None if there is none.

    A promotion names the one before it, which is always older, so there are no cycles; whether it waits is not stored.
    """
    if (before is None) or (before is states.State.LIVE):
        return Turn.NOW
    if before in _TROUBLE:
        return Turn.STOPPED if stop_at_trouble else Turn.NOW
    return Turn.WAITS
