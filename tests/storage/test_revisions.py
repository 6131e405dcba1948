# SPDX-License-Identifier: Apache-2.0
"""Revisions: hashed while streamed, cloned by hard link, never changed, and no path that leaves its place."""

import contextlib
import hashlib
import os
import pathlib
import sqlite3
from collections.abc import AsyncIterator

import pytest

import atr.db.queries as queries
import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.storage.files as files
from tests import world as worlds
from tests.coded import coded

RELEASE = f"{people.PROJECT}-2.4.0"
_ZIP = f"apache-{people.PROJECT}-2.4.0-source-release.zip"


def _directory(world: worlds.World, number: str) -> pathlib.Path:
    return world.settings.state_dir / "unfinished" / people.PROJECT / "2.4.0" / number


async def test_a_new_revision_shares_what_did_not_change_and_changes_nothing_before_it(world: worlds.World) -> None:
    """The same inode for a file that stayed, another for one that was replaced; all read-only."""
    await world.composed()

    async def change(draft: files.Draft) -> None:
        written = await draft.add(_ZIP, worlds.stream(b"an", b"other"))
        assert (written.size, written.sha256) == (7, hashlib.sha256(b"another").hexdigest())

    before = _directory(world, "00001")
    await world.revise(RELEASE, change)
    after = _directory(world, "00002")
    assert (before / _ZIP).read_bytes() == b"the source release"
    assert (after / _ZIP).read_bytes() == b"another"
    for path in world.tree.files:
        assert (before / "maven" / path).samefile(after / "maven" / path)
    assert all(not os.access(one, os.W_OK) or (one.stat().st_mode & 0o222) == 0 for one in after.rglob("*.zip"))
    rows = {row.number: row for row in await world.rows(sql.Revision)}
    assert rows["00002"].parent_key == rows["00001"].key
    assert len({row.file_set_digest for row in await world.rows(tables.RevisionFiles)}) == 2


async def test_a_draft_that_is_not_committed_leaves_nothing(world: worlds.World) -> None:
    """No row, no number, no directory."""
    await world.composed()
    with pytest.raises(RuntimeError):  # noqa: PT012
        async with world.store.draft(RELEASE) as draft:
            await draft.add("x.zip", worlds.stream(b"x"))
            raise RuntimeError
    assert len(await world.rows(sql.Revision)) == 1
    assert not list((world.settings.state_dir / "temporary").glob("draft-*"))
    assert not _directory(world, "00002").exists()


