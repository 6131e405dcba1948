# SPDX-License-Identifier: Apache-2.0
"""A depot that forgets nothing: files under ids, staged by digest in several requests, published with a code.

It stands behind the gate of the sandbox, so that faults and counters work for it as for every platform. Files are
pushed by their digests, which shows nothing; one request then makes a stage of them.
"""

import dataclasses
import hashlib
import re
from typing import Any, Final

import quart

import atr.sandbox.endpoints as endpoints
import atr.sandbox.gate as gate
import atr.sandbox.world as worlds

CODE: Final = "123456"
TOKEN: Final = "token-of-the-depot"
ENDPOINTS: Final = (
    endpoints.Endpoint("upload", ("POST",), re.compile("/stages")),
    endpoints.Endpoint("status", ("GET",), re.compile("/stages/[^/]+")),
    endpoints.Endpoint("publish", ("POST",), re.compile("/stages/[^/]+/publish")),
    endpoints.Endpoint("drop", ("DELETE",), re.compile("/stages/[^/]+")),
    endpoints.Endpoint("files", ("GET",), re.compile("/stages/[^/]+/files")),
    endpoints.Endpoint("download", ("GET",), re.compile("/stages/[^/]+/files/[^/]+"), streams=True),
    endpoints.Endpoint("published", ("GET",), re.compile("/records/.*")),
    endpoints.Endpoint("index", ("GET",), re.compile("/public/[^/]+/[^/]+/index")),
    endpoints.Endpoint("repository", ("GET", "HEAD"), re.compile("/public/.*"), streams=True),
)


def file_id(path: str) -> str:
    """Under which id a file stands."""
    return hashlib.sha256(path.encode()).hexdigest()[:16]


@dataclasses.dataclass
class Stage:
    """Files that wait to be published."""

    id: str
    name: str
    # By path: the bytes.
    files: dict[str, bytes]
    created: float
    state: str = "waiting"

    @property
    def packages(self) -> list[list[str]]:
        """The packages and versions, as its paths name them."""
        return [one.split("@") for one in sorted({path.partition("/")[0] for path in self.files})]

    @property
    def document(self) -> dict[str, Any]:
        """The stage as JSON."""
        about = {"id": self.id, "name": self.name, "state": self.state, "created": self.created}
        return {**about, "packages": self.packages}


