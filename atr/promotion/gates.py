# SPDX-License-Identifier: Apache-2.0
"""What must hold before a promotion may be sent, as a list of data. Pure.

The same list is read three times: when the page is drawn (to say why the button is off), when somebody asks (a no
changes nothing), and in the transaction that writes the mark (a no ends as REFUSED, nothing sent; only whose turn it
is, what is switched off, and an embargo end nothing). To add a gate, add a fact, a row, and its sentence in reasons.py.
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
    """Whether a promotion may be sent, for what the one before it came to."""

    NOW = "now"
    WAITS = "waits"
    STOPPED = "stopped"


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the gates look at, all read in one transaction."""

    platform: distribution.DistributionPlatform
    # `supports_remote_promotion`, of what this program was opened with.
    is_built: bool
    project_active: bool
    # ATR's phase, as its word.
    phase: str
    vote_passed: bool
    # "staged", ... or empty when there is no such deployment.
    deployment_state: str
    staged_digest: str
    # The digests on the ballot of the vote that passed.
    ballot: frozenset[str]
    # Whether that vote was opened with one.
    has_ballot: bool
    # Packages of the deployment that lie outside the project's PlatformTarget, and whether there is one at all.
    has_target: bool
    outside: tuple[str, ...]
    policy_allows: bool
    asf_uid: str
    is_committee_member: bool
    # Whether the check of staged files has run since they were captured, and the sentences of its blockers.
    checked: bool = True
    check_blockers: tuple[str, ...] = ()
    # Promote all: the promotion that must be live before this one, or the one whose trouble stopped it and how.
    waits_for: str = ""
    stopped_by: str = ""
    # It was asked for before the database was restored from a backup: `restored`; None if it was not.
    restored: reasons.Reason | None = None
    # Of what was asked for: why the platform is left alone now; None if it answers.
    silence: reasons.Reason | None = None
    # Packages that the promotion held and holds no more: they were freed while the names lay outside.
    freed: tuple[str, ...] = ()
    # A revision that was made after the vote, and how what the policy maps of it to the platform differs from what was
    # voted on, as a sentence; empty where nothing does.
    newer_revision: str = ""
    newer_difference: str = ""
    # An expedited release that is not out, whose embargo no committee member has lifted.
    embargoed: bool = False
    # Who switched the platform or the whole site off, when and why; None while it is on.
    switched_off: reasons.Reason | None = None


@dataclasses.dataclass(frozen=True)
class Gate:
    """One row: its code, what must hold, and the facts of the reason if it does not (reasons.py has the sentence)."""

    code: str
    holds: Callable[[Facts], bool]
    facts: Callable[[Facts], Mapping[str, str | int]] = lambda _: {}


EMBARGOED: Final = reasons.of("embargo")


def restored(backup_at: datetime.datetime | None, then: str = "promote again") -> reasons.Reason:
    """Why nothing goes on that was asked for before the database was restored from the backup of this instant."""
    backup = f" from a backup of {backup_at:%H:%M} on {backup_at.day} {backup_at:%B}" if backup_at else ""
    return reasons.of("restored", backup=backup, then=then)


# These hold a promotion up for as long as another one stands where it does, or the platform is silent; in the mark they
# refuse nothing.
TURN: Final = frozenset({"turn", "stopped", "silent"})
# What was asked for before a restore waits for a person, since nobody knows what was sent.
ASKED_ANEW: Final = frozenset({"restored"})
# All that is only waited for, and what is switched off or under embargo: it goes on by itself when that has ended.
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
    """Every gate that says no, in the order of the list; empty means it may be sent."""
    return tuple(reasons.Reason(gate.code, gate.facts(facts)) for gate in GATES if not gate.holds(facts))


def turn(before: states.State | None, *, stop_at_trouble: bool) -> Turn:
    """Whose turn it is, from the state of the promotion before; None if nobody is before it.

    A promotion names the one before it, which is always older, so there are no cycles; whether it waits is not stored.
    """
    if (before is None) or (before is states.State.LIVE):
        return Turn.NOW
    if before in _TROUBLE:
        return Turn.STOPPED if stop_at_trouble else Turn.NOW
    return Turn.WAITS
