# SPDX-License-Identifier: Apache-2.0
"""Bodies: none is taken from the network before somebody wants it, and none is read without a bound in bytes and time.

A form with files in it is read as it arrives, however large, in a few megabytes of memory: the routes named in
`STREAMED` read their own body, and check its token themselves before anything else of it is looked at. Every other form
is read whole before its handler sees it, and is small.
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

# The endpoints that read their own body. Each of them begins with `Form.token`.
STREAMED: Final = frozenset({"post_upload.selected"})
# As much of a body waits in memory while nobody has asked for it; and without a session no body is larger.
UNASKED: Final = 65_536
# As much of a streamed body waits in memory for a handler that is slower than the network.
HELD: Final = 1_000_000
# A form that is not streamed arrives whole within so many seconds.
FORM_SECONDS: Final = 60.0
# Of such a form: how many fields, and how large each may be. 200 promotions on one page are 600 fields.
MAX_FORM_FIELDS: Final = 1_000
MAX_FORM_FIELD: Final = 65_536
_FORMS: Final = frozenset({"application/x-www-form-urlencoded", "application/x-url-encoded"})
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
    """A body that is held back: whoever brings it waits while more is unread than was asked for."""

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
        """A piece that arrived. Beyond what may be taken, whoever reads it gets 413."""
        self._total += len(data)
        if (self._most is not None) and (self._total > self._most):
            self._must_raise = werkzeug.exceptions.RequestEntityTooLarge()
            self.set_complete()
        super().append(data)

    def take(self, most: int) -> None:
        """Have it read whole, up to so many bytes."""
        self._most = most
        self.append(b"")
        self._hold(most)

    def _hold(self, most: int) -> None:
        if self._held < most:
            self._held = most
            self._room.set()

    async def once_there_is_room(self, receive: Any) -> Any:
        """The next message from the network, not before what is unread has become little enough."""
        while len(self._data) > self._held:
            self._room.clear()
            await self._room.wait()
        return await receive()


class Connection(quart.asgi.ASGIHTTPConnection):
    """A connection that takes no more from the network than somebody has asked for."""

    def _create_request_from_scope(self, send: Any) -> quart.wrappers.Request:
        request = super()._create_request_from_scope(send)
        # No bound of its own: whoever reads it says how much, and answers in a page.
        request.body = Body(request.content_length, None)
        return request

    async def handle_messages(self, request: quart.wrappers.Request, receive: Any) -> None:
        """As Quart's, which takes all there is at once."""
        body = request.body
        held = functools.partial(body.once_there_is_room, receive) if isinstance(body, Body) else receive
        await super().handle_messages(request, held)


async def form(request: quart.wrappers.Request, most: int) -> werkzeug.datastructures.MultiDict[str, str]:
    """The fields of a form that is not streamed. Raises 413 beyond so many bytes, 408 when it does not arrive."""
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
    """Quart's, with a bound for the fields: a megabyte of them would hold up everybody else for half a second."""

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
        """How a body of this type is read."""
        return _Parser._parse_bounded if mimetype in _FORMS else super().get_parse_func(mimetype, options)


class _Request(quart.wrappers.Request):
    form_data_parser_class = _Parser


def install(app: quart.Quart) -> None:
    """Have an application read bodies as they are wanted, and forms within bounds."""
    app.asgi_http_class = Connection
    app.request_class = _Request
    app.config.update(MAX_FORM_PARTS=MAX_FORM_FIELDS, MAX_FORM_MEMORY_SIZE=MAX_FORM_FIELD)


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
