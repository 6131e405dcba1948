# SPDX-License-Identifier: Apache-2.0
"""The tables of states as a page for people: docs/states.md. Pure; tests compare the file with this."""

from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

import atr.promotion.states as states

_HEAD: Final = """\
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Rendered from atr/promotion/states.py; after a change there: python -m tests.promotion.render_states -->

# States of a remote promotion and of a deployment

A promotion takes one deployment from staged to public; a deployment is one staging attempt on a platform. The program
itself runs on the tables below: a transition that is not in them is refused.

"Becomes" has the transitions that follow from what the worker finds, or from an ordinary click (promote, stop, drop);
the last column has those that need a person and a reason. A row's timeline shows when and why its state changed. "Acts
next" says for whom the row waits; nobody means that it continues automatically.
"""

_S = TypeVar("_S", states.State, states.DeploymentState)


def states_page() -> str:
    """The whole page, in Markdown, ended by a line feed."""
    return "\n".join(
        (
            _HEAD,
            "## Remote promotion\n",
            *_diagram(states.State.REQUESTED, states.ARROWS, states.PERSONS_ARROWS, states.WORDS),
            *_table(states.ARROWS, states.PERSONS_ARROWS, states.WORDS),
            f"The worker polls a promotion while it is {_listed(states.OPEN)}.",
            f"Its coordinates are reserved until it is {_listed(frozenset(states.State) - states.HOLDING)}.",
            f"A release cannot be announced while one of its promotions is {_listed(states.UNSETTLED)}.\n",
            "## Deployment\n",
            "A deployment that ATR uploads starts in Uploading, one that was staged elsewhere in Validating.\n",
            *_diagram(
                states.DeploymentState.UPLOADING,
                states.DEPLOYMENT_ARROWS,
                states.DEPLOYMENT_PERSONS_ARROWS,
                states.DEPLOYMENT_WORDS,
            ),
            *_table(states.DEPLOYMENT_ARROWS, states.DEPLOYMENT_PERSONS_ARROWS, states.DEPLOYMENT_WORDS),
        )
    )


def _table(
    arrows: Mapping[_S, frozenset[_S]], persons: Mapping[_S, frozenset[_S]], words: Mapping[_S, states.Words]
) -> Iterator[str]:
    yield "| State | Meaning | Acts next | Becomes | Also, by a person |"
    yield "|---|---|---|---|---|"
    for state, said in words.items():
        alone, asked = (_named(table.get(state, frozenset()), words) for table in (arrows, persons))
        yield f"| **{said.word}** | {said.sentence} | {said.who} | {alone} | {asked} |"
    yield ""


def _diagram(
    first: _S,
    arrows: Mapping[_S, frozenset[_S]],
    persons: Mapping[_S, frozenset[_S]],
    words: Mapping[_S, states.Words],
) -> Iterator[str]:
    """A state diagram that GitHub draws and that can be read as it is."""
    yield "```mermaid"
    yield "stateDiagram-v2"
    for state, said in words.items():
        yield f"    {state.name}: {said.word}"
    yield f"    [*] --> {first.name}"
    for frm in words:
        for to in _ordered(arrows[frm], words):
            yield f"    {frm.name} --> {to.name}"
        for to in _ordered(persons.get(frm, frozenset()), words):
            yield f"    {frm.name} --> {to.name}: a person"
        if not (arrows[frm] or persons.get(frm)):
            yield f"    {frm.name} --> [*]"
    yield "```"
    yield ""


def _named(some: frozenset[_S], words: Mapping[_S, states.Words]) -> str:
    return ", ".join(words[state].word for state in _ordered(some, words)) or "—"


def _ordered(some: frozenset[_S], words: Mapping[_S, states.Words]) -> list[_S]:
    return [state for state in words if state in some]


def _listed(some: frozenset[states.State]) -> str:
    *most, last = (states.WORDS[state].word for state in _ordered(some, states.WORDS))
    return f"{', '.join(most)} or {last}"
