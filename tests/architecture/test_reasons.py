# SPDX-License-Identifier: Apache-2.0
"""The table of reasons: every code is given somewhere, with its facts, and every sentence is as it was agreed."""

import ast
import pathlib
import string
from collections.abc import Iterator
from typing import Final

import pytest

import atr.errors as errors
import atr.reasons as reasons

_ATR: Final = pathlib.Path(reasons.__file__).parent
# A line for each code, in order: who can clear it, and the sentence with each fact as its name.
_AGREED: Final = pathlib.Path(__file__).with_name("reasons.txt")
_GIVES: Final = frozenset({"reasons.of", "Gate", "_reason"})
# Malformed input keeps its sentence, and so does what cannot be found.
_REFUSALS: Final = frozenset({"errors.ConflictError", "errors.AccessError", "errors.BlockedError"})


def _fields(code: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(reasons.REASONS[code][0]) if name)


def _example(code: str) -> reasons.Reason:
    """With each fact as its name; a number where one is counted."""
    counted = {name: 1_234 for _, name, spec, _ in string.Formatter().parse(reasons.REASONS[code][0]) if name and spec}
    return reasons.Reason(code, {**{name: f"<{name}>" for name in _fields(code)}, **counted})


def _trees() -> Iterator[ast.Module]:
    for path in _ATR.rglob("*.py"):
        if path.name != "reasons.py":
            yield ast.parse(path.read_text())


def _texts(tree: ast.AST) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _given(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and (ast.unparse(node.func) in _GIVES):
            yield node


def test_every_code_is_given_somewhere_and_every_code_that_is_given_is_in_the_table() -> None:
    texts: set[str] = set()
    given: set[str] = set()
    for tree in _trees():
        texts |= _texts(tree)
        for call in _given(tree):
            # A choice between codes is one by conditions, which hold no text.
            given |= _texts(call.args[0])
    assert given <= set(reasons.REASONS)
    assert set(reasons.REASONS) <= texts


def test_every_reason_is_given_with_the_facts_that_its_sentence_needs() -> None:
    for tree in _trees():
        for call in _given(tree):
            named = {one.arg for one in call.keywords}
            if (ast.unparse(call.func) == "reasons.of") and (None not in named):
                for code in _texts(call.args[0]):
                    assert _fields(code) <= named, ast.unparse(call)


def test_nothing_is_refused_with_a_sentence_that_was_built_on_the_spot() -> None:
    """Not by the storage, its tasks and pages; an arrow that the table of states lacks is a mistake of ours."""
    for folder in ("get", "models", "pages", "post", "promotion", "storage", "tasks"):
        for path in (_ATR / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and (ast.unparse(node.func) in _REFUSALS):
                    assert not isinstance(node.args[0], ast.Constant | ast.JoinedStr), f"{path}:{node.lineno}"


def test_every_sentence_is_as_it_was_agreed() -> None:
    """Run with the table changed on purpose: write what is told here to reasons.txt, and look at the difference."""
    told = [f"{code} | {_example(code).who} | {_example(code)}\n" for code in sorted(reasons.REASONS)]
    assert told == _AGREED.read_text().splitlines(keepends=True)


def test_no_code_is_in_the_table_twice() -> None:
    assert len(reasons.REASONS) == sum(len(said) for said in reasons._SENTENCES.values())


def test_an_unknown_code_and_a_fact_that_lacks_fail_where_the_reason_is_given() -> None:
    with pytest.raises(KeyError, match="no-such-code"):
        reasons.of("no-such-code")
    with pytest.raises(KeyError, match="platform"):
        reasons.of("no-target")
    assert reasons.of("no-target", platform="{x}").sentence.startswith("This project has no namespaces on {x}.")


def test_an_error_has_its_reasons_as_codes_and_its_text_is_their_sentences() -> None:
    first, second = reasons.of("not-captured"), reasons.of("turn", promotion="a on npm").about("b on npm")
    blocked = errors.BlockedError(first, second)
    assert blocked.reasons == (first, second)
    assert str(blocked) == "The staged files have not been captured yet. b on npm: It is queued behind a on npm."
    assert (errors.ConflictError(first).reasons, str(errors.ConflictError(first))) == ((first,), first.sentence)
    assert errors.ConflictError("It moved.").reasons == ()
    assert (reasons.sentence(None), reasons.facts(None), reasons.sentences([])) == ("", {}, "")
