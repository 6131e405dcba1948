# SPDX-License-Identifier: Apache-2.0
"""Whether a release may be announced: one rule, for the writer that announces and the pages that say so before. Pure.

An answer is a code with its facts. The sentences are in reasons.py.
"""

import dataclasses
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import atr.promotion.mapping as mapping
import atr.promotion.states as states
import atr.promotion.voted as voted
import atr.reasons as reasons
import atr.shared.distribution as distribution

_FINISH: Final = "release_preview"
_ANNOUNCED: Final = "release"


# Reasons that a committee member may waive, giving a reason: voted files that are not public, and platforms that the
# policy maps and on which nothing of the release is public.
_WAIVED: Final = frozenset({"not-public", "missing"})
# A release manager may vouch for these, giving a reason: public and not verified. All other reasons must be resolved.
_VOUCHED: Final = frozenset({"unproved"})


@dataclasses.dataclass(frozen=True)
class Promotion:
    """An unfinished promotion, or a LIVE one whose last check found `difference`."""

    platform: distribution.DistributionPlatform
    state: states.State
    difference: str = ""


@dataclasses.dataclass(frozen=True)
class Facts:
    """The facts of the rule, all read in one transaction (storage/announcing.py)."""

    # The value of ATR's ReleasePhase.
    phase: str
    # UNSETTLED, REQUESTED, and LIVE with a difference.
    promotions: tuple[Promotion, ...] = ()
    # One sentence for each: something public that was not compared.
    incidents: tuple[str, ...] = ()
    measure: voted.Measure = dataclasses.field(default_factory=voted.Measure)
    # The project's policy as it is now.
    file_tag_mappings: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    # The platforms on which a distribution of the release is neither staging nor pending.
    public_on: frozenset[distribution.DistributionPlatform] = frozenset()
    # Those distributions that were not verified, and those, staged or not, that diverged.
    unproved: tuple[distribution.Coordinates, ...] = ()
    diverged: tuple[distribution.Coordinates, ...] = ()


def standing(facts: Facts) -> tuple[reasons.Reason, ...]:
    """Return every reason why the release cannot be announced, first those that nothing cures; empty if it can."""
    if facts.phase != _FINISH:
        return (reasons.of("announced" if facts.phase == _ANNOUNCED else "not-in-finish", key=facts.phase),)
    return (*_held(facts), *_lacking(facts), *(_reason("unproved", one.purl, _named(one)) for one in facts.unproved))


def held(found: Iterable[reasons.Reason]) -> tuple[reasons.Reason, ...]:
    """Return the reasons that can be neither waived nor vouched for."""
    return tuple(one for one in found if one.code not in _WAIVED | _VOUCHED)


def lacking(found: Iterable[reasons.Reason]) -> tuple[reasons.Reason, ...]:
    """Return the reasons that a committee member may waive."""
    return tuple(one for one in found if one.code in _WAIVED)


def with_cures(found: Sequence[reasons.Reason]) -> tuple[reasons.Reason, ...]:
    """Return all of these reasons, and who may announce in spite of them."""
    cures = [("may-be-waived", lacking(found)), ("may-be-vouched-for", unvouched(found))]
    return (*found, *(reasons.of(code) for code, cured in cures if cured))


def unvouched(found: Iterable[reasons.Reason], vouched: Collection[str] = ()) -> tuple[reasons.Reason, ...]:
    """Return the reasons that a release manager must still vouch for; `vouched` are purls."""
    return tuple(one for one in found if (one.code in _VOUCHED) and (one.facts["key"] not in vouched))


def digest(facts: Facts) -> str:
    """Return a digest of the reasons that can be waived, as a person saw them; empty if there are none."""
    sets = {one.digest: one.not_public for one in facts.measure.not_public}
    lines = [
        f"{one.code} {one.facts['name']} {one.facts['key']} {sets.get(str(one.facts['key']), '')}\n"
        for one in lacking(standing(facts))
    ]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest() if lines else ""


def _held(facts: Facts) -> list[reasons.Reason]:
    def in_state(*meant: states.State) -> list[distribution.DistributionPlatform]:
        return [one.platform for one in facts.promotions if one.state in meant]

    platforms = (
        ("diverged", [*in_state(states.State.DIVERGED), *(one.platform for one in facts.diverged)]),
        ("on-its-way", in_state(*(states.UNSETTLED - {states.State.DIVERGED}))),
        ("requested", in_state(states.State.REQUESTED)),
    )
    return [
        *(_reason("incident", "", sentence) for sentence in facts.incidents),
        *(
            _reason(code, one.gh_slug, one.display_name)
            for code, several in platforms
            for one in dict.fromkeys(several)
        ),
        *(
            _reason("read-again", one.platform.gh_slug, one.difference)
            for one in facts.promotions
            if one.state is states.State.LIVE
        ),
    ]


def _lacking(facts: Facts) -> list[reasons.Reason]:
    """Return voted file sets that are not public, and other platforms with nothing public that the policy maps."""
    not_public = facts.measure.not_public
    there = {platform.gh_slug for platform in facts.public_on | {one.platform for one in not_public}}
    missing = {
        platform.gh_slug: platform
        for platform in reversed(distribution.DistributionPlatform)
        if mapping.patterns_of(facts.file_tag_mappings, platform) and (platform.gh_slug not in there)
    }
    return [
        *(_reason("not-public", one.digest, one.name) for one in not_public),
        *(_reason("missing", slug, missing[slug].display_name) for slug in sorted(missing)),
    ]


def _reason(code: str, key: str, name: str) -> reasons.Reason:
    """Return a reason. Its subject is `key` for programs (a purl, a slug or a digest) and `name` for people."""
    return reasons.of(code, key=key, name=name)


def _named(one: distribution.Coordinates) -> str:
    return f"{one} on {one.platform.display_name}"
