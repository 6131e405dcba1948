# SPDX-License-Identifier: Apache-2.0
"""An OpenID provider that signs anybody in, over HTTP, and lies as it is told. It keeps what it has given out.

It is a provider as the specifications have it, not as our client reads them: codes are used once and belong to a
client, an address and a challenge. What is wrong is wrong by one knob.
"""

import base64
import contextlib
import dataclasses
import hashlib
import hmac
import http.server
import json
import secrets
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, Final

import joserfc.jwk
import joserfc.jwt
import pytest

CLIENT: Final = "atr"
SECRET: Final = "a secret+of the/test"


@dataclasses.dataclass
class Knobs:
    """What it does otherwise than it should."""

    # Over what the token, the configuration and the answer say; a claim of None is left out.
    claims: dict[str, Any] = dataclasses.field(default_factory=dict)
    metadata: dict[str, Any] = dataclasses.field(default_factory=dict)
    answer: dict[str, str | None] = dataclasses.field(default_factory=dict)
    userinfo: dict[str, Any] = dataclasses.field(default_factory=dict)
    # "none" and "HS256" are made by hand: no library helps with them.
    alg: str = "RS256"
    # By path: a status, or bytes with status 200.
    instead: dict[str, int | bytes] = dataclasses.field(default_factory=dict)
    # Seconds by which its clock is ahead.
    ahead: float = 0.0
    no_token: bool = False
    # How long ago the person proved who they are, while nobody has them do it again.
    session_age: float = 5.0


class Provider:
    """One provider at one address."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.knobs = Knobs()
        self.person = "alice"
        self.asked: list[str] = []
        self.clock: Callable[[], float] = time.time
        self._codes: dict[str, dict[str, str]] = {}
        self._tokens: set[str] = set()
        self.rotate()

    def rotate(self) -> None:
        """New keys, under new names."""
        name = secrets.token_hex(4)
        self.keys: dict[str, Any] = {
            "RS256": joserfc.jwk.RSAKey.generate_key(2048, {"kid": f"r{name}", "use": "sig"}),
            "ES256": joserfc.jwk.ECKey.generate_key("P-256", {"kid": f"e{name}", "use": "sig"}),
        }

    def visit(self, address: str) -> str:
        """Where a browser that goes there is led to."""
        with pytest.raises(urllib.error.HTTPError) as led:
            urllib.request.build_opener(_Stay()).open(address, timeout=10)
        led.value.close()
        assert led.value.code == 303
        return str(led.value.headers["Location"])

    def answer(self, method: str, path: str, asked: dict[str, str], headers: Any) -> tuple[int, Any]:
        """What is said there: a status with JSON, bytes, or an address."""
        self.asked.append(path)
        instead = self.knobs.instead.get(path)
        if instead is not None:
            return (200, instead) if isinstance(instead, bytes) else (instead, {"error": "server_error"})
        match (method, path):
            case ("GET", "/.well-known/openid-configuration"):
                return 200, self._configuration()
            case ("GET", "/jwks"):
                return 200, {"keys": [key.as_dict(private=False) for key in self.keys.values()]}
            case ("GET", "/authorize"):
                return 303, self._authorized(asked)
            case ("POST", "/token"):
                return self._exchanged(asked, headers)
            case ("GET", "/userinfo"):
                known = str(headers.get("Authorization", "")).removeprefix("Bearer ") in self._tokens
                return (200, self._about()) if known else (401, {"error": "invalid_token"})
            case _:
                return 404, {}

    def _configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "authorization_response_iss_parameter_supported": True,
            **self.knobs.metadata,
        }

    def _about(self) -> dict[str, Any]:
        return {"sub": f"sub-{self.person}", "preferred_username": self.person, **self.knobs.userinfo}

    def _authorized(self, asked: dict[str, str]) -> str:
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe()
        self._codes[code] = asked
        said = {"code": code, "state": asked["state"], "iss": self.issuer, **self.knobs.answer}
        return f"{asked['redirect_uri']}?{urllib.parse.urlencode({k: v for k, v in said.items() if v is not None})}"

    def _exchanged(self, asked: dict[str, str], headers: Any) -> tuple[int, Any]:
        pair = base64.b64decode(str(headers.get("Authorization", "")).removeprefix("Basic ")).decode()
        if [urllib.parse.unquote_plus(one) for one in pair.split(":")] != [CLIENT, SECRET]:
            return 401, {"error": "invalid_client"}
        given = self._codes.pop(asked.get("code", ""), None)
        digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        if (
            (given is None)
            or given["redirect_uri"] != asked.get("redirect_uri")
            or base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != given["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        token = secrets.token_urlsafe()
        self._tokens.add(token)
        told = {"access_token": token, "token_type": "Bearer"}
        return 200, told if self.knobs.no_token else {**told, "id_token": self._signed(self._claims(given))}

    def _claims(self, given: dict[str, str]) -> dict[str, Any]:
        now = int(self.clock() + self.knobs.ahead)
        age = 0 if given.get("prompt") == "login" else self.knobs.session_age
        claims = {
            "iss": self.issuer,
            "sub": f"sub-{self.person}",
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": given["nonce"],
            "auth_time": int(now - age),
            **self.knobs.claims,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def _signed(self, claims: dict[str, Any]) -> str:
        alg = self.knobs.alg
        key = self.keys.get(alg, self.keys["RS256"])
        header = {"alg": alg, "kid": key.kid}
        if alg in self.keys:
            return joserfc.jwt.encode(header, claims, key, algorithms=[alg])
        text = f"{_b64(json.dumps(header).encode())}.{_b64(json.dumps(claims).encode())}"
        if alg == "none":
            return f"{text}."
        public = key.as_pem(private=False)
        return f"{text}.{_b64(hmac.digest(public, text.encode(), 'sha256'))}"


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_more: Any) -> None:
        return None


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextlib.contextmanager
def running(kind: type[Provider] = Provider) -> Iterator[Provider]:
    """A provider that listens."""
    made: list[Provider] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def _respond(self, method: str, body: str = "") -> None:
            parts = urllib.parse.urlsplit(self.path)
            asked = dict(urllib.parse.parse_qsl(parts.query)) | dict(urllib.parse.parse_qsl(body))
            status, said = made[0].answer(method, parts.path, asked, self.headers)
            content = said if isinstance(said, bytes) else b"" if status == 303 else json.dumps(said).encode()
            self.send_response(status)
            if status == 303:
                self.send_header("Location", said)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(content)

        def do_GET(self) -> None:
            self._respond("GET")

        def do_POST(self) -> None:
            self._respond("POST", self.rfile.read(int(self.headers["Content-Length"])).decode())

        def log_message(self, *_more: Any) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.append(kind(server.server_address[1]))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield made[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
