# SPDX-License-Identifier: Apache-2.0
"""docs/states.md says what the tables say."""

import pytest

import atr.promotion.states as states
import tests.promotion.rendered as rendered
from tests.promotion import render_states


def test_the_committed_page_is_the_rendered_one() -> None:
    if render_states.PAGE.read_text("utf-8") != rendered.states_page():
        pytest.fail(
            f"docs/states.md is not what atr/promotion/states.py says. Render it again: {render_states.COMMAND}"
        )


def test_the_page_names_every_state_with_its_sentence_and_who_acts() -> None:
    page = rendered.states_page()
    assert render_states.COMMAND in page
    for words in (*states.WORDS.values(), *states.DEPLOYMENT_WORDS.values()):
        assert f"| **{words.word}** | {words.sentence} | {words.who} |" in page


def test_the_page_draws_every_arrow_once() -> None:
    lines = rendered.states_page().splitlines()
    for arrows, end in ((states.ARROWS, ""), (states.PERSONS_ARROWS, ": a person")):
        for frm, every in arrows.items():
            for to in every:
                assert lines.count(f"    {frm.name} --> {to.name}{end}") == 1
    for deployment_arrows, end in ((states.DEPLOYMENT_ARROWS, ""), (states.DEPLOYMENT_PERSONS_ARROWS, ": a person")):
        for start, ends in deployment_arrows.items():
            for goal in ends:
                assert lines.count(f"    {start.name} --> {goal.name}{end}") == 1
