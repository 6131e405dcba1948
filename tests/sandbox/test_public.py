# SPDX-License-Identifier: Apache-2.0
"""The public repository: what it shows, and from when on."""

import pathlib
import tempfile

import pytest

import tests.sandbox.bundles as bundles
from atr.sandbox.central_portal.public import PublicTree
from tests.sandbox.clients import STEM, Clock, Portal


async def test_files_appear_some_time_after_published(portal: Portal, clock: Clock) -> None:
    portal.world.settings = portal.world.settings.model_copy(update={"public_lag_seconds": 60})
    files = bundles.component()
    await portal.live(bundles.zipped(files))
    assert (await portal.http.get(f"/maven2/{STEM}.jar")).status_code == 404
    assert (await portal.http.get("/maven2/org/example/")).status_code == 404
    clock.turn(60)
    for path, data in files.items():
        answer = await portal.http.get(f"/maven2/{path}")
        assert (answer.status_code, answer.content) == (200, data)


async def test_head_tells_size_and_sends_nothing(portal: Portal) -> None:
    await portal.live(bundles.zipped(bundles.component(content=b"x" * 100_000)))
    answer = await portal.http.head(f"/maven2/{STEM}.jar")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "100000", b"")
    assert (await portal.http.head("/maven2/none.jar")).status_code == 404
    assert portal.world.traffic.paths[f"/maven2/{STEM}.jar"] == 1


async def test_the_repository_is_read_only_and_needs_no_token(portal: Portal) -> None:
    await portal.live(bundles.bundle())
    assert (await portal.http.get(f"/maven2/{STEM}.pom", headers={"Authorization": ""})).status_code == 200
    for method in ("PUT", "POST", "DELETE"):
        assert (await portal.http.request(method, f"/maven2/{STEM}.pom")).status_code == 405


async def test_folders_can_be_walked(portal: Portal) -> None:
    empty = await portal.http.get("/maven2/")
    assert "Nothing is public yet" in empty.text
    await portal.live(bundles.bundle())
    assert 'href="./org/"' in (await portal.http.get("/maven2/")).text
    assert 'href="./thing/"' in (await portal.http.get("/maven2/org/example/")).text
    assert 'href="./thing-1.0.jar"' in (await portal.http.get("/maven2/org/example/thing/1.0/")).text
    bare = await portal.http.get("/maven2/org/example")
    assert (bare.status_code, bare.headers["location"]) == (302, "/maven2/org/example/")


@pytest.mark.skipif(not pathlib.Path("/dev/shm").is_dir(), reason="needs a second file system")
async def test_files_that_cannot_be_linked_are_copied() -> None:
    with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        source = pathlib.Path(elsewhere) / "a.jar"
        source.write_bytes(b"class")
        tree = PublicTree(pathlib.Path(here))
        tree.publish(f"{STEM}.jar", source, 0.0)
        source.unlink()
        found = tree.find(f"{STEM}.jar", 1.0)
        assert found is not None
        assert found.disk.read_bytes() == b"class"


async def test_dropping_afterwards_takes_nothing_back(portal: Portal) -> None:
    deployment_id = await portal.live(bundles.bundle())
    await portal.knob(deployment_id, "vanish")
    assert (await portal.http.get(f"/maven2/{STEM}.jar")).content == b"class"


@pytest.mark.parametrize(
    ("shape", "link"),
    [
        ("apache", '<a href="thing-1.0-sources.jar">thing-1.0-sources.jar</a>'),
        ("sorted", '<A HREF="/maven2/org/example/thing/1.0/thing-1.0-sources.jar">'),
        ("nexus", '/maven2/org/example/thing/1.0/thing-1.0-sources.jar">thing-1.0-sources.jar</a>'),
    ],
)
async def test_an_index_looks_like_that_of_a_real_server(portal: Portal, shape: str, link: str) -> None:
    """Truncated names and a parent, sort links, or a table of whole addresses; counted apart from the files."""
    await portal.live(bundles.bundle())
    portal.world.settings = portal.world.settings.model_copy(update={"index_shape": shape})
    answer = await portal.http.get("/maven2/org/example/thing/1.0/")
    assert link in answer.text
    assert answer.text.rstrip().endswith("</html>")
    if shape == "apache":
        assert "..&gt;</a>" in answer.text
    if shape == "sorted":
        assert "?C=N;O=D" in answer.text
    if shape == "nexus":
        assert f'"{portal.http.base_url}'.rstrip("/") in answer.text
    assert portal.world.traffic.requests["index"] == 1
    assert portal.world.traffic.requests["repository"] == 0


async def test_an_index_may_be_old_or_end_in_the_middle(portal: Portal) -> None:
    await portal.live(bundles.bundle())
    address = "/maven2/org/example/thing/1.0/"
    whole = (await portal.http.get(address)).text
    portal.world.settings = portal.world.settings.model_copy(update={"index_twist": "stale"})
    old = await portal.http.get(address)
    assert "</html>" in old.text
    assert 0 < old.text.count("thing-1.0") < whole.count("thing-1.0")
    portal.world.settings = portal.world.settings.model_copy(update={"index_twist": "cut"})
    cut = await portal.http.get(address)
    assert whole.startswith(cut.text)
    assert "</html>" not in cut.text
