# SPDX-License-Identifier: Apache-2.0
"""T7: browsers click Promote at once, on several web processes, while what allows it changes, and workers race.

Each round has {2, 8} browsers with the confirm page open, {1, 2} web processes and {1, 2} workers, all real, on either
engine; at one moment all send their forms, and a little later, by chance, the vote is taken back, a revision comes, or
rights, policy or names change. Afterwards: one promotion holds the package at most; what was sent was sent once; a
change that came first means that nothing was sent, one that came later sees it on its way; every click had a page.
"""

import asyncio
import collections
import contextlib
import dataclasses
import functools
import itertools
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Final

import httpx

import atr.demo.browser as browsers
import atr.demo.people as people
import atr.demo.tree as trees
import atr.errors as errors
import atr.models.promotion as tables
import atr.promotion.states as states
import atr.storage.files as files
import tests.chaos.fleet as fleet
import tests.chaos.grounds as grounds
import tests.chaos.outcome as outcomes
from tests import hosting
from tests import world as worlds

_AT_ONCE: Final = 2
_ROUNDS: Final = {outcomes.Size.SMALL: 2, outcomes.Size.CI: 100, outcomes.Size.RELEASE: 8_000}
# From the click to its mark it takes about as long, so that either may be first.
_LATEST: Final = 0.8
# Nobody dies here: no lease has to run out, and a busy machine may take its time.
_PATIENT: Final = {"call_timeout": 10.0, "lease": 20.0}
_PAGES: Final = frozenset({httpx.codes.SEE_OTHER, httpx.codes.FORBIDDEN, httpx.codes.CONFLICT})
_ENDS: Final = frozenset({states.State.LIVE, states.State.REFUSED, states.State.ABORTED})
_JAR: Final = next(path for path in trees.example().files if path.endswith("-sources.jar"))

Change = Callable[[grounds.Round], Awaitable[None]]


async def _nothing(_here: grounds.Round) -> None:
    """Everything stays as it was voted on."""


async def _vote(here: grounds.Round) -> None:
    """The candidate is taken back; refused once something may be on its way."""
    async with here.store.write_as_project_release_manager(people.PROJECT, people.COMMITTER) as manager:
        await manager.vote_resolution.abandon(here.scene.release_key, "Not this one")


async def _revision(here: grounds.Round) -> None:
    """A mapped file gets other bytes, in a revision that a host makes."""

    async def change(draft: files.Draft) -> None:
        await draft.add(f"maven/{_JAR}", worlds.stream(b"other bytes than were voted on"))

    await hosting.revise(here.store, here.scene.release_key, change)


async def _rights(here: grounds.Round) -> None:
    """Nobody who clicks is on the committee any more."""
    async with here.store.write_as_foundation_admin(people.ADMIN) as admin:
        await admin.policy.set_committee("example", "Example", committee_members=("zoe",), committers=("zoe",))


async def _policy(here: grounds.Round) -> None:
    """Remote promotion is switched off."""
    async with here.store.write_as_project_committee_member(people.PROJECT, worlds.MEMBER) as member:
        await member.policy.edit(people.PROJECT, remote_promotion={worlds.MAVEN: False})


async def _target(here: grounds.Round) -> None:
    """The project's names are others."""
    async with here.store.write_as_foundation_admin(people.ADMIN) as admin:
        await admin.policy.set_target(
            people.PROJECT,
            worlds.MAVEN,
            namespaces=("org.example.other",),
            source="the portal",
            target="the repository",
        )


# What changes, and the event that says since when.
CHANGES: Final[Mapping[str, tuple[Change, str]]] = {
    "nothing": (_nothing, ""),
    "vote": (_vote, "candidate_abandoned"),
    "revision": (_revision, "revision_made"),
    "rights": (_rights, "committee_set"),
    "policy": (_policy, "policy_edited"),
    "target": (_target, "target_set"),
}


@dataclasses.dataclass(frozen=True)
class Race:
    """One round."""

    engine: str
    browsers: int
    webs: int
    workers: int
    change: str
    # Seconds after the click; or, where the worker shall have a start, after the first request is there.
    after: float
    late: bool = False

    def __str__(self) -> str:
        return (
            f"{self.engine} browsers={self.browsers} webs={self.webs} workers={self.workers} "
            f"{self.change} {self.after:.2f} s after the {'request' if self.late else 'click'}"
        )


@dataclasses.dataclass(frozen=True)
class Run:
    """How it went: "sent", "not sent", and what is wrong."""

    order: str
    wrong: Sequence[str]


