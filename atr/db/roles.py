# SPDX-License-Identifier: Apache-2.0
"""Two roles of a PostgreSQL database: `atr_web` requests, `atr_worker` acts. The server refuses anything else.

An attacker who takes over a web process can request what a person can request, but cannot make it look done: only the
worker writes attempts, results of reads, and later states; file sets and opened ballots cannot be changed. A rule for a
whole table or column is a GRANT; a rule that depends on the row is a trigger that applies only to the web's role. A
file set is written by a function that hashes it first, so its digest is always that of its files.

The triggers come with the migrations, the grants with `atr migrate --roles`, because roles belong to the server, not to
one database. SQLite has no roles.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import atr.models.sql as sql
import atr.promotion.states as states
import atr.shared.layouts as layouts

WEB: Final = "atr_web"
WORKER: Final = "atr_worker"

_State = states.State
_Deployment = states.DeploymentState

# The privileges of the web's role in addition to reading: for each table whole privileges, and columns that it may
# update. It may only read a table that is not in this mapping.
WRITES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "committee": "INSERT, UPDATE",
        "project": "INSERT, UPDATE",
        "releasepolicy": "INSERT, UPDATE",
        "platform_target": "INSERT, UPDATE",
        "release": "INSERT, UPDATE",
        "revisioncounter": "INSERT, UPDATE",
        "revision": "INSERT",
        "revision_files": "INSERT, UPDATE (file_set_digest, odd_checksums, recorded)",
        "ballotpaper": "INSERT",
        "ballot_entry": "INSERT",
        "promotion_task": "INSERT",
        "distribution": "INSERT, DELETE, UPDATE (staging, due_at)",
        "deployment": "INSERT, UPDATE (state, version, entered_at, problem, external_id, name, off_ballot, drop_reason,"
        " drop_by, due_at, asked_in, made_in, verify_asked_by, verify_asked_at, verified_at, verified_digest,"
        " verify_problem)",
        "deployment_search": "INSERT",
        "embargo_lift": "INSERT, UPDATE",
        "promotion": "INSERT, UPDATE (state, version, entered_at, reason, resend, difference, held, blocker, due_at,"
        " deadline, read_round, read_done, requested_by, asked_in, after_id, stop_at_trouble, accepted_files,"
        " one_time_code)",
        "promotion_target": "INSERT, UPDATE (holding)",
        "switch": "INSERT, UPDATE",
        "kept_copy": "DELETE",
        "event": "INSERT",
        "usersession": "INSERT, DELETE, UPDATE (uts)",
        # Rows that are only locked, without content.
        "guard": "INSERT, UPDATE",
    }
)
_STORE: Final = "atr_store_file_set(text, text[], bigint[], text[], timestamptz)"
STORE_FILE_SET: Final = (
    "SELECT atr_store_file_set(:digest, CAST(:paths AS text[]), CAST(:sizes AS bigint[]), CAST(:sha256s AS text[]),"
    " :created)"
)
# A superuser has every role, and none of these rules applies to it.
_IS_WEB: Final = f"""
CREATE FUNCTION atr_is_web() RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
    SELECT FROM pg_roles AS me, pg_roles AS web
    WHERE me.rolname = current_user AND NOT me.rolsuper AND web.rolname = '{WEB}'
      AND pg_has_role(me.oid, web.oid, 'USAGE')
  )