class Depot:
    """What the depot holds, behind the world that the gate counts in."""

    def __init__(self, world: worlds.World) -> None:
        self.world = world
        self.blobs: dict[str, bytes] = {}
        self.stages: dict[str, Stage] = {}
        # By version ("package@version") and by file id: the path and the bytes.
        self.public: dict[str, dict[str, tuple[str, bytes]]] = {}

    def put_public(self, path: str, data: bytes) -> None:
        """Put a file beside what is public, or in its place."""
        self.public.setdefault(path.partition("/")[0], {})[file_id(path)] = (path, data)

    def stage(self, name: str, files: dict[str, str]) -> Stage:
        """The stage of this name; there is never a second one."""
        made = Stage(
            f"stage-{file_id(name)}", name, {path: self.blobs[one] for path, one in files.items()}, self.world.now()
        )
        if made.id not in self.stages:
            self.world.traffic.effects["upload"] += 1
        return self.stages.setdefault(made.id, made)

    def publish(self, stage: Stage) -> None:
        """Make its files public, once."""
        if stage.state == "waiting":
            self.world.traffic.effects["publish"] += 1
            stage.state = "public"
            for path, data in stage.files.items():
                self.put_public(path, data)

    def turn(self, external_id: str, knob: str) -> None:
        """What somebody with the credential may do behind our back."""
        files = self.stages[external_id].files
        first = min(files)
        match knob:
            case "tamper":
                files[first] = files[first][:-1] + b"!"
            case "add-file":
                files[f"{first}.more"] = b"more"
            case "remove-file":
                del files[first]
            case "alter-public":
                self.put_public(first, files[first][:-1] + b"!")
            case _:
                raise LookupError(knob)

    def application(self, world: worlds.World, cut: gate.Cut | None) -> Any:
        """The depot as an application, behind the gate."""
        app: Any = quart.Quart(__name__)
        for rule, methods, view in (
            ("/blobs/<digest>", ["PUT"], self._push),
            ("/stages", ["POST"], self._stage),
            ("/stages", ["GET"], self._list),
            ("/stages/<number>", ["GET"], self._status),
            ("/stages/<number>", ["DELETE"], self._drop),
            ("/stages/<number>/publish", ["POST"], self._publish),
            ("/stages/<number>/files", ["GET"], self._files),
            ("/stages/<number>/files/<one>", ["GET"], self._download),
            ("/records/<package>/<version>", ["GET"], self._records),
            ("/public/<package>/<version>/index", ["GET"], self._index),
            ("/public/<package>/<version>/", ["GET"], self._version),
            ("/public/<package>/<version>/<one>", ["GET"], self._public),
        ):
            app.add_url_rule(rule, f"{rule} {methods}", view, methods=methods)
        app.gate = gate.Gate(app.asgi_app, world, cut or _cannot_cut, ENDPOINTS)
        app.asgi_app = app.gate
        return app

    async def _push(self, digest: str) -> Any:
        data: Any = await quart.request.get_data()
        if (not _is_ours()) or (hashlib.sha256(data).hexdigest() != digest):
            return "", 403
        self.blobs[digest] = data
        return "", 201

    async def _stage(self) -> Any:
        if not _is_ours():
            return "", 403
        wanted = await quart.request.get_json()
        return self.stage(wanted["name"], wanted["files"]).document, 201

    async def _list(self) -> Any:
        return {"stages": [one.document for one in reversed(self.stages.values()) if one.state != "dropped"]}

    async def _status(self, number: str) -> Any:
        stage = self.stages.get(number)
        return ({"error": "none"}, 404) if (stage is None) or (stage.state == "dropped") else stage.document

    async def _drop(self, number: str) -> Any:
        stage = self.stages.get(number)
        if (stage is None) or (stage.state != "waiting"):
            return "", 409
        stage.state = "dropped"
        self.world.traffic.effects["drop"] += 1
        return "", 204

    async def _publish(self, number: str) -> Any:
        if quart.request.headers.get("X-Code") != CODE:
            return {"error": "code"}, 401, {"WWW-Authenticate": "OTP"}
        stage = self.stages.get(number)
        if stage is None:
            return {"error": "none"}, 404
        self.publish(stage)
        return "", 204

    async def _files(self, number: str) -> Any:
        stage = self.stages.get(number)
        if stage is None:
            return {"error": "none"}, 404
        return {"files": [{"id": file_id(path), "path": path, "size": len(data)} for path, data in stage.files.items()]}

    async def _download(self, number: str, one: str) -> Any:
        found = [data for path, data in self.stages[number].files.items() if file_id(path) == one]
        return quart.Response(found[0], mimetype="application/octet-stream") if found else ("", 404)

    async def _records(self, package: str, version: str) -> Any:
        return {"published": f"{package}@{version}" in self.public}

    async def _index(self, package: str, version: str) -> Any:
        there = self.public.get(f"{package}@{version}")
        return (
            ({"error": "none"}, 404) if there is None else {"paths": [path for path, _ in there.values()], "end": True}
        )

    async def _version(self, package: str, version: str) -> Any:
        return ("", 200) if f"{package}@{version}" in self.public else ("", 404)

    async def _public(self, package: str, version: str, one: str) -> Any:
        found = self.public.get(f"{package}@{version}", {}).get(one)
        return ("", 404) if found is None else quart.Response(found[1], mimetype="application/octet-stream")


def _is_ours() -> bool:
    return quart.request.headers.get("Authorization") == f"Bearer {TOKEN}"


def _cannot_cut(client: tuple[str, int]) -> None:
    raise RuntimeError(f"cannot cut the connection of {client}")
