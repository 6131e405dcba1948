# SPDX-License-Identifier: Apache-2.0
"""The command line. Each command imports what it needs when it runs, so that no command slows down the others."""

import asyncio
import contextlib
import datetime
import gc
import json
import os
import pathlib
import signal
import sys
import tempfile
from collections.abc import Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TextIO

import click

import atr.errors as errors

if TYPE_CHECKING:
    import atr.config as config

# Printed after every restore.
_RESTORED = "Unfinished promotions are checked first; nothing is sent until a committee member promotes again."


# Commands that handle signals themselves once their event loop runs, and have started nothing before. They replace the
# handler of `__main__`; a KeyboardInterrupt would be lost in their imports.
_HANDLE_SIGNALS = frozenset({"run", "sandbox", "serve", "worker"})


@click.group()
@click.version_option(package_name="atr")
@click.pass_context
def cli(context: click.Context) -> None:
    """Remote promotion of staged third-party distributions, with the proof."""
    if (context.invoked_subcommand not in _HANDLE_SIGNALS) and (signal.getsignal(signal.SIGINT) != signal.SIG_IGN):
        signal.signal(signal.SIGINT, signal.default_int_handler)


def main() -> None:
    """Run the command line. An AtrError is printed as one sentence, with exit code 2."""
    # Everything that is created from here on is for this user only.
    os.umask(0o077)
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except errors.AtrError as error:
        click.echo(f"atr: {error}", err=True)
        sys.exit(2)
    except Exception as error:
        if not _is_of_a_database(error):
            raise
        # The error's own message is not shown, because it may contain the address with a password.
        click.echo(
            f"atr: The database cannot be used: {type(error).__name__}. Check ATR_DATABASE_URL, the rights of its "
            "user, and the server; `atr doctor` gives details.",
            err=True,
        )
        sys.exit(2)


def _is_of_a_database(error: Exception) -> bool:
    # Compared by name, so that a command without a database does not import these packages.
    return {"sqlalchemy", "psycopg"} & {kind.__module__.partition(".")[0] for kind in type(error).__mro__} != set()


@cli.command()
def serve() -> None:
    """Serve the web pages. Settings come from the environment: docs/operators.md."""
    import atr.config as config
    import atr.log as log
    import atr.server as server

    settings = config.WebSettings.from_environ(os.environ)
    log.configure(settings.log_level)
    _run(server.serve(settings))


@cli.command()
def worker() -> None:
    """Run the worker: the only process that reaches a platform."""
    import atr.log as log
    import atr.platforms.registry as registry
    import atr.worker as workers

    settings = registry.WorkerSettings.from_environ(os.environ)
    log.configure(settings.log_level)
    _run(workers.run(settings))


@cli.command()
@click.option("--down-to", metavar="REVISION", help="Downgrade to this revision instead; later data is lost.")
@click.option(
    "--roles", is_flag=True, help="PostgreSQL: create the roles atr_web and atr_worker with their privileges."
)
def migrate(down_to: str | None, roles: bool) -> None:  # noqa: FBT001  (click passes flags as booleans)
    """Bring the database to the newest revision. Every start does this by itself, where its role may."""
    import atr.db.migrate as migrations

    database = _database()
    if down_to:
        migrations.downgrade(database, down_to)
    else:
        migrations.upgrade(database)
    if roles:
        migrations.grant(database)
    click.echo(f"The database is at {migrations.current(database) or 'no revision'}.")


@cli.command()
@click.argument("to", type=click.Path(path_type=pathlib.Path))
def backup(to: pathlib.Path) -> None:
    """Back the database up to a new file, or to one in a directory. Web and worker may run."""
    import atr.backup as backups

    file, manifest = asyncio.run(backups.take(_database(), to))
    click.echo(
        f"{file}: the {manifest.engine} database at {manifest.revision}, {manifest.size:,} bytes, "
        f"{len(manifest.heads)} chains of events. {backups.NOT_HELD}"
    )


