# SPDX-License-Identifier: Apache-2.0
"""Unpack an uploaded bundle without trusting its content."""

import dataclasses
import pathlib
import shutil
import stat
import time
import zipfile
import zlib
from typing import Final

import atr.errors as errors

MAX_PATH_CHARACTERS: Final = 1024
_CHUNK: Final = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Limits:
    """How much a bundle may unpack to."""

    files: int = 50_000
    unpacked_bytes: int = 8 * 1024**3


@dataclasses.dataclass(frozen=True)
class StagedFile:
    """A file of a deployment: its size, and when it was unpacked, in epoch seconds. Its bytes are on disk."""

    size: int
    when: float


LIMITS: Final = Limits()


def check_path(path: str) -> str:
    """Return the path if it is a plain relative one. Raises InputError for any that could lead elsewhere."""
    segments = path.split("/")
    if (
        not path
        or len(path) > MAX_PATH_CHARACTERS
        or "\\" in path
        or any(segment in {"", ".", ".."} for segment in segments)
        or any(character < " " or character == "\x7f" for character in path)
    ):
        raise errors.InputError(f"File path {path!r} is not valid", field="path")
    return path


def unpack(archive: pathlib.Path, root: pathlib.Path, limits: Limits = LIMITS) -> dict[str, StagedFile]:
    """Write every file of the archive under `root`, and return them. Blocking: call it in a thread.

    Raises InputError, with a sentence for the uploader, if the archive cannot be read or has a path outside of `root`.
    """
    try:
        with zipfile.ZipFile(archive) as bundle:
            entries = [entry for entry in bundle.infolist() if not entry.is_dir()]
            _check(entries, limits)
            files = {}
            for entry in entries:
                target = root / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with bundle.open(entry) as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink, _CHUNK)
                files[entry.filename] = StagedFile(size=entry.file_size, when=time.time())
            return files
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError) as error:
        raise errors.InputError("Bundle is not a readable zip archive") from error
    except OSError as error:
        # For example a file with the path of a folder that another entry needs.
        raise errors.InputError("Bundle cannot be unpacked") from error


def _check(entries: list[zipfile.ZipInfo], limits: Limits) -> None:
    if not entries:
        raise errors.InputError("Bundle is empty")
    if len(entries) > limits.files:
        raise errors.InputError(f"Bundle has more than {limits.files} files")
    # zipfile reads no more of an entry than its declared size, so these sizes limit what is written.
    if sum(entry.file_size for entry in entries) > limits.unpacked_bytes:
        raise errors.InputError(f"Bundle unpacks to more than {limits.unpacked_bytes} bytes")
    seen = set()
    for entry in entries:
        # orig_filename: zipfile replaces backslashes on some systems and cuts the name at a NUL.
        check_path(entry.orig_filename)
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise errors.InputError(f"File path {entry.filename!r} is a link")
        if entry.filename in seen:
            raise errors.InputError(f"File path {entry.filename!r} occurs twice")
        seen.add(entry.filename)
