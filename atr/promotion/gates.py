# SPDX-License-Identifier: Apache-2.0
"""What must hold before a promotion may be sent, as a list of data. Pure.

The same list is read three times: when the page is drawn (to say why the button is off), when somebody asks (a no
changes nothing), and in the transaction that writes the mark (a no ends as REFUSED, nothing sent; only whose turn it
is, what is switched off, and an embargo end nothing). To add a gate, add a fact and a row.
"""

import dataclasses
import datetime
from collections.abc import Callable
from typing import Final

import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.shared.words as words


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
    # It was asked for before the database was restored from a backup: the sentence of `restored`; empty if it was not.
    restored: str = ""
    # Of what was asked for: why the platform is left alone now; empty if it answers.
    silence: str = ""
    # Packages that the promotion held and holds no more: they were freed while the names lay outside.
    freed: tuple[str, ...] = ()
    # A revision that was made after the vote, and how what the policy maps of it to the platform differs from what was
    # voted on, as a sentence; empty where nothing does.
    newer_revision: str = ""
    newer_difference: str = ""
    # An expedited release that is not out, whose embargo no committee member has lifted.
    embargoed: bool = False
    # Who switched the platform or the whole site off, when and why, as a sentence; empty while it is on.
    switched_off: str = ""


@dataclasses.dataclass(frozen=True)
class Blocker:
    """Why it may not be sent now: a stable word for programs, a sentence for people, and who can clear it."""

    code: str
    sentence: str
    who: str


@dataclasses.dataclass(frozen=True)
class Gate:
    """One row: its word, what must hold, what to say if it does not, and who can change this."""

    code: str
    holds: Callable[[Facts], bool]
    sentence: Callable[[Facts], str]
    who: str


EMBARGOED: Final = (
    "The release is under embargo: it cannot be staged, searched for, served or promoted. A committee member can "
    "lift the embargo, giving a reason."
)


def restored(backup_at: datetime.datetime | None, then: str = "promote again") -> str:
    """The sentence for what was asked for before the database was restored from the backup of this instant."""
    of = f" from a backup of {backup_at:%H:%M} on {backup_at.day} {backup_at:%B}" if backup_at else ""
    return f"The database was restored{of}; check the platform's state, then {then}."


def no_target(platform: distribution.DistributionPlatform) -> str:
    """The sentence for a project without a PlatformTarget."""
    return f"This project has no namespaces on {platform.display_name}. A foundation admin can set them."


def no_mapping(platform: distribution.DistributionPlatform) -> str:
    """The sentence for a policy that does not say which files go to a platform."""
    return (
        f"The policy maps no files to {platform.display_name}. "
        f"Add a mapping for “{platform.gh_slug}” to the project's policy."
    )


def is_outside(packages: tuple[str, ...]) -> str:
    """The sentence for packages outside the project's PlatformTarget."""
    return f"Outside the project's namespaces: {words.some(packages)}."


def is_too_large(mechanism: mechanisms.Mechanism, least: int) -> str:
    """The sentence for an upload that has at least so many bytes, more than the platform takes."""
    return (
        f"The upload would be at least {least:,} bytes, including checksums, but {mechanism.display_name} accepts at "
        f"most {mechanism.largest_upload:,}. Map fewer files to it, or stage the release in several deployments."
    )


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
    Gate(
        "unsupported",
        lambda f: f.is_built,
        lambda f: f.platform.why_not,
        "nobody",
    ),
    Gate(
        "project-inactive",
        lambda f: f.project_active,
        lambda _: "The project is not active, so nothing can be published.",
        "a foundation admin",
    ),
    Gate(
        "embargo",
        lambda f: not f.embargoed,
        lambda _: EMBARGOED,
        "a committee member",
    ),
    Gate(
        "phase",
        lambda f: f.phase == RELEASE_PREVIEW,
        lambda _: "The release is not in the Finish phase. It enters Finish when its vote passes.",
        "the release manager",
    ),
    Gate(
        "vote",
        lambda f: f.vote_passed,
        lambda _: "No vote on this release has passed.",
        "the committee",
    ),
    Gate(
        "no-ballot",
        lambda f: f.has_ballot or not f.vote_passed,
        lambda _: (
            "The vote was opened without a ballot, so there is no record of the files that the committee voted on. A "
            "promotion needs a vote with a ballot."
        ),
        "the committee",
    ),
    Gate(
        "not-staged",
        lambda f: f.deployment_state == STAGED,
        lambda f: f"It is not staged on {f.platform.display_name}; it is {f.deployment_state or 'unknown'}.",
        "the release manager",
    ),
    Gate(
        "not-captured",
        lambda f: bool(f.staged_digest),
        lambda _: "The staged files have not been captured yet.",
        "nobody",
    ),
    Gate(
        "not-on-ballot",
        lambda f: (not f.staged_digest) or (f.staged_digest in f.ballot) or (f.vote_passed and not f.has_ballot),
        lambda _: "The staged files differ from the files that the committee voted on.",
        "the release manager",
    ),
    Gate(
        "not-checked",
        lambda f: f.checked or not f.staged_digest,
        lambda _: "The check of the staged files has not run yet.",
        "nobody",
    ),
    Gate(
        "check",
        lambda f: not f.check_blockers,
        lambda f: f.check_blockers[0],
        "the release manager",
    ),
    Gate(
        "newer-revision",
        lambda f: not f.newer_difference,
        lambda f: (
            f"Revision {f.newer_revision} was created after the vote, and its files for {f.platform.display_name} "
            f"differ from the voted files: {f.newer_difference}"
        ),
        "the release manager",
    ),
    Gate(
        "no-target",
        lambda f: f.has_target,
        lambda f: no_target(f.platform),
        "a foundation admin",
    ),
    Gate(
        "outside-target",
        lambda f: (not f.has_target) or (not f.outside),
        lambda f: is_outside(f.outside),
        "a foundation admin",
    ),
    Gate(
        "freed",
        lambda f: not f.freed,
        lambda f: (
            f"The reservation of {words.some(f.freed)} was released because the namespaces temporarily did not "
            "belong to this project. Promote again."
        ),
        "a committee member",
    ),
    Gate(
        "switched-off",
        lambda f: not f.switched_off,
        lambda f: f.switched_off,
        "a foundation admin",
    ),
    Gate(
        "policy",
        lambda f: f.policy_allows,
        lambda f: f"The project's policy does not allow remote promotion to {f.platform.display_name}.",
        "a release manager",
    ),
    Gate(
        "restored",
        lambda f: not f.restored,
        lambda f: f.restored,
        "a committee member",
    ),
    Gate(
        "turn",
        lambda f: not f.waits_for,
        lambda f: f"It is queued behind {f.waits_for}.",
        "nobody",
    ),
    Gate(
        "stopped",
        lambda f: not f.stopped_by,
        lambda f: f"{f.stopped_by}, so nothing was sent.",
        "a committee member",
    ),
    Gate(
        "silent",
        lambda f: not f.silence,
        lambda f: f.silence,
        "nobody",
    ),
    Gate(
        "rights",
        lambda f: f.is_committee_member,
        lambda f: f"{f.asf_uid or 'You'} may not promote: only committee members may.",
        "a committee member",
    ),
)


def blockers(facts: Facts) -> tuple[Blocker, ...]:
    """Every gate that says no, in the order of the list; empty means it may be sent."""
    return tuple(Blocker(gate.code, gate.sentence(facts), gate.who) for gate in GATES if not gate.holds(facts))
