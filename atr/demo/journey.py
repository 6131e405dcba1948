# SPDX-License-Identifier: Apache-2.0
"""The whole journey without a browser: compose, stage, vote, finish, promote, live; or a fault and its end."""

import asyncio
import dataclasses
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

import atr.db.session as session
import atr.demo.browser as browsers
import atr.demo.faults as faults
import atr.demo.people as people
import atr.demo.processes as processes
import atr.demo.tree as trees
import atr.errors as errors
import atr.pages.deployments as deployments
import atr.pages.views as views
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.storage as storage
import atr.storage.transaction as transaction

# Seconds after which something is wrong, even on a slow machine.
_PATIENCE: Final = 90.0
_LOOK_EVERY: Final = 0.05
# Seconds after which a blocked row is considered blocked for good.
_LASTING: Final = 10.0
_ENDS: Final = frozenset({states.State.LIVE, states.State.REFUSED, states.State.DIVERGED, states.State.ABORTED})

Tell = Callable[[Mapping[str, Any]], None]


@dataclasses.dataclass(frozen=True)
class Summary:
    """The result. Digests are of file sets; `publish_calls` counts requests to the sandbox's publish endpoint."""

    state: str
    voted_sha256: str
    staged_sha256: str
    public_sha256: str
    files: int
    publish_calls: int
    bytes_sent: int
    seconds: float
    url: str


def storage_in(state_dir: pathlib.Path) -> storage.Storage:
    """Return a storage for a state directory, with the sandbox's timings. The web process creates the database."""
    settings_url = f"sqlite+aiosqlite:///{state_dir.absolute() / 'atr.db'}"
    timings = {mechanism: timing.faster(processes.SPEED) for mechanism, timing in steps.TIMINGS.items()}
    return storage.Storage(session.Database(settings_url), transaction.Place(state_dir, timings))


async def run(state_dir: pathlib.Path, tree: trees.Tree, fault: faults.Fault, tell: Tell) -> tuple[Summary, str]:
    """Run the journey with a fault. Returns the result, and what is wrong with it (empty if it is as expected)."""
    began = time.monotonic()
    store = storage_in(state_dir)
    try:
        async with processes.Stack(state_dir, processes.Ports(), tree.namespaces, fault.failpoint) as stack:
            tell({"step": "started", "web": stack.web_url, "sandbox": stack.sandbox_url})
            row = await staged_and_voted(store, tree, tell)
            await _break(stack, row, fault)
            await _click(stack, row, fault, tell)
            row = await _until_end(store, stack, row, fault, tell)
            calls = await _publish_calls(stack)
    finally:
        await store.database.close()
    summary = _summary(row, calls, time.monotonic() - began)
    return summary, _wrong(row, summary, fault)


async def staged_and_voted(store: storage.Storage, tree: trees.Tree, tell: Tell) -> views.DeploymentView:
    """Do everything up to the click: the release is in Finish, its deployment captured and on the ballot."""
    await people.settle_in(store, tree.namespaces)
    release_key = await people.compose(store, tree)
    tell({"step": "composed", "release": release_key, "files": len(tree.files)})
    deployment_id = await people.stage(store, release_key)
    row = await _wait(store, release_key, deployment_id, _is_captured, _problem)
    tell(
        {"step": "staged", "deployment": row.external_id, "digest": row.proof.staged.digest if row.proof.staged else ""}
    )
    await people.vote(store, release_key)
    tell({"step": "voted"})
    return await _wait(store, release_key, deployment_id, _is_ready, _blockers)


async def _break(stack: processes.Stack, row: views.DeploymentView, fault: faults.Fault) -> None:
    async with httpx.AsyncClient(base_url=stack.sandbox_url, trust_env=False) as client:
        if fault.settings:
            (await client.post("/control/settings", json=dict(fault.settings))).raise_for_status()
        if fault.requests:
            (await client.post("/control/faults", json=[dict(one) for one in fault.requests])).raise_for_status()
        if fault.knob:
            (await client.post(f"/control/deployments/{row.external_id}/{fault.knob}")).raise_for_status()


async def _click(stack: processes.Stack, row: views.DeploymentView, fault: faults.Fault, tell: Tell) -> None:
    async with browsers.Browser(stack.web_url) as first, browsers.Browser(stack.web_url) as second:
        clicks = []
        for browser in (first, second)[: fault.clicks]:
            await browser.sign_in(people.MEMBERS[0])
            fields = await browser.confirm_form(row.project_key, row.version_key, row.deployment_id or 0)
            clicks.append(browser.promote(row.project_key, row.version_key, fields))
        await asyncio.gather(*clicks)
    tell({"step": "promote clicked", "clicks": fault.clicks})


