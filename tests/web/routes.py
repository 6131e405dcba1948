# SPDX-License-Identifier: Apache-2.0
"""Every route of the application, read from its URL map before any world is built."""

import functools
import pathlib
import tempfile
from typing import Final

import atr.config as config
import atr.db.session as session
import atr.server as server
import atr.storage as storage
import atr.storage.transaction as transaction

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


@functools.cache
def routes() -> tuple[tuple[str, str], ...]:
    """Each endpoint with the one method that it was written for."""
    return tuple(sorted((endpoint, "POST" if "POST" in methods else "GET") for endpoint, _, methods in rules()))


@functools.cache
def unlisted() -> tuple[tuple[str, str], ...]:
    """Each address with each method that no handler has for it."""
    listed: dict[str, set[str]] = {}
    for _, rule, methods in rules():
        listed.setdefault(rule, set()).update(methods)
    return tuple(
        (rule, method) for rule, methods in sorted(listed.items()) for method in METHODS if method not in methods
    )


def rules() -> tuple[tuple[str, str, frozenset[str]], ...]:
    """Endpoint, address and methods; what Quart would answer by itself (OPTIONS) is not a method of ours."""
    with tempfile.TemporaryDirectory() as directory:
        place = pathlib.Path(directory)
        database = session.Database("sqlite+aiosqlite://")
        app = server.create_app(
            config.WebSettings(state_dir=place), storage.Storage(database, transaction.Place(place))
        )
        return tuple(
            (str(rule.endpoint), rule.rule, frozenset(rule.methods or ()) - {"OPTIONS"})
            for rule in app.url_map.iter_rules()
        )
