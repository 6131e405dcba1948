# SPDX-License-Identifier: Apache-2.0
"""A page as a tree of elements, read leniently as a browser does, for tests that ask about its structure."""

import dataclasses
import html.parser
from collections.abc import Iterator
from typing import Final

_VOID: Final = frozenset({"area", "base", "br", "hr", "img", "input", "link", "meta", "rect", "path"})


@dataclasses.dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    parts: list["Element | str"] = dataclasses.field(default_factory=list)

    def walk(self) -> Iterator["Element"]:
        yield self
        for part in self.parts:
            if isinstance(part, Element):
                yield from part.walk()

    def every(self, *tags: str) -> list["Element"]:
        return [element for element in self.walk() if element.tag in tags]

    @property
    def children(self) -> list["Element"]:
        return [part for part in self.parts if isinstance(part, Element)]

    @property
    def text(self) -> str:
        pieces = [part if isinstance(part, str) else part.text for part in self.parts]
        return " ".join("".join(pieces).split())


class _Reader(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].parts.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        closed = self.open.pop()
        # Every element is closed where it was opened, so that no page leans on a browser's repairs.
        assert closed.tag == tag, f"<{closed.tag}> {closed.attributes} is closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        self.open[-1].parts.append(data)


def read(page: str) -> Element:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert len(reader.open) == 1, [element.tag for element in reader.open]
    return reader.open[0]