@cli.command()
@click.argument("file", type=click.Path(path_type=pathlib.Path))
@click.option(
    "--replace", is_flag=True, help="Replace an existing database that is not empty; it is kept under another name."
)
def restore(file: pathlib.Path, replace: bool) -> None:  # noqa: FBT001  (as above)
    """Replace the database with a backup. Nothing may be using it; unfinished work in it then waits for a person."""
    import atr.backup as backups
    import atr.storage.files as files

    settings = _settings()
    work = settings.state_dir / files.TEMPORARY
    work.mkdir(exist_ok=True)
    manifest, generation, kept = asyncio.run(backups.restore(settings.database, file, replace=replace, work=work))
    click.echo(
        f"The database is that of {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC, in generation {generation}. "
        f"{_RESTORED} " + (f"The previous database is kept as {kept}. " if kept else "") + backups.NOT_HELD
    )


@cli.command("declare-restored")
@click.option("--as-of", type=click.DateTime(), help="The point in time, in UTC, to which the database was restored.")
def declare_restored(as_of: datetime.datetime | None) -> None:
    """Say that the database was restored by other means than `atr restore`, before web and worker start again."""
    import atr.backup as backups

    backup_at = as_of.replace(tzinfo=datetime.UTC) if as_of else None
    generation = asyncio.run(backups.declare(_database(), backup_at))
    click.echo(f"The database is in generation {generation}. {_RESTORED}")


@cli.command("verify-chain")
@click.option("--log", "logs", type=click.File(), multiple=True, help="A log of the worker that contains chain heads.")
@click.option(
    "--backup",
    "files",
    type=click.Path(path_type=pathlib.Path),
    multiple=True,
    help="A backup that contains chain heads.",
)
def verify_chain(logs: tuple[TextIO, ...], files: tuple[pathlib.Path, ...]) -> None:
    """Verify every chain of events, also against reported heads. Read-only; exits with 1 if anything is wrong."""
    import atr.backup as backups

    anchors = backups.told(logs, files)
    every = asyncio.run(backups.verify(_database(), anchors))
    for found in every:
        for sentence in found.wrong:
            click.echo(f"{found.chain}: {sentence}")
    wrong = sum(1 for found in every if found.wrong)
    events = sum(found.events for found in every)
    heads = sum(len(one) for one in anchors.values())
    click.echo(f"{len(every)} chains, {events:,} events, {heads} reported heads: {wrong} chains are wrong.")
    if wrong:
        sys.exit(1)


@cli.command()
@click.option("--from", "source", required=True, metavar="URL", help="The SQLite file: sqlite:///path.")
@click.option("--to", "target", required=True, metavar="URL", help="The PostgreSQL database: migrated, and empty.")
def move(source: str, target: str) -> None:
    """Move everything from a SQLite file into an empty PostgreSQL database, while nothing else runs."""
    import atr.storage.moving as moving

    moving.move(source, target, _as_text)


