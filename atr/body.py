# SPDX-License-Identifier: Apache-2.0
"""Bodies that are read as they arrive: a form with files in it, however large, in a few megabytes of memory.

Every other request is read whole before its handler sees it, and is small (MAX_CONTENT_LENGTH). The routes named in
`STREAMED` read their own body, and check its token themselves before anything else of it is looked at.
"""

import asyncio
import collections
import functools
from collections.abc import AsyncIterator
from typing import Any, Final, cast

import quart
import quart.asgi
import quart.wrappers
import quart.wrappers.request
import werkzeug.exceptions
import werkzeug.sansio.multipart as multipart

import atr.errors as errors

# The endpoints that read their own body. Each of them begins with `Form.token`.
STREAMED: Final = frozenset({"post_upload.selected"})
# As much of a streamed body waits in memory for a handler that is slower than the network.
HELD: Final = 1_000_000
# The longest that a client may say nothing, in seconds.
SILENCE: Final = 60.0
# Of the headers of one part, and of a field that is no file.
_MAX_HEADERS: Final = 16_000
_MAX_FIELD: Final = 16_000
_MAX_FIELDS: Final = 20
# After the first file, empty ones and fields among them included; storage/changes.py takes fewer files.
MAX_PARTS: Final = 21_000
# As much is decoded before others have their turn: it may hold two thousand parts.
_PIECE: Final = 131_072
_MAX_BOUNDARY: Final = 200


class Body(quart.wrappers.request.Body):
    """A body that is held back: whoever brings it waits while more than HELD bytes are unread."""

    def __init__(self, expected_content_length: int | None, max_content_length: int | None) -> None:
        super().__init__(expected_content_length, max_content_length)
        self._room = asyncio.Event()

    async def __anext__(self) -> bytes:
        data = await super().__anext__()
        self._room.set()
        return data

    async def once_there_is_room(self, receive: Any) -> Any:
        """The next message from the network, not before what is unread has become little enough."""
        while len(self._data) > HELD:
            self._room.clear()
            await self._room.wait()
        return await receive()


class Connection(quart.asgi.ASGIHTTPConnection):
    """A connection that takes no more from the network than a streamed route has room for."""

    def _create_request_from_scope(self, send: Any) -> quart.wrappers.Request:
        request = super()._create_request_from_scope(send)
        if (request.method == "POST") and _is_streamed(self.app, request.path):
            # No bound of its own: the handler counts, and answers in a page.
            request.body = Body(request.content_length, None)
        return request

    async def handle_messages(self, request: quart.wrappers.Request, receive: Any) -> None:
        """As Quart's, which takes all there is at once."""
        body = request.body
        held = functools.partial(body.once_there_is_room, receive) if isinstance(body, Body) else receive
        await super().handle_messages(request, held)


def install(app: quart.Quart) -> None:
    """Have an application read streamed bodies as they arrive."""
    app.asgi_http_class = Connection


