# SPDX-License-Identifier: Apache-2.0
"""Promote all: the order, and what is left out."""

import hypothesis
import hypothesis.strategies as st
import pytest

import atr.errors as errors
import atr.promotion.order as order
import atr.shared.mechanisms as mechanisms

PORTAL = mechanisms.Mechanism.CENTRAL_PORTAL
NUMBERS = st.dictionaries(st.integers(1, 9), st.integers(1, 9), max_size=6)


def candidate(number: int, *purls: str, mechanism: mechanisms.Mechanism = PORTAL) -> order.Candidate:
    return order.Candidate(number, mechanism, frozenset(purls or {f"pkg:maven/g/p{number}@1"}))


def test_what_cannot_be_undone_goes_last_and_else_the_order_stays() -> None:
    given = [candidate(3), candidate(1), candidate(7, mechanism=mechanisms.Mechanism.OCI_TAG), candidate(2)]
    assert [one.deployment_id for one in order.in_order(given)] == [7, 3, 1, 2]


def test_every_mechanism_says_how_little_can_be_undone() -> None:
    assert all(one.undo.endswith(".") for one in mechanisms.Mechanism)
    assert {one.name: one.permanence for one in mechanisms.Mechanism} == {
        "CENTRAL_PORTAL": 3,
        "NEXUS_STAGING": 3,
        "NPM_STAGE": 2,
        "NPM_DIST_TAG": 1,
        "OCI_TAG": 1,
    }


def test_of_two_that_hold_one_package_the_newer_one_is_kept() -> None:
    given = [candidate(1, "a", "b"), candidate(2, "c"), candidate(4, "b", "d"), candidate(5, "d")]
    assert order.twins(given) == {4: 5}
    assert order.twins(given[:3]) == {1: 4}
    assert order.twins([]) == {}


def test_the_numbers_of_a_person_decide() -> None:
    assert order.by_number({4: 20, 5: 3, 6: 7}) == (5, 6, 4)


def test_two_with_one_number_are_refused_beside_the_second_one() -> None:
    with pytest.raises(errors.InputError, match="The number 1 is used twice") as caught:
        order.by_number({4: 1, 5: 1})
    assert caught.value.field == "order-5"


@hypothesis.given(NUMBERS)
def test_nothing_is_lost_or_doubled_by_numbering(numbers: dict[int, int]) -> None:
    if len(set(numbers.values())) < len(numbers):
        with pytest.raises(errors.InputError):
            order.by_number(numbers)
    else:
        assert sorted(order.by_number(numbers)) == sorted(numbers)


@hypothesis.given(st.lists(st.frozensets(st.sampled_from("abcdef"), min_size=1), max_size=8))
def test_what_is_kept_shares_no_package(sets: list[frozenset[str]]) -> None:
    given = [order.Candidate(number, PORTAL, purls) for number, purls in enumerate(sets, start=1)]
    left = order.twins(given)
    kept = [one for one in given if one.deployment_id not in left]
    assert sum(len(one.purls) for one in kept) == len(frozenset().union(*(one.purls for one in kept)))
    assert set(left.values()) <= {one.deployment_id for one in kept}
