# SPDX-License-Identifier: Apache-2.0
"""Long lists come in pages of 50 with search by name, by plain links and forms, and a bent address is no fault."""

import pathlib
import re
from typing import Final

import atr.demo.people as people
import tests.benchmarks.many_files as many_files
import tests.benchmarks.many_rows as many_rows
import tests.benchmarks.pages as pages

_WHERE: Final = f"{people.PROJECT}/{many_files.VERSION}"
_ROW: Final = re.compile(r'<li[^>]*\bid="d(\d+)"')
_BENT: Final = ("0", "-1", "99999999999999999999", "x", "%EF%BC%91", "1e3", "%00", "%F0%9F%92%A9", "%25", "_", "'")
_SHOWN: Final = 50


async def test_deployments_and_distributions_of_a_release(tmp_path: pathlib.Path) -> None:
    async with pages.house(tmp_path) as (store, app):
        release_key = await pages.composed(store, many_files.tree(8))
        await pages.vote(store, release_key)
        await many_rows.put(store, release_key, [many_rows.READY] * 60)
        await pages.finish(store, release_key)
        client, admin = await pages.signed_in(app), await pages.signed_in(app, people.ADMIN)

        async def page(address: str) -> str:
            answer = await (admin if address.startswith("/admin") else client).get(address)
            assert answer.status_code == 200, address
            return str(await answer.get_data(as_text=True))

        for address in (f"/finish/{_WHERE}", f"/compose/{_WHERE}"):
            first, second = [set(_ROW.findall(await page(f"{address}?page={number}"))) for number in (1, 2)]
            assert (len(first), len(first | second)) == (_SHOWN, 61)
        assert _ROW.findall(await page(f"/finish/{_WHERE}?q=OTHER-00042+maven")) == ["42"]
        assert not _ROW.findall(await page(f"/finish/{_WHERE}?q=other-00042+docker"))
        listed = await page(f"/distribution/list/{_WHERE}?page=2")
        assert (len(_ROW.findall(listed)), "Page 2 of 2" in listed) == (_SHOWN, True)
        assert len(_ROW.findall(await page(f"/distribution/list/{_WHERE}?deployments=2"))) == 11
        found = await page(f"/distribution/list/{_WHERE}?q=other-0004")
        assert "10 third-party distributions" in found
        assert f"/distribution/list/{_WHERE}?page=2" not in found

        assert "And 11 more." in await page(f"/finish/{_WHERE}")
        stuck = await page("/admin/stuck?page=2")
        assert "Page 2 of 2" in stuck
        assert "Nothing that is stuck has this in its name" in await page("/admin/stuck?q=nobody")
        for address in (f"/finish/{_WHERE}", f"/compose/{_WHERE}", f"/distribution/list/{_WHERE}", "/admin/stuck"):
            for bent in _BENT:
                await page(f"{address}?page={bent}&deployments={bent}&q={bent}")


async def test_releases(tmp_path: pathlib.Path) -> None:
    async with pages.house(tmp_path) as (store, app):
        await people.settle_in(store, (many_files.GROUP,))
        await many_rows.put_releases(store, 60)
        client = await pages.signed_in(app)

        async def versions(query: str) -> set[str]:
            answer = await client.get(f"/releases?{query}")
            assert answer.status_code == 200, query
            return set(re.findall(r"Example Widgets (2\.\d+)</a>", await answer.get_data(as_text=True)))

        first, second = await versions(""), await versions("page=2")
        assert (len(first), len(second), len(first | second)) == (50, 10, 60)
        # Announced ones come last.
        assert second <= {f"2.{number}" for number in range(60) if number % 4 == 3}
        assert await versions("q=widgets+2.17") == {"2.17"}
        for bent in _BENT:
            await versions(f"page={bent}&q={bent}")