class Form:
    """A multipart form on its way in: first its token, then its other fields, then its files.

    Raises InputError for a body that is no form or that breaks off, and `werkzeug`'s 413 beyond `most` bytes.
    """

    def __init__(self, request: quart.wrappers.Request, most: int) -> None:
        boundary = request.mimetype_params.get("boundary", "")
        usable = (request.mimetype == "multipart/form-data") and (0 < len(boundary) <= _MAX_BOUNDARY)
        self._decoder = multipart.MultipartDecoder(boundary.encode("ascii", "replace")) if usable else None
        self._chunks = aiter(request.body)
        self._length = request.content_length or 0
        self._most = most
        self._taken = 0
        # What arrived and is not decoded yet.
        self._rest = memoryview(b"")
        self._events: collections.deque[multipart.Event] = collections.deque()
        self._ended = False

    async def token(self, name: str) -> str:
        """The value of the form's first part, if that is its token, of this name; else nothing."""
        if self._length > self._most:
            raise werkzeug.exceptions.RequestEntityTooLarge
        if self._decoder is None:
            return ""
        event = await self._next()
        if isinstance(event, multipart.Field) and (event.name == name):
            return await self._value()
        return ""

    async def fields(self) -> AsyncIterator[tuple[str, str]]:
        """The fields before the first file, each whole."""
        for _ in range(_MAX_FIELDS):
            event = await self._next()
            if not isinstance(event, multipart.Field):
                if event is not None:
                    self._events.appendleft(event)
                return
            yield event.name or "", await self._value()
        raise errors.InputError("The form has too many fields. Nothing was saved.")

    async def files(self) -> AsyncIterator[multipart.File | multipart.Data]:
        """What follows: each file's head, then its pieces, the last one with `more_data` false.

        A field that stands among the files is passed over.
        """
        inside = False
        parts = 0
        while (event := await self._next()) is not None:
            parts += not isinstance(event, multipart.Data)
            if parts > MAX_PARTS:
                raise errors.InputError("The form has more parts than an upload may have. Nothing was saved.")
            if isinstance(event, multipart.Field):
                await self._value()
            elif isinstance(event, multipart.File):
                inside = True
                yield event
            elif isinstance(event, multipart.Data) and inside:
                yield event
                inside = event.more_data

    async def drain(self) -> None:
        """Read to the end and forget it, so that a browser that is still sending sees the answer."""
        try:
            while await self._arriving():
                pass
        except (errors.AtrError, werkzeug.exceptions.HTTPException):
            return

    async def _value(self) -> str:
        pieces = bytearray()
        while isinstance(event := await self._next(), multipart.Data):
            pieces += event.data
            if len(pieces) > _MAX_FIELD:
                raise werkzeug.exceptions.RequestEntityTooLarge
            if not event.more_data:
                return pieces.decode("utf-8", "replace")
        raise errors.InputError("The form is incomplete. Nothing was saved.")

    async def _next(self) -> multipart.Event | None:
        """The next event; None at the end of the form."""
        while not (self._events or self._ended):
            self._decode(await self._more())
        return self._events.popleft() if self._events else None

    def _decode(self, data: bytes) -> None:
        """Take in what arrived; nothing is the end."""
        if self._decoder is None:
            raise errors.InputError("This is not an upload form. Nothing was saved.")
        try:
            self._decoder.receive_data(data or None)
            while not isinstance(event := self._decoder.next_event(), multipart.NeedData | multipart.Epilogue):
                if not isinstance(event, multipart.Preamble):
                    self._events.append(event)
        # The last one is its answer to a head that runs into the next part.
        except (ValueError, AttributeError) as error:
            raise errors.InputError("The form is incomplete or cannot be read. Nothing was saved.") from error
        self._ended = isinstance(event, multipart.Epilogue)
        in_head = self._decoder.state in {multipart.State.PREAMBLE, multipart.State.PART}
        if in_head and (len(self._decoder.buffer) > _MAX_HEADERS):
            raise errors.InputError("The headers of a form part are incomplete. Nothing was saved.")

    async def _more(self) -> bytes:
        """The next piece of what arrives; empty at the end."""
        if self._rest:
            # What is here already would be taken without a pause, and nobody else would be served meanwhile.
            await asyncio.sleep(0)
        else:
            self._rest = memoryview(await self._arriving())
        piece, self._rest = self._rest[:_PIECE], self._rest[_PIECE:]
        return bytes(piece)

    async def _arriving(self) -> bytes:
        """What arrives next, however much; empty at the end."""
        try:
            async with asyncio.timeout(SILENCE):
                data = await anext(self._chunks, b"")
        except TimeoutError as error:
            raise errors.InputError(
                f"No data arrived for {SILENCE:.0f} seconds, so the upload was cancelled. Nothing was saved."
            ) from error
        self._taken += len(data)
        if self._taken > self._most:
            raise werkzeug.exceptions.RequestEntityTooLarge
        return data


def is_streamed(endpoint: str | None) -> bool:
    """Whether this endpoint reads its own body, under whatever blueprint of a host it is registered."""
    return ".".join((endpoint or "").split(".")[-2:]) in STREAMED


def _is_streamed(app: quart.Quart, path: str) -> bool:
    try:
        endpoint, _ = app.url_map.bind("").match(path, method="POST")
    except werkzeug.exceptions.HTTPException:
        return False
    return is_streamed(cast("str", endpoint))
