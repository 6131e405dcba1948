# SPDX-License-Identifier: Apache-2.0
"""Receives the bundle of an upload, straight to disk."""

import pathlib
from collections.abc import AsyncIterable
from typing import BinaryIO, Final

import werkzeug.exceptions
import werkzeug.http
import werkzeug.sansio.multipart as multipart

import atr.errors as errors

PART: Final = "bundle"
_MAX_PARTS: Final = 10


async def receive(content_type: str, chunks: AsyncIterable[bytes], target: pathlib.Path, *, limit: int) -> str:
    """Write the part called `bundle` to the target, and answer its file name. A `limit` of 0 is none.

    Any content type of the part and any charset is taken, as real clients differ. Raises InputError if there is no such
    part, it has no file name, or it is too large; the request has been read to its end in any case.
    """
    kind, options = werkzeug.http.parse_options_header(content_type)
    if kind != "multipart/form-data" or not options.get("boundary"):
        await _skip(chunks)
        raise errors.InputError("A multipart/form-data request with a part named 'bundle' is needed")
    reader = _Reader(options["boundary"], limit)
    try:
        with target.open("wb") as sink:
            async for chunk in chunks:
                # Written on the loop: waiting for a thread here would let the request pile up in memory.
                reader.feed(chunk, sink)
            reader.feed(None, sink)
    except (ValueError, werkzeug.exceptions.RequestEntityTooLarge) as error:
        await _skip(chunks)
        raise errors.InputError("The multipart request cannot be read") from error
    except errors.InputError:
        await _skip(chunks)
        raise
    if reader.file_name is None:
        raise errors.InputError("The request has no part named 'bundle' with a file name")
    return reader.file_name


class _Reader:
    """Takes a multipart body piece by piece and copies one part of it."""

    def __init__(self, boundary: str, limit: int) -> None:
        self._decoder = multipart.MultipartDecoder(boundary.encode("ascii", "replace"), max_parts=_MAX_PARTS)
        self._limit = limit
        self._copying = False
        self.file_name: str | None = None
        self.size = 0

    def feed(self, data: bytes | None, sink: BinaryIO) -> None:
        """The next piece, or None at the end. Raises ValueError for a body that is not well formed."""
        self._decoder.receive_data(data)
        while not isinstance(event := self._decoder.next_event(), multipart.NeedData | multipart.Epilogue):
            if isinstance(event, multipart.File | multipart.Field):
                self._copying = isinstance(event, multipart.File) and event.name == PART and bool(event.filename)
                if isinstance(event, multipart.File) and self._copying:
                    self.file_name = event.filename
            elif isinstance(event, multipart.Data) and self._copying:
                self._copy(event.data, sink)

    def _copy(self, data: bytes, sink: BinaryIO) -> None:
        self.size += len(data)
        if self._limit and self.size > self._limit:
            raise errors.InputError(f"The bundle is larger than {self._limit} bytes")
        sink.write(data)


async def _skip(chunks: AsyncIterable[bytes]) -> None:
    # Answering before the client has finished sending would look like a broken connection to it.
    async for _ in chunks:
        pass
