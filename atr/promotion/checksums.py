# SPDX-License-Identifier: Apache-2.0
"""Which files are checksums, and what they state. Pure.

A checksum is not a member of a file set: it is compared with the bytes of the file next to it. Every other file is a
member. `p.sha1` is a checksum only if `p` exists too (`p` may be a checksum itself), and if it is small and contains
nothing but a digest and the name of `p`. So the list of all files and the text of the small ones decide, never a name
alone.
"""

import re
from collections.abc import Container, Mapping
from typing import Final, NamedTuple

# The number of hex digits of each algorithm, by file extension. https://central.sonatype.org/publish/requirements/
_DIGITS: Final[Mapping[str, int]] = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
ALGORITHMS: Final = tuple(_DIGITS)
# A file of more bytes is not a checksum.
LIMIT: Final = 4096


class Named(NamedTuple):
    """What the name of a path claims: the file that it would be a checksum of, and the algorithm."""

    path: str
    algorithm: str


def named_by(path: str) -> Named | None:
    """Return the file that this path would be a checksum of; None if it is not named like a checksum."""
    stem, _, ending = path.rpartition(".")
    return Named(stem, ending) if (ending in _DIGITS) and stem.rpartition("/")[2] else None


def candidates(sizes: Mapping[str, int | None]) -> dict[str, Named]:
    """Return the files that are checksums unless their text says otherwise. A size of None is not known yet."""
    found = {}
    for path, size in sizes.items():
        named = named_by(path)
        if (named is not None) and (named.path in sizes) and ((size is None) or (size <= LIMIT)):
            found[path] = named
    return found


def stated(text: bytes, named: Named) -> str:
    """Return the digest that a checksum states; empty if the text is more than a digest and the name of its file.

    Three forms are read: the digest alone; digest and name, as coreutils write them; `SHA1 (name) = digest`, as BSD.
    """
    if len(text) > LIMIT:
        return ""
    digest = f"([0-9a-fA-F]{{{_DIGITS[named.algorithm]}}})"
    name = re.escape(named.path.rpartition("/")[2])
    form = rf"{digest}(?:[ \t]+\*?{name})?|(?i:{named.algorithm}) \({name}\) = {digest}"
    match = re.fullmatch(form, text.decode("ascii", "replace").strip(" \t\r\n"))
    return (match[1] or match[2]).lower() if match else ""


def wrong(path: str, said: Mapping[str, str], true: Mapping[str, str]) -> str:
    """Return a sentence for each checksum of a file that does not match its bytes; empty if all match."""
    return " ".join(f"{path}.{name} is not the {name} of {path}." for name in said if said[name] != true[name])


def remarks(members: Mapping[str, int], held: Container[str]) -> tuple[str, ...]:
    """Return a sentence for each member that is named like a checksum and is not one: the reason, in order.

    `members` are the paths and sizes of a file set; `held` are all existing paths, checksums included.
    """
    found = []
    for path, size in members.items():
        named = named_by(path)
        if named is None:
            continue
        if named.path not in held:
            why = f"{named.path} does not exist, so this is not known to be a checksum"
        elif size > LIMIT:
            why = f"it is larger than {LIMIT:,} bytes, so it is not read as a checksum"
        else:
            why = f"its content is not just a digest and the name of {named.path}"
        found.append(f"{path} counts as a file of its own: {why}.")
    return tuple(found)
