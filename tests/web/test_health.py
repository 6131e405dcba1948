# SPDX-License-Identifier: Apache-2.0
"""What machines ask: whether the process lives, and whether it could serve people now."""

import json
import pathlib

import pytest

import atr.config as config
import atr.db.migrate as migrate
import atr.db.session as session
import atr.server as server
import atr.storage as storage
import atr.storage.health as health
import atr.storage.transaction as transaction
from tests.web import house as houses

CANARY = "canary-of-the-health"


async def _answer(state_dir: pathlib.Path, url: str, path: str) -> houses.Answer:
    """What a web process over this database and directory answers; it may be in any condition."""
    database = session.Database(url)
    try:
        app = server.create_app(
            config.WebSettings(state_dir=state_dir), storage.Storage(database, transaction.Place(state_dir))
        )
        return await houses.Person(app).get(path)
    finally:
        await database.close()


def _url(path: pathlib.Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def _lacks(answer: houses.Answer) -> dict[str, str]:
    said = json.loads(answer.text)
    assert said["ready"] is False
    assert answer.status == 503
    assert answer.headers["content-type"] == "application/json"
    return {one["what"]: one["why"] for one in said["lacks"]}


@pytest.mark.parametrize(("path", "said"), [("/healthz", {"alive": True}), ("/readyz", {"ready": True, "lacks": []})])
async def test_all_is_well(tmp_path: pathlib.Path, database: str, path: str, said: dict[str, object]) -> None:
    answer = await _answer(tmp_path, database, path)
    assert (answer.status, json.loads(answer.text)) == (200, said)
    assert answer.cookies == ()
    assert answer.headers["cache-control"] == "no-store"


async def test_a_process_without_a_database_lives_and_is_not_ready(tmp_path: pathlib.Path) -> None:
    url = f"sqlite+aiosqlite:////nonexistent/{CANARY}/atr.db"
    assert (await _answer(tmp_path, url, "/healthz")).status == 200
    answer = await _answer(tmp_path, url, "/readyz")
    assert _lacks(answer) == {"database": "It cannot be read; see the log."}
    assert CANARY not in answer.text


async def test_a_file_that_is_no_database(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "atr.db"
    path.write_bytes(b"this is no database, and long enough to be asked about" * 100)
    assert set(_lacks(await _answer(tmp_path, _url(path), "/readyz"))) == {"database"}


@pytest.mark.parametrize(("at", "said"), [(None, "no revision"), ("0001", "0001")])
async def test_a_database_that_was_not_migrated(tmp_path: pathlib.Path, at: str | None, said: str) -> None:
    if at:
        migrate.upgrade(_url(tmp_path / "atr.db"), at)
    lacks = _lacks(await _answer(tmp_path, _url(tmp_path / "atr.db"), "/readyz"))
    assert lacks == {"migrations": f"The database is at {said} and this program needs {migrate.head()}."}


async def test_a_directory_that_takes_no_file(tmp_path: pathlib.Path, database: str) -> None:
    state_dir = tmp_path / "state"
    store = storage.Storage(session.Database(database), transaction.Place(state_dir))
    assert await health.lacks(store) == (
        health.Lack("disk", "No file can be written to the state directory: No such file or directory."),
    )
    state_dir.mkdir()
    assert await health.lacks(store) == ()
    # Nothing is left of what was tried.
    assert list(state_dir.iterdir()) == []
    await store.database.close()


async def test_what_does_not_answer_in_time_is_not_waited_for(tmp_path: pathlib.Path, database: str) -> None:
    store = storage.Storage(session.Database(database), transaction.Place(tmp_path))
    lacks = await health.lacks(store, patience=0)
    assert [lack.what for lack in lacks] == ["database", "disk"]
    assert "did not respond within 0 s" in lacks[0].why
    await store.database.close()
