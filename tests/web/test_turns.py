# SPDX-License-Identifier: Apache-2.0
"""What takes long is done beside the event loop, once for all who ask for it: others have their turn meanwhile."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from typing import Final

import pytest
import quart

import atr.body as body
import atr.sharing as sharing
from tests import serving

_FORM: Final = b"Content-Type: application/x-www-form-urlencoded\r\n"
_MEGABYTE: Final = 1_000_000


class Turns:
    """The longest for which the loop worked without a turn for anybody else, in seconds of its own processor time.

    By the clock it would be longer while other programs run.
    """

    longest = 0.0


@contextlib.asynccontextmanager
async def _watched() -> AsyncIterator[Turns]:
    turns = Turns()

    async def watch() -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(0)
            turns.longest = max(turns.longest, time.thread_time() - began)

    watching = asyncio.create_task(watch())
    try:
        yield turns
    finally:
        watching.cancel()


@contextlib.asynccontextmanager
async def _served() -> AsyncIterator[int]:
    app = quart.Quart("forms")
    body.install(app)

    @app.post("/")
    async def there() -> str:
        sent = await body.form(quart.request, _MEGABYTE)
        return f"{len(sent)} fields"

    async with serving.serving(app) as address:
        yield int(address.rpartition(":")[2])


async def _post(port: int, form: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + _FORM
    writer.write(head + f"Content-Length: {len(form)}\r\n\r\n".encode() + form)
    answer = await asyncio.wait_for(reader.read(), 120)
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("form", "status"),
    [
        # Half a million fields; a thousand; one that is too large; and as many as a page of ours has.
        (b"a&" * (_MEGABYTE // 2), b"413"),
        (b"a=1&" * body.MAX_FORM_FIELDS + b"a", b"413"),
        (b"a=" + b"%41" * (body.MAX_FORM_FIELD + 1), b"413"),
        (b"&".join(b"f%d=%s" % (n, b"%41" * 300) for n in range(800)), b"200"),
        (b"a=" + b"x" * _MEGABYTE, b"413"),
    ],
)
async def test_large_forms_are_bounded_and_hold_up_nobody(form: bytes, status: bytes) -> None:
    """Twenty at once."""
    async with _served() as port, _watched() as turns:
        answers = await asyncio.gather(*(_post(port, form) for _ in range(20)))
    assert {answer[9:12] for answer in answers} == {status}
    assert turns.longest < 0.5


async def test_who_asks_for_the_same_at_once_shares_one_computation() -> None:
    shared: sharing.Shared[int] = sharing.Shared(threads=2, kept=2)
    computed: list[int] = []
    go = threading.Event()

    def compute(number: int) -> int:
        go.wait(30)
        computed.append(number)
        return number

    asking = [asyncio.create_task(shared.get(n % 2, lambda n=n: compute(n % 2))) for n in range(40)]  # type: ignore[misc]
    await asyncio.sleep(0.05)
    # Who asked first leaves; that changes nothing for the others.
    asking[0].cancel()
    go.set()
    found = await asyncio.gather(*asking[1:])
    assert (sorted(computed), set(found)) == ([0, 1], {0, 1})
    assert await shared.get(1, lambda: compute(9)) == 1
    # Only so many are remembered.
    await shared.get(2, lambda: compute(2))
    await shared.get(3, lambda: compute(3))
    await shared.get(0, lambda: compute(0))
    assert sorted(computed) == [0, 0, 1, 2, 3]


async def test_what_fails_is_tried_again_by_the_next() -> None:
    shared: sharing.Shared[int] = sharing.Shared(threads=1, kept=1)
    with pytest.raises(ZeroDivisionError):
        await shared.get("x", lambda: 1 // 0)
    assert await shared.get("x", lambda: 1) == 1
