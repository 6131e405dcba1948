# SPDX-License-Identifier: Apache-2.0
"""Where attacks take place: web, worker and stand-in as processes of their own, and a release for each attack.

What comes of an attack is judged from outside: by the stand-in's public tree on the disk, by what it counted, and by
the pages. Only what every attack begins with, composing and voting, goes through the writers, as the demo does it.
"""

import asyncio
import base64
import contextlib
import dataclasses
import hashlib
import pathlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import httpx

import atr.demo.journey as journey
import atr.demo.people as people
import atr.demo.processes as processes
import atr.demo.tree as trees
import atr.errors as errors
import atr.models.sql as sql
import atr.shared.distribution as distribution
import atr.storage as storage
from tests import world as worlds
from tests.attacks.person import Person
from tests.pages import reading
from tests.sandbox import bundles

PROJECT: Final = people.PROJECT
OTHER_PROJECT: Final = "elsewhere-tools"
GROUP: Final = "org.example.widgets"
CORE: Final = "widgets-core"
PARENT: Final = "widgets-parent"
_MAVEN: Final = distribution.DistributionPlatform.MAVEN
# The groups that the credential may publish. Ours is a part of them, as on a site whose committees share one account.
ACCOUNT: Final = ("org.example",)
# A row that stands in one of these goes on by itself no further than looking again.
ENDS: Final = frozenset({"Live", "Diverged", "Refused", "Stopped", "In doubt"})
# However busy the machine is.
PATIENCE: Final = 40.0
# An hour, after which an ended row is looked at again, takes six seconds.
_FASTER: Final = 600
_LOOK_EVERY: Final = 0.1
_CHECKSUMS: Final = ("md5", "sha1", "sha256", "sha512")


class _Stack(processes.Stack):
    """The demo's three processes, with a faster clock of the rules."""

    def _worker_environment(self) -> dict[str, str]:
        return {**super()._worker_environment(), "ATR_FASTER": str(_FASTER)}


@dataclasses.dataclass(frozen=True)
class Row:
    """A deployment, or what is tracked by hand, as the finish page shows it to a member of the committee."""

    key: str
    state: str
    # Whether its page asks for it anew every few seconds.
    moves: bool
    text: str
    # What it offers: "promote", "drop", "prove_published", ... A button that is off is none.
    offers: frozenset[str]


