# SPDX-License-Identifier: Apache-2.0
"""Logging: one JSON object a line on standard error, with what the caller gave as `extra`. Never a secret.

What a line is about is told once, where the work on it begins: the request of the web, the row of the worker. Every
line that is written on the way has it, whoever writes it.
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
# httpx logs each request's address at INFO; an address may hold an id that says more than an operator needs.
_QUIET: Final = ("httpx", "httpcore", "hypercorn.access", "alembic", "aiosqlite")

# Of each task of the event loop its own; a task inherits what was known where it was made.
_ABOUT: Final[contextvars.ContextVar[Mapping[str, Any]]] = contextvars.ContextVar("about", default=MappingProxyType({}))


@contextlib.contextmanager
def about(**facts: Any) -> Iterator[None]:
    """Have these facts in every line that is written inside."""
    token = _ABOUT.set({**_ABOUT.get(), **facts})
    try:
        yield
    finally:
        _ABOUT.reset(token)


def about_from_here(**facts: Any) -> None:
    """Have these facts in every line that this task of the event loop writes from now on."""
    _ABOUT.set({**_ABOUT.get(), **facts})


class Lines(logging.Formatter):
    """A record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the message holds."""
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
    """Set logging up for a process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
