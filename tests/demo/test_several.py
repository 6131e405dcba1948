# SPDX-License-Identifier: Apache-2.0
"""Two web processes and two workers on one PostgreSQL, each as its role; one worker is killed at work."""

import asyncio
import pathlib
import signal
import time
from typing import Any, Final

import httpx
import pytest

import atr.db.roles as roles
import atr.db.session as session
import atr.demo.browser as browsers
import atr.demo.people as people
import atr.demo.processes as processes
import atr.demo.tree as trees
import atr.pages.deployments as deployments
import atr.promotion.states as states
import atr.storage as storage
import atr.storage.transaction as transaction
from tests import databases, installed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(databases.programs() is None, reason=installed.POSTGRESQL.advice),
]

VERSIONS: Final = ("2.4.0", "2.5.0", "2.6.0")
# On a machine with other things to do.
PATIENCE: Final = 120.0


class Several(processes.Stack):
    """The demo's three processes, and one more of two of them, on another database."""

    def __init__(self, state_dir: pathlib.Path, database: str, tree: trees.Tree) -> None:
        super().__init__(state_dir, processes.Ports(), tree.namespaces)
        self._database = database
        self.second_url = ""

    async def start_second(self) -> None:
        """Another worker, and another web process. Ours are kept under names of their own, to be stopped too."""
        self._processes["first worker"] = self._processes.pop("worker")
        await self.start_worker()
        with processes._listen(0) as web:
            self.second_url = processes._address(web)
            self._processes["first web"] = self._processes.pop("serve")
            await self._start("serve", self._web_environment(web), hand_down=web)
        await self._answers(f"{self.second_url}/sign-in", "serve")

    def kill_first_worker(self) -> None:
        """No handler runs and nothing is tidied up."""
        self._processes["first worker"].send_signal(signal.SIGKILL)

    def _web_environment(self, listener: Any) -> dict[str, str]:
        address = databases.as_role(self._database, roles.WEB)
        return {**super()._web_environment(listener), "ATR_DATABASE_URL": address}

    def _worker_environment(self) -> dict[str, str]:
        address = databases.as_role(self._database, roles.WORKER)
        return {**super()._worker_environment(), "ATR_DATABASE_URL": address}


async def test_two_webs_and_two_workers_publish_each_release_once_though_a_worker_is_killed(
    tmp_path: pathlib.Path,
) -> None:
    """Leases are 3 s here, 75 s as they come: what is left lying is taken up within a lease and a tick of either."""
    tree = trees.example()
    with databases.server() as server:
        database = databases.Postgresql(server).empty(tmp_path)
        rows = session.Database(database)
        store = storage.Storage(rows, transaction.Place(tmp_path))
        try:
            async with Several(tmp_path, database, tree) as stack:
                await people.settle_in(store, tree.namespaces)
                await stack.start_second()
                numbers = [await _voted(store, version) for version in VERSIONS]
                for url, version, number in zip(
                    [stack.web_url, stack.second_url] * len(VERSIONS), VERSIONS, numbers, strict=False
                ):
                    await _click(url, version, number)
                stack.kill_first_worker()
                killed = time.monotonic()
                for version, number in zip(VERSIONS, numbers, strict=True):
                    await _until(store, version, number, lambda row: row.state is states.State.LIVE)
                assert time.monotonic() - killed < PATIENCE
                async with httpx.AsyncClient(base_url=stack.sandbox_url, trust_env=False) as client:
                    counters = (await client.get("/control/counters")).json()
        finally:
            await rows.close()
    assert counters["requests"]["publish"] == len(VERSIONS)


async def _voted(store: storage.Storage, version: str) -> int:
    release_key = await people.compose(store, trees.example(version=version))
    number = await people.stage(store, release_key)
    await _until(store, version, number, lambda row: row.proof.staged is not None)
    await people.vote(store, release_key)
    await _until(store, version, number, lambda row: row.standing.css == "ready")
    return number


async def _until(store: storage.Storage, version: str, number: int, wanted: Any) -> None:
    ends = time.monotonic() + PATIENCE
    while True:
        async with store.read(people.MEMBERS[0]) as read:
            row = await deployments.one(read, f"{people.PROJECT}-{version}", f"d{number}")
        if wanted(row):
            return
        assert time.monotonic() < ends, f"{version} is {row.state}, {row.standing.word}: {row.reason} {row.next_note}"
        await asyncio.sleep(0.1)


async def _click(url: str, version: str, number: int) -> None:
    async with browsers.Browser(url) as browser:
        await browser.sign_in(people.MEMBERS[0])
        await browser.promote(people.PROJECT, version, await browser.confirm_form(people.PROJECT, version, number))
