# SPDX-License-Identifier: Apache-2.0
"""The path of a file in a release: relative, never outside its directory, without invisible characters. Pure."""

import unicodedata
from typing import Final

import atr.errors as errors

# The longest file name on a disk, in bytes; and the longest path, in characters.
MAX_NAME: Final = 255
MAX_PATH: Final = 1_000
_SHOWN: Final = 120
# Control and format characters (zero width, text direction), surrogates, separators; only the plain space is allowed.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
_SPACE: Final = " "


def why_not(path: str) -> str:
    """Return a sentence on why this cannot be the path of a file in a release; empty if it can."""
    if not path:
        return "It has no name."
    if len(path) > MAX_PATH:
        return f"It is longer than {MAX_PATH:,} characters."
    if any(_is_unseen(one) for one in path):
        return "It contains a control character or another invisible character."
    if "\\" in path:
        return "It contains a backslash. Separate folders with /."
    if path.startswith("/"):
        return "It is absolute. Use a relative path."
    return next((said for segment in path.split("/") if (said := _why_not_segment(segment))), "")


def checked(path: str) -> str:
    """Return the path itself. Raises InputError, with the reason, if it cannot be the path of a file in a release."""
    reason = why_not(path)
    if reason:
        raise errors.InputError(f"“{shown(path)}” cannot be the path of a file in a release. {reason}")
    return path


def shown(path: str) -> str:
    """Return a path in a printable form, with any other characters escaped, and cut if it is long."""
    text = path if path.isprintable() else path.encode("ascii", "backslashreplace").decode()
    text = "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def folder(path: str) -> str:
    """Return the folder of a path; empty at the top."""
    return path.rpartition("/")[0]


def folders(path: str) -> tuple[str, ...]:
    """Return every folder above a path, the outermost first."""
    names = path.split("/")[:-1]
    return tuple("/".join(names[: depth + 1]) for depth in range(len(names)))


def _is_unseen(one: str) -> bool:
    return (one != _SPACE) and (unicodedata.category(one) in _UNSEEN)


def _why_not_segment(segment: str) -> str:
    if not segment:
        return "It contains an empty name between two slashes."
    if segment in {".", ".."}:
        return f"It contains “{segment}”."
    if segment.startswith("."):
        return "It is hidden: its name, or that of a folder, begins with a dot."
    if segment != segment.strip(_SPACE):
        return "A name in it begins or ends with a space."
    if segment.endswith("."):
        return "A name in it ends with a dot, which some systems remove."
    if len(segment.encode()) > MAX_NAME:
        return f"A name in it is longer than {MAX_NAME} bytes."
    if unicodedata.normalize("NFC", segment) != segment:
        return "It is not in Unicode normalization form C (NFC)."
    return ""
