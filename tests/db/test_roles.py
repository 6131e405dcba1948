# SPDX-License-Identifier: Apache-2.0
"""What the web's role of a PostgreSQL database is refused by the server. That all pages work with it: the journeys.

`ATR_TEST_DATABASE=postgresql` has every test that goes through a world do what people do as `atr_web`, and what the
worker does as `atr_worker`.
"""

import asyncio
import contextlib
import hashlib
import json
import pathlib
from collections.abc import Iterator
from typing import Final

import psycopg
import pytest
import sqlalchemy

import atr.db.migrate as migrate
import atr.db.roles as roles
import atr.errors as errors
import atr.promotion.states as states
from tests import databases, installed
from tests import world as worlds

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(databases.programs() is None, reason=installed.POSTGRESQL.advice),
]

SHA: Final = hashlib.sha256(b"").hexdigest()
ONE_FILE: Final = hashlib.sha256(f"{SHA} 1 a\n".encode()).hexdigest()
# Of a promotion, all that is asked for but its state and its files.
ASKED: Final = (
    "release_key, platform, deployment_id, entered_at, version, requested_by, requested_at, by_hand, out_of_band,"
    " evidence_digest, reason, blocker, held, resend, gone_looks, platform_word, read_round, read_done, read_total,"
    " difference, lease_owner, lease_epoch"
)
# Each would make something look proved, sent or voted on that is not.
FORBIDDEN: Final = {
    "an attempt": "INSERT INTO attempt (deployment_id, kind, number, lease_epoch, marked_at, marked_for, answer,"
    " sample, bytes_sent) VALUES (1, 'publish', 1, 1, now(), 'bob', 'none', '', 0)",
    "an attempt changed": "UPDATE attempt SET answer = 'refused'",
    "an attempt taken away": "DELETE FROM attempt",
    "a file set": f"INSERT INTO file_set (digest, files, size, created) VALUES ('{SHA}', 0, 0, now())",
    "a file of a set": f"INSERT INTO file_set_file (digest, path, size, sha256) SELECT digest, 'x', 1, '{SHA}'"
    " FROM file_set LIMIT 1",
    "a set that is not its digest": f"SELECT atr_store_file_set('{SHA}', ARRAY['a'], ARRAY[1::bigint], ARRAY['{SHA}'],"
    " now())",
    "a set with one more than was hashed": f"SELECT atr_store_file_set('{ONE_FILE}', ARRAY['a', 'b'],"
    f" ARRAY[1::bigint, -1::bigint], ARRAY['{SHA}', 'x'], now())",
    "a file set changed": "UPDATE file_set SET size = 1",
    "what was captured": "UPDATE deployment SET file_set_digest = NULL",
    "what was read before the call": "UPDATE promotion SET verified_digest = voted_digest",
    "what was read after it": "UPDATE promotion SET public_digest = voted_digest",
    "what stands in public": "UPDATE promotion SET extra_files = '[]'",
    "that somebody looked beside it": "UPDATE promotion SET beside_at = now()",
    "a file accepted that was not found": "UPDATE promotion SET accepted_files ="
    f" json_build_array(json_build_object('path', 'a', 'size', 1, 'sha256', '{SHA}'))",
    "a promotion with files accepted before": f"INSERT INTO promotion ({ASKED}, state, voted_digest, accepted_files)"
    f" SELECT {ASKED}, 'requested', voted_digest, '[{{}}]' FROM promotion LIMIT 1",
    "what was voted on": "UPDATE promotion SET voted_digest = evidence_digest",
    "files that were not voted on": f"INSERT INTO promotion ({ASKED}, state, voted_digest) SELECT {ASKED}, 'requested',"
    " (SELECT file_set_digest FROM revision_files LIMIT 1) FROM promotion LIMIT 1",
    "a check's result": "DELETE FROM checkresult",
    "a package of a deployment": "INSERT INTO deployment_package SELECT * FROM deployment_package LIMIT 1",
    "an upload of another generation": "UPDATE deployment SET made_in = made_in + 1",
    "a lease": "UPDATE promotion SET lease_epoch = 9",
    "an event changed": "UPDATE event SET actor = 'mallory'",
    "an event taken away": "DELETE FROM event",
    "a ballot's entry changed": "UPDATE ballot_entry SET platform = ''",
    "a ballot's entry taken away": "DELETE FROM ballot_entry",
    "one more entry of an opened ballot": "INSERT INTO ballot_entry (release_key, vote_seq, kind, platform,"
    " file_set_digest, opened) SELECT release_key, vote_seq, 'mapped', 'MAVEN', file_set_digest, opened"
    " FROM ballot_entry LIMIT 1",
    "a ballot of no vote": "INSERT INTO ballot_entry (release_key, vote_seq, kind, platform, file_set_digest, opened)"
    " SELECT release_key, 99, kind, platform, file_set_digest, opened FROM ballot_entry LIMIT 1",
    "a third-party distribution found": "UPDATE distribution SET pending = false",
    "a third-party distribution proved": "UPDATE distribution SET proof = 'proved'",
    "a promotion that holds nothing": "UPDATE promotion_target SET holding = false",
    "a package outside the project's names": "INSERT INTO promotion_target (promotion_id, purl, owner_namespace,"
    " package, version, holding) SELECT id, 'pkg:maven/org.elsewhere/x@1', 'org.elsewhere', 'x', '1', true"
    " FROM promotion LIMIT 1",
    "a package beside the project's names": "INSERT INTO promotion_target (promotion_id, purl, owner_namespace,"
    " package, version, holding) SELECT id, 'pkg:maven/org.example.widgetsx/x@1', 'org.example.widgetsx', 'x', '1',"
    " true FROM promotion LIMIT 1",
    "another project's package under a name of one's own": "INSERT INTO promotion_target (promotion_id, purl,"
    " owner_namespace, package, version, holding) SELECT id, 'pkg:maven/org.elsewhere/x@1', 'org.example.widgets',"
    " 'x', '1', true FROM promotion LIMIT 1",
    "a task taken": "UPDATE promotion_task SET status = 'completed'",
    "a session given to somebody else": "UPDATE usersession SET uid = 'mallory'",
    "a session made younger": "UPDATE usersession SET cts = 9e9",
    "a sign-in made more recent": "UPDATE usersession SET auth_time = 9e9",
    "an admin": "INSERT INTO foundation_admin (asf_uid) VALUES ('mallory')",
    "a table emptied": "TRUNCATE event",
    "a wall taken down": "DROP TRIGGER promotion_web ON promotion",
    "a wall switched off": "SET session_replication_role = replica",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with a promotion that waits."""
    with databases.server() as server:
        provided = databases.Postgresql(server)
        directory = tmp_path_factory.mktemp("asked")
        scene = worlds.scene(directory, provided, worlds.World.voted)

        async def ask() -> str:
            copy = tmp_path_factory.mktemp("copy")
            async with scene.opened(copy) as world:
                await world.promote(scene.deployment_id)
                return world.settings.database

        with asyncio.Runner() as runner:
            yield databases.as_role(runner.run(ask()), "postgres")


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_web_is_refused(made: str, what: str) -> None:
    with (
        _connected(made, roles.WEB) as connection,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.IntegrityError)),
    ):
        connection.execute(FORBIDDEN[what])


def test_the_web_signs_people_in_and_out(made: str) -> None:
    with _connected(made, roles.WEB) as connection:
        connection.execute("INSERT INTO usersession (sid_hash, uid, cts, uts) VALUES ('a', 'bob', 1, 1)")
        assert connection.execute("UPDATE usersession SET uts = 2").rowcount == 1
        assert connection.execute("DELETE FROM usersession").rowcount == 1


def _arrows() -> list[tuple[states.State, states.State]]:
    return [
        (frm, to)
        for frm in states.State
        for to in states.State
        if (frm is not to) and (to not in states.PEOPLES_ARROWS.get(frm, frozenset()))
    ]


def test_the_web_draws_the_arrows_of_people_only(made: str) -> None:
    """Every other pair of states is refused, also by an UPDATE that says nothing else."""
    for frm, to in _arrows():
        with _connected(made, "postgres") as owner:
            owner.execute("UPDATE promotion SET state = %s", (frm.value,))
        with _connected(made, roles.WEB) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE promotion SET state = %s", (to.value,))
    for frm, several in states.PEOPLES_ARROWS.items():
        for to in several:
            assert to in states.ARROWS[frm] | states.PERSONS_ARROWS.get(frm, frozenset())
            with _connected(made, "postgres") as owner:
                owner.execute("UPDATE promotion SET state = %s", (frm.value,))
            with _connected(made, roles.WEB) as connection:
                assert connection.execute("UPDATE promotion SET state = %s", (to.value,)).rowcount == 1
    with _connected(made, "postgres") as owner:
        owner.execute("UPDATE promotion SET state = 'requested'")


def test_the_web_accepts_only_what_was_found_in_public_and_diverged(made: str) -> None:
    found = {"path": "a/b-all.jar", "size": 3, "sha256": SHA}
    told = {"reason": "Known.", "by": "alice", "at": "2026-09-17T12:00:00+00:00"}
    accept = "UPDATE promotion SET accepted_files = %s::json"
    with _connected(made, "postgres") as owner:
        owner.execute("UPDATE promotion SET state = 'diverged', extra_files = %s::json", (json.dumps([found]),))
    for other in ({**found, "path": "a/c.jar"}, {**found, "size": 4}, {**found, "sha256": ONE_FILE}, {}):
        with _connected(made, roles.WEB) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(accept, (json.dumps([{**other, **told}]),))
    with _connected(made, roles.WEB) as connection:
        assert connection.execute(accept, (json.dumps([{**found, **told}]),)).rowcount == 1
    with _connected(made, "postgres") as owner:
        owner.execute("UPDATE promotion SET state = 'live', accepted_files = '[]'")
    with _connected(made, roles.WEB) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(accept, (json.dumps([{**found, **told}]),))
    with _connected(made, "postgres") as owner:
        owner.execute("UPDATE promotion SET state = 'requested', extra_files = '[]'")


def test_the_web_records_a_promotion_only_as_asked_for(made: str) -> None:
    columns = f"{ASKED}, voted_digest"
    insert = f"INSERT INTO promotion ({columns}, state) SELECT {columns}, %s FROM promotion LIMIT 1"
    for state in states.State:
        with _connected(made, roles.WEB) as connection:
            if state is states.State.REQUESTED:
                assert connection.execute(insert, (state.value,)).rowcount == 1
            else:
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only ask for a promotion"):
                    connection.execute(insert, (state.value,))
            connection.rollback()


@pytest.mark.parametrize(("purl", "taken"), [("1.0%2Bb%2Bc", True), ("1.0+b+c", False)])
def test_a_plus_sign_is_encoded_in_what_is_held(made: str, purl: str, *, taken: bool) -> None:
    insert = (
        "INSERT INTO promotion_target (promotion_id, purl, owner_namespace, package, version, holding)"
        f" SELECT promotion_id, 'pkg:maven/' || owner_namespace || '/plus@{purl}', owner_namespace, 'plus', '1.0+b+c',"
        " true FROM promotion_target LIMIT 1"
    )
    refused = pytest.raises(psycopg.errors.InsufficientPrivilege, match="under its own name")
    with _connected(made, roles.WEB) as connection, contextlib.nullcontext() if taken else refused:
        assert connection.execute(insert).rowcount == 1
        connection.rollback()


def test_a_promotion_on_its_way_gets_no_more_packages(made: str) -> None:
    more = (
        "INSERT INTO promotion_target (promotion_id, purl, owner_namespace, package, version, holding)"
        " SELECT promotion_id, 'pkg:maven/' || owner_namespace || '/other@' || version, owner_namespace, 'other',"
        " version, true FROM promotion_target LIMIT 1"
    )
    with _connected(made, roles.WEB) as connection:
        assert connection.execute(more).rowcount == 1
        connection.rollback()
    with _connected(made, "postgres") as owner:
        owner.execute("UPDATE promotion SET state = 'checking'")
    with (
        _connected(made, roles.WEB) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="no more"),
    ):
        connection.execute(more)
    with _connected(made, "postgres") as owner:
        owner.execute("UPDATE promotion SET state = 'requested'")


def test_another_role_that_was_given_the_webs_is_bound_by_the_same_walls(made: str) -> None:
    with _connected(made, "postgres") as owner:
        owner.execute("CREATE ROLE mallory LOGIN IN ROLE atr_web")
    with _connected(made, "mallory") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("UPDATE promotion SET state = 'live'")


def test_a_table_of_ones_own_stands_in_for_none_of_ours(made: str) -> None:
    """A temporary table is found before others of its name, but not by what checks a ballot."""
    with _connected(made, roles.WEB) as connection:
        connection.execute("CREATE TEMPORARY TABLE ballot_entry AS SELECT * FROM ballot_entry LIMIT 0")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(
                FORBIDDEN["one more entry of an opened ballot"]
                .replace("INTO ballot", "INTO public.ballot")
                .replace("FROM ballot", "FROM public.ballot")
            )


def test_an_owner_who_may_make_no_roles_is_told_so(made: str) -> None:
    with _connected(made, "postgres") as owner:
        owner.execute("CREATE ROLE plain LOGIN")
        owner.execute("DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO plain', current_schema()); END $$")
    with pytest.raises(errors.SettingsError, match="CREATEROLE"):
        migrate.grant(databases.as_role(made, "plain"))


def test_neither_role_migrates(made: str) -> None:
    for role in (roles.WEB, roles.WORKER):
        with _connected(made, role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE alembic_version SET version_num = '0001'")
        # At the newest revision there is nothing to do, so a start as this role is fine.
        migrate.upgrade(databases.as_role(made, role))


def test_each_table_that_the_web_writes_is_there(made: str) -> None:
    """And what the models describe is all that is granted."""
    engine = migrate.engine(made)
    there = set(sqlalchemy.inspect(engine).get_table_names())
    engine.dispose()
    assert set(roles.WRITES) <= there
    assert {"attempt", "file_set", "file_set_file", "file_read", "foundation_admin"} <= there - set(roles.WRITES)


def test_sqlite_has_no_roles(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.SettingsError, match="Only PostgreSQL has roles"):
        migrate.grant(databases.sqlite_url(tmp_path / "atr.db"))


def _connected(address: str, role: str) -> psycopg.Connection:
    url = sqlalchemy.make_url(databases.as_role(address, role)).set(drivername="postgresql")
    return psycopg.connect(url.render_as_string(hide_password=False))
