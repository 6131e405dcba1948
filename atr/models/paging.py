# SPDX-License-Identifier: Apache-2.0
"""Which part of a long list a page shows: 50 lines of those whose name holds what is looked for."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

SHOWN: Final = 50
# The longest text that is looked for, and how many words of it.
_LONGEST: Final = 200
_WORDS: Final = 5
# SQLite's integers end at 19 digits.
_MAX_DIGITS: Final = 15
_Row = TypeVar("_Row")


@dataclasses.dataclass(frozen=True)
class Asked:
    """What an address asks for; everything of the first page where it asks for nothing."""

    page: int = 1
    query: str = ""

    @classmethod
    def of(cls, values: Mapping[str, Any], page: str = "page") -> "Asked":
        """Out of the query of an address, or a form; `page` names the value with the number."""
        query = "".join(letter for letter in str(values.get("q", ""))[:_LONGEST] if letter.isprintable())
        return cls(number(str(values.get(page, "")), otherwise=1), query.strip())

    @property
    def words(self) -> tuple[str, ...]:
        """All of these must be in a name, whatever the case of their letters."""
        return tuple(self.query.lower().split()[:_WORDS])

    def part(self, found: int) -> "Part":
        """The part of a list of which so many lines were found."""
        pages = max(1, -(-found // SHOWN))
        return Part(min(max(self.page, 1), pages), pages, found, self.query)

    def cut(self, rows: Sequence[_Row], name: Callable[[_Row], str]) -> "tuple[tuple[_Row, ...], Part]":
        """The rows of that part of a list that was read whole."""
        found = [row for row in rows if all(word in name(row).lower() for word in self.words)]
        part = self.part(len(found))
        return tuple(found[part.offset : part.offset + SHOWN]), part


FIRST: Final = Asked()


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a list as its page shows it: which page of how many, of how many lines, and what was looked for."""

    page: int = 1
    pages: int = 1
    found: int = 0
    query: str = ""

    @property
    def offset(self) -> int:
        """How many lines stand before it."""
        return (self.page - 1) * SHOWN

    @property
    def is_long(self) -> bool:
        """Whether there is more than it, or was before somebody looked for a name: then looking is worth a form."""
        return (self.pages > 1) or bool(self.query)


# Of a list without lines.
WHOLE: Final = Part()


def number(text: str, *, otherwise: int) -> int:
    """A number out of an address; an address that somebody bent is no error."""
    return int(text) if text.isascii() and text.isdecimal() and (len(text) <= _MAX_DIGITS) else otherwise