@pytest.mark.sqlite
async def test_its_files_are_on_the_disk_before_its_row_is(
    world: worlds.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each new file, each directory, and those above it: what was not synced, a power failure takes away."""
    await world.composed()
    database = world.settings.state_dir / "atr.db"
    synced: set[int] = set()
    sync = os.fsync

    def noted(descriptor: int) -> None:
        with contextlib.closing(sqlite3.connect(database)) as rows:
            (revisions,) = rows.execute("SELECT count(*) FROM revision").fetchone()
        if revisions == 1:
            synced.add(os.fstat(descriptor).st_ino)
        sync(descriptor)

    async def change(draft: files.Draft) -> None:
        await draft.add(_ZIP, worlds.stream(b"another"))
        await draft.add("new/folder/file.zip", worlds.stream(b"a file"))

    monkeypatch.setattr(os, "fsync", noted)
    await world.revise(RELEASE, change)
    made = _directory(world, "00002")
    wanted = [made / _ZIP, made / "new/folder/file.zip", made.parent, made]
    wanted += [path for path in made.rglob("*") if path.is_dir()]
    assert [path for path in wanted if path.stat().st_ino not in synced] == []


async def test_a_stream_that_breaks_off_adds_no_file_and_no_rest(world: worlds.World) -> None:
    """The file that was there before is there still."""
    await world.composed()

    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise OSError("the browser left")

    async with world.store.draft(RELEASE) as draft:
        before = draft.files
        with pytest.raises(OSError, match="browser left"):
            await draft.add(_ZIP, broken())
        assert draft.files == before
        there = {path.relative_to(draft.directory).as_posix() for path in draft.directory.rglob("*") if path.is_file()}
        assert there == {file.path for file in before.files}
        assert (draft.directory / _ZIP).read_bytes() == b"the source release"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../up",
        "a/../b",
        "a/./b",
        "a//b",
        "a/",
        ".hidden",
        "a/.hidden",
        "..",
        ".",
        "a\\b",
        "a\nb",
        "a\x00b",
        "a\x7fb",
        "x" * 256,
        "é" * 200,
        "a/" * 500 + "b",
        "\ud800",
    ],
    ids=lambda path: ascii(path)[:24],
)
async def test_a_hostile_path_is_refused_and_writes_nothing(path: str, tmp_path: pathlib.Path) -> None:
    """By add and by rename, in a sentence that can be shown."""
    with files.draft(tmp_path, None, ()) as draft:
        with pytest.raises(errors.InputError) as refused:
            await draft.add(path, worlds.stream(b"x"))
        str(refused.value).encode()
        await draft.add("fine", worlds.stream(b"x"))
        with pytest.raises(errors.InputError):
            draft.rename("fine", path)
        assert [one.path for one in draft.files.files] == ["fine"]


async def test_a_file_cannot_stand_where_a_directory_is_nor_below_a_file(tmp_path: pathlib.Path) -> None:
    """An error for the person, not for the program."""
    with files.draft(tmp_path, None, ()) as draft:
        await draft.add("a/b", worlds.stream(b"x"))
        for path in ("a", "a/b/c"):
            with pytest.raises(errors.InputError, match="already"):
                await draft.add(path, worlds.stream(b"y"))
        await draft.add("c", worlds.stream(b"z"))
        for path in ("a", "a/b/c", "a/b"):
            with pytest.raises(errors.InputError):
                draft.rename("c", path)
        with pytest.raises(errors.InputError):
            draft.remove("not there")
        with pytest.raises(errors.InputError):
            draft.rename("not there", "d")
        assert {one.path for one in draft.files.files} == {"a/b", "c"}


async def test_a_revision_without_files_is_none(world: worlds.World) -> None:
    """Nothing to compare is a failure."""
    await world.settle_in()
    async with world.member() as member:
        release_key = await member.release.start(people.PROJECT, "2.4.0")
    with pytest.raises(errors.InputError):
        async with world.store.draft(release_key) as draft, world.member() as member:
            await member.revision.create(release_key, draft, "empty")
    assert not await world.rows(sql.Revision)


async def test_a_draft_that_another_revision_overtook_is_refused(world: worlds.World) -> None:
    """Two people draft from one revision: the second one would take back what the first one did."""
    await world.composed()
    async with world.store.draft(RELEASE) as late:
        await late.add("late.txt", worlds.stream(b"late"))

        async def change(draft: files.Draft) -> None:
            await draft.add("early.txt", worlds.stream(b"early"))

        await world.revise(RELEASE, change)
        with pytest.raises(errors.ConflictError, check=coded("overtaken", revision="00002", begun="revision 00001")):
            async with world.member() as member:
                await member.revision.create(RELEASE, late, "from the first one")
    assert [row.number for row in await world.rows(sql.Revision)] == ["00001", "00002"]
    assert (_directory(world, "00002") / "early.txt").read_bytes() == b"early"
    assert not _directory(world, "00003").exists()


def _stream(text: str) -> AsyncIterator[bytes]:
    return worlds.stream(text.encode())


async def test_what_is_wrong_with_checksums_is_found_when_a_revision_is_made_and_kept(world: worlds.World) -> None:
    """Of files that did not change nothing is read again; a parent from before knows nothing, so all is."""
    release_key = await world.composed()
    right = hashlib.sha256(b"one").hexdigest()

    async def put(draft: files.Draft) -> None:
        await draft.add("a.zip", _stream("one"))
        await draft.add("a.zip.sha256", _stream(right))
        await draft.add("a.zip.sha512", _stream("1" * 128))
        await draft.add("a.zip.md5", _stream("no digest"))
        await draft.add("b.zip.sha256", _stream(right))
        await draft.add("c.zip.sha256", _stream("x" * 5_000))

    async def odd(number: str) -> dict[str, str] | None:
        async with world.store.read() as read:
            recorded = (await queries.revision(read.data, release_key, number)).recorded
            return recorded.odd_checksums if recorded else None

    number = await world.revise(release_key, put)
    assert await odd(number) == {"a.zip.sha512": "digest", "a.zip.md5": "text"}
    async with world.store.draft(release_key) as draft:
        # A checksum that nobody touched is not read again: it could not be.
        (draft.directory / "a.zip.sha512").unlink()
        assert await draft.odd_checksums() == {"a.zip.sha512": "digest", "a.zip.md5": "text"}

    async def change(draft: files.Draft) -> None:
        await draft.add("a.zip", _stream("two"))
        draft.remove("a.zip.sha512")
        await draft.add("b.zip", _stream("one"))

    number = await world.revise(release_key, change)
    assert await odd(number) == {"a.zip.sha256": "digest", "a.zip.md5": "text"}
    async with world.store.read() as read:
        row = await queries.revision(read.data, release_key, number)
        marked = {file.path for file in (await queries.revision_files(read.data, row)).files if file.odd is not None}
    assert marked == {"a.zip.sha256", "a.zip.md5"}
    assert row.recorded is not None
    row.recorded.odd_checksums = None
    await world.change(row.recorded)
    async with world.store.draft(release_key) as draft:
        draft.rename("b.zip.sha256", "a.zip.asc.sha256")
        await draft.add("a.zip", _stream("one"))
        assert await draft.odd_checksums() == {"a.zip.md5": "text"}
