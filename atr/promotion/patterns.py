# SPDX-License-Identifier: Apache-2.0
"""File patterns in the syntax of .gitignore, matched in time that grows only with the path. Pure.

Any committee member may write a pattern, and it runs over every file of a revision. An expression that backtracks
(`a*a*a*b` over a long name) would stop the whole process, so nothing here backtracks: each piece takes the first
position where it fits, in an atomic group, and for patterns of this kind the first position is as good as any.

    *        anything within one name    ?     one character    [a-z]  one of these    [!a]  none of these
    **       any number of folders       a/    everything in a folder of that name
    /a, a/b  counted from the top        a     at any depth; a folder stands for everything in it
"""

import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Final

import atr.errors as errors

# https://git-scm.com/docs/gitignore#_pattern_format
MAX_LENGTH: Final = 200
# Per platform.
MAX_PATTERNS: Final = 20
_ANY_DEPTH: Final = "**"
_STAR: Final = "*"
_BRACKET: Final = re.compile(r"\[(?P<none>[!^]?)(?P<of>\]?[^\]]*)\]")
_RANGE: Final = re.compile(r"(.)-(.)|(.)")


class _NoPatternError(ValueError):
    """The text is not a valid pattern: why."""


@functools.lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return an expression that matches the paths of the pattern. Raises InputError for an invalid pattern."""
    try:
        return re.compile(_translated(pattern))
    except (_NoPatternError, re.error) as fault:
        why = f": {fault}" if isinstance(fault, _NoPatternError) else ""
        raise errors.InputError(
            f"“{pattern[:80]}” is not a valid pattern{why}. Patterns are written as in a .gitignore file, for "
            "example maven/**."
        ) from fault


def _translated(pattern: str) -> str:
    names = _names(pattern)
    below = r"(?=/)" if names[-1] == _ANY_DEPTH else r"(?=/|\Z)"
    if names == [_ANY_DEPTH]:
        # Everything; "**/" leaves out files that are in no folder.
        return "[^/]+/" if pattern.endswith("/") else "."
    runs = [
        list(run) for is_depth, run in itertools.groupby(names, key=lambda name: name == _ANY_DEPTH) if not is_depth
    ]
    pieces = []
    for number, run in enumerate(runs):
        # After `**` the run may begin in any folder: the first one where it fits counts.
        floats = "(?:[^/]+/)*?" if number or (names[0] == _ANY_DEPTH) else ""
        end = below if run is runs[-1] else "(?=/)"
        pieces.append(f"(?>{floats}{'/'.join(_name(name) for name in run)}{end})")
    return f"{'/'.join(pieces)}"


def _names(pattern: str) -> Sequence[str]:
    """Return the names between the slashes, with `**` for any depth, never twice in a row."""
    if (not pattern.strip()) or (len(pattern) > MAX_LENGTH):
        raise _NoPatternError(f"a pattern has 1 to {MAX_LENGTH} characters")
    if pattern[0] in "!#":
        raise _NoPatternError(f"one that begins with {pattern[0]} would match nothing")
    if ("\\" in pattern) or not pattern.isprintable():
        raise _NoPatternError("it contains a backslash or an invisible character")
    names = pattern.removeprefix("/").split("/")
    if (not pattern.startswith("/")) and (len(names) == 1 or names[1:] == [""]):
        names.insert(0, _ANY_DEPTH)
    if not names[-1]:
        names[-1] = _ANY_DEPTH
    if (not all(names)) or (pattern == "/"):
        raise _NoPatternError("there is nothing between two slashes")
    return [name for name, before in zip(names, ["", *names], strict=False) if (name, before) != (_ANY_DEPTH,) * 2]


def _name(name: str) -> str:
    """Translate one name: each text between its stars at the first position where it fits, the last one at the end."""
    tokens = list(_tokens(name))
    if all(token == _STAR for token in tokens):
        return "[^/]+"
    first, *others = ("".join(run) for run in _between(tokens))
    if not others:
        return first
    *middle, last = others
    return f"{first}{''.join(f'(?>[^/]*?{piece})' for piece in middle)}(?>[^/]*{last}(?=/|\\Z))"


def _between(tokens: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the runs of tokens between the stars: n stars, n + 1 runs."""
    run: list[str] = []
    for token in tokens:
        if token == _STAR:
            yield run
            run = []
        else:
            run.append(token)
    yield run


def _tokens(name: str) -> Iterator[str]:
    """Yield an expression for each character that the name matches, and a star for each star."""
    while name:
        bracket = _BRACKET.match(name)
        if bracket:
            some = "".join(
                f"{re.escape(low)}-{re.escape(high)}" if low else re.escape(one)
                for low, high, one in _RANGE.findall(bracket["of"])
            )
            yield f"(?!/)[{'^' if bracket['none'] else ''}{some}]"
        elif name[0] == "[":
            raise _NoPatternError("a [ has no ] after it")
        else:
            yield {"*": _STAR, "?": "[^/]"}.get(name[0], re.escape(name[0]))
        name = name[bracket.end() if bracket else 1 :]
