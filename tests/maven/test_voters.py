# SPDX-License-Identifier: Apache-2.0
"""A voter's real Maven, with the settings that the page shows, fetches what is voted on from the served repository.

Maven's own plugins come from where this machine gets them; the candidate is nowhere but here.
"""

import asyncio
import hashlib
import html
import pathlib
import re

import pytest

import atr.config as config
import atr.pages.repository as repository
import atr.server as server
import atr.template as template
from tests import serving
from tests import world as worlds
from tests.journeys import test_copies as copying
from tests.journeys import test_repository as repositories
from tests.maven import test_real_plugin as plugins

# A file of other bytes is sent short of its length, so that no client takes it.
_CUT_SHORT = re.compile(r"Premature end of Content-Length delimited message body")


def settings(entry: repository.VoterEntry, address: str) -> str:
    """The text that a voter copies from the page."""
    return html.unescape(str(template.environment().get_template("repository.html").module.settings(entry, address)))  # type: ignore[attr-defined]


async def fetch(where: pathlib.Path, artifact: str) -> plugins.Run:
    """The line below the settings, with a local repository of its own."""
    return await plugins.run(
        where,
        "-s",
        str(where / "candidate-settings.xml"),
        f"-Dmaven.repo.local={where / 'candidate-repository'}",
        "dependency:get",
        "-Dtransitive=false",
        f"-Dartifact={artifact}",
    )


@pytest.mark.mvn
@pytest.mark.slow
@pytest.mark.timeout(2 * plugins.PATIENCE)
async def test_a_voter_fetches_the_candidate_and_no_altered_byte_of_it(
    world: worlds.World, tmp_path: pathlib.Path
) -> None:
    """The same bytes as were staged; after a byte changed on our disk, Maven has nothing it would take."""
    release_key, _ = await repositories.voting(world)
    entry = (await repositories.entries(world, release_key))["deployment"]
    where = tmp_path / "voter"
    await asyncio.to_thread(where.mkdir)
    app = server.create_app(config.WebSettings(state_dir=world.store.place.state_dir, sandbox=True), world.store)
    jar = f"{repositories.CORE}.jar"
    content = world.tree.files[jar]
    assert isinstance(content, bytes)
    async with serving.serving(app) as base:
        given = settings(entry, base + repositories.address(entry))
        assert "<checksumPolicy>fail</checksumPolicy>" in given
        await asyncio.to_thread((where / "candidate-settings.xml").write_text, given)
        ran = (await fetch(where, entry.example)).skip_without_plugin()
        assert ran.code == 0, ran.output[-3_000:]
        fetched = where / "candidate-repository" / jar
        assert await asyncio.to_thread(fetched.read_bytes) == content

        blob = copying.store(world).path(hashlib.sha256(content).hexdigest())
        await asyncio.to_thread(_spoil, blob, where / "candidate-repository" / pathlib.Path(jar).parent)
        ran = await fetch(where, entry.example)
    assert ran.code != 0
    assert _CUT_SHORT.search(ran.output), ran.output[-3_000:]
    assert not await asyncio.to_thread(fetched.exists)


def _spoil(blob: pathlib.Path, fetched: pathlib.Path) -> None:
    """Change a byte on our disk, and have Maven forget what it fetched."""
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    for path in fetched.iterdir():
        path.unlink()
