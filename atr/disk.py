# SPDX-License-Identifier: Apache-2.0
"""Files of ours that other processes can write: opened without following links, and read only as they were recorded.

The web process writes revisions, and the worker, which holds the platforms' tokens, reads them. Whoever has taken over
the one must not make the other read a file that it cannot read itself, nor send a byte that nobody recorded.
"""

import contextlib
import dataclasses
import hashlib
import io
import os
import pathlib
import stat
from collections.abc import Iterator
from typing import Final

import atr.errors as errors

_CHUNK: Final = 1024 * 1024
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# A pipe would wait for who writes to it, a terminal would become ours.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclasses.dataclass(frozen=True)
class Recorded:
    """A file by its path below a directory of ours, with the size and the digest that it was recorded with.

    The directory itself is the operator's, and may be reached through links; nothing below it may.
    """

    root: pathlib.Path
    path: str
    size: int
    sha256: str

    def opened(self) -> io.FileIO:
        """The file, if it is there in its size. Raises DamagedError."""
        file = opened(self.root, self.path)
        if os.fstat(file.fileno()).st_size != self.size:
            file.close()
            raise errors.DamagedError("has another size")
        return file

    def pieces(self) -> Iterator[bytes]:
        """Its bytes, in pieces. Raises DamagedError, before the last piece at the latest, for any others."""
        with self.opened() as file:
            yield from self.pieces_of(file)

    def pieces_of(self, file: io.FileIO) -> Iterator[bytes]:
        """The same, of the file as it was opened."""
        digest, left, held = hashlib.sha256(), self.size, b""
        while piece := _read(file, min(_CHUNK, left + 1)):
            if len(piece) > left:
                raise errors.DamagedError("has another size")
            left -= len(piece)
            digest.update(piece)
            if held:
                yield held
            held = piece
        if left or (digest.hexdigest() != self.sha256):
            raise errors.DamagedError("has other bytes" if not left else "has another size")
        if held:
            yield held


def opened(root: pathlib.Path, path: str) -> io.FileIO:
    """The regular file at this path below the directory, no part of it a link. Raises DamagedError."""
    parts = path.split("/")
    if not all(parts) or not {".", ".."}.isdisjoint(parts):
        raise errors.DamagedError("has an invalid path")
    *folders, name = parts
    with contextlib.ExitStack() as stack:
        try:
            folder = _kept(stack, os.open(root, _FOLDER))
            for one in folders:
                folder = _kept(stack, os.open(one, _FOLDER | os.O_NOFOLLOW, dir_fd=folder))
            descriptor = os.open(name, _FILE, dir_fd=folder)
        except FileNotFoundError:
            raise errors.DamagedError("is not there") from None
        except OSError as error:
            # Among them: a link in the place of a folder or of the file, and a socket.
            raise errors.DamagedError(f"cannot be opened as a file: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise errors.DamagedError("is not a regular file")
    return io.FileIO(descriptor)


def _kept(stack: contextlib.ExitStack, descriptor: int) -> int:
    stack.callback(os.close, descriptor)
    return descriptor


def _read(file: io.FileIO, count: int) -> bytes:
    try:
        return file.read(count)
    except OSError as error:
        raise errors.DamagedError(f"cannot be read: {error.strerror}") from error
