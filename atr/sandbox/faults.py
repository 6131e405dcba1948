# SPDX-License-Identifier: Apache-2.0
"""Faults as data: which request is hit, whether it still takes effect, and what its client receives.

The shape, in Python as in JSON (`POST /control/faults`), with the defaults:

    {"endpoint": "publish",   a name from `endpoints`
     "path": "",              only requests whose path contains this text
     "after": "",             only once a request has reached this endpoint since the fault was loaded
     "skip": 0,               let this many matching requests pass first
     "times": 1,              then hit this many; null: all of them
     "effect": false,         the request takes effect, before the delay
     "late": 0,               with effect: seconds until it takes effect, even if the client has disconnected
     "status": null,          answer with this status instead of the real answer
     "headers": {}, "body": "",      a text, or a JSON value that is sent as application/json
     "delay": 0,              seconds between effect and answer
     "cut": false,            cut the connection instead of answering: no status line
     "cut_after": null,       send the answer, but cut it after this many bytes of its body
     "alter": false}          send the answer with its first byte changed

Every fault with `effect` and neither `status` nor `cut` sends the real answer, only later, shorter or altered.
"""

import dataclasses
from collections.abc import Iterable
from typing import Annotated, Any, Final, Self

import pydantic

import atr.sandbox.endpoints as endpoints
import atr.sandbox.settings as behaviour

MAX_FAULTS: Final = 1000


class Fault(pydantic.BaseModel):
    """One thing that goes wrong. The module's docstring says what each field does."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    endpoint: str
    path: str = ""
    after: str = ""
    skip: behaviour.Count = 0
    times: Annotated[int, pydantic.Field(ge=1)] | None = 1
    effect: bool = False
    late: behaviour.Seconds = 0.0
    status: Annotated[int, pydantic.Field(ge=200, le=599)] | None = None
    headers: dict[str, str] = {}
    body: Any = ""
    delay: behaviour.Seconds = 0.0
    cut: bool = False
    cut_after: Annotated[int, pydantic.Field(ge=0)] | None = None
    alter: bool = False

    @pydantic.model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.endpoint not in endpoints.NAMES or self.after not in {"", *endpoints.NAMES}:
            raise ValueError(f"endpoint and after are one of {', '.join(endpoints.NAMES)}")
        if not self.effect and self.status is None and not self.cut:
            raise ValueError("a fault without effect needs a status or a cut")
        if self.cut and (self.status is not None or self.cut_after is not None or self.alter):
            raise ValueError("a cut connection carries no answer: leave out status, cut_after and alter")
        if self.status is None and (self.headers or self.body):
            raise ValueError("headers and body are those of an answer of the fault's own: give its status")
        if self.late and (not self.effect or (self.status is None and not self.cut)):
            raise ValueError("a late effect needs effect, and a status or a cut for the answer")
        if self.late and self.endpoint == "upload":
            raise ValueError("an upload cannot take effect late: its bundle is read as it comes")
        return self


@dataclasses.dataclass
class Loaded:
    """A fault in the list, with the number of requests that it let pass and that it hit."""

    fault: Fault
    armed: bool = False
    passed: int = 0
    hit: int = 0

    @property
    def spent(self) -> bool:
        return self.fault.times is not None and self.hit >= self.fault.times


class Faults:
    """The faults in their order. The first one that matches a request and is not used up hits it."""

    def __init__(self) -> None:
        self.loaded: list[Loaded] = []

    def add(self, faults: Iterable[Fault]) -> None:
        """Append faults, and remove the oldest used-up ones beyond `MAX_FAULTS`."""
        self.loaded.extend(Loaded(fault, armed=not fault.after) for fault in faults)
        surplus = len(self.loaded) - MAX_FAULTS
        if surplus > 0:
            for loaded in [loaded for loaded in self.loaded if loaded.spent][:surplus]:
                self.loaded.remove(loaded)

    def clear(self) -> None:
        self.loaded.clear()

    def take(self, endpoint: str, path: str) -> Fault | None:
        """Return the fault that hits this request, and count it. If a fault skips it, the next one is tried."""
        taken = self._match(endpoint, path)
        for loaded in self.loaded:
            loaded.armed = loaded.armed or loaded.fault.after == endpoint
        return taken

    def _match(self, endpoint: str, path: str) -> Fault | None:
        for loaded in self.loaded:
            if not loaded.armed or loaded.spent or loaded.fault.endpoint != endpoint or loaded.fault.path not in path:
                continue
            if loaded.passed < loaded.fault.skip:
                loaded.passed += 1
                continue
            loaded.hit += 1
            return loaded.fault
        return None
