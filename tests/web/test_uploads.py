# SPDX-License-Identifier: Apache-2.0
"""The upload form: what it makes, and every wrong turn: a message where it happened, nothing half made."""

import pathlib
import re
from typing import Any, Final

import hypothesis
import pytest
from hypothesis import strategies

import atr.config as config
import atr.server as server
from tests.web import house as houses
from tests.web import test_bodies

pytestmark = pytest.mark.asyncio(loop_scope="session")

File = tuple[str, str, bytes]
_SEEN: Final = {"seen": "00001"}
_HEAD: Final = b'Content-Disposition: form-data; name="'


def place(house: houses.House, name: str = "composed") -> str:
    return house.places[name].url("upload")


def revisions(house: houses.House, name: str = "composed") -> list[str]:
    key = f"{houses.PROJECT}-{house.places[name].version}"
    return [number for (number,) in house.rows("SELECT number FROM revision WHERE release_key = ? ORDER BY seq", key)]


def newest(house: houses.House, name: str = "composed") -> dict[str, bytes]:
    """The files of the newest revision, as they lie on the disk."""
    version = house.places[name].version
    root = house.world.settings.state_dir / "unfinished" / houses.PROJECT / version / revisions(house, name)[-1]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def left_over(house: houses.House) -> list[pathlib.Path]:
    return list((house.world.settings.state_dir / "temporary").iterdir())


