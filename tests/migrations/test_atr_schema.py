# SPDX-License-Identifier: Apache-2.0
"""ATR's schema as we describe it: that it is ATR's, that our first migration is a part of it, and that ours fits it."""

import datetime
import json
import pathlib
import subprocess
import sys
from typing import Any, Final

import pytest

import atr.db.migrate as migrate
import atr.models.sql as sql
import atr.shared.distribution as distribution
import tests.contract.atr as atrs
import tests.migrations.history as history

ROOT: Final = pathlib.Path(__file__).resolve().parents[2]
SHARED: Final = ROOT.parent / "shared" / "contracts"
_ENUMS: Final = (sql.ProjectStatus, sql.ReleasePhase, sql.VoteChoice, sql.CheckResultStatus)
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the team's folder shared/ is not here")


@pytest.mark.shared
@needs_shared
def test_our_description_is_that_of_the_team(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    atrs.make(path)
    theirs = tmp_path / "theirs.db"
    subprocess.run([sys.executable, SHARED / "build_atr_like.py", theirs], check=True, capture_output=True)
    ours, every = history.facts(path), history.facts(theirs)
    assert ours == {table: every[table] for table in ours}
    assert _stamp(path) == _stamp(theirs)


@pytest.mark.shared
@needs_shared
def test_our_enums_are_those_of_the_team() -> None:
    enums = json.loads((SHARED / "atr-schema.json").read_text("utf-8"))["enums"]
    for kind in _ENUMS:
        assert {member.name: member.value for member in kind} == enums[kind.__name__]["members"]
    assert {one.name for one in distribution.DistributionPlatform} == set(
        enums["DistributionPlatform"]["stored_values"]
    )


def test_our_first_migration_is_a_part_of_it(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Each table, column, constraint and index of it is one of ATR's, by name, type and whether it may be NULL."""
    atrs.make(path)
    ours = tmp_path / "ours.db"
    migrate.upgrade(history.url(ours), "0001")
    found = history.facts(ours)
    # It came later, where it is not there.
    migrate.upgrade(history.url(ours))
    found["usersession"] = history.facts(ours)["usersession"]
    assert found["usersession"]["columns"].pop("auth_time") == ("FLOAT", True, None)
    every = history.facts(path)
    for table, facts in found.items():
        for what in ("columns", "checks", "uniques", "foreign"):
            for name, fact in facts[what].items():
                assert _plain(every[table][what].get(name)) == _plain(fact), f"{table}.{name}"
        assert facts["key"] == every[table]["key"]
        indexes = {_words(one) for one in every[table].get("indexes", ())}
        assert {_words(one) for one in facts.get("indexes", ())} <= indexes


@pytest.mark.parametrize("foreign_keys", ["ON", "OFF"])
@pytest.mark.parametrize("checks", [True, False])
def test_ours_is_added_to_a_full_database_of_atrs_and_taken_away_again(
    path: pathlib.Path, foreign_keys: str, *, checks: bool
) -> None:
    """No row differs, no table is made anew, and its constraints stay."""
    atrs.make(path, checks=checks)
    before, rows, pages = history.facts(path), _rows(path), _pages(path)
    atrs.add_ours(path, foreign_keys=foreign_keys)
    assert {table: _pages(path)[table] for table in pages} == pages
    for table, facts in before.items():
        now = history.facts(path)[table]
        for what in ("checks", "uniques", "foreign", "key"):
            assert now[what] == facts[what]
        assert facts["columns"].items() <= now["columns"].items()
    with history.raw(path) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        due = connection.execute("SELECT platform FROM distribution WHERE due_at IS NOT NULL").fetchall()
        assert [platform for (platform,) in due] == ["NPM_SCOPED"]
    for script in reversed(history.SCRIPTS[1:]):
        history.run_alone(path, script.module.downgrade, foreign_keys)
    assert (history.facts(path), _rows(path)) == (before, rows)


async def test_rows_of_atrs_are_read_through_our_models(path: pathlib.Path) -> None:
    """What is NULL there has one value for us."""
    atrs.make(path)
    atrs.add_ours(path)
    read = await history.through_models(path)
    assert {table: len(rows) for table, rows in read.items() if rows} == {
        table: len(rows) for table, rows in atrs.ROWS.items() if table in read
    }
    (committee,), (policy,) = read["committee"], read["releasepolicy"]
    assert (committee.name, policy.min_hours, policy.remote_promotion) == ("Example", 72, {})
    projects = {row.key: row for row in read["project"]}
    assert [projects[key].name for key in (atrs.PROJECT, "nobodys")] == ["Example-Widgets", "Nobodys"]
    assert projects["nobodys"].committee_key == ""
    phases = {row.key: (row.phase, row.current_vote_seq) for row in read["release"]}
    assert phases == {
        atrs.OLDER: (sql.ReleasePhase.RELEASE, 0),
        atrs.RELEASE: (sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT, 0),
    }
    (result,), (paper,) = read["checkresult"], read["ballotpaper"]
    assert (result.revision_number, result.checker_version, result.data) == ("", "", {})
    assert paper.choice is sql.VoteChoice.YES
    seen = {row.platform: (row.created_by, row.upload_date) for row in read["distribution"]}
    then = datetime.datetime(2026, 9, 10, 12, tzinfo=datetime.UTC)
    assert seen == {"NPM_SCOPED": ("", None), "DOCKER_HUB": ("", then)}


def _stamp(path: pathlib.Path) -> str:
    with history.raw(path) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def _rows(path: pathlib.Path) -> dict[str, list[dict[str, Any]]]:
    with history.raw(path) as connection:
        return {
            table: [dict(row) for row in connection.execute(f'SELECT * FROM "{table}" ORDER BY rowid')]
            for table in atrs.ROWS
        }


def _pages(path: pathlib.Path) -> dict[str, int]:
    with history.raw(path) as connection:
        return dict(connection.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'").fetchall())


def _plain(fact: Any) -> Any:
    """A column; its default without the parentheses and quotation marks that one side leaves around it."""
    return (*fact[:2], str(fact[2]).strip("()'")) if isinstance(fact, tuple) else fact


def _words(statement: str) -> str:
    return statement.replace('"', "")
