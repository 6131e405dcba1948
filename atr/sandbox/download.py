# SPDX-License-Identifier: Apache-2.0
"""Responses with a file, which is read while it is sent."""

import pathlib
from collections.abc import AsyncIterator
from typing import BinaryIO, Final

import quart

_CHUNK: Final = 256 * 1024


def respond(path: pathlib.Path, media_type: str = "application/octet-stream") -> quart.Response:
    """Return the file's bytes, in constant memory and without a deadline; for HEAD only their headers."""
    # Opened here, so that a file that is replaced in the meantime is still sent unchanged.
    file = path.open("rb")
    size = path.stat().st_size
    if quart.request.method == "HEAD":
        file.close()
        response = quart.Response(b"", content_type=media_type)
    else:
        response = quart.Response(_chunks(file), content_type=media_type)
    response.content_length = size
    response.timeout = None
    return response


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    # Read in the event loop: the files are in the page cache, where a thread would cost more than the read.
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
