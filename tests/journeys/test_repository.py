# SPDX-License-Identifier: Apache-2.0
"""What is voted on, served read-only: whole, harmless, under an address that no other candidate has."""

import contextlib
import hashlib
import pathlib
import urllib.parse
from collections.abc import AsyncIterator
from typing import Final

import httpx
import pytest
import pytest_asyncio

import atr.config as config
import atr.demo.people as people
import atr.models.promotion as tables
import atr.pages.repository as repository
import atr.pages.vote as votes
import atr.pages.voting as vote_reader
import atr.server as server
import atr.storage.files as files
from tests import serving
from tests import world as worlds
from tests.journeys import test_copies as copying

CORE: Final = "org/example/widgets/widgets-core/2.4.0/widgets-core-2.4.0"
SANDBOXED: Final = "default-src 'none'; frame-ancestors 'none'; sandbox"


@contextlib.asynccontextmanager
async def client(world: worlds.World) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody whom nobody knows, at the web process as it is served."""
    app = server.create_app(config.WebSettings(state_dir=world.store.place.state_dir, sandbox=True), world.store)
    async with serving.serving(app) as address, httpx.AsyncClient(base_url=address, trust_env=False) as asker:
        yield asker


async def voting(world: worlds.World, *, keep: bool = True) -> tuple[str, int]:
    """An open vote on what a build machine staged."""
    release_key, deployment_id = await copying.elsewhere(world, keep=keep)
    await copying.captured(world, deployment_id)
    async with world.manager() as manager:
        await manager.vote.open_vote(release_key)
    return release_key, deployment_id


async def entries(world: worlds.World, release_key: str) -> dict[str, repository.VoterEntry]:
    """What a stranger can get, by the kind of the entry."""
    async with world.store.read() as read:
        return {entry.kind: entry for entry in (await votes.newest(read, release_key)).entries}


def address(entry: repository.VoterEntry, path: str = "") -> str:
    """Where it is served."""
    return f"/repository/{entry.project_key}/{entry.version_key}/{entry.digest}/{path}"


@pytest_asyncio.fixture
async def open_vote(world: worlds.World) -> repository.VoterEntry:
    """The deployment's entry of an open vote."""
    release_key, _ = await voting(world)
    return (await entries(world, release_key))["deployment"]


async def test_every_file_comes_whole_with_its_checksums(world: worlds.World, open_vote: repository.VoterEntry) -> None:
    """For anybody, with its length, its digest as mark, and no cookie."""
    async with client(world) as asker:
        for path, content in world.tree.files.items():
            answer = await asker.get(address(open_vote, path))
            assert answer.status_code == 200
            assert answer.content == content
            assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
            assert answer.headers["content-length"] == str(len(answer.content))
            assert "set-cookie" not in answer.headers
            for algorithm in ("md5", "sha1", "sha256", "sha512"):
                said = await asker.get(address(open_vote, f"{path}.{algorithm}"))
                assert said.text == hashlib.new(algorithm, answer.content).hexdigest()


