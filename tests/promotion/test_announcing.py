# SPDX-License-Identifier: Apache-2.0
"""The rule about announcing: each reason with its facts, what cures it, and what a person saw."""

from typing import Any, Final

import pytest

import atr.promotion.announcing as announcing
import atr.promotion.states as states
import atr.promotion.voted as voted
import atr.reasons as reasons
import atr.shared.distribution as distribution

_Platform = distribution.DistributionPlatform
_State = states.State
_PYPI: Final = distribution.Coordinates("PYPI", "", "widgets", "2.4.0")
_SCOPED: Final = distribution.Coordinates("NPM_SCOPED", "example", "widgets", "2.4.0")
_CORE: Final = distribution.Coordinates("MAVEN", "org.example", "core", "1.0")


def facts(**more: Any) -> announcing.Facts:
    return announcing.Facts(**{"phase": "release_preview", **more})


def measure(*files: tuple[str, int]) -> voted.Measure:
    """Sets for Maven Central, each with its digest and how many of four files are not public."""
    return voted.Measure(tuple(voted.VotedSet(_Platform.MAVEN, digest, 4, lacks, ()) for digest, lacks in files))


def codes(found: announcing.Facts) -> list[tuple[str, str]]:
    return [(one.code, str(one.facts["key"])) for one in announcing.standing(found)]


def promotions(*several: states.State) -> tuple[announcing.Promotion, ...]:
    return tuple(announcing.Promotion(_Platform.MAVEN, state) for state in several)


def test_nothing_holds_a_release_in_finish_of_which_nothing_was_asked() -> None:
    assert announcing.standing(facts()) == ()
    assert announcing.digest(facts()) == ""


@pytest.mark.parametrize("phase", ["release_candidate_draft", "release_candidate", "release"])
def test_out_of_finish_nothing_else_is_looked_at(phase: str) -> None:
    assert codes(facts(phase=phase, incidents=("Bad.",), unproved=(_PYPI,))) == [
        ("announced" if phase == "release" else "not-in-finish", phase)
    ]


@pytest.mark.parametrize("state", _State)
def test_what_each_state_of_a_promotion_holds(state: states.State) -> None:
    """ABORTED and REFUSED are no facts of the rule: nothing waits for them. LIVE is one while it is read again."""
    expected = {
        _State.DIVERGED: ["diverged"],
        _State.REQUESTED: ["requested"],
        _State.LIVE: ["read-again"],
        _State.ABORTED: [],
        _State.REFUSED: [],
    }.get(state, ["on-its-way"])
    found = announcing.standing(facts(promotions=promotions(state)))
    assert [one.code for one in found] == expected
    assert announcing.held(found) == found


def test_a_hold_is_said_once_for_a_platform() -> None:
    found = facts(promotions=promotions(_State.SENDING, _State.IN_DOUBT, _State.DIVERGED), diverged=(_CORE, _PYPI))
    assert codes(found) == [("diverged", "mavencentral"), ("diverged", "pypi"), ("on-its-way", "mavencentral")]


def test_an_incident_keeps_its_sentence_and_a_difference_what_it_is() -> None:
    differs = announcing.Promotion(_Platform.MAVEN, _State.LIVE, "core-1.0.jar is gone.")
    found = announcing.standing(facts(incidents=("Not voted on.",), promotions=(differs,)))
    assert found == (
        reasons.of("incident", key="", name="Not voted on."),
        reasons.of("read-again", key="mavencentral", name="core-1.0.jar is gone."),
    )


@pytest.mark.parametrize(
    ("tags", "public_on", "missing"),
    [
        ({"pypi": ["*.whl"]}, (), ["pypi"]),
        ({"pypi": ["*.whl"]}, (_Platform.PYPI,), []),
        ({"maven": ["m/**"]}, (_Platform.PYPI,), ["mavencentral"]),
        ({"maven": ["m/**"], "mavencentral": ["m/**"]}, (), ["mavencentral"]),
        ({"maven": ["m/**"], "mavencentral": ["m/**"]}, (_Platform.MAVEN,), []),
        # The two npm members share a slug: a package of either will do.
        ({"npm": ["*.tgz"]}, (_Platform.NPM_SCOPED,), []),
        ({"npm": ["*.tgz"]}, (), ["npm"]),
        # A tag without patterns maps nothing, and one that means no platform holds nothing.
        ({"pypi": [], "docs": ["docs/**"]}, (), []),
        ({"pypi": ["*.whl"], "dockerhub": ["image"]}, (), ["dockerhub", "pypi"]),
    ],
)
def test_each_platform_that_the_policy_maps_needs_a_public_distribution(
    tags: dict[str, list[str]], public_on: tuple[distribution.DistributionPlatform, ...], missing: list[str]
) -> None:
    found = facts(file_tag_mappings=tags, public_on=frozenset(public_on))
    assert codes(found) == [("missing", slug) for slug in missing]
    assert announcing.lacking(announcing.standing(found)) == announcing.standing(found)
    assert bool(announcing.digest(found)) is bool(missing)


def test_a_platform_of_which_a_voted_set_is_named_is_not_said_to_be_missing_too() -> None:
    found = facts(file_tag_mappings={"maven": ["m/**"], "pypi": ["*"]}, measure=measure(("a", 0), ("b", 2)))
    assert codes(found) == [("not-public", "b"), ("missing", "pypi")]


def test_a_word_covers_what_it_names_and_no_more() -> None:
    found = announcing.standing(facts(unproved=(_PYPI, _SCOPED), public_on=frozenset({_Platform.PYPI})))
    assert [one.facts["key"] for one in announcing.unvouched(found)] == [_PYPI.purl, _SCOPED.purl]
    assert [one.facts["key"] for one in announcing.unvouched(found, {_PYPI.purl, "pkg:pypi/other@1"})] == [_SCOPED.purl]
    assert announcing.unvouched(found, {_PYPI.purl, _SCOPED.purl}) == ()
    assert announcing.lacking(found) == announcing.held(found) == ()


def test_what_a_person_saw_changes_with_every_set_every_file_and_every_platform() -> None:
    pypi = {"file_tag_mappings": {"pypi": ["*"]}}
    seen = [
        announcing.digest(facts(**more))
        for more in (
            {"measure": measure(("a", 4))},
            {"measure": measure(("a", 3))},
            {"measure": measure(("b", 4))},
            {"measure": measure(("a", 4), ("b", 4))},
            {"measure": measure(("a", 4)), **pypi},
            pypi,
        )
    ]
    assert len(set(seen)) == len(seen)
    both = [announcing.digest(facts(measure=measure(*order))) for order in ([("a", 4), ("b", 4)], [("b", 4), ("a", 4)])]
    assert both[0] == both[1]
    # What is held or vouched for is another matter.
    assert announcing.digest(facts(unproved=(_PYPI,), incidents=("Bad.",))) == ""


@pytest.mark.parametrize(
    ("code", "cures"),
    [("diverged", ()), ("not-public", ("may-be-waived",)), ("unproved", ("may-be-vouched-for",))],
)
def test_what_can_be_cured_says_who_may_go_on(code: str, cures: tuple[str, ...]) -> None:
    told = announcing.with_cures([reasons.of(code, key="key", name="Some platform")])
    assert tuple(one.code for one in told) == (code, *cures)