def problems(answer: houses.Answer) -> str:
    """What stands in the box of the form."""
    found = re.search(r'id="upload-problems">(.*?)</div>', answer.text, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", found.group(1))).strip() if found else ""


async def test_files_and_folders_become_one_revision(house: houses.House) -> None:
    """Below the folder that was named; a chosen folder's own name is left out, what lies in it keeps its path."""
    alice = house.people[houses.MEMBER]
    before = newest(house)
    sent: list[File] = [
        ("files", "NOTICE", b"notice"),
        ("files", "", b""),
        ("folder", "my-folder/a/b.txt", b"b" * 200_000),
        ("folder", "my-folder/c.txt", b""),
    ]
    form = {**_SEEN, "below": "docs/", "description": "The documents"}
    answer = await alice.upload(place(house), sent, form)
    assert answer.status == 303, answer.text
    assert newest(house) == before | {"docs/NOTICE": b"notice", "docs/a/b.txt": b"b" * 200_000, "docs/c.txt": b""}
    page = await alice.get(answer.headers["location"])
    assert "Revision 00002 is made: 3 files uploaded" in page.text
    listed = await alice.get(house.places["composed"].url("revisions"))
    assert "The documents" in listed.text
    assert left_over(house) == []


async def test_a_script_is_told_where_to_go(house: houses.House) -> None:
    """It cannot keep its browser from following a redirect, which would eat the next page's sentence."""
    alice = house.people[houses.MEMBER]
    asked = {"X-Requested-With": "XMLHttpRequest"}
    answer = await alice.upload(place(house), [("files", "a.txt", b"a")], _SEEN, headers=asked)
    assert (answer.status, answer.headers["location"]) == (201, house.places["composed"].url("compose"))
    assert "Revision 00002 is made" in (await alice.get(answer.headers["location"])).text


BAD: Final = {
    "../up.txt": "It contains “..”",
    "a/../b.txt": "It contains “..”",
    "/etc/passwd": "It is absolute",
    "a\x01b": "control character",
    "a\nb": "control character",
    "a\u202eb": "control character",
    ".hidden": "It is hidden",
    "a/.git/config": "It is hidden",
    "a\\b": "It contains a backslash",
    "a//b": "empty name",
    "x" * 300: "longer than 255 bytes",
    "e\u0301": "normalization form",
    "maven": "There is already a folder maven",
}


@pytest.mark.parametrize("name", BAD, ids=ascii)
async def test_a_name_that_cannot_be_used_is_named_with_its_reason(house: houses.House, name: str) -> None:
    alice, before = house.people[houses.MEMBER], house.dump()
    sent: list[File] = [("files", "fine.txt", b"fine"), ("files", name, b"bad"), ("files", "fine-too.txt", b"fine")]
    answer = await alice.upload(place(house), sent, {**_SEEN, "description": "kept words"})
    assert answer.status == 422
    assert "Nothing was saved" in problems(answer)
    assert BAD[name] in problems(answer)
    assert 'value="kept words"' in answer.text
    assert house.dump() == before
    assert left_over(house) == []


async def test_every_bad_name_is_listed_at_once(house: houses.House) -> None:
    """Twice in one upload, a file and a folder, and 300 hidden ones: counted, the first hundred named."""
    alice, before = house.people[houses.MEMBER], house.dump()
    sent: list[File] = [
        ("files", "twice.txt", b"1"),
        ("files", "twice.txt", b"2"),
        ("files", "both", b"a file"),
        ("files", "both/below", b"a file below it"),
        *(("files", f".hidden-{number}", b"") for number in range(300)),
    ]
    answer = await alice.upload(place(house), sent, _SEEN)
    said = problems(answer)
    assert "302 names cannot be used" in said
    assert "twice.txt It is in this upload twice" in said
    assert "both/below It is below both, which is a file" in said
    assert ".hidden-97" in said
    assert ".hidden-98" not in said
    assert "It is hidden" in said
    assert "And 202 other names" in said
    assert house.dump() == before


async def test_somebody_else_touched_the_same_path(house: houses.House) -> None:
    """409 on the form, with who, what and when; the same form sent from the page as it is now goes through."""
    alice, bob = house.people[houses.MEMBER], house.people[houses.OTHER_MEMBER]
    await bob.upload(place(house), [("files", "a.txt", b"bob")], _SEEN)
    sent: list[File] = [("files", "a.txt", b"alice"), ("files", "b.txt", b"alice")]
    answer = await alice.upload(place(house), sent, _SEEN)
    assert answer.status == 409
    assert f"{houses.OTHER_MEMBER} changed a.txt in revision 00002" in problems(answer)
    assert "Nothing was saved" in problems(answer)
    assert revisions(house) == ["00001", "00002"]
    assert 'name="seen" value="00002"' in answer.text
    # Another path: both survive.
    merged = await alice.upload(place(house), [("files", "c.txt", b"alice")], _SEEN)
    assert merged.status == 303
    assert f"What {houses.OTHER_MEMBER} changed meanwhile is in it too" in (await alice.get("/releases")).text
    assert {"a.txt": b"bob", "c.txt": b"alice"}.items() <= newest(house).items()


async def test_the_same_upload_again_is_no_error(house: houses.House) -> None:
    """A double click, the way back, a form from yesterday."""
    alice = house.people[houses.MEMBER]
    for _ in range(2):
        answer = await alice.upload(place(house), [("files", "a.txt", b"a")], _SEEN)
        assert answer.status == 303
    assert "revision 00002 already contains all of them" in (await alice.get("/releases")).text
    assert revisions(house) == ["00001", "00002"]


@pytest.mark.parametrize("name", ["voting", "announced"])
async def test_files_that_must_stay_are_refused_where_the_form_stood(house: houses.House, name: str) -> None:
    alice, before = house.people[houses.MEMBER], house.dump()
    answer = await alice.upload(place(house, name), [("files", "a.txt", b"a" * 3_000_000)], _SEEN)
    assert answer.status == 409
    assert re.search("so its files can(not| no longer) be changed", problems(answer))
    assert house.dump() == before
    assert left_over(house) == []


async def test_nothing_chosen_says_so(house: houses.House) -> None:
    alice, before = house.people[houses.MEMBER], house.dump()
    answer = await alice.upload(place(house), [("files", "", b""), ("folder", "", b"")], _SEEN)
    assert answer.status == 422
    assert "Choose a file or a folder" in problems(answer)
    assert house.dump() == before


async def test_a_token_that_comes_after_a_file_is_none(house: houses.House) -> None:
    """What stands before it would have been written by then."""
    alice, before = house.people[houses.MEMBER], house.dump()
    for form in ({"seen": "00001", "csrf_token": alice.token}, {}):
        answer = await alice.upload(place(house), [("files", "a.txt", b"a")], form, token="")
        assert answer.status == 403
    late = houses.multipart({}, [("files", "a.txt", b"a")])[: -len(houses.BOUNDARY) - 6]
    late += houses.multipart({"csrf_token": alice.token}, [])
    kind = f"multipart/form-data; boundary={houses.BOUNDARY}"
    assert (await test_bodies._send(alice, place(house), late, kind)).status == 403
    query = f"{place(house)}?csrf_token={alice.token}"
    assert (await alice.upload(query, [("files", "a.txt", b"a")], token="")).status == 403
    assert house.dump() == before
    assert left_over(house) == []


async def test_more_than_an_upload_may_have(house: houses.House) -> None:
    """Said with the limit, whether it was announced or only came."""
    small = server.create_app(
        config.WebSettings(state_dir=house.world.settings.state_dir, sandbox=True, max_upload=100_000),
        house.app.extensions["atr"].site.storage,
    )
    alice = houses.Person(small, houses.MEMBER)
    await alice.sign_in()
    before = house.dump()
    answer = await alice.upload(place(house), [("files", "big", b"x" * 300_000)], _SEEN)
    assert answer.status == 413
    assert "An upload may have at most 100 kB" in problems(answer)
    assert house.dump() == before
    assert left_over(house) == []
    assert (await alice.upload(place(house), [("files", "small", b"x" * 90_000)], _SEEN)).status == 303


async def test_a_full_disk_is_said_before_anything_is_written(house: houses.House) -> None:
    """The length that the browser announces does not fit."""
    vast = server.create_app(
        config.WebSettings(state_dir=house.world.settings.state_dir, sandbox=True, max_upload=10**18),
        house.app.extensions["atr"].site.storage,
    )
    alice = houses.Person(vast, houses.MEMBER)
    await alice.sign_in()
    before = house.dump()
    answer = await alice.upload(place(house), [("files", "a", b"x")], _SEEN, headers={"Content-Length": str(10**17)})
    assert answer.status == 507
    assert "disk is full" in problems(answer)
    assert house.dump() == before


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"--b\r\n"),
        ("multipart/form-data; boundary=b", b"--b--\r\n"),
        ("multipart/form-data; boundary=b", b"x" * 100_000),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"X-Header: " + b"x" * 100_000),
        ("multipart/form-data; boundary=b", b"--b\r\nno disposition\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\n" + _HEAD + b'csrf_token"\r\n\r\nhalf'),
        ("multipart/form-data; boundary=b", b"--b\r\n" + _HEAD + b'csrf_token"\r\n\r\n' + b"x" * 100_000),
        ("multipart/form-data; boundary=b", b"--b\r\n" + _HEAD + b'\xff\xfe"\r\n\r\nx\r\n--b--\r\n'),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/form-data; boundary=" + "b" * 5_000, b"x"),
        ("multipart/form-data; boundary=\xe9", b"x"),
        ("multipart/form-data", b"x"),
        ("application/x-www-form-urlencoded", b"csrf_token=x"),
        ("text/plain", b"x" * 2_000_000),
        ("", b""),
    ],
)
async def test_a_body_that_is_no_upload_form(house: houses.House, kind: str, body: bytes) -> None:
    before = house.dump()
    answer = await test_bodies._send(house.people[houses.MEMBER], place(house), body, kind)
    assert answer.status in {403, 413, 422}, answer.text
    assert "nothing" in answer.text.lower()
    assert house.dump() == before
    assert left_over(house) == []


