# SPDX-License-Identifier: Apache-2.0
"""Two people in one release at once: what both did survives, or the second one is told, and nothing is lost."""

import asyncio
import pathlib
import shutil
from collections.abc import Mapping

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.models.sql as sql
import atr.storage.changes as changes
import atr.storage.files as files
from tests import world as worlds
from tests.coded import coded

VERSION = "2.4.0"
RELEASE = f"{people.PROJECT}-{VERSION}"
ALICE, BOB, _ = people.MEMBERS


async def send(
    world: worlds.World, who: str, sent: Mapping[str, bytes], *, seen: str = "00001", description: str = "more"
) -> changes.Made:
    """Upload these files."""
    with changes.opened(world.settings.state_dir) as spool:
        for path, content in sent.items():
            spool.begin(path)
            await spool.write(content)
            spool.end()
        return await world.store.revise(people.PROJECT, VERSION, who, spool.change, seen=seen, description=description)


async def change(world: worlds.World, wanted: changes.Change, *, seen: str = "00001", who: str = ALICE) -> changes.Made:
    return await world.store.revise(people.PROJECT, VERSION, who, wanted, seen=seen, description="changed")


def there(world: worlds.World, number: str) -> dict[str, bytes]:
    """The files of a revision, as they lie on the disk."""
    root = world.settings.state_dir / "unfinished" / people.PROJECT / VERSION / number
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def left_over(world: worlds.World) -> list[pathlib.Path]:
    return list((world.settings.state_dir / "temporary").iterdir())


async def test_what_two_people_upload_from_one_page_is_all_there(world: worlds.World) -> None:
    await world.composed()
    before = there(world, "00001")
    first = await send(world, ALICE, {"a.txt": b"alice"})
    second = await send(world, BOB, {"b.txt": b"bob"})
    assert (first.number, first.among) == ("00002", ())
    assert (second.number, second.among) == ("00003", (ALICE,))
    assert there(world, "00003") == before | {"a.txt": b"alice", "b.txt": b"bob"}
    assert left_over(world) == []


async def test_at_the_very_same_time_both_survive(world: worlds.World) -> None:
    """Four uploads from one page at once: each is a revision, and the newest one has them all."""
    await world.composed()
    before = there(world, "00001")
    many = range(4)
    made = await asyncio.gather(*(send(world, (ALICE, BOB)[n % 2], {f"{n}.txt": b"%d" % n}) for n in many))
    assert sorted(one.number for one in made) == [f"{n:05}" for n in range(2, 6)]
    assert there(world, "00005") == before | {f"{n}.txt": b"%d" % n for n in many}
    assert await world.chain_holds()


async def test_the_same_path_from_two_people_names_who_was_first_and_loses_nothing(world: worlds.World) -> None:
    await world.composed()
    await send(world, ALICE, {"notes/a.txt": b"alice"})
    await send(world, ALICE, {"other.txt": b"other"}, seen="00002")
    facts = {"asf_uid": ALICE, "names": "notes/a.txt", "revision": "00002", "saw": "revision 00001"}
    with pytest.raises(errors.ConflictError, check=coded("touched", **facts)):
        await send(world, BOB, {"notes/a.txt": b"bob", "b.txt": b"bob"})
    assert [row.number for row in await world.rows(sql.Revision)] == ["00001", "00002", "00003"]
    assert there(world, "00003")["notes/a.txt"] == b"alice"
    # From the page as it is now it is a decision, not an accident.
    made = await send(world, BOB, {"notes/a.txt": b"bob"}, seen="00003")
    assert there(world, made.number)["notes/a.txt"] == b"bob"
    assert there(world, "00003")["notes/a.txt"] == b"alice"
    assert left_over(world) == []


async def test_the_same_bytes_twice_make_no_second_revision(world: worlds.World) -> None:
    """A double click, the way back, a form from yesterday."""
    await world.composed()
    first = await send(world, ALICE, {"a.txt": b"alice"})
    again = await send(world, ALICE, {"a.txt": b"alice"})
    other = await send(world, BOB, {"a.txt": b"alice"})
    assert (first.is_new, again.is_new, other.is_new) == (True, False, False)
    assert {first.number, again.number, other.number} == {"00002"}
    assert len(await world.rows(sql.Revision)) == 2


async def test_a_file_where_another_made_a_folder(world: worlds.World) -> None:
    await world.composed()
    await send(world, ALICE, {"docs/a.txt": b"alice"})
    with pytest.raises(errors.InputError, check=coded("path-taken", kind="folder", taken="docs")):
        await send(world, BOB, {"docs": b"bob"})
    with pytest.raises(errors.InputError, check=coded("path-taken", kind="file", taken="docs/a.txt")):
        await send(world, BOB, {"docs/a.txt/b.txt": b"bob"})
    assert len(await world.rows(sql.Revision)) == 2


async def test_removing_and_renaming_make_revisions(world: worlds.World) -> None:
    """A file, a folder, and what somebody put into the folder meanwhile."""
    await world.composed()
    before = there(world, "00001")
    await send(world, BOB, {"maven/new.txt": b"bob"})
    moved = await change(world, changes.Change(renamed=(("maven", "central/repository"),)))
    assert there(world, moved.number) == {
        path.replace("maven/", "central/repository/", 1): content for path, content in before.items()
    } | {"maven/new.txt": b"bob"}
    gone = await change(world, changes.Change(removed=("central",)), seen=moved.number)
    assert "maven/new.txt" in there(world, gone.number)
    assert not any(path.startswith("central/") for path in there(world, gone.number))
    assert there(world, "00001") == before


