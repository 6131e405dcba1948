# SPDX-License-Identifier: Apache-2.0
"""The requests that reached the sandbox: counters per endpoint and the last requests."""

import collections
import dataclasses
from typing import Any, Final

import atr.sandbox.endpoints as endpoints

LOG_LENGTH: Final = 2000


@dataclasses.dataclass
class Entry:
    """One request. `status` stays None if the connection was cut, or ended, before a response."""

    when: float
    method: str
    path: str
    endpoint: str
    status: int | None = None
    faulty: bool = False


class Traffic:
    """Counts requests when they arrive, so that a request that is then refused, lost or cut is counted as well.

    `requests`, `bytes_received`, `bytes_sent`: per endpoint, bodies only. `paths`: requests per path of the public
    repository. `effects`: what took effect, however it was requested: upload, publish, publish_by_hand, drop.
    """

    def __init__(self) -> None:
        self.requests: collections.Counter[str] = collections.Counter()
        self.bytes_received: collections.Counter[str] = collections.Counter()
        self.bytes_sent: collections.Counter[str] = collections.Counter()
        self.paths: collections.Counter[str] = collections.Counter()
        self.effects: collections.Counter[str] = collections.Counter()
        self.log: collections.deque[Entry] = collections.deque(maxlen=LOG_LENGTH)

    def arrive(self, entry: Entry, path: str) -> None:
        """Count a request whose head has arrived."""
        self.requests[entry.endpoint] += 1
        self.log.append(entry)
        if entry.endpoint == "repository":
            self.paths[path] += 1

    def counters(self) -> dict[str, Any]:
        """Return the counters as JSON. It has every endpoint and effect, with 0 if nothing happened."""
        effects = ("upload", "publish", "publish_by_hand", "drop")
        return {
            "requests": {name: self.requests[name] for name in endpoints.NAMES},
            "bytes_received": {name: self.bytes_received[name] for name in endpoints.NAMES},
            "bytes_sent": {name: self.bytes_sent[name] for name in endpoints.NAMES},
            "effects": {name: self.effects[name] for name in effects},
            "paths": dict(self.paths),
        }
