# SPDX-License-Identifier: Apache-2.0
"""The glossary: what it names exists, each term stands once, and the words that it replaces are gone."""

import ast
import importlib
import itertools
import pathlib
import re
import tokenize
from collections.abc import Iterator
from typing import Final

import pytest

ROOT: Final = pathlib.Path(__file__).resolve().parents[2]
GLOSSARY: Final = ROOT / "docs" / "glossary.md"
DOCS: Final = [path for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")] if path != GLOSSARY]
TEMPLATES: Final = sorted((ROOT / "templates").rglob("*.html"))
CODE: Final = sorted(path for path in (ROOT / "atr").rglob("*.py") if "sandbox" not in path.parts)


def _rows(columns: int) -> list[list[str]]:
    lines = [line for line in GLOSSARY.read_text("utf-8").splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in rows if len(row) == columns and row[0] not in {"term", "not"}]


TERMS: Final = _rows(4)
BANNED: Final = [
    (word, scope) for not_, _, scopes in _rows(3) for word in not_.split(", ") for scope in scopes.split(", ")
]


def _docstrings(tree: ast.Module) -> set[ast.AST]:
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    first = (node.body[0] for node in ast.walk(tree) if isinstance(node, holders) and node.body)
    return {statement.value for statement in first if isinstance(statement, ast.Expr)}


def _messages(path: pathlib.Path) -> Iterator[str]:
    """Every string of a module that is not a docstring."""
    tree = ast.parse(path.read_text("utf-8"))
    documented = _docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in documented:
            yield node.value


def _remarks(path: pathlib.Path) -> Iterator[str]:
    """Every docstring and every comment of a module."""
    documented = _docstrings(ast.parse(path.read_text("utf-8")))
    yield from (str(text.value) for text in documented if isinstance(text, ast.Constant))
    with path.open("rb") as lines:
        yield from (token.string for token in tokenize.tokenize(lines.readline) if token.type == tokenize.COMMENT)


def _texts(scope: str) -> Iterator[tuple[pathlib.Path, str]]:
    if scope == "docs":
        yield from ((path, path.read_text("utf-8")) for path in DOCS)
        return
    if scope == "code":
        yield from ((path, text) for path in CODE for text in _remarks(path))
        return
    # Without comments, which nobody sees.
    yield from ((path, re.sub(r"\{#.*?#\}", "", path.read_text("utf-8"), flags=re.DOTALL)) for path in TEMPLATES)
    yield from ((path, text) for path in CODE for text in _messages(path))


def test_every_term_stands_once() -> None:
    words = [word for term, *_ in TERMS for word in term.split(", ")]
    assert sorted(words) == sorted(set(words))
    assert all(meaning for _, meaning, *_ in TERMS)


@pytest.mark.parametrize("place", sorted({place for row in TERMS for place in re.findall(r"`(atr\.[\w.]+)`", row[2])}))
def test_what_the_glossary_names_exists(place: str) -> None:
    names = place.split(".")
    # A class or a table is an attribute of its module; the others are modules.
    is_attribute = names[-1][:1].isupper()
    module = importlib.import_module(".".join(names[:-1] if is_attribute else names))
    assert not is_attribute or hasattr(module, names[-1])


@pytest.mark.parametrize(("word", "scope"), BANNED, ids=itertools.starmap("{}-{}".format, BANNED))
def test_words_that_are_not_used(word: str, scope: str) -> None:
    used = re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE)
    found = [f"{path.relative_to(ROOT)}: {text[:80]}" for path, text in _texts(scope) if used.search(text)]
    assert found == []