async def _until_end(
    store: storage.Storage, stack: processes.Stack, row: views.DeploymentView, fault: faults.Fault, tell: Tell
) -> views.DeploymentView:
    seen: list[str] = []
    revive = asyncio.create_task(_revive(stack)) if fault.failpoint else None
    try:
        ends = time.monotonic() + _PATIENCE
        while time.monotonic() < ends:
            async with store.read() as read:
                row = await deployments.one(read, row.release_key, f"d{row.deployment_id}")
            if row.standing.css not in seen:
                seen.append(row.standing.css)
                tell({"step": row.standing.word.lower(), "reason": row.reason})
            if row.state in _ENDS:
                return row
            await asyncio.sleep(_LOOK_EVERY)
    finally:
        if revive is not None:
            revive.cancel()
    raise errors.UnavailableError(f"It is still {row.standing.word.lower()} after {_PATIENCE:.0f} s: {row.next_note}")


async def _revive(stack: processes.Stack) -> None:
    """Wait until the worker dies at its failpoint, and start another one."""
    await stack.worker_died()
    await stack.start_worker()


async def _wait(
    store: storage.Storage,
    release_key: str,
    deployment_id: int,
    until: Callable[[views.DeploymentView], bool],
    why_not: Callable[[views.DeploymentView], str],
) -> views.DeploymentView:
    """Wait until the row is as wanted. If `why_not` returns the same sentence for long, raise it as an error."""
    ends = time.monotonic() + _PATIENCE
    held, since = "", time.monotonic()
    while True:
        async with store.read(people.MEMBERS[0]) as read:
            row = await deployments.one(read, release_key, f"d{deployment_id}")
        if until(row):
            return row
        if row.deployment_state in {states.DeploymentState.FAILED, states.DeploymentState.LOST}:
            why = row.problem.strip() or row.standing.sentence
            raise errors.UnavailableError(f"Staging ended as “{row.standing.word}”: {why.removesuffix('.')}.")
        if why_not(row) != held:
            held, since = why_not(row), time.monotonic()
        if held and (time.monotonic() - since > _LASTING):
            raise errors.UnavailableError(held)
        if time.monotonic() > ends:
            raise errors.UnavailableError(
                f"It is still “{row.standing.word}” after {_PATIENCE:.0f} s. {row.next_note}".strip()
            )
        await asyncio.sleep(_LOOK_EVERY)


def _is_captured(row: views.DeploymentView) -> bool:
    return row.proof.staged is not None


def _is_ready(row: views.DeploymentView) -> bool:
    return row.standing.css == "ready"


def _problem(row: views.DeploymentView) -> str:
    return row.problem


def _blockers(row: views.DeploymentView) -> str:
    """Return what a person must resolve before it can be promoted."""
    return " ".join(one.sentence for one in row.blockers if one.who != "nobody")


async def _publish_calls(stack: processes.Stack) -> int:
    async with httpx.AsyncClient(base_url=stack.sandbox_url, trust_env=False) as client:
        return int((await client.get("/control/counters")).json()["requests"]["publish"])


def _summary(row: views.DeploymentView, calls: int, seconds: float) -> Summary:
    sides = [side.digest if side else "" for side in (row.proof.voted, row.proof.staged, row.proof.public)]
    return Summary(
        state=row.state.name if row.state else "",
        voted_sha256=sides[0],
        staged_sha256=sides[1],
        public_sha256=sides[2],
        files=row.proof.voted.files if row.proof.voted else 0,
        publish_calls=calls,
        bytes_sent=row.bytes_sent,
        seconds=round(seconds, 2),
        url=row.public_urls[0][1] if row.public_urls else "",
    )


def _wrong(row: views.DeploymentView, summary: Summary, fault: faults.Fault) -> str:
    """Return how the result differs from the table of faults; empty if it does not."""
    if row.state is not fault.ends:
        return f"It ended as {summary.state} but should end as {fault.ends.name}. {row.reason}"
    if summary.publish_calls != fault.publish_calls:
        return f"The publish endpoint was called {summary.publish_calls} times instead of {fault.publish_calls}."
    digests = {summary.voted_sha256, summary.staged_sha256, summary.public_sha256}
    if (fault.ends is states.State.LIVE) and (len(digests) != 1 or not summary.url):
        return "It is live, but the three digests are not equal."
    return ""
