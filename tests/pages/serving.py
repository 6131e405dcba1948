# SPDX-License-Identifier: Apache-2.0
"""A small HTTP server for rendered pages and the static files, with the headers that the application sends."""

import contextlib
import http.server
import mimetypes
import threading
from collections.abc import Callable, Iterator
from typing import Final

from tests.pages import stand_in

# As strict as the application's: nothing inline, nothing from elsewhere.
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

# Status and body.
Answer = tuple[int, str]


class Site:
    """Answers by path, which a test may change while the browser looks; every request is noted."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Callable[[str], Answer]] = {}
        # What any other address says.
        self.otherwise: Answer = (404, "<!doctype html><title>Not found</title>")
        self.asked: list[str] = []
        self.address = ""

    def answer(self, target: str) -> Answer:
        path, _, query = target.partition("?")
        self.asked.append(target)
        found = self.answers.get(path, self.otherwise)
        return found(query) if callable(found) else found


def handler_of(site: Site) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/static/"):
                name = self.path.removeprefix("/static/").partition("?")[0]
                kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
                self._send(200, (stand_in.STATIC / name).read_bytes(), kind)
                return
            status, body = site.answer(self.path)
            self._send(status, body.encode(), "text/html; charset=utf-8")

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            status, body = site.answer(f"{self.path}?{self.rfile.read(length).decode()}")
            self._send(status, body.encode(), "text/html; charset=utf-8")

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Security-Policy", POLICY)
            if status == 303:
                self.send_header("Location", "/sign-in")
            if status != 204:
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if status != 204:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing: the test says what matters."""

    return Handler


@contextlib.contextmanager
def serve(site: Site) -> Iterator[Site]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler_of(site)) as server:
        server.daemon_threads = True
        site.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
