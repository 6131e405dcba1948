# SPDX-License-Identifier: Apache-2.0
"""Request bodies: none is received before a handler reads it, and each has a limit in bytes and in time.

A form with files is read as it arrives, however large, in a few megabytes of memory: the routes in `STREAMED` read
their own body, and check its token before anything else in it. Every other form is small, and is read whole before its
handler runs.
"""

import asyncio
import collections
import functools
import urllib.parse
from collections.abc import AsyncIterator
from typing import Any, Final

import quart
import quart.asgi
import quart.formparser
import quart.wrappers
import quart.wrappers.request
import werkzeug.datastructures
import werkzeug.exceptions
import werkzeug.sansio.multipart as multipart

import atr.errors as errors

# The endpoints that read their own body. Each of them reads `Form.token` first.
STREAMED: Final = frozenset({"post_upload.selected"})
# How many bytes of a body wait in memory before it is read; and the largest form without a session.
UNASKED: Final = 65_536
# How many bytes of a streamed body wait in memory for a handler that is slower than the network.
HELD: Final = 1_000_000
# The seconds within which a form that is not streamed must arrive whole.
FORM_SECONDS: Final = 60.0
# The most fields of such a form, and the most bytes of each. 200 promotions on one page are 600 fields.
MAX_FORM_FIELDS: Final = 1_000
MAX_FORM_FIELD: Final = 65_536
_FORMS: Final = frozenset({"application/x-www-form-urlencoded", "application/x-url-encoded"})
# The longest time without data from the client, in seconds.
SILENCE: Final = 60.0
# The most bytes of one part's headers, and of a field that is not a file; and the most such fields before the files.
_MAX_HEADERS: Final = 16_000
_MAX_FIELD: Final = 16_000
_MAX_FIELDS: Final = 20
# The most parts from the first file on, empty ones and fields included; storage/changes.py allows fewer files.
MAX_PARTS: Final = 21_000
# How many bytes are decoded before other tasks run: they may contain two thousand parts.
_PIECE: Final = 131_072
_MAX_BOUNDARY: Final = 200


class Body(quart.wrappers.request.Body):
    """A body with flow control: nothing more is received while too many bytes are unread."""

    def __init__(self, expected_content_length: int | None, max_content_length: int | None) -> None:
        super().__init__(expected_content_length, max_content_length)
        self._room = asyncio.Event()
        self._held = UNASKED
        self._most: int | None = None
        self._total = 0

    async def __anext__(self) -> bytes:
        self._hold(HELD)
        data = await super().__anext__()
        self._room.set()
        return data

    def append(self, data: bytes) -> None:
        """Add a piece that arrived. Beyond the limit of `take`, reading the body raises 413."""
        self._total += len(data)
        if (self._most is not None) and (self._total > self._most):
            self._must_raise = werkzeug.exceptions.RequestEntityTooLarge()
            self.set_complete()
        super().append(data)

    def take(self, most: int) -> None:
        """Allow the body to be received whole, up to this many bytes."""
        self._most = most
        self.append(b"")
        self._hold(most)

    def _hold(self, most: int) -> None:
        if self._held < most:
            self._held = most
            self._room.set()

    async def once_there_is_room(self, receive: Any) -> Any:
        """Return the next message from the network, after waiting until few enough bytes are unread."""
        while len(self._data) > self._held:
            self._room.clear()
            await self._room.wait()
        return await receive()


class Connection(quart.asgi.ASGIHTTPConnection):
    """A connection that receives a body only as it is read."""

    def _create_request_from_scope(self, send: Any) -> quart.wrappers.Request:
        request = super()._create_request_from_scope(send)
        # No limit here: the code that reads the body has one, and its error is answered with a page.
        request.body = Body(request.content_length, None)
        return request

    async def handle_messages(self, request: quart.wrappers.Request, receive: Any) -> None:
        """Handle messages, like Quart, which receives everything at once."""
        body = request.body
        held = functools.partial(body.once_there_is_room, receive) if isinstance(body, Body) else receive
        await super().handle_messages(request, held)


async def form(request: quart.wrappers.Request, most: int) -> werkzeug.datastructures.MultiDict[str, str]:
    """Return the fields of a form that is not streamed. Raises 413 beyond `most` bytes, 408 if it arrives too late."""
    if (request.content_length or 0) > most:
        raise werkzeug.exceptions.RequestEntityTooLarge
    if isinstance(request.body, Body):
        request.body.take(most)
    try:
        async with asyncio.timeout(FORM_SECONDS):
            return await request.form
    except TimeoutError:
        raise werkzeug.exceptions.RequestTimeout from None