def campaign(size: outcomes.Size, seed: int) -> outcomes.Outcome:
    """So many races, every combination as often as any other."""
    races = list(_races(size, random.Random(seed)))
    again = f"CHAOS={size} ATR_CHAOS_SEED={seed} python -m tests.chaos T7"
    wrong, orders = run(races, fleet.work)
    violations = tuple(f"{sentence}. {again}" for sentence in wrong)
    seen = tuple(f"{change}: {order} {times}" for (change, order), times in sorted(orders.items()))
    return outcomes.Outcome(len(races), violations, ("; ".join(seen),))


def run(races: Sequence[Race], entry: fleet.Entry) -> tuple[list[str], Mapping[tuple[str, str], int]]:
    """These races with this worker: what is wrong, and how often each change found it sent or not."""
    with grounds.grounds(sorted({race.engine for race in races})) as places:
        play = functools.partial(_race, places, entry)
        ran = asyncio.run(fleet.side_by_side(_AT_ONCE, play, races))
    wrong = [f"{race}: {sentence}" for race, one in ran for sentence in one.wrong]
    return wrong, collections.Counter((race.change, one.order) for race, one in ran)


def _races(size: outcomes.Size, chance: random.Random) -> Iterator[Race]:
    kinds = list(
        itertools.product((grounds.SQLITE, grounds.POSTGRESQL), (2, 8), (1, 2), (1, 2), CHANGES),
    )
    if size is outcomes.Size.SMALL:
        kinds = [(grounds.SQLITE, 2, 1, 2, "nothing"), (grounds.SQLITE, 2, 1, 1, "policy")]
    else:
        chance.shuffle(kinds)
    for kind in itertools.islice(itertools.cycle(kinds), _ROUNDS[size]):
        yield Race(*kind, after=chance.uniform(0, _LATEST), late=chance.random() < 0.5)


async def _race(places: Mapping[str, grounds.Grounds], entry: fleet.Entry, race: Race) -> Run:
    async with places[race.engine].round() as here:
        with fleet.Fleet(here.directory).at_sea() as ships, contextlib.ExitStack() as sockets:
            for _ in range(race.workers):
                ships.start(entry, {**here.worker_settings, **_PATIENT})
            addresses, webs = [], []
            for _ in range(race.webs):
                listener = sockets.enter_context(socket.create_server(("127.0.0.1", 0)))
                addresses.append(f"http://127.0.0.1:{listener.getsockname()[1]}")
                webs.append(ships.start(fleet.serve, here.web_settings, listener))
            try:
                async with _open_pages(here, race, addresses) as pages:
                    answers, changed = await _click(here, race, pages)
            except httpx.HTTPError as error:
                return Run("no page", [f"a page was not answered: {error!r}; {_told(webs)}"])
            ended = await _wait_for_end(here)
            if any(one.status_code == httpx.codes.GATEWAY_TIMEOUT for one in answers):
                return Run("no answer", [*_answers(answers), _told(webs)])
        wrong = [*_answers(answers), *await here.broken(), *await _outcome(here, race, answers, changed=changed)]
        sent = here.publish_calls > 0
        return Run("sent" if sent else "not sent", [*wrong, *([] if ended else ["it did not come to an end"])])


def _told(webs: Sequence[fleet.Ship]) -> str:
    """What the web processes wrote last, and the exit code of one that has ended."""
    return "; ".join(f"web process: exit code {web.exit_code}, {web.said or 'nothing written'}" for web in webs)


@dataclasses.dataclass(frozen=True)
class _Page:
    """A confirm page that stands open in a browser."""

    browser: "Racer"
    fields: Mapping[str, str]


class Racer(browsers.Browser):
    """A browser that tells what it is answered."""

    async def click(self, version: str, fields: Mapping[str, str]) -> httpx.Response:
        """Send the confirm page's form. No answer is one too, and not a page.

        On a connection of its own: one that stood open for as long as the page may be given up by the server at this
        very moment, and a browser would send again by itself then.
        """
        try:
            async with httpx.AsyncClient(
                base_url=self.base_url, cookies=self.cookies, trust_env=False, timeout=self.timeout
            ) as fresh:
                return await fresh.post(f"/distribution/promote/{people.PROJECT}/{version}", data=dict(fields))
        except httpx.HTTPError as error:
            return httpx.Response(httpx.codes.GATEWAY_TIMEOUT, text=repr(error))

    async def look(self, page: str) -> httpx.Response:
        """Open a page."""
        return await self.get(page)

    def as_if_in(self, other: "Racer") -> None:
        """Another window of a browser in which somebody has signed in."""
        self.cookies.update(other.cookies)


