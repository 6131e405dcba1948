# SPDX-License-Identifier: Apache-2.0
"""What the doctor finds: each thing that may be wrong, made wrong for real, and nothing that it does to anybody."""

import json
import pathlib
import re
import sqlite3
from collections.abc import Mapping
from typing import Any, Final

import pytest
import sqlalchemy

import atr.config as config
import atr.db.migrate as migrate
import atr.doctor as doctor
import atr.models.promotion as tables
import atr.platforms.registry as registry
from tests import world as worlds

CANARY: Final = "canary-of-the-doctor"
_GROUP: Final = "org.example.widgets"


async def _found(
    settings: doctor.Settings, mounts: pathlib.Path = pathlib.Path("/proc/self/mountinfo"), **more: Any
) -> dict[str, doctor.Finding]:
    """What it says, by what it looked at; each thing is looked at once."""
    findings = [one async for one in doctor.examine(settings, mounts=mounts, **more)]
    assert len({one.what for one in findings}) == len(findings)
    for one in findings:
        assert re.fullmatch(r"\S.*\.", one.said, re.DOTALL), one
        assert CANARY not in f"{one}"
        assert (one.grade is not doctor.Grade.OK) or not one.to_do
    return {one.what: one for one in findings}


def _below(directory: pathlib.Path) -> list[pathlib.Path]:
    return sorted(directory.rglob("*"))


def _file(address: str) -> pathlib.Path:
    name = sqlalchemy.make_url(address).database
    assert name is not None
    return pathlib.Path(name)


def _worker(state_dir: pathlib.Path, **environ: str) -> registry.WorkerSettings:
    return registry.WorkerSettings.from_environ({"ATR_STATE_DIR": str(state_dir), **environ})


async def _of(world: worlds.World) -> dict[str, doctor.Finding]:
    """With the world's own settings and clock; a secret key is not made in it."""
    return await _found(world.settings, clock=world.clock)


def _grades(found: Mapping[str, doctor.Finding]) -> dict[str, str]:
    return {what: one.grade.value for what, one in found.items()}


async def test_a_world_that_is_well(staged: worlds.World) -> None:
    """Everything is ok, and nobody was written to: no row, no file, no request that changes anything."""
    before = (await staged.rows(tables.Event), _below(staged.settings.state_dir))
    asked = staged.platform.traffic.counters()["requests"].copy()
    found = await _of(staged)
    assert {what for what, grade in _grades(found).items() if grade != "ok"} <= {"room"}
    assert found["Maven Central, rights"].said == f"The account may publish as {_GROUP}."
    assert found["Maven Central, in public"].said == "It answers."
    assert (await staged.rows(tables.Event), _below(staged.settings.state_dir)) == before
    now = staged.platform.traffic.counters()["requests"]
    reads = {"artifact-hub", "docker-hub", "npm", "pypi", "published", "repository"}
    assert {name for name, count in now.items() if count != asked.get(name, 0)} == reads


async def test_an_empty_machine_is_only_warned_of(tmp_path: pathlib.Path) -> None:
    """Nothing stands there yet, and looking makes nothing."""
    found = await _found(_worker(tmp_path / "state"))
    assert _grades(found) == {
        "settings": "ok",
        "state directory": "warn",
        "file system": "ok",
        "database": "warn",
        "secret key": "ok",
        "platforms": "warn",
    }
    assert _below(tmp_path) == []


@pytest.mark.sqlite
async def test_the_web_is_asked_about_no_platform(database: str) -> None:
    found = await _found(config.WebSettings(state_dir=_file(database).parent))
    assert {"database", "migrations", "durability", "clock", "secret key"} <= found.keys()
    assert "platforms" not in found


async def test_a_state_directory_that_takes_no_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "state").write_text("a file")
    found = await _found(_worker(tmp_path / "state"))
    assert found["state directory"].grade is doctor.Grade.FAIL
    assert "is not writable" in found["state directory"].said


