# SPDX-License-Identifier: Apache-2.0
"""Whether a release may be announced: one rule, for the writer that announces and for all that say so before. Pure.

An answer is a code with its facts. The sentences are in storage/announcing.py.
"""

import dataclasses
import enum
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import atr.promotion.mapping as mapping
import atr.promotion.states as states
import atr.promotion.voted as voted
import atr.shared.distribution as distribution

_FINISH: Final = "release_preview"


class Cure(enum.Enum):
    """What lets a release be announced although a reason stands."""

    # It has to go away first.
    NOTHING = enum.auto()
    # A committee member goes on without it, with a reason.
    WAIVER = enum.auto()
    # A release manager vouches for it by name, with a reason.
    WORD = enum.auto()


class Code(enum.Enum):
    """Why a release is not announced: the word for programs, and what cures it."""

    # It is not in Finish.
    PHASE = ("phase", Cure.NOTHING)
    # Something public is not what was voted on.
    DIVERGED = ("diverged", Cure.NOTHING)
    # Something is public that no promotion compares with what was voted on.
    INCIDENT = ("incident", Cure.NOTHING)
    # A promotion was sent, or may have been, and has not ended; in doubt is among them.
    ON_ITS_WAY = ("on-its-way", Cure.NOTHING)
    # A promotion was asked for and not sent: it must be aborted, or end.
    REQUESTED = ("requested", Cure.NOTHING)
    # One reading of what is live found a difference; the second one tells.
    READ_AGAIN = ("read-again", Cure.NOTHING)
    # A voted file set is not public, in whole or in part.
    NOT_PUBLIC = ("not-public", Cure.WAIVER)
    # The policy maps files to a platform, and no distribution of the release is public there.
    MISSING = ("missing", Cure.WAIVER)
    # A distribution was found in public, and nobody proved that it is what was voted on.
    UNPROVED = ("unproved", Cure.WORD)

    def __init__(self, word: str, cure: Cure) -> None:
        self.word = word
        self.cure = cure


@dataclasses.dataclass(frozen=True)
class Promotion:
    """A promotion that has not ended well: its platform, and how the last reading differed while it is LIVE."""

    platform: distribution.DistributionPlatform
    state: states.State
    difference: str = ""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the rule looks at, all read in one transaction (storage/announcing.py)."""

    # ATR's phase, as its word.
    phase: str
    # UNSETTLED, REQUESTED, and LIVE with a difference.
    promotions: tuple[Promotion, ...] = ()
    # A sentence each: what is public and compared with nothing.
    incidents: tuple[str, ...] = ()
    measure: voted.Measure = dataclasses.field(default_factory=voted.Measure)
    # The project's policy as it is now.
    file_tag_mappings: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    # Where a distribution of the release is neither staging nor pending.
    public_on: frozenset[distribution.DistributionPlatform] = frozenset()
    # Those among them that nobody proved, and those, staged or not, that diverged.
    unproved: tuple[distribution.Coordinates, ...] = ()
    diverged: tuple[distribution.Coordinates, ...] = ()


@dataclasses.dataclass(frozen=True)
class Reason:
    """One reason. `key` names what it is said of to programs: a purl, a slug, a digest, a phase; `name` to people."""

    code: Code
    key: str = ""
    name: str = ""

    @property
    def facts(self) -> dict[str, str]:
        """As an event or an API keeps it."""
        return {"code": self.code.word, "key": self.key, "name": self.name}


def reasons(facts: Facts) -> tuple[Reason, ...]:
    """Every reason why the release is not announced as it is: first those that nothing cures. Empty: it may be."""
    if facts.phase != _FINISH:
        return (Reason(Code.PHASE, facts.phase, facts.phase),)
    return (*_held(facts), *_lacking(facts), *(Reason(Code.UNPROVED, one.purl, _named(one)) for one in facts.unproved))


def held(found: Iterable[Reason]) -> tuple[Reason, ...]:
    """Those that nothing cures."""
    return tuple(one for one in found if one.code.cure is Cure.NOTHING)


def lacking(found: Iterable[Reason]) -> tuple[Reason, ...]:
    """Those that a committee member may waive."""
    return tuple(one for one in found if one.code.cure is Cure.WAIVER)


def unvouched(found: Iterable[Reason], vouched: Collection[str] = ()) -> tuple[Reason, ...]:
    """Those that need a release manager's word, but for what is vouched for, by purl."""
    return tuple(one for one in found if (one.code.cure is Cure.WORD) and (one.key not in vouched))


def digest(facts: Facts) -> str:
    """What a person saw who goes on without what lacks; empty where nothing does. Any change changes it."""
    sets = {one.digest: one.not_public for one in facts.measure.not_public}
    lines = [f"{one.code.word} {one.name} {one.key} {sets.get(one.key, '')}\n" for one in lacking(reasons(facts))]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest() if lines else ""


def _held(facts: Facts) -> list[Reason]:
    def in_state(*meant: states.State) -> list[distribution.DistributionPlatform]:
        return [one.platform for one in facts.promotions if one.state in meant]

    platforms = (
        (Code.DIVERGED, [*in_state(states.State.DIVERGED), *(one.platform for one in facts.diverged)]),
        (Code.ON_ITS_WAY, in_state(*(states.UNSETTLED - {states.State.DIVERGED}))),
        (Code.REQUESTED, in_state(states.State.REQUESTED)),
    )
    return [
        *(Reason(Code.INCIDENT, "", sentence) for sentence in facts.incidents),
        *(Reason(code, one.gh_slug, one.display_name) for code, several in platforms for one in dict.fromkeys(several)),
        *(
            Reason(Code.READ_AGAIN, one.platform.gh_slug, one.difference)
            for one in facts.promotions
            if one.state is states.State.LIVE
        ),
    ]


def _lacking(facts: Facts) -> list[Reason]:
    """What was voted on and is not public; and platforms with nothing public, unless that says so of them already."""
    not_public = facts.measure.not_public
    there = {platform.gh_slug for platform in facts.public_on | {one.platform for one in not_public}}
    missing = {
        platform.gh_slug: platform
        for platform in reversed(distribution.DistributionPlatform)
        if mapping.patterns_of(facts.file_tag_mappings, platform) and (platform.gh_slug not in there)
    }
    return [
        *(Reason(Code.NOT_PUBLIC, one.digest, one.name) for one in not_public),
        *(Reason(Code.MISSING, slug, missing[slug].display_name) for slug in sorted(missing)),
    ]


def _named(one: distribution.Coordinates) -> str:
    return f"{one} on {one.platform.display_name}"