$$
"""  # noqa: S608  (a name from this module)
_STORE_FILE_SET: Final = """
CREATE FUNCTION atr_store_file_set(
  a_digest text, paths text[], sizes bigint[], sha256s text[], made timestamptz
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  hashed text;
BEGIN
  IF EXISTS (
    SELECT FROM unnest(paths, sizes, sha256s) AS one (path, size, sha256)
    WHERE (one.path !~ E'\\n' AND one.size >= 0 AND one.sha256 ~ '^[0-9a-f]{64}$') IS NOT TRUE
  ) THEN
    RAISE EXCEPTION 'One of these is no file.' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  SELECT encode(sha256(convert_to(
      string_agg(one.sha256 || ' ' || one.size || ' ' || one.path || E'\\n', '' ORDER BY one.path COLLATE "C"), 'UTF8'
    )), 'hex')
    INTO hashed FROM unnest(paths, sizes, sha256s) AS one (path, size, sha256);
  IF hashed IS DISTINCT FROM a_digest THEN
    RAISE EXCEPTION 'These files do not have the digest %.', a_digest USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  INSERT INTO file_set (digest, files, size, created)
    SELECT a_digest, count(*), sum(one.size), made FROM unnest(sizes) AS one (size)
    ON CONFLICT DO NOTHING;
  IF FOUND THEN
    INSERT INTO file_set_file (digest, path, size, sha256)
      SELECT a_digest, one.path, one.size, one.sha256 FROM unnest(paths, sizes, sha256s) AS one (path, size, sha256);
  END IF;
END $$
"""


def _moves(arrows: Mapping[_State, frozenset[_State]] | Mapping[_Deployment, frozenset[_Deployment]]) -> str:
    pairs = sorted((frm.value, to.value) for frm, several in arrows.items() for to in several)
    return ", ".join(f"('{frm}', '{to}')" for frm, to in pairs)


def _values(members: Iterable[_State] | Iterable[_Deployment]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(member.value for member in members))


def _purl() -> str:
    """Return SQL for the package URL of a new `promotion_target` of a row of `promotion`, as `Coordinates.purl` has it.

    A plus sign is the only character of a Maven coordinate that a package URL encodes.
    """
    cases = [
        f"WHEN '{platform.name}' THEN 'pkg:{platform.grammar.purl_type}/' || NEW.owner_namespace || '/'"
        " || NEW.package || '@' || replace(NEW.version, '+', '%2B')"
        for platform in layouts.BUILT.platforms
    ]
    return f"CASE promotion.platform {' '.join(cases)} END"


_FREE: Final = frozenset(_State) - states.HOLDING
_ACCEPTED: Final = "NEW.accepted_files::jsonb IS DISTINCT FROM OLD.accepted_files::jsonb"
_NOT_FOUND: Final = (
    "SELECT FROM jsonb_array_elements(NEW.accepted_files::jsonb) AS one (file)"
    " WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(OLD.accepted_files::jsonb) AS earlier (file)"
    " WHERE earlier.file = one.file)"
    " AND NOT EXISTS (SELECT FROM jsonb_array_elements(OLD.extra_files::jsonb) AS found (file)"
    " WHERE found.file = one.file - 'reason' - 'by' - 'at')"
)
_NEWEST: Final = (
    "(SELECT files.file_set_digest FROM revision LEFT JOIN revision_files AS files"
    " ON files.release_key = revision.release_key AND files.number = revision.number"
    " WHERE revision.release_key = NEW.release_key ORDER BY revision.seq DESC LIMIT 1)"
)
# For each table, the conditions under which the web's role is refused, with their sentences: for a new row, and for a
# changed one.
_INSERTS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "promotion": {
            f"NEW.state <> '{_State.REQUESTED.value}'": "The web may only ask for a promotion.",
            "NEW.verified_digest IS NOT NULL OR NEW.public_digest IS NOT NULL OR NEW.out_of_band": (
                "Only the worker says what it has read."
            ),
            "NEW.accepted_files::text <> '[]' OR NEW.extra_files::text <> '[]' OR NEW.beside_at IS NOT NULL": (
                "Only the worker says what stands in public."
            ),
            # Each file to publish must be on the ballot, with the same path, size and bytes.
            "EXISTS (SELECT FROM file_set_file AS voted WHERE voted.digest = NEW.voted_digest AND NOT EXISTS (SELECT"
            " FROM ballot_entry AS entry JOIN release ON release.key = entry.release_key"
            " AND release.current_vote_seq = entry.vote_seq AND release.created <= entry.opened"
            " JOIN file_set_file AS file"
            " ON file.digest = entry.file_set_digest WHERE entry.release_key = NEW.release_key"
            " AND entry.platform = NEW.platform AND file.path = voted.path AND file.size = voted.size"
            " AND file.sha256 = voted.sha256))": "What is asked for is what was voted on.",
        },
        "promotion_target": {
            f"NOT EXISTS (SELECT FROM promotion WHERE id = NEW.promotion_id AND state = '{_State.REQUESTED.value}')": (
                "A promotion on its way gets no more packages."
            ),
            # A package that is reserved under another name would block another project.
            f"NEW.purl IS DISTINCT FROM (SELECT {_purl()} FROM promotion WHERE id = NEW.promotion_id)": (  # noqa: S608
                "A package is held under its own name."
            ),
            "NOT EXISTS (SELECT FROM promotion JOIN release ON release.key = promotion.release_key"
            " JOIN platform_target AS target ON target.project_key = release.project_key"
            " AND target.platform = promotion.platform"
            " CROSS JOIN json_array_elements_text(target.namespaces) AS names (name)"
            " WHERE promotion.id = NEW.promotion_id AND (NEW.owner_namespace = name"
            " OR starts_with(NEW.owner_namespace, name || '.')))": "A project holds packages of its own names only.",
        },
        "deployment": {
            f"NEW.state NOT IN ({_values({_Deployment.UPLOADING, _Deployment.VALIDATING})})": (
                "The web may only record a deployment or ask for an upload."
            ),
            "NEW.file_set_digest IS NOT NULL OR NEW.captured_at IS NOT NULL OR NEW.verified_digest IS NOT NULL": (
                "Only the worker says what it has read."
            ),
        },
        "distribution": {
            "NOT NEW.pending": "Only the worker says what it has found on a platform.",
            "NEW.proof <> 'unproved'": "Only the worker says what it has proved.",
        },
        "deployment_search": {
            "NEW.answered_at IS NOT NULL": "Only the worker answers a search.",
        },
        "ballot_entry": {
            # Entries from another transaction, which has ended: so the ballot is open.
            "EXISTS (SELECT FROM ballot_entry WHERE release_key = NEW.release_key AND vote_seq = NEW.vote_seq"
            " AND opened >= (SELECT created FROM release WHERE key = NEW.release_key)"
            " AND xmin <> pg_current_xact_id()::xid)": "An opened ballot is frozen: none can be added.",
            "NOT EXISTS (SELECT FROM release WHERE key = NEW.release_key AND current_vote_seq = NEW.vote_seq"
            f" AND phase = '{sql.ReleasePhase.RELEASE_CANDIDATE.name}' AND vote_started = NEW.opened"
            " AND vote_resolved IS NULL)": ("A ballot is written while its vote is opened."),
            f"NEW.kind = 'revision' AND NEW.file_set_digest IS DISTINCT FROM {_NEWEST}": (
                "The ballot holds the files of the newest revision, and no others."
            ),
            "NEW.kind = 'deployment' AND NOT EXISTS (SELECT FROM deployment WHERE id = NEW.deployment_id"
            " AND release_key = NEW.release_key AND file_set_digest = NEW.file_set_digest)": (
                "The ballot holds what was captured of this release's deployments, and nothing else."
            ),
            "NEW.kind = 'mapped' AND EXISTS (SELECT FROM file_set_file AS mapped"  # noqa: S608  (names from this module)
            " WHERE digest = NEW.file_set_digest AND NOT EXISTS (SELECT FROM file_set_file AS voted"
            f" WHERE voted.digest = {_NEWEST} AND voted.size = mapped.size AND voted.sha256 = mapped.sha256))": (
                "What is mapped to a platform are files of the newest revision."
            ),
        },
    }
)
_UPDATES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "promotion": {
            f"NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN ({_moves(states.PEOPLES_ARROWS)})": (
                "Only the worker takes a promotion there."
            ),
            f"{_ACCEPTED} AND OLD.state <> '{_State.DIVERGED.value}'": "Only what diverged has files to accept.",
            f"{_ACCEPTED} AND EXISTS ({_NOT_FOUND})": "Only what was found in public can be accepted.",
        },
        "promotion_target": {
            "NEW.holding AND NOT OLD.holding": "What a promotion gave back it does not take again.",
            "OLD.holding AND NOT NEW.holding AND NOT EXISTS (SELECT FROM promotion WHERE id = NEW.promotion_id"
            f" AND state IN ({_values(_FREE)}))": "A promotion holds its packages until it is stopped.",
        },
        "deployment": {
            f"NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN ({_moves(states.PEOPLES_DEPLOYMENT_ARROWS)})": (
                "Only the worker takes a deployment there."
            ),
            f"NEW.external_id IS DISTINCT FROM OLD.external_id AND OLD.state <> '{_Deployment.LOST.value}'": (
                "A deployment keeps its number on the platform."
            ),
            "NEW.verified_digest IS NOT NULL AND NEW.verified_digest IS DISTINCT FROM OLD.verified_digest": (
                "Only the worker says what it has read."
            ),
            "NEW.made_in > OLD.made_in": "When an upload was asked for does not change.",
        },
        "distribution": {
            "NOT NEW.staging AND NOT NEW.pending AND (OLD.staging OR OLD.pending)": (
                "Only the worker says what it has found on a platform."
            ),
        },
    }
)
_TABLES: Final = tuple(sorted({*_INSERTS, *_UPDATES}))


def upright() -> list[str]:
    """Return the statements that create the functions and triggers, for a migration."""
    statements = [_IS_WEB, _STORE_FILE_SET, f"REVOKE ALL ON FUNCTION {_STORE} FROM PUBLIC"]
    for table in _TABLES:
        events = [event for event, rules in (("INSERT", _INSERTS), ("UPDATE", _UPDATES)) if table in rules]
        statements += [
            _trigger_function(table),
            (
                f"CREATE TRIGGER {table}_web BEFORE {' OR '.join(events)} ON {table} FOR EACH ROW WHEN (atr_is_web())"
                f" EXECUTE FUNCTION atr_web_{table}()"
            ),
        ]
    statements.append(_own_schema("atr_is_web()", _STORE, *(f"atr_web_{table}()" for table in _TABLES)))
    return statements


def written_anew(table: str) -> list[str]:
    """Return the statements that update the rules of a table's trigger, for a migration."""
    return [_trigger_function(table), _own_schema(f"atr_web_{table}()")]


def taken_down() -> list[str]:
    """Return the statements that drop the functions and triggers again."""
    statements = [f"DROP FUNCTION {_STORE}"]
    for table in _TABLES:
        statements += [f"DROP TRIGGER {table}_web ON {table}", f"DROP FUNCTION atr_web_{table}()"]
    return [*statements, "DROP FUNCTION atr_is_web()"]


def grants(tables: Iterable[str]) -> list[str]:
    """Return the statements that create the roles if missing, and grant each its privileges on these tables."""
    both = f"{WEB}, {WORKER}"
    statements = [
        *(
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} LOGIN;"
            " END IF; END $$"
            for role in (WEB, WORKER)
        ),
        (
            "DO $$ BEGIN EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema());"
            f" EXECUTE format('GRANT USAGE ON SCHEMA %I TO {both}', current_schema()); END $$"
        ),
        f"GRANT EXECUTE ON FUNCTION {_STORE} TO {both}",
        (
            "DO $$ BEGIN EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA %I TO "
            f"{both}', current_schema()); END $$"
        ),
    ]
    for table in sorted(tables):
        statements += [f"REVOKE ALL ON {table} FROM {both}", f"GRANT SELECT ON {table} TO {both}"]
        if table != "alembic_version":
            statements.append(f"GRANT INSERT, UPDATE, DELETE ON {table} TO {WORKER}")
        if table in WRITES:
            statements.append(f"GRANT {WRITES[table]} ON {table} TO {WEB}")
    return statements


def _own_schema(*functions: str) -> str:
    """Return a statement that fixes the search path, so that no other schema or temporary table can replace ATR's."""
    names = ", ".join(f"'{name}'" for name in functions)
    return (
        f"DO $$ DECLARE one text; BEGIN FOREACH one IN ARRAY ARRAY[{names}] LOOP EXECUTE format("
        "'ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp', one, current_schema()); END LOOP; END $$"
    )


def _trigger_function(table: str) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION atr_web_{table}() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n"
        f"  IF TG_OP = 'INSERT' THEN\n{_checks(_INSERTS.get(table, {}))}"
        f"  ELSE\n{_checks(_UPDATES.get(table, {}))}  END IF;\n  RETURN NEW;\nEND $$"
    )


def _checks(rules: Mapping[str, str]) -> str:
    checks = [
        f"    IF {condition} THEN\n      RAISE EXCEPTION USING MESSAGE = '{sentence.replace(chr(39), chr(39) * 2)}',"
        " ERRCODE = 'insufficient_privilege';\n    END IF;\n"
        for condition, sentence in rules.items()
    ]
    return "".join(checks) or "    NULL;\n"