@pytest.mark.parametrize("kind", ["nfs4", "nfs", "cifs", "smb3", "fuse.sshfs", "9p"])
async def test_a_network_file_system(tmp_path: pathlib.Path, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"1 2 0:1 / / rw - ext4 /dev/a rw\n3 1 0:2 / {tmp_path} rw shared:1 - {kind} there:/x rw\n")
    found = (await _found(_worker(tmp_path), mounts))["file system"]
    assert found.grade is doctor.Grade.FAIL
    assert f"network file system ({kind})" in found.said
    assert found.to_do.startswith("Set ATR_STATE_DIR to a directory on a local disk")


async def test_a_system_that_does_not_tell(tmp_path: pathlib.Path) -> None:
    assert (await _found(_worker(tmp_path), tmp_path / "nothing"))["file system"].grade is doctor.Grade.WARN


async def test_a_file_that_is_no_database(tmp_path: pathlib.Path) -> None:
    (tmp_path / "atr.db").write_bytes(b"this is no database " * 100)
    found = (await _found(_worker(tmp_path)))["database"]
    assert found.grade is doctor.Grade.FAIL
    assert found.said == "It cannot be read: DatabaseError."


async def test_an_address_of_a_database_is_not_shown(tmp_path: pathlib.Path) -> None:
    url = f"sqlite+aiosqlite:////nonexistent/{CANARY}.db"
    (tmp_path / "token").write_text(f"name:{CANARY}")
    settings = _worker(tmp_path, ATR_DATABASE_URL=url, ATR_MAVEN_CENTRAL_TOKEN=f"name:{CANARY}")
    # The path of a file is no secret and is shown; so not by `_found`.
    said = [f"{one}" async for one in doctor.examine(settings)]
    assert not any(f"name:{CANARY}" in one or "sqlite+aiosqlite" in one for one in said)


