# SPDX-License-Identifier: Apache-2.0
"""Answers with a file, read as it is sent."""

import pathlib
from collections.abc import AsyncIterator
from typing import BinaryIO, Final

import quart

_CHUNK: Final = 256 * 1024


def respond(path: pathlib.Path, media_type: str = "application/octet-stream") -> quart.Response:
    """The file's bytes, in constant memory and without a deadline; for HEAD only what would be said about them."""
    # Opened here, so that a file that is replaced meanwhile is still sent as it was.
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
    # Read on the loop: a stand-in's files are in the page cache, where a thread would cost more than the read.
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