@contextlib.asynccontextmanager
async def _open_pages(here: grounds.Round, race: Race, addresses: Sequence[str]) -> AsyncIterator[Sequence[_Page]]:
    """So many browsers, of three people, each with its confirm page open at one of the web processes."""
    row = await here.row()
    async with contextlib.AsyncExitStack() as stack:
        signed_in: dict[str, Racer] = {}
        pages = []
        for number in range(race.browsers):
            # The first two are one person's: a double click.
            who = people.MEMBERS[(number // 2) % len(people.MEMBERS)]
            racer = await stack.enter_async_context(Racer(addresses[number % len(addresses)]))
            if who in signed_in:
                racer.as_if_in(signed_in[who])
            else:
                await racer.sign_in(who)
                signed_in[who] = racer
            fields = await racer.confirm_form(row.project_key, row.version_key, here.scene.deployment_id)
            pages.append(_Page(racer, fields))
        yield pages


async def _click(here: grounds.Round, race: Race, pages: Sequence[_Page]) -> tuple[Sequence[httpx.Response], bool]:
    """All at once, and the change a little later; what each was answered, and whether the change was allowed."""
    row = await here.row()
    *answers, changed = await asyncio.gather(
        *(page.browser.click(row.version_key, page.fields) for page in pages), _change(here, race)
    )
    return [one for one in answers if isinstance(one, httpx.Response)], changed is True


async def _change(here: grounds.Round, race: Race) -> bool:
    if race.late:
        await _wait_for_request(here)
    await asyncio.sleep(race.after)
    change, _ = CHANGES[race.change]
    try:
        await change(here)
    except errors.ConflictError:
        return False
    return race.change != "nothing"


async def _wait_for_request(here: grounds.Round) -> None:
    loop = asyncio.get_running_loop()
    ends = loop.time() + fleet.PATIENCE
    while loop.time() < ends:
        state, _ = await here.states()
        if state is not None:
            return
        await asyncio.sleep(0.02)


async def _wait_for_end(here: grounds.Round) -> bool:
    """Until nothing is on its way any more; False if that does not come."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + fleet.PATIENCE
    while loop.time() < ends:
        state, _ = await here.states()
        if (state is None) or (state in _ENDS):
            return True
        await asyncio.sleep(0.2)
    return False


def _answers(answers: Sequence[httpx.Response]) -> Iterator[str]:
    """Every click is answered by a page or led to one."""
    for one in answers:
        led = (one.status_code == httpx.codes.SEE_OTHER) and one.headers.get("location")
        page = one.headers.get("content-type", "").startswith("text/html") and ("<main" in one.text)
        if (one.status_code not in _PAGES) or not (led or page):
            yield f"a click was answered with {one.status_code}: {one.text[:200]}"


async def _outcome(here: grounds.Round, race: Race, answers: Sequence[httpx.Response], *, changed: bool) -> list[str]:
    """One promotion or a reason; and the order of the change and the mark."""
    promotions = await here.rows(tables.Promotion)
    # The order in which events were written is that of their transactions: both sides hold the same guards.
    events = await here.rows(tables.Event)
    marks = [one.seq or 0 for one in events if (one.what == "attempt_marked") and (one.data["kind"] == "publish")]
    changes = [one.seq or 0 for one in events if changed and (one.what == CHANGES[race.change][1])]
    asked = [one for one in answers if one.status_code == httpx.codes.SEE_OTHER]
    live = [row for row in promotions if row.state is states.State.LIVE]
    wrong = []
    if len(promotions) > 1:
        wrong.append(f"there are {len(promotions)} promotions: {[row.state.value for row in promotions]}")
    if bool(asked) != bool(promotions):
        wrong.append(f"{len(asked)} clicks were told that it is asked for, and there are {len(promotions)} promotions")
    if (here.publish_calls, len(marks), len(live)) not in {(0, 0, 0), (1, 1, 1)}:
        wrong.append(f"{here.publish_calls} calls, {len(marks)} marks, {len(live)} live")
    if any(not row.reason for row in promotions):
        wrong.append("it ended without a reason")
    if changes and any(mark > changes[-1] for mark in marks):
        wrong.append("it was marked after what allowed it had changed")
    if (race.change == "vote") and changed and marks:
        wrong.append("a candidate was abandoned though a call of it was on its way")
    if (not changed) and not live:
        wrong.append("nothing changed, and it is not live")
    return wrong