async def test_a_form_that_breaks_off_after_its_token(house: houses.House) -> None:
    """Wherever it ends, nothing of it is kept."""
    alice, before = house.people[houses.MEMBER], house.dump()
    fields = {"csrf_token": alice.token, **_SEEN}
    whole = houses.multipart(fields, [("files", "a.txt", b"a" * 500), ("files", "b.txt", b"b" * 500)])
    begins = whole.index(b"seen")
    kind = f"multipart/form-data; boundary={houses.BOUNDARY}"
    for end in range(begins, len(whole) - 4, 67):
        answer = await test_bodies._send(alice, place(house), whole[:end], kind)
        assert answer.status == 422, (end, answer.text)
        assert "is incomplete" in problems(answer)
    assert house.dump() == before
    assert left_over(house) == []


_NAMES: Final = strategies.one_of(
    strategies.sampled_from([*BAD, "a/b/c.txt", "a", "maven/x", "NOTICE", "%0A", 'quote".txt', "C:\\fakepath\\x"]),
    strategies.text(strategies.characters(exclude_categories=["Cs"]), max_size=30),
)
_UPLOADS: Final = strategies.tuples(
    strategies.lists(
        strategies.tuples(
            strategies.sampled_from(["files", "folder", "other"]), _NAMES, strategies.binary(max_size=50)
        ),
        max_size=4,
    ),
    strategies.dictionaries(
        strategies.sampled_from(["seen", "below", "description", "other"]),
        strategies.one_of(
            strategies.sampled_from([one for one in test_bodies.HOSTILE if one.isascii()]), strategies.text(max_size=20)
        ),
    ),
)


async def test_nothing_that_an_upload_may_hold_is_a_fault(built: houses.House) -> None:
    """Names and fields of every kind: a revision or a refusal, never a fault, never a file outside of its place."""
    alice = built.people[houses.MEMBER]
    sent: list[Any] = []
    _draw(sent)
    for files, form in sent:
        built.put_back()
        before = built.dump()
        fields = {name: value.encode("utf-8", "replace").decode() for name, value in form.items()}
        answer = await alice.upload(place(built), files, fields)
        assert answer.status in {303, 404, 409, 413, 422}, (files, form, answer.text)
        if answer.status != 303:
            assert built.dump() == before, (files, form)
        assert "<script>alert" not in answer.text
        assert left_over(built) == []
    outside = {path.name for path in built.world.settings.state_dir.iterdir()}
    assert not outside & {"up.txt", "passwd", "b.txt"}


def _draw(sent: list[Any]) -> None:
    """The examples first, outside the loop: hypothesis cannot await."""

    @hypothesis.settings(
        max_examples=60, database=None, deadline=None, derandomize=True, phases=[hypothesis.Phase.generate]
    )
    @hypothesis.given(_UPLOADS)
    def collect(given: Any) -> None:
        sent.append(given)

    collect()
