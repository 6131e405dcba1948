# SPDX-License-Identifier: Apache-2.0
"""The real central-publishing-maven-plugin, unchanged, stages on the stand-in; ATR takes it from there to LIVE.

It needs Maven, a JDK and Maven's own registry as this machine is configured to reach it. The sample project's
signatures are placeholders: the stand-in, like the platform it stands for, looks here only for their presence.
"""

import asyncio
import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import tempfile
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import pytest

import atr.demo.people as people
import atr.demo.tree as trees
import atr.models.promotion as tables
import atr.promotion.states as states
import atr.shared.distribution as distribution
from tests import installed
from tests import world as worlds
from tests.maven import recorder

PROJECT: Final = pathlib.Path(__file__).parent / "project"
TRANSCRIPT: Final = (
    pathlib.Path(__file__).resolve().parents[3] / "shared" / "contracts" / "maven-plugin-transcript.jsonl"
)
PLUGIN: Final = "0.8.0"
SAMPLE: Final = distribution.coordinates(
    distribution.DistributionPlatform.MAVEN, "org.example.sample", "sample-core", "1.0.0"
)
STEM: Final = "org/example/sample/sample-core/1.0.0/sample-core-1.0.0"
PATIENCE: Final = 300.0
SETTINGS: Final = """<?xml version="1.0" encoding="UTF-8"?>
<settings xmlns="http://maven.apache.org/SETTINGS/1.0.0">
  <servers>
    <server>
      <id>stand-in</id>
      <username>{name}</username>
      <password>{password}</password>
    </server>
  </servers>
</settings>
"""
# How Maven says that it could not fetch a plugin, as opposed to everything that we could have broken.
NO_REGISTRY: Final = re.compile(
    r"Could not transfer artifact|could not be resolved|PluginResolutionException|Could not find artifact"
)
UPLOADED: Final = re.compile(r"deploymentId: ([0-9a-f-]{36})")

# What the plugin asks, in this order: the upload once, then the status until it is validated.
OURS: Final = ("Authorization", "Accept-Encoding", "Host", "Connection", "User-Agent")
UPLOAD: Final = (
    "POST",
    "/api/v1/publisher/upload",
    ("name", "publishingType", "userId", "orgId"),
    ("Authorization", "Accept-Encoding", "Content-Length", "Content-Type", "Host", "Connection", "User-Agent"),
    "multipart/form-data; charset=ISO-8859-1; boundary=…",
)
STATUS: Final = ("POST", "/api/v1/publisher/status", ("name", "publishingType", "id", "userId", "orgId"), OURS, "")

Shape = tuple[str, str, tuple[str, ...], tuple[str, ...], str]


def shape(head: recorder.Head) -> Shape:
    """A request without what differs from run to run: ids, lengths, ports, boundaries."""
    address = urlsplit(head.path)
    names = tuple(name for name, _ in parse_qsl(address.query))
    content_type = re.sub(r"boundary=.*", "boundary=…", head.header("Content-Type"))
    return head.method, address.path, names, tuple(name for name, _ in head.headers), content_type


@dataclasses.dataclass(frozen=True)
class Run:
    """How a run of Maven ended."""

    code: int
    output: str

    @property
    def deployment_id(self) -> str:
        """The id that a person reads in the log."""
        found = UPLOADED.search(self.output)
        assert found, self.output[-3_000:]
        return found.group(1)

    def skip_without_plugin(self) -> "Run":
        """Leave the test out where Maven could not fetch its own plugin; ask only of a run that should succeed."""
        if self.code and NO_REGISTRY.search(self.output):
            pytest.skip("Maven cannot reach its registry to fetch the plugin: run `mvn dependency:get` to see why")
        return self


async def deploy(url: str, where: pathlib.Path, *arguments: str) -> Run:
    """`mvn deploy` of a copy of the sample project, with a server of its own in the settings."""
    await asyncio.to_thread(shutil.copytree, PROJECT, where / "project")
    settings = where / "settings.xml"
    settings.write_text(SETTINGS.format(name=worlds.TOKEN.name, password=worlds.TOKEN.password))
    ran = await run(
        where / "project",
        # As the global settings: how this user's Maven reaches its registry stays as it is.
        "--global-settings",
        str(settings),
        f"-Dstand-in.url={url}",
        # The sample stays out of this machine's own local repository.
        "-Dmaven.install.skip=true",
        *arguments,
        "deploy",
    )
    return ran.skip_without_plugin()


async def run(where: pathlib.Path, *arguments: str) -> Run:
    """The real Maven, in this directory."""
    mvn = installed.maven()
    if mvn is None:
        pytest.skip(installed.MAVEN.advice)
    with (pathlib.Path(tempfile.gettempdir()) / "atr-tests-maven.lock").open("w") as lock:
        # Two that fill one local repository at once break each other's downloads.
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        return await _run(mvn, where, *arguments)