@pytest.mark.parametrize(
    "url", [f"nonsense {CANARY}", f"nodialect://me:{CANARY}@host/atr", "mysql+nodriver://host/atr"]
)
async def test_what_is_no_database_that_we_know(tmp_path: pathlib.Path, url: str) -> None:
    found = (await _found(_worker(tmp_path, ATR_DATABASE_URL=url)))["database"]
    assert found.grade is doctor.Grade.FAIL


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("revision", "grade", "said"),
    [
        ("0001", doctor.Grade.WARN, "The database is at 0001, this program needs"),
        ("9999", doctor.Grade.FAIL, "a newer one has migrated it"),
    ],
)
async def test_a_database_at_another_revision(database: str, revision: str, grade: doctor.Grade, said: str) -> None:
    with sqlite3.connect(_file(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()
    found = (await _found(_worker(_file(database).parent)))["migrations"]
    assert (found.grade, said in found.said) == (grade, True)


async def test_a_database_that_was_never_migrated(tmp_path: pathlib.Path) -> None:
    (tmp_path / "atr.db").touch()
    found = (await _found(_worker(tmp_path)))["migrations"]
    assert found.grade is doctor.Grade.WARN
    assert found.said == f"The database is at no revision, this program needs {migrate.head()}."


async def test_a_clock_that_is_behind_what_was_written(staged: worlds.World) -> None:
    staged.clock.turn(days=-1)
    found = (await _of(staged))["clock"]
    assert found.grade is doctor.Grade.FAIL
    assert re.search(r"is 8\d,\d{3} s behind the newest event\.", found.said)


class TestSecrets:
    @pytest.mark.parametrize(
        ("mode", "grade"),
        [(0o600, "ok"), (0o400, "ok"), (0o440, "warn"), (0o640, "warn"), (0o644, "FAIL"), (0o620, "FAIL")],
    )
    async def test_who_may_read_them(self, tmp_path: pathlib.Path, mode: int, grade: str) -> None:
        for name in ("secret-key", "token"):
            (tmp_path / name).write_text(f"name:{CANARY}")
            (tmp_path / name).chmod(mode)
        found = await _found(_worker(tmp_path, ATR_MAVEN_CENTRAL_TOKEN_FILE=str(tmp_path / "token")))
        assert [found[what].grade.value for what in ("secret key", "token file")] == [grade, grade]
        assert (grade == "ok") or found["token file"].to_do == f"chmod 600 {tmp_path / 'token'}"

    async def test_a_token_file_that_is_not_there(self, tmp_path: pathlib.Path) -> None:
        found = await _found(_worker(tmp_path, ATR_MAVEN_CENTRAL_TOKEN_FILE=str(tmp_path / "token")))
        assert found["token file"].grade is doctor.Grade.FAIL


class TestPlatforms:
    async def test_a_credential_that_is_refused(self, staged: worlds.World) -> None:
        staged.fault("published", status=401, body="Invalid token", times=None)
        found = await _of(staged)
        assert found["Maven Central"].grade is doctor.Grade.FAIL
        assert "401" in found["Maven Central"].said
        assert "ATR_MAVEN_CENTRAL_TOKEN_FILE" in found["Maven Central"].to_do

    async def test_one_401_is_no_answer(self, staged: worlds.World) -> None:
        staged.fault("published", status=401)
        assert (await _of(staged))["Maven Central"].grade is doctor.Grade.OK

    async def test_a_name_that_is_not_ours(self, staged: worlds.World) -> None:
        (target,) = await staged.rows(tables.PlatformTarget)
        target.namespaces = [*target.namespaces, "com.stranger"]
        await staged.change(target)
        found = await _of(staged)
        assert found["Maven Central"].grade is doctor.Grade.OK
        assert found["Maven Central, rights"].grade is doctor.Grade.FAIL
        assert "com.stranger" in found["Maven Central, rights"].said

    async def test_no_name_is_set_yet(self, world: worlds.World) -> None:
        found = await _of(world)
        assert found["Maven Central"].grade is doctor.Grade.OK
        assert found["Maven Central, rights"].grade is doctor.Grade.WARN

    @pytest.mark.parametrize("status", [500, 503, 302])
    async def test_one_that_answers_nothing_usable(self, staged: worlds.World, status: int) -> None:
        staged.fault("published", status=status, times=None)
        found = await _of(staged)
        assert found["Maven Central"].grade is doctor.Grade.FAIL
        assert "It will be retried" not in found["Maven Central"].said

    async def test_one_that_is_not_there(self, tmp_path: pathlib.Path) -> None:
        """Nobody listens at port 1."""
        found = await _found(
            _worker(
                tmp_path,
                ATR_MAVEN_CENTRAL_PORTAL_URL="http://127.0.0.1:1",
                ATR_MAVEN_CENTRAL_REPOSITORY_URL="http://127.0.0.1:1/maven2",
                ATR_MAVEN_CENTRAL_TOKEN=f"name:{CANARY}",
                ATR_PYPI_URL="http://127.0.0.1:1/pypi",
            )
        )
        for what in ("Maven Central", "Maven Central, in public", "PyPI, in public"):
            assert found[what].grade is doctor.Grade.FAIL

    async def test_an_address_that_cannot_be_one(self, tmp_path: pathlib.Path) -> None:
        found = await _found(_worker(tmp_path, ATR_PYPI_URL=f"https://user:{CANARY}@host.example"))
        assert found["platforms"].grade is doctor.Grade.FAIL

    async def test_every_place_that_is_only_looked_at(self, world: worlds.World) -> None:
        """Each one says "not there" to a name that nobody has, and that is an answer."""
        found = await _of(world)
        public = {what: one.grade.value for what, one in found.items() if what.endswith(", in public")}
        assert set(public.values()) == {"ok"}
        assert len(public) == 6


class TestCommand:
    async def test_settings_that_cannot_be_used_are_a_finding(self) -> None:
        told: list[Mapping[str, Any]] = []
        assert not await doctor.tell_all({"ATR_NONSENSE": CANARY}, told.append, web=False)
        (finding,) = told
        assert (finding["grade"], finding["what"]) == ("FAIL", "settings")
        assert CANARY not in json.dumps(finding)

    @pytest.mark.parametrize("web", [True, False])
    async def test_all_is_told_and_told_well(self, tmp_path: pathlib.Path, web: bool) -> None:  # noqa: FBT001
        told: list[Mapping[str, Any]] = []
        assert await doctor.tell_all({"ATR_STATE_DIR": str(tmp_path)}, told.append, web=web)
        assert json.loads(json.dumps(told[0])) == {
            "grade": "ok",
            "what": "settings",
            "said": "All settings are valid.",
            "to_do": "",
        }
        assert _below(tmp_path) == []
