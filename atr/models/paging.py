# SPDX-License-Identifier: Apache-2.0
"""The part of a long list that a page shows: 50 lines, of those whose names match a search."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

SHOWN: Final = 50
# The longest search text, and the number of its words that count.
_LONGEST: Final = 200
_WORDS: Final = 5
# SQLite's integers end at 19 digits.
_MAX_DIGITS: Final = 15
_Row = TypeVar("_Row")


@dataclasses.dataclass(frozen=True)
class Asked:
    """The page and the search of a URL; without them, the first page and no search."""

    page: int = 1
    query: str = ""

    @classmethod
    def of(cls, values: Mapping[str, Any], page: str = "page") -> "Asked":
        """Parse the query of a URL, or a form; `page` is the name of the field with the number."""
        query = "".join(letter for letter in str(values.get("q", ""))[:_LONGEST] if letter.isprintable())
        return cls(number(str(values.get(page, "")), otherwise=1), query.strip())

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the search: a name must contain all of them, in upper or lower case."""
        return tuple(self.query.lower().split()[:_WORDS])

    def part(self, found: int) -> "Part":
        """Return the part to show of a list with `found` lines."""
        pages = max(1, -(-found // SHOWN))
        return Part(min(max(self.page, 1), pages), pages, found, self.query)

    def cut(self, rows: Sequence[_Row], name: Callable[[_Row], str]) -> "tuple[tuple[_Row, ...], Part]":
        """Search a complete list, and return the rows of the part to show."""
        found = [row for row in rows if all(word in name(row).lower() for word in self.words)]
        part = self.part(len(found))
        return tuple(found[part.offset : part.offset + SHOWN]), part


FIRST: Final = Asked()


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a list on a page: its number, the number of pages, the number of lines, and the search."""

    page: int = 1
    pages: int = 1
    found: int = 0
    query: str = ""

    @property
    def offset(self) -> int:
        """The number of lines before it."""
        return (self.page - 1) * SHOWN

    @property
    def is_long(self) -> bool:
        """Whether to show a search form: there are more pages, or the list was searched."""
        return (self.pages > 1) or bool(self.query)


# The part of a list without lines.
WHOLE: Final = Part()


def number(text: str, *, otherwise: int) -> int:
    """Return a number from a URL, or `otherwise`; a malformed URL is not an error."""
    return int(text) if text.isascii() and text.isdecimal() and (len(text) <= _MAX_DIGITS) else otherwise
