# SPDX-License-Identifier: Apache-2.0
"""What took effect, one line of JSON each, on the disk beside the world.

The stand-in only writes it. It is for whoever judges from outside: together with the public tree on the disk it says
which files became public, when, and by whose doing.

    {"when": 1.5, "what": "publish", "deployment": id, "account": name, "by": "token" | "hand" | "automatic"}
    {"when": 1.5, "what": "drop",    "deployment": id, "account": name, "by": "token" | "hand"}
    {"when": 2.0, "what": "public",  "deployment": id, "paths": [...], "altered": [...], "withheld": [...]}
                                        its files are on the disk: some with a byte changed, and some not at all
    {"when": 2.0, "what": "failed" | "forgotten", "deployment": id}
    {"when": 2.0, "what": "put" | "alter" | "withdraw", "paths": [...]}      one file, behind everybody's back
"""

import json
import pathlib
from typing import Any

NAME = "ledger.jsonl"


class Ledger:
    """The lines of one world, which are only ever added to."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._path = directory / NAME

    def note(self, when: float, what: str, **facts: Any) -> None:
        """Add a line."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"when": when, "what": what, **facts}) + "\n")
