# SPDX-License-Identifier: Apache-2.0
"""Parts of sentences: plurals, lists, the first letter, dates. Pure."""

import datetime
from collections.abc import Iterable, Sequence
from typing import Final

# How many things of a long list a sentence names.
_NAMED: Final = 3


def either(number: int, one: str, more: str) -> str:
    """Return `one` if the number is 1, else `more`."""
    return one if number == 1 else more


def count(number: int, one: str, more: str = "") -> str:
    """1 file, 3,000 files; 1 file is, 3,000 files are. Without `more`, the plural only adds an s."""
    return f"{number:,} {either(number, one, more or f'{one}s')}"


def listed(things: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    return " and ".join((", ".join(things[:-1]), things[-1])) if len(things) > 1 else "".join(things)


def some(things: Iterable[object]) -> str:
    """Return the names of the first few things, and the number of the others: a, b, c and 4 more."""
    every = [str(thing) for thing in things]
    more = f" and {len(every) - _NAMED:,} more" if len(every) > _NAMED else ""
    return f"{', '.join(every[:_NAMED])}{more}"


def first(sentences: Sequence[str]) -> str:
    """Return the first few sentences, and the number of the others."""
    more = f" And {len(sentences) - _NAMED:,} more." if len(sentences) > _NAMED else ""
    return f"{' '.join(sentences[:_NAMED])}{more}"


def upper(text: str) -> str:
    """Return the text with its first letter in upper case, for the beginning of a sentence."""
    return f"{text[:1].upper()}{text[1:]}"


def lower(text: str) -> str:
    """Return the text with its first letter in lower case, for the middle of a sentence."""
    return f"{text[:1].lower()}{text[1:]}"


def short(at: datetime.datetime) -> str:
    """17 Sep, 21:31."""
    return f"{at.day} {at:%b, %H:%M}"


def long(at: datetime.datetime) -> str:
    """17 September 2026 at 21:31 UTC."""
    return f"{at.day} {at:%B %Y at %H:%M} UTC"
