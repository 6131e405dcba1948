# SPDX-License-Identifier: Apache-2.0
"""Whatever a platform answers, each call of the adapters keeps the rules of tests/hostile/rules.py."""

import pytest

import tests.chaos.outcome as outcome
import tests.hostile.campaign as campaigns
import tests.hostile.cases as cases
import tests.hostile.endpoints as endpoints
import tests.hostile.rules as rules
import tests.hostile.server as server


@pytest.mark.slow
def test_no_hostile_answer_breaks_a_rule() -> None:
    """A part of the matrix; the whole of it is T8 of `make chaos`."""
    rounds, violations = campaigns.share(0, outcome.Size.SMALL, seed=1)
    assert violations == []
    assert rounds >= len(list(campaigns.matrix())) // 50


def test_the_matrix_is_as_large_as_promised() -> None:
    assert (len(set(cases.STATUSES)), len(cases.TIMINGS)) == (40, 5)
    assert len(cases.BODIES) >= 16
    at_once = [case for case in campaigns.matrix() if case.timing == "at-once"]
    assert len(at_once) == len(endpoints.ENDPOINTS) * len(cases.STATUSES) * len(cases.BODIES)


async def test_a_list_that_has_lost_its_count_and_repeats_itself_is_asked_for_twice() -> None:
    """Found by chance: it was asked for 200 times."""
    async with campaigns.opened(slots=1) as campaign:
        await campaign.play([cases.Case.of("holding 200 mutated at-once itself 159641692")])
    assert campaign.violations == []


async def test_a_head_that_is_none_need_not_succeed() -> None:
    async with campaigns.opened(slots=1) as campaign:
        await campaign.play([cases.Case.of("pypi 200 valid at-once listed 320")])
    assert campaign.violations == []


async def test_each_documented_success_is_a_success() -> None:
    """Otherwise the rules would hold for adapters that never do anything."""
    async with campaigns.opened(slots=4) as campaign:
        await campaign.play(cases.Case(name, one.status, "valid") for name, one in endpoints.ENDPOINTS.items())
    assert (campaign.rounds, campaign.violations) == (len(endpoints.ENDPOINTS), [])


GET, POST = server.Arrival("GET", {}), server.Arrival("POST", {})


@pytest.mark.parametrize(
    ("line", "word", "error", "broken"),
    [
        ("promote 200 html at-once none 0", "success", None, "answered “success”"),
        ("promote 204 valid at-once none 0", "unclear", None, "for the documented success"),
        ("promote 400 valid cut none 0", "refused", None, "answered “refused”"),
        ("drop 503 empty at-once none 0", "limited", None, "answered “limited”"),
        ("stage 500 empty at-once none 0", "", OSError(), "no error of a platform"),
        ("lookup 503 empty at-once none 0", "absent", None, "answered “absent”"),
        ("taken 404 empty at-once none 0", "absent", None, "answered “absent”"),
        ("npm 404 html at-once none 0", "absent", None, "answered “absent”"),
        ("observe 200 for-another at-once none 0", "success", None, "answered “success”"),
        ("observe 503 empty at-once none 0", "gone", None, "answered “gone”"),
        ("public 200 length-too-large at-once none 0", "other-bytes", None, "answered “other-bytes”"),
    ],
)
def test_a_rule_that_is_broken_is_seen(line: str, word: str, error: Exception | None, broken: str) -> None:
    said = list(rules.violations(cases.Case.of(line), ran(line, word, error)))
    assert any(broken in sentence for sentence in said)


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"arrived": [POST, POST]}, "arrived 2 times"),
        ({"elsewhere": [POST]}, "followed by a write"),
        ({"strangers": [GET]}, "on no list"),
        ({"elsewhere": [server.Arrival("GET", {"authorization": "Bearer x"})]}, "sent to another host"),
        ({"arrived": [server.Arrival("POST", {"cookie": "canary=1"})]}, "cookie was kept"),
        ({"sent": 80 * 1024**2}, "are the bound"),
    ],
)
def test_traffic_that_breaks_a_rule_is_seen(changes: dict[str, object], broken: str) -> None:
    line = "promote 204 valid at-once none 0"
    seen = ran(line, "success", None)
    for name, value in changes.items():
        setattr(seen.slot, name, value)
    said = list(rules.violations(cases.Case.of(line), seen))
    assert any(broken in sentence for sentence in said)


@pytest.mark.parametrize(
    ("seconds", "text", "broken"), [(60.0, "", "the deadline"), (0.1, "the s3cret", "a secret is shown")]
)
def test_a_late_or_telling_answer_is_seen(seconds: float, text: str, broken: str) -> None:
    line = "promote 204 valid at-once none 0"
    seen = ran(line, "success", None, seconds=seconds, text=text)
    assert any(broken in sentence for sentence in rules.violations(cases.Case.of(line), seen))


def ran(line: str, word: str, error: Exception | None, *, seconds: float = 0.1, text: str = "") -> rules.Ran:
    case = cases.Case.of(line)
    endpoint = endpoints.ENDPOINTS[case.endpoint]
    outcome = None if error else endpoints.Outcome(word, (text,))
    slot = server.Slot("s0", arrived=[server.Arrival(endpoint.method, {})])
    answer = cases.answer(case, endpoint.valid, endpoint.other, "", "s3cret")
    return rules.Ran(outcome, error, seconds, 20.0, slot, answer, ["s3cret"])