@cli.command()
@click.option("--web", is_flag=True, help="Check the web process's settings instead of the worker's.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def doctor(web: bool, as_json: bool) -> None:  # noqa: FBT001  (click passes flags as booleans)
    """Find what would fail on the day of a release. Read-only; exits with 1 if anything must be fixed first."""
    import atr.doctor as doctors

    if not asyncio.run(doctors.tell_all(os.environ, _as_json if as_json else _as_finding, web=web)):
        sys.exit(1)


@cli.command()
@click.option("--port", type=int, default=8081, show_default=True)
@click.option("--listen-fd", type=int, help="An inherited listening socket to use instead of the port.")
@click.option("--directory", type=click.Path(path_type=pathlib.Path), required=True, help="Directory for its data.")
@click.option("--token-file", type=click.Path(path_type=pathlib.Path, exists=True), required=True, help="name:password")
@click.option("--namespace", "namespaces", multiple=True, required=True, help="A groupId that the account may publish.")
@click.option(
    "--bundle-limit", type=int, help="The maximum bundle size in bytes; 0 disables the limit, for benchmarks."
)
def sandbox(
    port: int,
    listen_fd: int | None,
    directory: pathlib.Path,
    token_file: pathlib.Path,
    namespaces: tuple[str, ...],
    bundle_limit: int | None,
) -> None:
    """Run the sandbox: a simulated portal, public repository and registries, on this machine only."""
    import atr.sandbox.run as run
    import atr.sandbox.server as server

    listener = server.Listener(port) if listen_fd is None else server.Listener(fileno=listen_fd)
    _run(run.until_stopped(listener, directory, token_file, namespaces, bundle_limit))


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line, the summary last.")
@click.option("--fault", default="none", metavar="NAME", help="A fault to simulate; `--fault list` lists them.")
@click.option("--bundle", type=click.Path(path_type=pathlib.Path), help="A directory with a Maven repository tree.")
def demo(as_json: bool, fault: str, bundle: pathlib.Path | None) -> None:  # noqa: FBT001
    """Run a whole release without a browser, in the sandbox. Exits with 0 only if the outcome is the expected one."""
    import atr.demo.faults as faults
    import atr.demo.journey as journey
    import atr.demo.tree as trees

    if fault == "list":
        for name, one in faults.FAULTS.items():
            click.echo(f"{name:<20} ends {one.ends.name}, publish calls {one.publish_calls}")
        return
    if fault not in faults.FAULTS:
        raise click.UsageError(f"Available faults: {', '.join(faults.FAULTS)}.")
    tree = trees.of_directory(bundle) if bundle else trees.example()
    tell = _as_json if as_json else _as_text
    with _state_dir() as state_dir:
        summary, wrong = _run(journey.run(state_dir, tree, faults.FAULTS[fault], tell))
    tell(vars(summary))
    if wrong:
        click.echo(wrong, err=True)
        sys.exit(1)


@cli.command()
@click.option("--port", type=int, default=8080, show_default=True)
def run(port: int) -> None:
    """Everything on this machine, with a release to promote in the browser. Stops with Ctrl-C."""
    import atr.demo.playground as playground

    _run(playground.run(pathlib.Path(os.environ.get("ATR_STATE_DIR", "state")), port))


def _run(program: Coroutine[Any, Any, Any]) -> Any:
    """Run a program that lasts. The collector, off until now, never looks at what was imported."""
    gc.freeze()
    gc.enable()
    return asyncio.run(program)


def _database() -> str:
    """Return the address of the database."""
    return _settings().database


def _settings() -> "config.WebSettings":
    """Return where the database and the state directory are, for a command that needs no other setting."""
    import atr.config as config
    import atr.db.file_system as file_system

    names = {"ATR_STATE_DIR", "ATR_DATABASE_URL"}
    settings = config.WebSettings.from_environ({k: v for k, v in os.environ.items() if k in names})
    file_system.make_private(settings.state_dir, settings.database)
    return settings


@contextlib.contextmanager
def _state_dir() -> Iterator[pathlib.Path]:
    """Yield the directory that ATR_STATE_DIR names, or a temporary one."""
    if named := os.environ.get("ATR_STATE_DIR"):
        yield pathlib.Path(named)
        return
    with tempfile.TemporaryDirectory(prefix="atr-demo-") as temporary:
        yield pathlib.Path(temporary)


def _as_json(what: Mapping[str, Any]) -> None:
    click.echo(json.dumps(dict(what)))


def _as_finding(what: Mapping[str, Any]) -> None:
    click.echo(" ".join(filter(None, (f"{what['grade']:<4}  {what['what']}:", what["said"], what["to_do"]))))


def _as_text(what: Mapping[str, Any]) -> None:
    rest = {name: value for name, value in what.items() if (name != "step") and value not in {"", None}}
    said = "  ".join(f"{name} {value}" for name, value in rest.items())
    click.echo(f"{what.get('step', 'end'):<16} {said}")