async def _run(mvn: str, where: pathlib.Path, *arguments: str) -> Run:
    process = await asyncio.create_subprocess_exec(
        mvn,
        "--batch-mode",
        "--no-transfer-progress",
        *arguments,
        cwd=where,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        # Maven is a script that starts Java: both must go.
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return Run(process.returncode or 0, output.decode(errors="replace"))


@pytest.fixture
def world(served_world: worlds.World) -> worlds.World:
    """Maven needs a port to speak to."""
    return served_world


@pytest.mark.mvn
@pytest.mark.slow
@pytest.mark.timeout(PATIENCE + 60)
async def test_what_the_plugin_staged_is_recorded_voted_on_and_promoted(
    world: worlds.World, tmp_path: pathlib.Path
) -> None:
    """From `mvn deploy` to LIVE: one upload by the plugin, one publish call by us, three equal digests."""
    # The plugin waits by its own clock, and the world's stands still.
    world.platform.settings = world.platform.settings.model_copy(update={"validate_seconds": 0.0})
    async with recorder.Recorder(world.sandbox.portal_url) as between:
        ran = await deploy(between.url, tmp_path / "mvn")
    assert ran.code == 0, ran.output[-3_000:]
    assert f"central-publishing-maven-plugin:{PLUGIN}:publish" in ran.output
    upload, *asked = between.heads
    assert shape(upload) == UPLOAD
    assert asked
    assert {shape(head) for head in asked} == {STATUS}
    for head in between.heads:
        query = dict(parse_qsl(urlsplit(head.path).query))
        # It waits for a person, though nobody asked for that.
        assert query["publishingType"] == "USER_MANAGED"
        assert query.get("id", ran.deployment_id) == ran.deployment_id
        assert head.header("Authorization").startswith("UserToken ")
        assert head.header("User-Agent").startswith("Apache-HttpClient/")

    # Nothing of it stands in the revision, so the policy maps nothing: the capture before the vote is the voted side.
    tree = trees.Tree({}, (SAMPLE,))
    await world.settle_in(tree)
    async with world.store.write_as_project_committee_member(people.PROJECT, worlds.MEMBER) as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={})
    release_key = await people.compose(world.store, tree)
    async with world.store.write_as_project_committee_member(people.PROJECT, worlds.MEMBER) as member:
        deployment_id = await member.distributions.record(
            release_key, SAMPLE, staging=True, deployment_id=ran.deployment_id
        )
    assert deployment_id is not None
    row = await world.until(deployment_id, lambda row: row.proof.staged is not None)
    async with world.store.read(worlds.MEMBER) as read:
        staged = await read.data.get(tables.Deployment, deployment_id)
        assert staged is not None
        assert staged.external_id == ran.deployment_id
        # Nobody but Maven uploaded it.
        assert staged.revision_number is None
    assert world.platform.traffic.counters()["requests"]["upload"] == 1
    await people.vote(world.store, release_key)
    await world.work()
    await world.promote(deployment_id)
    row = await world.live(deployment_id)

    sides = [side for side in (row.proof.voted, row.proof.staged, row.proof.public) if side]
    assert row.state is states.State.LIVE
    assert len(sides) == 3
    assert len({side.digest for side in sides}) == 1
    assert world.publish_calls == 1
    # POM, jar, sources and javadoc, each with its signature; checksums are no members.
    assert sides[0].files == 8
    for end in (".pom", ".jar", "-sources.jar", "-javadoc.jar.asc"):
        assert world.platform.portal.public.find(f"{STEM}{end}", world.clock.seconds()) is not None


@pytest.mark.mvn
@pytest.mark.slow
@pytest.mark.timeout(PATIENCE + 60)
async def test_the_plugin_is_told_what_is_wrong_with_its_bundle(world: worlds.World, tmp_path: pathlib.Path) -> None:
    """Without signatures the stand-in refuses in words that the real plugin prints, and the build fails."""
    world.platform.settings = world.platform.settings.model_copy(update={"validate_seconds": 0.0})
    ran = await deploy(world.sandbox.portal_url, tmp_path / "mvn", "-Dbuildhelper.skipAttach=true")
    assert ran.code != 0
    assert "Missing signature for file: sample-core-1.0.0.jar" in ran.output


@pytest.mark.shared
@pytest.mark.skipif(not TRANSCRIPT.is_file(), reason="the team's folder shared/ is not here")
def test_the_shapes_above_are_those_that_were_recorded() -> None:
    """The transcript of an earlier run shows the same requests in the same order."""
    lines = [json.loads(line) for line in TRANSCRIPT.read_text("utf-8").splitlines()]
    heads = [recorder.Head(line["method"], line["path"], tuple(line["headers"].items())) for line in lines]
    assert [shape(head) for head in heads] == [UPLOAD, *[STATUS] * (len(heads) - 1)]
    assert len(heads) > 1
