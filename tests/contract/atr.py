# SPDX-License-Identifier: Apache-2.0
"""A database of ATR's in a file, with ATR's rows, and what ATR does with them: plain SQL, nothing of ours.

The tables are those of `atr-schema.sql`. What ATR's acts are is said in statements of our own, after the writers that
docs/taking-this-into-atr.md names.
"""

import datetime
import json
import pathlib
from typing import Any, Final

import tests.migrations.history as history

SCHEMA: Final = pathlib.Path(__file__).parent / "atr-schema.sql"
PROJECT: Final = "example-widgets"
RELEASE: Final = "example-widgets-2.4.0"
OLDER: Final = "example-widgets-2.3.0"
MEMBERS: Final = ("alice", "bob", "carol")
_THEN: Final = "2026-09-10 12:00:00.000000"
_NOT_NULL_TEXTS: Final = (
    "release_checklist",
    "vote_comment_template",
    "start_vote_subject",
    "start_vote_template",
    "announce_release_subject",
    "announce_release_template",
    "github_repository_branch",
)
_NOT_NULL_LISTS: Final = (
    "binary_artifact_paths",
    "source_artifact_paths",
    "source_excludes_lightweight",
    "source_excludes_rat",
    "github_compose_workflow_path",
    "github_vote_workflow_path",
    "github_finish_workflow_path",
)


def _release(key: str, phase: str, **values: Any) -> dict[str, Any]:
    return {
        "key": key,
        "phase": phase,
        "created": _THEN,
        "activity_at": _THEN,
        "project_key": PROJECT,
        "cycle_key": f"{PROJECT}-default",
        "package_managers": "[]",
        "version": key.removeprefix(f"{PROJECT}-"),
        "sboms": "[]",
        **values,
    }


def _revision(release: str, seq: int, **values: Any) -> dict[str, Any]:
    key = {"key": f"{release} {seq:05}", "release_key": release, "seq": seq, "number": f"{seq:05}"}
    return {**key, "asfuid": "dave", "created": _THEN, "phase": "RELEASE_CANDIDATE_DRAFT", **values}


def _task(number: int, task_type: str, status: str, **values: Any) -> dict[str, Any]:
    return {"id": number, "status": status, "task_type": task_type, "added": _THEN, "project_key": PROJECT, **values}


# Parents first. What ATR leaves NULL is NULL: names, hours, the number of the vote, who made a row.
ROWS: Final[history.Rows] = {
    "committee": [
        {
            "key": "example",
            "is_podling": 0,
            "keys_mode": "REFLECT",
            "committee_members": json.dumps(MEMBERS),
            "committers": json.dumps([*MEMBERS, "dave"]),
            "release_managers": json.dumps(["dave"]),
        }
    ],
    "releasepolicy": [
        {
            "id": 1,
            "license_check_mode": "BOTH",
            "file_tag_mappings": json.dumps({"mavencentral": ["maven/**"]}),
            **dict.fromkeys(_NOT_NULL_TEXTS, ""),
            **dict.fromkeys(_NOT_NULL_LISTS, "[]"),
        }
    ],
    "project": [
        {"key": PROJECT, "status": "ACTIVE", "committee_key": "example", "release_policy_id": 1, "created": _THEN},
        {"key": "nobodys", "status": "RETIRED", "created": _THEN},
    ],
    "projectcycle": [{"cycle_key": f"{PROJECT}-default", "cycle": "default", "project_key": PROJECT}],
    "release": [
        _release(OLDER, "RELEASE", released=_THEN, vote_mode="EMAIL", vote_started=_THEN, vote_resolved=_THEN),
        _release(RELEASE, "RELEASE_CANDIDATE_DRAFT"),
    ],
    "revisioncounter": [{"release_key": RELEASE, "last_allocated_number": 1}],
    "revision": [_revision(RELEASE, 1)],
    "releasefilestate": [
        {
            "release_key": RELEASE,
            "path": "maven",
            "since_revision_seq": 1,
            "present": 1,
            "content_hash": "blake3:00",
            "classification": "binary",
        }
    ],
    "ballotpaper": [
        {
            "id": 1,
            "release_key": OLDER,
            "vote_seq": 1,
            "voter_asf_uid": "bob",
            "voter_fullname": "Bob",
            "choice": "YES",
            "is_binding_at_cast": 1,
            "revision_number_at_cast": "00001",
            "receipt_message_id": "<1@example.org>",
            "created": _THEN,
        }
    ],
    "checkresult": [
        {
            "id": 1,
            "release_key": RELEASE,
            "checker": "paths",
            "created": _THEN,
            "status": "EXCEPTION",
            "message": "Later",
            "cached": 0,
        }
    ],
    "task": [
        _task(1, "PATHS_CHECK", "QUEUED", inputs_hash="a" * 64, version_key="2.4.0"),
        _task(2, "SVN_PUBLISH", "ACTIVE", started=_THEN, pid=7, version_key="2.4.0"),
        _task(3, "HASHING_CHECK", "COMPLETED", completed=_THEN, result="null", inputs_hash="b" * 64),
        _task(4, "RAT_CHECK", "BROKEN", completed=_THEN, error="Try again", version_key="2.4.0"),
    ],
    "workflowstatus": [
        {"workflow_id": "distribute-npm.yml", "run_id": 9, "project_key": PROJECT, "task_id": 4, "status": "queued"}
    ],
    "usersession": [
        {
            "sid_hash": "c" * 64,
            "uid": "bob",
            **dict.fromkeys(("is_member", "is_chair", "is_root", "mfa", "is_role", "downgrade_admin_to_user"), 0),
            "member_committees": "[]",
            "participant_committees": "[]",
            "cts": 1_788_000_000.5,
            "uts": 1_788_000_060.5,
        }
    ],
    "distribution": [
        {
            "release_key": OLDER,
            "platform": platform,
            "owner_namespace": "example",
            "package": "widgets",
            "version": "2.3.0",
            "staging": 0,
            "pending": pending,
            "upload_date": upload_date,
        }
        for platform, pending, upload_date in (("NPM_SCOPED", 1, None), ("DOCKER_HUB", 0, _THEN))
    ],
}