@pytest.mark.parametrize("to", ["notes/b.txt", "notes/older/a.txt", "b.txt"])
async def test_the_only_file_of_a_folder_gets_another_name(world: worlds.World, to: str) -> None:
    """In the same folder, in one below it, and out of it."""
    await world.composed()
    sent = await send(world, ALICE, {"notes/a.txt": b"alice"})
    made = await change(world, changes.Change(renamed=(("notes/a.txt", to),)), seen=sent.number)
    others = there(world, "00001")
    assert there(world, made.number) == others | {to: b"alice"}
    # A folder that is no more leaves its name to a file.
    if to == "b.txt":
        await send(world, ALICE, {"notes": b"a file"}, seen=made.number)


async def test_a_whole_folder_goes_into_one_below_itself(world: worlds.World) -> None:
    await world.composed()
    before = there(world, "00001")
    made = await change(world, changes.Change(renamed=(("maven", "maven/central"),)))
    assert there(world, made.number) == {path.replace("maven/", "maven/central/", 1): before[path] for path in before}


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (changes.Change(removed=("nothing",)), "no file or folder nothing"),
        (changes.Change(renamed=(("maven", "../up"),)), r"“\.\.”"),
        (changes.Change(renamed=(("maven", ".hidden"),)), "hidden"),
        (changes.Change(renamed=(("maven", ""),)), "absolute"),
        (changes.Change(renamed=(("maven", "maven/below"), ("maven", "x"))), "no file"),
    ],
)
async def test_what_cannot_be_done_changes_nothing(world: worlds.World, wanted: changes.Change, said: str) -> None:
    await world.composed()
    with pytest.raises(errors.InputError, match=said):
        await change(world, wanted)
    assert len(await world.rows(sql.Revision)) == 1
    assert left_over(world) == []


async def test_the_last_file_stays(world: worlds.World) -> None:
    await world.composed()
    every = tuple({path.partition("/")[0] for path in there(world, "00001")})
    with pytest.raises(errors.InputError, check=coded("no-files-left")):
        await change(world, changes.Change(removed=every))


async def test_removing_what_another_has_changed_is_refused(world: worlds.World) -> None:
    await world.composed()
    await send(world, ALICE, {"a.txt": b"one"})
    await send(world, BOB, {"a.txt": b"two"}, seen="00002")
    with pytest.raises(errors.ConflictError, check=coded("touched", asf_uid=BOB, names="a.txt", revision="00003")):
        await change(world, changes.Change(removed=("a.txt",)), seen="00002")
    # What both have taken away is away.
    await change(world, changes.Change(removed=("a.txt",)), seen="00003")
    assert not (await change(world, changes.Change(removed=("a.txt",)), seen="00003")).is_new


async def test_a_stranger_and_an_open_vote_change_nothing(world: worlds.World) -> None:
    await world.composed()
    with pytest.raises(errors.AccessError):
        await send(world, people.STRANGER, {"a.txt": b"a"})
    with pytest.raises(errors.NotFoundError):
        await send(world, ALICE, {"a.txt": b"a"}, seen="00009")
    async with world.member() as member:
        await member.vote.open_vote(RELEASE)
    with pytest.raises(errors.ConflictError, check=coded("files-on-vote")):
        await send(world, ALICE, {"a.txt": b"a"})
    assert len(await world.rows(sql.Revision)) == 1
    assert left_over(world) == []


async def test_after_the_vote_neither_a_byte_nor_a_path_may_change(world: worlds.World) -> None:
    """Files are frozen from the start of the vote."""
    release_key = await world.composed()
    await people.vote(world.store, release_key)
    jar = next(path for path in there(world, "00001") if path.endswith("core-2.4.0.jar"))
    for wanted in (changes.Change(renamed=((jar, f"{jar}-moved"),)), changes.Change(removed=(jar,))):
        with pytest.raises(errors.ConflictError, check=coded("files-voted-on")):
            await change(world, wanted, seen="00001")
    with pytest.raises(errors.ConflictError, check=coded("files-voted-on")):
        await send(world, ALICE, {jar: b"other bytes"}, seen="00001")
    assert len(await world.rows(sql.Revision)) == 1
    assert left_over(world) == []


async def test_what_a_killed_process_left_is_swept_and_what_lives_is_not(tmp_path: pathlib.Path) -> None:
    dead = tmp_path / "temporary" / "upload-dead"
    dead.mkdir(parents=True)
    (dead / "lock").touch()
    (dead / "000000").write_bytes(b"half")
    with changes.opened(tmp_path) as spool:
        spool.begin("a.txt")
        await spool.write(b"alive")
        assert changes.sweep(tmp_path) == 1
        assert not dead.exists()
        spool.end()
        assert spool.change.added[0].written.read_bytes() == b"alive"
    assert list((tmp_path / "temporary").iterdir()) == []


async def test_an_upload_leaves_room_for_the_database_while_it_is_written(tmp_path: pathlib.Path) -> None:
    """Two that would fit alone do not fit together; what came of the one that stops is given back."""
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(errors.NoRoomError), changes.opened(tmp_path, kept_free=2 * free) as spool:  # noqa: PT012
        spool.begin("a.txt")
        await spool.write(b"x")
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_disk_that_fills_up_says_what_to_do() -> None:
    """Whatever is not a full disk stays a fault."""
    with pytest.raises(errors.NoRoomError, match="free space"), files.no_room_said():
        pathlib.Path("/dev/full").write_bytes(b"x")
    with pytest.raises(FileNotFoundError), files.no_room_said():
        pathlib.Path("/nowhere/at/all").write_bytes(b"x")
