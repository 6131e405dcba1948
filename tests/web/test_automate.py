# SPDX-License-Identifier: Apache-2.0
"""Before an upload: how much it is, what of it the platform would refuse, and pages that stay short."""

import html
import itertools
import re
from collections.abc import Awaitable, Callable

import pytest

import atr.db.queries as queries
import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.reasons as reasons
import atr.shared.mechanisms as mechanisms
from tests import world as worlds
from tests.web import house as houses

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _nothing_mapped(house: houses.House) -> None:
    async with house.world.store.write_as_project_committee_member(houses.PROJECT, houses.MEMBER) as member:
        await member.policy.edit(houses.PROJECT, file_tag_mappings={"mavencentral": ["nowhere/**"]})


async def _outside(house: houses.House) -> None:
    async with house.world.admin() as admin:
        await admin.policy.set_target(houses.PROJECT, worlds.MAVEN, namespaces=["org.example.gadgets"])


async def _nobodys(house: houses.House) -> None:
    house.change("DELETE FROM platform_target")


async def _too_large(house: houses.House) -> None:
    """A revision with one archive of exactly as many bytes as the platform takes: its checksums are too much."""
    jar = "maven/org/example/widgets/widgets-many/1.0/widgets-many-1.0.jar"
    large = fileset.FileSet.of([fileset.File(jar, mechanisms.Mechanism.CENTRAL_PORTAL.largest_upload, "0" * 64)])
    async with house.world.hands.storage.database.write() as data:
        await queries.store_file_set(data, large, house.world.clock.at)
    house.change("UPDATE revision_files SET file_set_digest = ?", large.digest)


async def _not_recorded(house: houses.House) -> None:
    house.change("DELETE FROM revision_files")


@pytest.mark.parametrize(
    ("bring", "sentence"),
    [
        (_nothing_mapped, r"The policy's patterns \(nowhere/\*\*\) match no file of the revision\."),
        (_outside, r"Outside the project's namespaces: org\.example\.widgets:[^<]+\."),
        (_nobodys, r"This project has no namespaces on Maven Central\."),
        (
            _too_large,
            (
                r"The upload would be at least 1,073,74\d,\d{3} bytes, including checksums, but Maven Central accepts "
                r"at most "
            ),
        ),
        (_not_recorded, re.escape(reasons.of("no-digests", revision="00001").sentence)),
    ],
)
async def test_automate_says_beforehand_what_it_would_refuse(
    house: houses.House, bring: Callable[[houses.House], Awaitable[None]], sentence: str
) -> None:
    """The page and the answer to a form that is sent all the same have the same sentence."""
    place, alice = house.places["composed"], house.people[houses.MEMBER]
    await bring(house)
    before = house.dump()
    shown = await alice.get(place.url("distribution/stage/automate"))
    answer = await alice.post(place.url("distribution/stage/automate"), {"platform": "MAVEN"})
    assert (shown.status, answer.status) == (200, 409)
    said = [re.search(sentence, html.unescape(text)) for text in (shown.text, answer.text)]
    assert all(said)
    assert len({found.group() for found in said if found}) == 1
    assert 'name="platform"' not in shown.text
    assert house.dump() == before


async def test_automate_says_how_much_it_would_upload(house: houses.House) -> None:
    """By package, with the checksums that are made."""
    place, alice = house.places["composed"], house.people[houses.MEMBER]
    page = (await alice.get(place.url("distribution/stage/automate"))).text
    packages = re.findall(r"<summary><code>org\.example\.widgets:([a-z-]+):[^<]+</code>", page)
    assert packages == sorted(packages)
    assert f"{len(packages)} packages" in page
    assert re.search(r"\d+ checksums required by Maven Central will be generated", page)
    assert "Maven Central accepts at most 1.1 GB per upload." in page


async def test_automate_shows_so_many_files_a_page(house: houses.House) -> None:
    """Each of them once, and the last page for a number beyond it."""
    place, alice = house.places["composed"], house.people[houses.MEMBER]
    (digest,) = house.rows(
        "SELECT file_set_digest FROM revision_files WHERE release_key = ? ORDER BY number DESC LIMIT 1",
        sql.release_key(houses.PROJECT, place.version),
    )[0]
    base = f"org/example/widgets/widgets-many/{place.version}/widgets-many-{place.version}"
    for number in range(450):
        house.change(
            "INSERT INTO file_set_file (digest, path, size, sha256) VALUES (?, ?, 7, ?)",
            digest,
            f"maven/{base}-part{number:03}.jar",
            "0" * 64,
        )
    address = place.url("distribution/stage/automate")
    pages = [(await alice.get(f"{address}?platform=MAVEN&page={page}")).text for page in (1, 2, 3)]
    shown = [re.findall(r"part(\d{3})\.jar</code></th>", page) for page in pages]
    assert sorted(itertools.chain.from_iterable(shown)) == [f"{number:03}" for number in range(450)]
    assert max(map(len, shown)) <= 200
    assert "Page 2 of 3" in pages[1]
    assert "450 files" in pages[1]
    assert "200 on this page" in pages[1]
    for beyond in ("99", "-1", "x", ""):
        assert (await alice.get(f"{address}?page={beyond}")).status == 200
