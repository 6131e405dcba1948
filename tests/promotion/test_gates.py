# SPDX-License-Identifier: Apache-2.0
"""The gates: each one says no for its own reason and for no other."""

import datetime

import pytest

import atr.promotion.budget as budget
import atr.promotion.gates as gates
import atr.promotion.states as states
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
from tests.promotion import samples

Platform = distribution.DistributionPlatform
S = states.State

# The design's order, section 4, step 3.
ORDER = (
    "unsupported",
    "project-inactive",
    "embargo",
    "phase",
    "vote",
    "no-ballot",
    "not-staged",
    "not-captured",
    "not-on-ballot",
    "not-checked",
    "check",
    "newer-revision",
    "no-target",
    "outside-target",
    "freed",
    "switched-off",
    "policy",
    "restored",
    "turn",
    "stopped",
    "silent",
    "rights",
)


RESTORED = gates.restored(datetime.datetime(2026, 11, 5, 12, 3, tzinfo=datetime.UTC))
OFF = reasons.of("switched-off", why="Erin switched it off.")
SILENT = budget.silence("Maven Central", budget.LIMITS[budget.Reach.ACCOUNT])


def test_the_order_and_what_is_supported_comes_first() -> None:
    assert tuple(gate.code for gate in gates.GATES) == ORDER
    assert gates.GATES[0].code == "unsupported"


def test_nothing_is_in_the_way_when_every_gate_holds() -> None:
    assert gates.blockers(samples.facts()) == ()


@pytest.mark.parametrize(
    ("facts", "code", "sentence"),
    [
        (samples.facts(platform=Platform.PYPI), "unsupported", "PyPI publishes every upload immediately"),
        (samples.facts(project_active=False), "project-inactive", "The project is not active"),
        (samples.facts(embargoed=True), "embargo", "cannot be staged, searched for, served or promoted"),
        (samples.facts(phase="release_candidate"), "phase", "The release is not in the Finish phase"),
        # Announced already: Finish is over.
        (samples.facts(phase="release"), "phase", "The release is not in the Finish phase"),
        (samples.facts(vote_passed=False), "vote", "No vote on this release has passed"),
        (
            samples.facts(deployment_state="gone"),
            "not-staged",
            "it is gone.",
        ),
        (samples.facts(deployment_state=""), "not-staged", "it is unknown."),
        (samples.facts(staged_digest=""), "not-captured", "The staged files have not been captured yet."),
        (samples.facts(staged_digest="d3"), "not-on-ballot", "differ from the files that the committee voted on"),
        (samples.facts(ballot=frozenset()), "not-on-ballot", "differ from the files that the committee voted on"),
        (samples.facts(checked=False), "not-checked", "has not run yet"),
        (samples.facts(check_blockers=("The .md5 is wrong.", "More.")), "check", "The .md5 is wrong."),
        (samples.facts(has_ballot=False, ballot=frozenset()), "no-ballot", "opened without a ballot"),
        (
            samples.facts(newer_revision="00003", newer_difference="1 mapped file differs (a.jar)."),
            "newer-revision",
            "its files for Maven Central differ from the voted files: 1 mapped file differs (a.jar).",
        ),
        (samples.facts(has_target=False), "no-target", "This project has no namespaces on Maven Central"),
        (samples.facts(outside=("a", "b", "c", "d")), "outside-target", "a, b, c"),
        (samples.facts(freed=("pkg:maven/g/a@1",)), "freed", "The reservation of pkg:maven/g/a@1 was released"),
        (samples.facts(switched_off=OFF), "switched-off", "Erin switched it off"),
        (samples.facts(policy_allows=False), "policy", "policy does not allow remote promotion to Maven Central"),
        (samples.facts(waits_for="the core on npm"), "turn", "It is queued behind the core on npm."),
        (samples.facts(stopped_by="The core on npm is refused"), "stopped", "The core on npm is refused, so nothing"),
        (samples.facts(restored=RESTORED), "restored", RESTORED.sentence),
        (samples.facts(silence=SILENT), "silent", SILENT.sentence),
        (samples.facts(is_committee_member=False), "rights", "ada may not promote"),
        (samples.facts(is_committee_member=False, asf_uid=""), "rights", "You may not promote"),
    ],
)
def test_each_gate_flips_its_own_blocker_and_no_other(facts: gates.Facts, code: str, sentence: str) -> None:
    (blocker,) = gates.blockers(facts)
    assert blocker.code == code
    assert sentence in blocker.sentence