class _Parser(quart.formparser.FormDataParser):
    """Quart's parser with limits for the fields: a megabyte of them would block the event loop for half a second."""

    async def _parse_bounded(
        self, body: quart.wrappers.request.Body, _mimetype: str, _length: int | None, _options: dict[str, str]
    ) -> tuple[werkzeug.datastructures.MultiDict[str, Any], werkzeug.datastructures.MultiDict[str, Any]]:
        raw = await body
        if raw.count(b"&") >= MAX_FORM_FIELDS:
            raise werkzeug.exceptions.RequestEntityTooLarge
        fields = await asyncio.to_thread(urllib.parse.parse_qsl, raw.decode(), keep_blank_values=True)
        if any(len(name) + len(value) > MAX_FORM_FIELD for name, value in fields):
            raise werkzeug.exceptions.RequestEntityTooLarge
        made: Any = self.cls
        return made(fields), made()

    def get_parse_func(self, mimetype: str, options: dict[str, str]) -> Any:
        """Return the function that parses a body of this type."""
        return _Parser._parse_bounded if mimetype in _FORMS else super().get_parse_func(mimetype, options)


class _Request(quart.wrappers.Request):
    form_data_parser_class = _Parser


def install(app: quart.Quart) -> None:
    """Have an application receive bodies as they are read, and limit its forms."""
    app.asgi_http_class = Connection
    app.request_class = _Request
    app.config.update(MAX_FORM_PARTS=MAX_FORM_FIELDS, MAX_FORM_MEMORY_SIZE=MAX_FORM_FIELD)


class Form:
    """A multipart form, read as it arrives: first its token, then its other fields, then its files.

    Raises InputError for a body that is not a form or is incomplete, and `werkzeug`'s 413 beyond `most` bytes.
    """

    def __init__(self, request: quart.wrappers.Request, most: int) -> None:
        boundary = request.mimetype_params.get("boundary", "")
        usable = (request.mimetype == "multipart/form-data") and (0 < len(boundary) <= _MAX_BOUNDARY)
        self._decoder = multipart.MultipartDecoder(boundary.encode("ascii", "replace")) if usable else None
        self._chunks = aiter(request.body)
        self._length = request.content_length or 0
        self._most = most
        self._taken = 0
        # Bytes that arrived and are not decoded yet.
        self._rest = memoryview(b"")
        self._events: collections.deque[multipart.Event] = collections.deque()
        self._ended = False

    async def token(self, name: str) -> str:
        """Return the value of the form's first part if it is a field of this name, else nothing."""
        if self._length > self._most:
            raise werkzeug.exceptions.RequestEntityTooLarge
        if self._decoder is None:
            return ""
        event = await self._next()
        if isinstance(event, multipart.Field) and (event.name == name):
            return await self._value()
        return ""

    async def fields(self) -> AsyncIterator[tuple[str, str]]:
        """Yield the fields before the first file, each whole."""
        for _ in range(_MAX_FIELDS):
            event = await self._next()
            if not isinstance(event, multipart.Field):
                if event is not None:
                    self._events.appendleft(event)
                return
            yield event.name or "", await self._value()
        raise errors.InputError("The form has too many fields. Nothing was saved.")

    async def files(self) -> AsyncIterator[multipart.File | multipart.Data]:
        """Yield each file's head, then its pieces, the last one with `more_data` false.

        A field among the files is ignored.
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
        """Read the rest and discard it, so that a browser that is still sending sees the answer."""
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
        """Return the next event; None at the end of the form."""
        while not (self._events or self._ended):
            self._decode(await self._more())
        return self._events.popleft() if self._events else None

    def _decode(self, data: bytes) -> None:
        """Decode bytes that arrived; empty at the end."""
        if self._decoder is None:
            raise errors.InputError("This is not an upload form. Nothing was saved.")
        try:
            self._decoder.receive_data(data or None)
            while not isinstance(event := self._decoder.next_event(), multipart.NeedData | multipart.Epilogue):
                if not isinstance(event, multipart.Preamble):
                    self._events.append(event)
        # AttributeError is what the decoder raises for a head that runs into the next part.
        except (ValueError, AttributeError) as error:
            raise errors.InputError("The form is incomplete or cannot be read. Nothing was saved.") from error
        self._ended = isinstance(event, multipart.Epilogue)
        in_head = self._decoder.state in {multipart.State.PREAMBLE, multipart.State.PART}
        if in_head and (len(self._decoder.buffer) > _MAX_HEADERS):
            raise errors.InputError("The headers of a form part are incomplete. Nothing was saved.")

    async def _more(self) -> bytes:
        """Return the next piece to decode; empty at the end."""
        if self._rest:
            # Decoding bytes that are here already never waits, so other tasks would not run meanwhile.
            await asyncio.sleep(0)
        else:
            self._rest = memoryview(await self._arriving())
        piece, self._rest = self._rest[:_PIECE], self._rest[_PIECE:]
        return bytes(piece)

    async def _arriving(self) -> bytes:
        """Return the bytes that arrive next, however many; empty at the end."""
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
    """Return whether this endpoint reads its own body, also if it is registered below a host's blueprint."""
    return ".".join((endpoint or "").split(".")[-2:]) in STREAMED
