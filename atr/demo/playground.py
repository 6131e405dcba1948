# SPDX-License-Identifier: Apache-2.0
"""`atr run`: everything on one machine, with a release that is staged and voted on, for a person with a browser."""

import asyncio
import contextlib
import pathlib
import signal
from collections.abc import Mapping
from typing import Any, Final

import click

import atr.demo.journey as journey
import atr.demo.people as people
import atr.demo.processes as processes
import atr.demo.tree as trees
import atr.errors as errors
import atr.models.sql as sql
import atr.storage as storage

_WEB_PORT: Final = 8080
_SANDBOX_PORT: Final = 8081
# For a person who wants to try the whole way: a folder below the state directory, and the version of its files.
_EXAMPLE: Final = "example-upload"
NEXT: Final = "2.5.0"


async def run(state_dir: pathlib.Path, port: int = _WEB_PORT) -> None:
    """Start everything and print the address. Runs until Ctrl-C; the state stays in the state directory."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    playing = asyncio.create_task(_play(state_dir, port))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({playing, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not stop.is_set():
        playing.result()
    click.echo("Stopping.")
    playing.cancel()
    # A part that ends on its own while the others are stopped is not an error.
    with contextlib.suppress(asyncio.CancelledError, errors.AtrError):
        await playing


async def _play(state_dir: pathlib.Path, port: int) -> None:
    """Run everything until it is cancelled or a part ends."""
    tree = trees.example(2_000_000)
    store = journey.storage_in(state_dir)
    try:
        async with processes.Stack(state_dir, processes.Ports(port, _SANDBOX_PORT), tree.namespaces) as stack:
            await _prepare(store, tree, state_dir)
            click.echo(_welcome(stack, tree.version))
            await stack.watch()
    finally:
        await store.database.close()


async def _prepare(store: storage.Storage, tree: trees.Tree, state_dir: pathlib.Path) -> None:
    """Prepare a release to promote and a folder to upload, once. Later starts keep what people did since then."""
    # Written last, so that an interrupted start is noticed. The release alone does not show it: a person may have
    # abandoned the release since.
    prepared = state_dir / "prepared"
    async with store.database.read() as data:
        release = await data.get(sql.Release, sql.release_key(people.PROJECT, tree.version))
    if prepared.exists():
        click.echo(f"Continuing with the state in {state_dir}.")
        return
    if release is not None:
        raise errors.SettingsError(f"{state_dir} was left incomplete by an earlier start. Delete it and start again.")
    click.echo("Composing a release, staging it on the simulated platform, voting on it …")
    await journey.staged_and_voted(store, tree, _tell_nothing)
    await asyncio.to_thread(lay_out, state_dir / _EXAMPLE)
    prepared.touch()


def lay_out(directory: pathlib.Path) -> None:
    """Write a folder of files for a person to upload: the next version of the example."""
    files = {f"maven/{path}": content for path, content in trees.example(200_000, NEXT).files.items()}
    files |= {
        "NOTICE": b"Example Widgets\n",
        f"apache-{people.PROJECT}-{NEXT}-source-release.zip": b"the source release",
    }
    for path, content in files.items():
        if isinstance(content, bytes):
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_bytes(content)


def _welcome(stack: processes.Stack, version: str) -> str:
    return (
        f"\n  Open      {stack.web_url}/finish/{people.PROJECT}/{version}\n"
        f"  Sign in   as {people.MEMBERS[0]}, a member of the committee: choose the name, there is no password\n"
        f"  Then      press Promote\n\n"
        f"  Or walk the whole way yourself: Start a release, version {NEXT}, and upload this folder as it is:\n"
        f"            {(stack.state_dir / _EXAMPLE).absolute()}\n"
        f"            then stage it, put it to the vote, vote as alice, bob and carol, and promote it\n\n"
        f"  The simulated platform, with its public files: {stack.sandbox_url}/\n"
        f"  Simulated npm, PyPI, Docker Hub and Artifact Hub: {stack.sandbox_url}/registries/\n"
        f"  Ctrl-C stops everything; the state stays in {stack.state_dir}\n"
    )


def _tell_nothing(_what: Mapping[str, Any]) -> None:
    """Report nothing: the person uses the browser."""