def test_every_no_is_said_in_the_order_of_the_list() -> None:
    facts = samples.facts(
        platform=Platform.DOCKER_HUB,
        project_active=False,
        embargoed=True,
        phase="release_candidate_draft",
        vote_passed=False,
        deployment_state="validating",
        staged_digest="d3",
        check_blockers=("No.",),
        newer_revision="00003",
        newer_difference="It differs.",
        outside=("a",),
        freed=("a",),
        switched_off=OFF,
        policy_allows=False,
        restored=RESTORED,
        waits_for="another one",
        stopped_by="That one is refused",
        silence=SILENT,
        is_committee_member=False,
    )
    hidden = {"no-ballot", "not-captured", "not-checked", "no-target"}
    assert [blocker.code for blocker in gates.blockers(facts)] == [code for code in ORDER if code not in hidden]


def test_what_is_only_waited_for_is_told_apart_from_what_refuses() -> None:
    """In the mark these end nothing, so they must be gates that exist."""
    assert {code for code in ORDER if code in gates.WAITING} == gates.WAITING
    assert gates.WAITING > gates.TURN | gates.ASKED_ANEW


def test_what_is_said_after_a_restore() -> None:
    assert RESTORED.sentence == (
        "The database was restored from a backup of 12:03 on 5 November; check the platform's state, then promote "
        "again."
    )
    assert gates.restored(None).sentence.startswith("The database was restored; check")


def test_every_platform_without_a_mechanism_is_barred_by_the_first_gate_with_a_reason() -> None:
    for platform in Platform:
        said = gates.blockers(samples.facts(platform=platform))
        assert [blocker.code for blocker in said] == ([] if platform.supports_remote_promotion else ["unsupported"])
        assert all(blocker.sentence.endswith(".") for blocker in said)


@pytest.mark.parametrize(
    ("owner", "namespaces", "inside"),
    [
        ("org.apache.x", ("org.apache.x",), True),
        ("org.apache.x.y", ("org.apache.x",), True),
        ("org.apache.x", ("com.example", "org.apache"), True),
        ("org.apache.xy", ("org.apache.x",), False),
        ("org.apache", ("org.apache.x",), False),
        ("Org.apache.x", ("org.apache.x",), False),
        ("commons-cli", ("commons-cli",), True),
        ("commons-cli-evil", ("commons-cli",), False),
        ("org.apache.x", (), False),
        ("org.apache.x", ("",), False),
    ],
)
def test_what_lies_outside_the_target(owner: str, namespaces: tuple[str, ...], inside: bool) -> None:  # noqa: FBT001
    where = distribution.Coordinates("MAVEN", owner, "a", "1")
    assert layouts.BUILT.outside([where], namespaces) == (() if inside else (where,))


def test_only_the_packages_outside_are_named() -> None:
    inside, outside, below = (
        distribution.Coordinates("MAVEN", owner, "a", "1") for owner in ("org.apache.x", "org.other", "org.apache.x.z")
    )
    assert layouts.BUILT.outside([inside, outside, below], ["org.apache.x"]) == (outside,)


@pytest.mark.parametrize(
    ("before", "stop", "turn"),
    [
        (None, True, gates.Turn.NOW),
        (S.LIVE, True, gates.Turn.NOW),
        *[(state, True, gates.Turn.STOPPED) for state in (S.REFUSED, S.ABORTED, S.DIVERGED, S.IN_DOUBT)],
        *[(state, False, gates.Turn.NOW) for state in (S.REFUSED, S.ABORTED, S.DIVERGED, S.IN_DOUBT)],
        *[
            (state, stop, gates.Turn.WAITS)
            for state in (S.REQUESTED, S.SENDING, S.PUBLISHING, S.CHECKING, S.ABORTING)
            for stop in (True, False)
        ],
    ],
)
def test_whose_turn_it_is(before: states.State | None, stop: bool, turn: gates.Turn) -> None:  # noqa: FBT001
    assert gates.turn(before, stop_at_trouble=stop) is turn


def test_every_state_of_the_one_before_has_an_answer() -> None:
    assert {gates.turn(state, stop_at_trouble=True) for state in S} == set(gates.Turn)