def make(path: pathlib.Path, *, checks: bool = True) -> None:
    """A database of ATR's with its rows. A migrated one may have lost its CHECKs."""
    lines = SCHEMA.read_text("utf-8").splitlines()
    with history.raw(path) as connection:
        connection.executescript("\n".join(line for line in lines if checks or not line.startswith("  CONSTRAINT ck_")))
        for table, rows in ROWS.items():
            for row in rows:
                history.insert(connection, table, row)


def add_ours(path: pathlib.Path, *, foreign_keys: str = "ON") -> None:
    """Run our own migrations on it, as ATR's would follow its newest one: ours of ATR's tables not among them."""
    for script in history.SCRIPTS[1:]:
        history.run_alone(path, script.module.upgrade, foreign_keys)


# A vote by mail starts: phase, number, time and the revision that it is about, in one statement.
START_VOTE: Final = (
    "UPDATE release SET phase = 'RELEASE_CANDIDATE', vote_mode = 'EMAIL', current_vote_seq = 1, vote_started = :at,"
    f" vote_resolved = NULL, voted_revision_number = '00001' WHERE key = '{RELEASE}'"
    " AND phase = 'RELEASE_CANDIDATE_DRAFT'"
)
# It passes: one conditional statement, and no revision.
PASS_VOTE: Final = (
    "UPDATE release SET phase = 'RELEASE_PREVIEW', vote_resolved = :at"
    f" WHERE key = '{RELEASE}' AND phase = 'RELEASE_CANDIDATE'"
)
# The announcement: the phase, and away with every revision; the states of its files go with them.
ANNOUNCE: Final = (
    f"UPDATE release SET phase = 'RELEASE', released = :at WHERE key = '{RELEASE}'",
    f"DELETE FROM revision WHERE release_key = '{RELEASE}'",
)
# A release is deleted after its tasks and revisions; papers, results of checks and distributions go by themselves.
DELETE_RELEASE: Final = (
    f"DELETE FROM task WHERE project_key = '{PROJECT}' AND version_key = '2.4.0'",
    f"DELETE FROM revision WHERE release_key = '{RELEASE}'",
    f"DELETE FROM release WHERE key = '{RELEASE}'",
)
_OLDEST: Final = (
    "SELECT id FROM task WHERE status = 'QUEUED' AND (scheduled IS NULL OR scheduled <= :at) ORDER BY added LIMIT 1"
)


def text(at: datetime.datetime) -> str:
    """An instant as ATR stores it."""
    return at.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def act(path: pathlib.Path, at: datetime.datetime, *statements: str) -> None:
    """Run these in one transaction, as ATR's process does."""
    with history.raw(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            connection.execute(statement, {"at": text(at)})
        connection.execute("COMMIT")


def claim_task(path: pathlib.Path, at: datetime.datetime) -> int | None:
    """What ATR's worker does: take the oldest task of whatever kind that is queued and due. Its number."""
    with history.raw(path) as connection:
        found = connection.execute(_OLDEST, {"at": text(at)}).fetchone()
        if found is None:
            return None
        statement = "UPDATE task SET status = 'ACTIVE', started = ?, pid = 8 WHERE id = ? AND status = 'QUEUED'"
        assert connection.execute(statement, (text(at), found[0])).rowcount == 1
        return int(found[0])
