# SPDX-License-Identifier: Apache-2.0
"""Logging: one JSON object per line on standard error, with the caller's `extra`. Never a secret.

The context of a line is set once, where the work begins: the request in the web process, the row in the worker. Every
line that is written during this work has it.
"""

import contextlib
import contextvars
import datetime
import json
import logging
import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# httpx logs each request's URL at INFO; a URL may contain an id that says more than an operator needs.
_QUIET: Final = ("httpx", "httpcore", "hypercorn.access", "alembic", "aiosqlite")

# Each task of the event loop has its own; a task inherits the context in which it was created.
_ABOUT: Final[contextvars.ContextVar[Mapping[str, Any]]] = contextvars.ContextVar("about", default=MappingProxyType({}))


@contextlib.contextmanager
def about(**facts: Any) -> Iterator[None]:
    """Add these facts to every line that is written in the body."""
    token = _ABOUT.set({**_ABOUT.get(), **facts})
    try:
        yield
    finally:
        _ABOUT.reset(token)


def about_from_here(**facts: Any) -> None:
    """Add these facts to every line that this task of the event loop writes from now on."""
    _ABOUT.set({**_ABOUT.get(), **facts})


class Lines(logging.Formatter):
    """A record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, whatever the message contains."""
        fields = {
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_ABOUT.get(),
            **{name: value for name, value in vars(record).items() if name not in _PLAIN},
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


def configure(level: str) -> None:
    """Configure logging for a process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
