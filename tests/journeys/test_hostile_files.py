# SPDX-License-Identifier: Apache-2.0
"""A revision's directory and the copies are written by other processes: only the recorded bytes ever leave from there.

What lies there may be a link to the worker's own secrets, a device, or a file that somebody changed.
"""

import contextlib
import hashlib
import pathlib
import shutil
import socket
import stat
from collections.abc import Callable
from typing import Final

import httpx
import pytest

import atr.demo.people as people
import atr.models.promotion as tables
import atr.promotion.states as states
from tests import world as worlds
from tests.journeys import test_copies as copying
from tests.journeys import test_repository as serving
from tests.journeys import test_stage_again as again

JAVADOC: Final = "org/example/widgets/widgets-core/2.4.0/widgets-core-2.4.0-javadoc.jar"
_SECRET: Final = b"atr:the token of the worker"
_State = states.DeploymentState
Harm = Callable[[pathlib.Path, pathlib.Path], None]


def _link(file: pathlib.Path, secret: pathlib.Path) -> None:
    file.unlink()
    file.symlink_to(secret)


def _link_to_the_same_bytes(file: pathlib.Path, secret: pathlib.Path) -> None:
    """The bytes are right now; nobody knows what they are when they are read."""
    moved = secret.with_name("moved")
    file.rename(moved)
    file.symlink_to(moved)


def _linked_directory(file: pathlib.Path, secret: pathlib.Path) -> None:
    moved = secret.with_name("directory")
    shutil.copytree(file.parent, moved)
    file.parent.rename(file.parent.with_name("old"))
    file.parent.symlink_to(moved)


def _hard_link(file: pathlib.Path, secret: pathlib.Path) -> None:
    file.unlink()
    file.hardlink_to(secret)


def _other_bytes(file: pathlib.Path, _secret: pathlib.Path) -> None:
    file.chmod(0o644)
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def _shorter(file: pathlib.Path, _secret: pathlib.Path) -> None:
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1])


def _longer(file: pathlib.Path, _secret: pathlib.Path) -> None:
    file.chmod(0o644)
    file.write_bytes(file.read_bytes() + b"!")


def _socket(file: pathlib.Path, _secret: pathlib.Path) -> None:
    file.unlink()
    # An address of a socket is short, and the whole path is not.
    with contextlib.chdir(file.parent), socket.socket(socket.AF_UNIX) as opened:
        opened.bind(file.name)


def _nothing(file: pathlib.Path, _secret: pathlib.Path) -> None:
    file.unlink()


HARMS: Final = (
    _link,
    _link_to_the_same_bytes,
    _linked_directory,
    _hard_link,
    _other_bytes,
    _shorter,
    _longer,
    _socket,
    _nothing,
)


def _secret(world: worlds.World) -> pathlib.Path:
    secret = world.store.place.state_dir / "token"
    secret.write_bytes(_SECRET)
    return secret


def _revision(world: worlds.World, path: str) -> pathlib.Path:
    return world.store.place.revision_dir(people.PROJECT, "2.4.0", "00001") / path


@pytest.mark.parametrize("harm", HARMS)
async def test_what_is_not_the_recorded_file_is_never_uploaded(harm: Harm, world: worlds.World) -> None:
    """Nothing of the whole deployment is sent, and the row names the file."""
    release_key = await world.composed()
    deployment_id = await world.stage(release_key)
    harm(_revision(world, f"maven/{JAVADOC}"), _secret(world))
    await world.work()
    assert world.requests("upload") == 0
    (row,) = await world.rows(tables.Deployment)
    assert row.state is _State.FAILED
    assert (await world.row(deployment_id)).problem.count(JAVADOC) == 1
    assert "Nothing was sent" in row.problem
    assert not any(_SECRET in path.read_bytes() for path in (world.store.place.state_dir / "sandbox").rglob("*.zip"))


@pytest.mark.parametrize("harm", [_link, _hard_link, _other_bytes, _shorter, _nothing])
async def test_what_is_not_the_voted_file_is_never_staged_again(harm: Harm, world: worlds.World) -> None:
    """From a kept copy as from a revision."""
    release_key, _, digest = await again.passed(world)
    before = world.requests("upload")
    second = await again.again(world, release_key, digest)
    content = world.tree.files[JAVADOC]
    assert isinstance(content, bytes)
    harm(copying.store(world).path(hashlib.sha256(content).hexdigest()), _secret(world))
    await world.work()
    assert world.requests("upload") == before
    assert JAVADOC in (await world.row(second)).problem


async def test_copies_are_private(world: worlds.World) -> None:
    """Whoever else has an account on this server reads none of them, also of those that an older version wrote."""
    root = world.store.place.state_dir / "copies"
    root.mkdir(mode=0o755)
    root.chmod(0o755)
    _, deployment_id = await copying.elsewhere(world)
    await copying.captured(world, deployment_id)
    assert list(copying.store(world).found())
    for path in (root, *root.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("harm", [_link, _linked_directory, _hard_link, _other_bytes, _shorter, _socket, _nothing])
@pytest.mark.parametrize("kind", ["revision", "deployment"])
async def test_what_is_not_the_recorded_file_is_not_served_whole(harm: Harm, kind: str, world: worlds.World) -> None:
    """A voter gets the recorded bytes, or an answer that no client takes for a file."""
    content = world.tree.files[JAVADOC]
    assert isinstance(content, bytes)
    if kind == "deployment":
        release_key, _ = await serving.voting(world)
        path, file = JAVADOC, copying.store(world).path(hashlib.sha256(content).hexdigest())
    else:
        release_key, _ = await world.staged()
        async with world.manager() as manager:
            await manager.vote.open_vote(release_key)
        path, file = f"maven/{JAVADOC}", _revision(world, f"maven/{JAVADOC}")
    entry = (await serving.entries(world, release_key))[kind]
    async with serving.client(world) as asker:
        assert (await asker.get(serving.address(entry, path))).content == content
        harm(file, _secret(world))
        try:
            answer = await asker.get(serving.address(entry, path))
        except httpx.RemoteProtocolError:
            # Cut before its end: the length that was announced is not reached.
            return
    assert answer.status_code == 404
    assert _SECRET not in answer.content