async def test_a_head_and_an_unchanged_file_have_no_body(world: worlds.World, open_vote: repository.VoterEntry) -> None:
    where = address(open_vote, f"{CORE}.jar")
    async with client(world) as asker:
        whole = await asker.get(where)
        head = await asker.head(where)
        assert (head.status_code, head.content) == (200, b"")
        same = ("content-length", "etag", "last-modified", "content-type", "content-security-policy")
        assert {name: head.headers[name] for name in same} == {name: whole.headers[name] for name in same}
        again = await asker.get(where, headers={"If-None-Match": whole.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == whole.headers["etag"]
        # The checksum is another representation and has a mark of its own.
        side = await asker.get(f"{where}.sha1", headers={"If-None-Match": whole.headers["etag"]})
        assert side.status_code == 200
        head = await asker.head(f"{where}.sha1")
        assert (head.headers["content-length"], head.content) == ("40", b"")


@pytest.mark.parametrize(
    ("ending", "content_type", "saved"),
    [
        (".pom", "application/xml", False),
        (".jar", "application/java-archive", True),
        (".pom.asc", "text/plain; charset=utf-8", False),
        (".pom.sha1", "text/plain; charset=utf-8", False),
    ],
)
async def test_nothing_that_is_served_runs_in_a_browser(
    ending: str, content_type: str, *, saved: bool, world: worlds.World, open_vote: repository.VoterEntry
) -> None:
    async with client(world) as asker:
        answer = await asker.get(address(open_vote, f"{CORE}{ending}"))
    assert answer.headers["content-type"] == content_type
    assert answer.headers["content-security-policy"] == SANDBOXED
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (answer.headers.get("content-disposition") == "attachment") is saved


async def test_a_page_among_the_files_is_saved_and_not_shown(world: worlds.World) -> None:
    """The revision's tree may hold anything."""
    await world.composed()

    async def add(draft: files.Draft) -> None:
        await draft.add("docs/evil.html", worlds.stream(b"<script>alert(1)</script>"))
        await draft.add("docs/evil.svg", worlds.stream(b"<svg onload='alert(1)'/>"))

    release_key = f"{people.PROJECT}-2.4.0"
    await world.revise(release_key, add)
    async with world.manager() as manager:
        await manager.vote.open_vote(release_key)
    entry = (await entries(world, release_key))["revision"]
    async with client(world) as asker:
        for name in ("evil.html", "evil.svg"):
            answer = await asker.get(address(entry, f"docs/{name}"))
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "application/octet-stream"
            assert answer.headers["content-disposition"] == "attachment"
            assert answer.headers["content-security-policy"] == SANDBOXED


@pytest.mark.parametrize(
    "path",
    [
        "../../../../../../etc/passwd",
        "..%2f..%2f..%2fsecret-key",
        "%2e%2e/%2e%2e/atr.db",
        "..\\..\\atr.db",
        "/etc/passwd",
        "%00",
        "org/example/../../../atr.db",
        f"{CORE}.jar/../../../../../..",
        f"{CORE}.jar.md5.md5",
        f"{CORE}.jar.sha3",
        f"{CORE}.jar%0d%0aX-Evil:1",
        "maven-metadata.xml",
        "org/example/widgets/widgets-core/maven-metadata.xml",
        "org/example/widgets/widgets-cor",
        "x" * 5_000,
        "%ff%fe",
    ],
)
async def test_what_is_not_of_the_file_set_is_not_there(
    path: str, world: worlds.World, open_vote: repository.VoterEntry
) -> None:
    """Whatever is made of the path: no file of ours, no fault, no header of theirs."""
    where = urllib.parse.urlsplit(address(open_vote)).path + path
    async with client(world) as asker:
        request = asker.build_request("GET", "/")
        # As it is: a client would tidy it up.
        request.url = request.url.copy_with(raw_path=where.encode())
        answer = await asker.send(request)
    assert answer.status_code in {308, 404}
    assert "x-evil" not in answer.headers
    assert b"SQLite format" not in answer.content
    assert b"root:" not in answer.content
    assert "set-cookie" not in answer.headers


async def test_only_what_a_vote_is_about_is_served(world: worlds.World) -> None:
    """A captured candidate is served from the opening of its vote, and under no other release's address."""
    release_key, deployment_id = await copying.elsewhere(world)
    row = await copying.captured(world, deployment_id)
    where = f"/repository/{people.PROJECT}/2.4.0/{row.file_set_digest}/"
    async with client(world) as asker:
        assert (await asker.get(where)).status_code == 404
        async with world.manager() as manager:
            await manager.vote.open_vote(release_key)
        assert (await asker.get(where)).status_code == 200
        for other in (
            f"/repository/{people.PROJECT}/2.4.1/{row.file_set_digest}/",
            f"/repository/example/widgets-2.4.0/{row.file_set_digest}/",
            f"/repository/{people.PROJECT}/2.4.0/{'0' * 64}/",
        ):
            assert (await asker.get(other)).status_code == 404


async def test_folders_are_for_people(world: worlds.World, open_vote: repository.VoterEntry) -> None:
    """From the root to a file and back, by links; the page says that this is no release."""
    async with client(world) as asker:
        page = (await asker.get(address(open_vote))).text
        assert f'href="{address(open_vote, "org/")}"' in page
        assert "This is a release candidate, not a release" in page
        folder = f"{CORE.rpartition('/')[0]}/"
        page = (await asker.get(address(open_vote, folder))).text
        assert f'href="{address(open_vote, f"{CORE}.jar")}"' in page
        assert f'href="{address(open_vote, "org/example/widgets/widgets-core")}"' in page
        assert (await asker.get(address(open_vote, folder.rstrip("/")))).status_code == 200
        assert "set-cookie" not in (await asker.get(address(open_vote))).headers


async def test_mapped_files_are_served_from_the_revision_without_a_copy(world: worlds.World) -> None:
    """And the revision itself as the tree that it is."""
    release_key, _ = await world.staged()
    async with world.manager() as manager:
        await manager.vote.open_vote(release_key)
    found = await entries(world, release_key)
    assert {kind: entry.why_not for kind, entry in found.items()} == {"revision": "", "mapped": "", "deployment": ""}
    assert found["mapped"].digest == found["deployment"].digest
    assert not list(copying.store(world).found())
    async with client(world) as asker:
        for path, content in world.tree.files.items():
            assert (await asker.get(address(found["mapped"], path))).content == content
            assert (await asker.get(address(found["revision"], f"maven/{path}"))).content == content
        source = f"apache-{people.PROJECT}-2.4.0-source-release.zip"
        assert (await asker.get(address(found["revision"], source))).content == b"the source release"
        assert (await asker.get(address(found["mapped"], source))).status_code == 404


async def test_what_the_disk_spoilt_is_not_passed_on(world: worlds.World, open_vote: repository.VoterEntry) -> None:
    """Cut short it is not served; with different content its checksums are not, so Maven refuses it."""
    path = f"{CORE}.jar"
    content = world.tree.files[path]
    assert isinstance(content, bytes)
    blob = copying.store(world).path(hashlib.sha256(content).hexdigest())
    blob.chmod(0o644)
    async with client(world) as asker:
        _write(blob, content[:-1] + b"?")
        for algorithm in ("sha1", "sha512"):
            answer = await asker.get(address(open_vote, f"{path}.{algorithm}"))
            assert (answer.status_code, "stored file is damaged" in answer.text) == (404, True)
        _write(blob, content[:-1])
        assert (await asker.get(address(open_vote, path))).status_code == 404
        blob.unlink()
        answer = await asker.get(address(open_vote, path))
        assert (answer.status_code, "stored file is damaged" in answer.text) == (404, True)


def _write(path: pathlib.Path, content: bytes) -> None:
    path.write_bytes(content)


async def test_without_a_copy_voters_are_told_and_so_is_who_opens_the_vote(world: worlds.World) -> None:
    release_key, deployment_id = await copying.elsewhere(world, keep=False)
    await copying.captured(world, deployment_id)
    async with world.store.read() as read:
        (warning,) = (await vote_reader.voting(read, release_key)).warnings
    external_id = (await world.row(deployment_id)).external_id
    assert warning.startswith(f"Voters cannot test deployment {external_id}.")
    assert "enable copies in the project's policy" in warning
    async with world.manager() as manager:
        await manager.vote.open_vote(release_key)
    entry = (await entries(world, release_key))["deployment"]
    assert "only to the account that staged them" in entry.why_not
    async with client(world) as asker:
        assert (await asker.get(address(entry, f"{CORE}.jar"))).status_code == 404


async def test_the_sentence_says_why_no_copy_is_kept(world: worlds.World) -> None:
    """Over the quota: what to do stands in it; off the ballot: nobody is warned."""
    release_key, deployment_id = await copying.elsewhere(world)
    copying.quota(world, 10)
    await copying.captured(world, deployment_id)
    async with world.store.read() as read:
        (warning,) = (await vote_reader.voting(read, release_key)).warnings
    assert "Delete copies of older candidates" in warning
    async with world.member() as member:
        await member.deployments.take_off_ballot(deployment_id, "not this one")
    async with world.store.read() as read:
        (other,) = (await vote_reader.voting(read, release_key)).warnings
    assert "The ballot contains only the revision" in other


async def test_forgotten_after_the_vote_it_is_served_no_more(
    world: worlds.World, open_vote: repository.VoterEntry
) -> None:
    async with world.manager() as manager:
        await manager.vote_resolution.resolve_failed(f"{people.PROJECT}-2.4.0", "there is a bug")
    async with client(world) as asker:
        assert (await asker.get(address(open_vote, f"{CORE}.jar"))).status_code == 200
        async with world.member() as member:
            await member.deployments.forget_copy(
                (await world.rows(tables.Deployment))[0].id or 0, "a new candidate comes"
            )
        answer = await asker.get(address(open_vote, f"{CORE}.jar"))
    assert (answer.status_code, "The copy of this file has been deleted" in answer.text) == (404, True)


async def test_the_settings_name_the_repository_and_an_artifact(
    world: worlds.World, open_vote: repository.VoterEntry
) -> None:
    """Its id has the digest, so Maven's memory of another candidate is not taken for this one's."""
    assert open_vote.repository_id == f"{people.PROJECT}-2.4.0-{open_vote.digest[:12]}"
    assert open_vote.example == "org.example.widgets:widgets-core:2.4.0"
    found = await entries(world, f"{people.PROJECT}-2.4.0")
    assert (found["revision"].repository_id, found["revision"].example) == ("", "")
