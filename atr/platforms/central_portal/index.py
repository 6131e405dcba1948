# SPDX-License-Identifier: Apache-2.0
"""The index of a directory of a Maven repository: the files that its links name. Pure.

Apache, nginx, Nexus and others each write a different page; all have links. Only `href` is read, because servers cut
off the text of a long link.
"""

import html.parser
import urllib.parse
from typing import Final

import atr.errors as errors

# The largest page that is read, in bytes, and the largest number of links.
INDEX_LIMIT: Final = 4 * 1024**2
MAX_LINKS: Final = 20_000
_MAX_NAME: Final = 500
# The ASCII control characters.
_FIRST_PRINTABLE: Final = " "
_DELETE: Final = "\x7f"


def files(body: bytes, address: str) -> frozenset[str]:
    """Return the names of the files in the directory at `address` (without a slash at its end) that the page links to.

    Links elsewhere, links with a query (they sort the page), parents and directories are left out. Raises
    MalformedError for an incomplete page, and for a link in this directory that does not name a file.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as fault:
        raise errors.MalformedError(f"The index of {address}/ is no UTF-8.") from fault
    page = _Page()
    page.feed(text)
    page.close()
    if not page.is_whole:
        raise errors.MalformedError(f"The index of {address}/ is not whole: the end of its page is missing.")
    home = urllib.parse.urlsplit(f"{address}/")
    names = {_name(href, home, address) for href in page.links}
    return frozenset(name for name in names if name)


def checked_path(path: str) -> str:
    """Return the path of a public file if it is safe in a URL; unusual names are. Raises InputError otherwise."""
    if not all(_is_name(segment) for segment in path.split("/")):
        raise errors.InputError(f"{path[:120]!r} is not a path of a file.")
    return path


class _Page(html.parser.HTMLParser):
    """Collects the links, and whether the page is complete."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.is_whole = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect a link. A tag after the end of the page shows that it was not the end."""
        self.is_whole = False
        href = dict(attrs).get("href") if tag == "a" else None
        if href is None:
            return
        if len(self.links) >= MAX_LINKS:
            raise errors.MalformedError(f"An index with more than {MAX_LINKS:,} links is not read on.")
        self.links.append(href)

    def handle_endtag(self, tag: str) -> None:
        """Note the end of the root element, which is the end of the page."""
        self.is_whole = self.is_whole or (tag == "html")


def _name(href: str, home: urllib.parse.SplitResult, address: str) -> str:
    """Return the name of the file in this directory that a link leads to; empty if it leads elsewhere."""
    try:
        target = urllib.parse.urlsplit(urllib.parse.urljoin(home.geturl(), href.strip()))
        host = target.hostname
    except ValueError as fault:
        raise errors.MalformedError(f"The index of {address}/ has a link that is no address.") from fault
    if (target.scheme not in {"http", "https"}) or (host != home.hostname) or target.query:
        return ""
    try:
        segments = [urllib.parse.unquote(segment, errors="strict") for segment in target.path.split("/")]
    except UnicodeDecodeError as fault:
        raise errors.MalformedError(f"The index of {address}/ has a name that is no UTF-8.") from fault
    *directory, name = segments
    here = [urllib.parse.unquote(segment) for segment in home.path.split("/")][:-1]
    if (directory != here) or (name in {"", ".", ".."}):
        return ""
    if not _is_name(name):
        raise errors.MalformedError(f"The index of {address}/ has a link that names no file: {name[:120]!r}.")
    return name


def _is_name(segment: str) -> bool:
    plain = all((letter >= _FIRST_PRINTABLE) and (letter != _DELETE) for letter in segment)
    return (
        plain and (0 < len(segment) <= _MAX_NAME) and (segment not in {".", ".."}) and not (set(segment) & set("/\\"))
    )
