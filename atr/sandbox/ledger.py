# SPDX-License-Identifier: Apache-2.0
"""A log of what took effect, one line of JSON each, in the directory of the world.

The sandbox only writes it. It is for tests that judge from outside: together with the public tree on the disk it shows
which files became public, when, and by whom.

    {"when": 1.5, "what": "publish", "deployment": id, "account": name, "by": "token" | "hand" | "automatic"}
    {"when": 1.5, "what": "drop",    "deployment": id, "account": name, "by": "token" | "hand"}
    {"when": 2.0, "what": "public",  "deployment": id, "paths": [...], "altered": [...], "withheld": [...]}
                                        its files are on the disk: some with a byte changed, and some missing
    {"when": 2.0, "what": "failed" | "forgotten", "deployment": id}
    {"when": 2.0, "what": "put" | "alter" | "withdraw", "paths": [...]}      one file, without a request
"""

import json
import pathlib
from typing import Any

NAME = "ledger.jsonl"


class Ledger:
    """The append-only log of one world."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._path = directory / NAME

    def note(self, when: float, what: str, **facts: Any) -> None:
        """Add a line."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"when": when, "what": what, **facts}) + "\n")
