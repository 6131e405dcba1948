# SPDX-License-Identifier: Apache-2.0
"""Every revision, up and down, on a database with rows."""

import itertools
import pathlib
import re
from typing import Any

import pytest

import atr.db.migrate as migrate
import tests.migrations.history as history


def test_each_revision_has_rows() -> None:
    assert tuple(history.ROWS) == history.REVISIONS


def test_each_file_is_named_after_its_revision() -> None:
    files = sorted(file.name for file in (migrate.directory() / "versions").glob("*.py"))
    assert [name[:4] for name in files] == list(history.REVISIONS)
    assert all(re.fullmatch(r"\d{4}_[a-z]+_[a-z_]+\.py", name) for name in files)


@pytest.mark.parametrize("revision", history.REVISIONS)
def test_up_loses_no_row_of_earlier_revisions(path: pathlib.Path, revision: str) -> None:
    history.at(path, revision)
    earlier = history.REVISIONS[: history.REVISIONS.index(revision) + 1]
    assert [history.lost(path, each) for each in earlier] == [[] for _ in earlier]


@pytest.mark.parametrize(("lower", "upper"), list(itertools.pairwise(history.REVISIONS)))
def test_down_and_up_again_keeps_what_the_lower_one_has(path: pathlib.Path, lower: str, upper: str) -> None:
    history.at(path, lower)
    as_it_was = sorted(" ".join(sql.split()) for _, sql in history.schema(path))
    migrate.upgrade(history.url(path), upper)
    history.fill(path, upper)

    migrate.downgrade(history.url(path), lower)
    assert history.lost(path, lower) == []
    assert sorted(" ".join(sql.split()) for _, sql in history.schema(path)) == as_it_was

    migrate.upgrade(history.url(path), upper)
    assert history.lost(path, lower) == []
    history.fill(path, upper)
    assert history.lost(path, upper) == []


@pytest.mark.parametrize("revision", history.REVISIONS)
def test_down_to_nothing_with_rows_and_up_again(path: pathlib.Path, revision: str) -> None:
    history.at(path, revision)
    migrate.downgrade(history.url(path), "base")
    assert history.tables(path) == {"alembic_version"}
    assert migrate.current(history.url(path)) is None
    migrate.upgrade(history.url(path))
    assert migrate.current(history.url(path)) == history.HEAD


@pytest.mark.parametrize("revision", history.REVISIONS)
def test_from_each_revision_straight_to_the_last(path: pathlib.Path, revision: str) -> None:
    history.at(path, revision)
    migrate.upgrade(history.url(path))
    assert history.lost(path, revision) == []
    with history.raw(path) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_ours_only_adds_to_atrs_tables(path: pathlib.Path) -> None:
    migrate.upgrade(history.url(path), "0001")
    before = _columns(path)
    migrate.upgrade(history.url(path))
    after = _columns(path)
    assert before.keys() <= after.keys()
    for table, (page, columns) in before.items():
        page_now, columns_now = after[table]
        # A table that was made anew stands on another page.
        assert (page_now, columns_now[: len(columns)]) == (page, columns)
        for _, name, _, not_null, default, _ in columns_now[len(columns) :]:
            assert (not not_null) or (default is not None), f"{table}.{name}"


@pytest.mark.parametrize("foreign_keys", ["ON", "OFF"])
def test_an_adopter_runs_only_ours(path: pathlib.Path, foreign_keys: str) -> None:
    """In their own environment, whatever it sets; and their code, which does not know our columns, writes on."""
    history.at(path, "0001")
    ours = [script for script in history.SCRIPTS if script.revision >= "0002"]
    for script in ours:
        for run in (script.module.upgrade, script.module.downgrade, script.module.upgrade):
            history.run_alone(path, run, foreign_keys)
            assert history.lost(path, "0001") == []
        history.fill(path, script.revision)
    with history.raw(path) as connection:
        history.insert(connection, "committee", {**history.ROWS["0001"]["committee"][0], "key": "later"})
        for table in ("distribution", "releasepolicy"):
            row = history.ROWS["0001"][table][0]
            other = {name: (77 if name == "id" else "later" if name == "package" else row[name]) for name in row}
            history.insert(connection, table, other)


def test_what_waits_to_be_seen_in_public_is_looked_at_again(path: pathlib.Path) -> None:
    history.at(path, "0001")
    migrate.upgrade(history.url(path))
    with history.raw(path) as connection:
        due = connection.execute("SELECT package FROM distribution WHERE due_at IS NOT NULL ORDER BY package")
        assert [package for (package,) in due] == ["kit", "kit-api"]


def test_what_is_held_is_held_under_the_encoded_url(path: pathlib.Path) -> None:
    """And under no other, or two promotions of one package could be open: the purl is what the index compares."""
    old = {"a": "pkg:maven/org.example/a@1.0+b+c", "b": "pkg:maven/org.example/b@1.0"}
    history.at(path, "0003")
    with history.raw(path, foreign_keys=False) as connection:
        for name, purl in old.items():
            version = purl.partition("@")[2]
            row = {"promotion_id": 1, "purl": purl, "owner_namespace": "org.example", "package": name, "holding": 1}
            history.insert(connection, "promotion_target", {**row, "version": version})
    (script,) = (script for script in history.SCRIPTS if script.revision == "0004")
    history.run_alone(path, script.module.upgrade, "OFF")
    assert _purls(path) == {"a": "pkg:maven/org.example/a@1.0%2Bb%2Bc", "b": "pkg:maven/org.example/b@1.0"}
    history.run_alone(path, script.module.downgrade, "OFF")
    assert _purls(path) == old


def _purls(path: pathlib.Path) -> dict[str, str]:
    with history.raw(path) as connection:
        return {row["package"]: row["purl"] for row in connection.execute("SELECT * FROM promotion_target")}


def _columns(path: pathlib.Path) -> dict[str, tuple[int, list[tuple[Any, ...]]]]:
    with history.raw(path) as connection:
        pages = connection.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: (page, [tuple(column) for column in connection.execute(f'PRAGMA table_info("{name}")')])
            for name, page in pages
            if name != "alembic_version"
        }