class Ground:
    """The processes, a release of a version of its own, and alice, a member of the committee, at her browser."""

    def __init__(
        self,
        stack: processes.Stack,
        store: storage.Storage,
        platform: httpx.AsyncClient,
        alice: Person,
        tree: trees.Tree,
    ) -> None:
        self.stack = stack
        self.store = store
        self.platform = platform
        self.alice = alice
        self.tree = tree
        # What earlier attacks made the platform count.
        self.counted_before: Mapping[str, int] = {}

    @property
    def version(self) -> str:
        """The version that is released."""
        return self.tree.version

    @property
    def files(self) -> dict[str, bytes]:
        """What the committee votes on, by the paths of a Maven repository."""
        return {path: content for path, content in self.tree.files.items() if isinstance(content, bytes)}

    # What people of the project do

    async def composed(self) -> str:
        """A release in Compose with its files; nothing is staged."""
        return await people.compose(self.store, self.tree)

    async def vote(self) -> None:
        """The vote is opened and passes. Raises errors of the tree where it may not open."""
        await people.vote(self.store, f"{PROJECT}-{self.version}")

    async def voted(self) -> str:
        """A release in Finish whose files were uploaded from here, captured and voted on: the deployment's row."""
        number = await people.stage(self.store, await self.composed())
        await self.rests(f"d{number}")
        await self.vote()
        await self.until(lambda rows: rows[f"d{number}"].state == "Ready")
        return f"d{number}"

    async def recorded(self, package: str, external_id: str | None = None) -> str:
        """Alice records what was published elsewhere or, by its id, what was staged there: its row."""
        before = await self.rows()
        assert await self.alice.record(PROJECT, self.version, GROUP, package, deployment=external_id)
        (key,) = set(await self.rows()) - set(before)
        return key

    async def promote(self, key: str) -> bool:
        """Alice clicks Promote and confirms it; False if she cannot or is refused."""
        return await self.alice.promote(PROJECT, self.version, int(key.removeprefix("d")))

    async def promoted(self, key: str) -> None:
        """Alice clicks Promote until it is taken: a page may be older than what the worker has just noted."""
        await until(lambda: self.promote(key), f"{key} can be promoted")

    async def act(self, key: str, act: str, **typed: str) -> bool:
        """Alice presses one of the buttons on a row's own page; False if she cannot or is refused."""
        return await self.alice.act(PROJECT, self.version, key, act, **typed)

    async def another_committee_votes(self) -> None:
        """A committee of mallory and two others votes on files under this project's names, as far as it may."""
        members = (people.STRANGER, "oscar", "peggy")
        async with self.store.write_as_foundation_admin(people.ADMIN) as admin:
            await admin.policy.set_committee("elsewhere", "Elsewhere", committee_members=members, committers=members)
            await admin.policy.set_project(OTHER_PROJECT, "Elsewhere Tools", "elsewhere")
        async with self.store.write_as_project_committee_member(OTHER_PROJECT, people.STRANGER) as member:
            await member.policy.edit(
                OTHER_PROJECT,
                file_tag_mappings={_MAVEN.gh_slug: ["maven/**"]},
                remote_promotion={_MAVEN: True},
                min_hours=0,
            )
            release_key = await member.release.start(OTHER_PROJECT, self.version)
        async with self.store.draft(release_key) as draft:
            for path, data in self.files.items():
                await draft.add(f"maven/{path}", worlds.stream(data))
            async with self.store.write_as_project_committee_member(OTHER_PROJECT, people.STRANGER) as member:
                await member.revision.create(release_key, draft, "A candidate")
        with contextlib.suppress(errors.AtrError):
            await self._voted_on(release_key, members)

    async def _voted_on(self, release_key: str, members: Sequence[str]) -> None:
        async with self.store.write_as_project_committee_member(OTHER_PROJECT, members[0]) as member:
            await member.vote.open_vote(release_key)
        for asf_uid in members:
            async with self.store.write_as_project_committee_member(OTHER_PROJECT, asf_uid) as member:
                await member.vote.cast(release_key, sql.VoteChoice.YES)
        async with self.store.write_as_project_committee_member(OTHER_PROJECT, members[0]) as member:
            await member.vote_resolution.resolve_passed(release_key)

    def somebody(self, asf_uid: str) -> Person:
        """Another person, with a browser of their own."""
        return Person(self.stack.web_url, asf_uid)

    # What others do on the platform, behind our back

    async def stage_elsewhere(self, *sets: Mapping[str, bytes]) -> str:
        """A build machine uploads these files with the account's own token: the platform's id of them."""
        token = (self.stack.state_dir / "sandbox-token").read_bytes().strip()
        answer = await self.platform.post(
            "/api/v1/publisher/upload",
            params={"name": "by mvn deploy", "publishingType": "USER_MANAGED"},
            headers={"Authorization": f"Bearer {base64.b64encode(token).decode()}"},
            files={"bundle": ("bundle.zip", bundles.zipped(with_checksums(*sets)))},
        )
        assert answer.status_code == httpx.codes.CREATED, answer.text
        await self._platform_says(answer.text, "VALIDATED")
        return answer.text

    async def press(self, external_id: str, button: str) -> None:
        """Somebody presses Publish or Drop on the platform's own page."""
        answer = await self.platform.post(f"/deployments/{external_id}/{button.lower()}")
        assert answer.status_code == httpx.codes.SEE_OTHER, answer.text

    async def turn(self, external_id: str, knob: str, **fields: Any) -> None:
        """Something happens to a deployment on the platform."""
        (await self.platform.post(f"/control/deployments/{external_id}/{knob}", json=fields)).raise_for_status()

    async def faults(self, *faults: Mapping[str, Any]) -> None:
        """Requests go wrong from now on, as these say; as they should again, if there are none."""
        (await self.platform.delete("/control/faults")).raise_for_status()
        (await self.platform.post("/control/faults", json=list(faults))).raise_for_status()

    async def become(self, **settings: Any) -> None:
        """The platform behaves otherwise from now on."""
        (await self.platform.post("/control/settings", json=settings)).raise_for_status()

    async def external_id(self) -> str:
        """The platform's id of its newest deployment."""
        return str((await self._deployments())[-1]["deployment_id"])

    async def _platform_says(self, external_id: str, word: str) -> None:
        async def _is() -> bool:
            return any(
                (one["deployment_id"] == external_id) and (one["state"] == word) for one in await self._deployments()
            )

        await until(_is, f"the platform says {word}")

    async def _deployments(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = (await self.platform.get("/control/deployments")).json()["deployments"]
        return found

    # What is seen from outside

    def public(self) -> dict[str, bytes]:
        """Every file that is public under this version, whatever its names, read from the stand-in's disk."""
        root = self.stack.state_dir / "sandbox" / "public"
        every = {one.relative_to(root).as_posix(): one for one in root.rglob("*") if one.is_file()}
        return {path: one.read_bytes() for path, one in every.items() if f"/{self.version}/" in path}

    def unvoted(self) -> list[str]:
        """The public files that nobody voted on: neither a voted path with its voted bytes nor a checksum of one."""
        voted, public = self.files, self.public()
        return sorted(
            path
            for path, data in public.items()
            if (voted.get(path) != data)
            and not ((path.rpartition(".")[0] in voted) and (path.rpartition(".")[2] in _CHECKSUMS))
        )

    async def counted(self, endpoint: str) -> int:
        """How many requests have reached this endpoint of the stand-in since the attack began."""
        return (await self.requests())[endpoint] - self.counted_before[endpoint]

    async def requests(self) -> Mapping[str, int]:
        """How many requests have reached each endpoint of the stand-in."""
        found: Mapping[str, int] = (await self.platform.get("/control/counters")).json()["requests"]
        return found

    async def page(self, name: str, row: str = "") -> str:
        """The text of a page about the release, as alice reads it: "finish", "announce", "distribution/detail"."""
        page = await self.alice.open(f"/{name}/{PROJECT}/{self.version}{f'/{row}' if row else ''}")
        return page.every("main")[0].text

    async def until_public(self) -> None:
        """Something of it is public."""

        async def _is() -> bool:
            # The stand-in moves when it is asked.
            await self._deployments()
            return bool(self.public())

        await until(_is, "something is public")

    async def until_hit(self, endpoint: str) -> None:
        """Every fault that was loaded for this endpoint has hit as often as it was to."""

        async def _is() -> bool:
            loaded = (await self.platform.get("/control/faults")).json()["faults"]
            return all(one["hit"] == one["fault"]["times"] for one in loaded if one["fault"]["endpoint"] == endpoint)

        await until(_is, f"the faults of {endpoint} are over")

    async def missing(self) -> str:
        """What the finish page lists as missing; empty if it says that nothing is."""
        page = await self.alice.open(f"/finish/{PROJECT}/{self.version}")
        (section,) = (one for one in page.every("section") if one.attributes.get("aria-labelledby") == "missing")
        return " ".join(item.text for item in section.every("li"))

    async def can_be_announced(self) -> bool:
        """Whether the announce page has its form."""
        page = await self.alice.open(f"/announce/{PROJECT}/{self.version}")
        return any(one.attributes.get("name") == "version" for one in page.every("input"))

    async def rows(self) -> dict[str, Row]:
        """The rows of the finish page."""
        page = await self.alice.open(f"/finish/{PROJECT}/{self.version}")
        found = (one for one in page.every("li") if "data-row-url" in one.attributes)
        return {row.key: row for row in map(_row, found)}

    async def until(self, holds: Callable[[dict[str, Row]], bool]) -> dict[str, Row]:
        """The rows, once it holds of them."""
        seen: dict[str, Row] = {}

        async def _holds() -> bool:
            seen.clear()
            seen.update(await self.rows())
            return holds(seen)

        await until(_holds, lambda: f"it holds of {list(seen.values())}")
        return seen

    async def rests(self, key: str) -> Row:
        """The row, once nothing goes on by itself: what is staged was read, or cannot be."""
        return (await self.until(lambda rows: not rows[key].moves))[key]

    async def compared(self, key: str) -> Row:
        """The row of what somebody published, once it was compared; where nobody has asked for that, alice does."""
        rows = await self.until(lambda rows: (rows[key].state in ENDS) or ("prove_published" in rows[key].offers))
        if rows[key].state not in ENDS:
            # A click that comes too late is none: it is compared already.
            await self.act(key, "prove_published")
        return await self.ended(key)

    async def until_told(self, key: str, word: str) -> None:
        """The row's own page tells that the platform says this word."""

        async def _is() -> bool:
            return word in await self.page("distribution/detail", key)

        await until(_is, f"the page tells {word}")

    async def ended(self, key: str) -> Row:
        """The row, once its promotion has ended."""
        return (await self.until(lambda rows: rows[key].state in ENDS))[key]


async def until(holds: Callable[[], Awaitable[bool]], what: str | Callable[[], str]) -> None:
    """Wait until it holds; fail after a while, saying what was waited for."""
    ends = time.monotonic() + PATIENCE
    while not await holds():
        assert time.monotonic() < ends, f"after {PATIENCE:.0f} s: {what if isinstance(what, str) else what()}"
        await asyncio.sleep(_LOOK_EVERY)


def with_checksums(*sets: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with the checksums that a build tool puts beside each that is neither a signature nor a checksum."""
    files = {path: data for one in sets for path, data in one.items()}
    for path, data in list(files.items()):
        if path.rpartition(".")[2] not in {"asc", *_CHECKSUMS}:
            for algorithm in _CHECKSUMS[:2]:
                files[f"{path}.{algorithm}"] = hashlib.new(algorithm, data, usedforsecurity=False).hexdigest().encode()
    return files


@contextlib.asynccontextmanager
async def running(state_dir: pathlib.Path) -> AsyncIterator[processes.Stack]:
    """The three processes, for the length of the block, with the people of the demo."""
    async with _Stack(state_dir, processes.Ports(), ACCOUNT) as stack:
        store = journey.storage_in(state_dir)
        await people.settle_in(store, (GROUP,))
        await store.database.close()
        yield stack


@contextlib.asynccontextmanager
async def entered(stack: processes.Stack, version: str) -> AsyncIterator[Ground]:
    """The ground of one attack, which is on this version."""
    store = journey.storage_in(stack.state_dir)
    try:
        async with (
            httpx.AsyncClient(base_url=stack.sandbox_url, trust_env=False, timeout=60) as platform,
            Person(stack.web_url, people.MEMBERS[0]) as alice,
        ):
            ground = Ground(stack, store, platform, alice, trees.example(version=version))
            await ground.faults()
            # It becomes public though nobody asks for it, as on the real platform.
            await ground.become(publishing_polls=0)
            ground.counted_before = await ground.requests()
            yield ground
    finally:
        await store.database.close()


def _row(item: reading.Element) -> Row:
    key = item.attributes["id"]
    ids = (one.attributes.get("id", "") for one in item.every("a", "button") if "disabled" not in one.attributes)
    offers = {one.removeprefix("row-").removesuffix(f"-{key}") for one in ids if one.startswith("row-")}
    moves = item.attributes["data-moving"] == "yes"
    return Row(key, item.attributes["data-state"], moves, item.text, frozenset(offers))
