# SPDX-License-Identifier: Apache-2.0
"""Statements are compiled once a process, as in a process of ours, and not once for each test's database.

An engine keeps what it compiled by its dialect, and each test opens engines of its own: compiling again took a sixth of
a world's processor time. Connections to SQLite files therefore share the dialect of the first one, and its statements.
PostgreSQL's dialect learns from its server, so its engines stay apart.
"""

from typing import Any, Final

import sqlalchemy
import sqlalchemy.event

_DRIVER: Final = "aiosqlite"
_STATEMENTS: Final[dict[Any, Any]] = {}
_DIALECTS: Final[dict[str, sqlalchemy.Dialect]] = {}


def once() -> None:
    """From now on."""
    sqlalchemy.event.listen(sqlalchemy.Engine, "engine_connect", _share)


def _share(connection: sqlalchemy.Connection) -> None:
    if connection.dialect.driver == _DRIVER:
        connection.dialect = _DIALECTS.setdefault(_DRIVER, connection.dialect)
        connection.execution_options(compiled_cache=_STATEMENTS)
