# SPDX-License-Identifier: Apache-2.0
"""T25: what somebody else staged, recorded by its id, voted on and promoted.

First the attacks of tests/chaos/attacks.py: all of them whatever the seed is, but at the small size. Then generated
deployments: names that no layout knows, foreign groups, artifacts that are named like a server's metadata, checksums of
checksums, lists that only look like one, empty files, twins that differ in case, no files and thousands. Listings are
cut, repeated and reordered, and people publish, drop and add by hand.

The judge is tests/chaos/truth.py. A deployment that is as it should be becomes live, whole; what may not be published
is refused before the vote, by the name of a file; and the ballot names every file that is staged, but checksums.
"""

import asyncio
import dataclasses
import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import sqlmodel

import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.promotion.states as states
import atr.sandbox.central_portal.deployment as staged
import atr.sandbox.central_portal.knobs as knobs
import tests.chaos.attacks as attacks
import tests.chaos.conformance as conformance
import tests.chaos.outcome as outcome
import tests.chaos.simulated as simulated
import tests.chaos.theatre as theatre
import tests.chaos.truth as truth

_ROUNDS: Final = {outcome.Size.SMALL: 3, outcome.Size.CI: 60, outcome.Size.RELEASE: 5_000}
# The most files that a generated deployment has besides: one of a run has all of them.
_MANY: Final = {outcome.Size.SMALL: 20, outcome.Size.CI: 1_000, outcome.Size.RELEASE: 5_000}
_VERSION: Final = "3.0"
_CORE: Final = f"org/example/widgets/widgets-core/{_VERSION}/widgets-core-{_VERSION}"
_HOUR: Final = 3_600.0
_DAY: Final = 86_400.0
_TWISTS: Final = ("cut", "repeat", "reorder", "hide", "omit", "extra")
# What a deployment holds is changed before the click only: Central changes nothing under an id (`content_pinned`), so
# there is nothing to be noticed between the comparison and the publish request.
_CONTENT: Final = ("tamper", "add-file", "remove-file")
_HANDS: Final = ("", "", "", "", "publish-by-hand", "vanish", *_CONTENT)


class Part(NamedTuple):
    """Some files that a deployment may hold, and whether all of them may be published; None: either is fine."""

    files: Mapping[str, str]
    good: bool | None = True


def _digest(algorithm: str, text: str) -> str:
    return hashlib.new(algorithm, text.encode(), usedforsecurity=False).hexdigest()


def _nested(path: str, text: str) -> dict[str, str]:
    """A file with its checksums, and theirs, as build tools leave them."""
    sha512 = f"{_digest('sha512', text)}  {path.rpartition('/')[2]}\n"
    return {
        path: text,
        f"{path}.sha512": sha512,
        f"{path}.sha512.md5": _digest("md5", sha512),
        f"{path}.sha512.sha1": _digest("sha1", sha512),
    }


def _as_gpg_prints(name: str, text: str) -> str:
    """As `gpg --print-md SHA1` writes it."""
    digest = _digest("sha1", text).upper()
    words = [digest[at : at + 4] for at in range(0, len(digest), 4)]
    return f"{name}: {' '.join(words[:5])}  {' '.join(words[5:])}\n"


PARTS: Final[Mapping[str, Part]] = {
    "another classifier": Part({f"{_CORE}-all.jar": "all of it"}),
    "module metadata": Part({f"{_CORE}.module": "{}"}),
    "an empty file": Part({f"{_CORE}-empty.txt": ""}),
    "twins in case": Part({f"{_CORE}-README.txt": "one", f"{_CORE}-readme.txt": "two"}),
    "odd letters": Part({f"{_CORE}-c++_11~2.txt": "odd"}),
    "checksums of checksums": Part(_nested(f"{_CORE}-source-release.zip", "sources")),
    "a signed checksum": Part(
        {f"{_CORE}-b.zip": "b", f"{_CORE}-b.zip.sha512": _digest("sha512", "b"), f"{_CORE}-b.zip.sha512.asc": "s"}
    ),
    "BSD's form": Part(
        {
            f"{_CORE}-d.zip": "d",
            f"{_CORE}-d.zip.sha256": f"SHA256 (widgets-core-{_VERSION}-d.zip) = {_digest('sha256', 'd')}\n",
        }
    ),
    "gpg's form": Part(
        {f"{_CORE}-i.zip": "i", f"{_CORE}-i.zip.sha1": _as_gpg_prints(f"widgets-core-{_VERSION}-i.zip", "i")}
    ),
    "a byte order mark": Part({f"{_CORE}-j.zip": "j", f"{_CORE}-j.zip.sha256": f"\ufeff{_digest('sha256', 'j')}\n"}),
    "an orphan": Part({f"{_CORE}-gone.zip.sha512": _digest("sha512", "gone")}),
    "a list of checksums": Part(
        {f"{_CORE}-e.zip": "e", f"{_CORE}-e.zip.sha512": f"{_digest('sha512', 'e')}  e\n{_digest('sha512', 'f')}  f\n"}
    ),
    "a long one": Part({f"{_CORE}-g.zip": "g", f"{_CORE}-g.zip.sha512": f"{_digest('sha512', 'g')}\n" + "#" * 5_000}),
    "an artifact named like metadata": Part(
        {
            f"org/example/widgets/maven-metadata.xml-x/{_VERSION}/maven-metadata.xml-x-{_VERSION}.{end}": end
            for end in ("pom", "jar")
        }
    ),
    "a wrong checksum": Part({f"{_CORE}-h.zip": "h", f"{_CORE}-h.zip.sha1": _digest("sha1", "other")}, good=False),
    "a foreign group": Part({"org/foreign/a/1.0/a-1.0.jar": "foreign"}, good=False),
    "a foreign artifact named like metadata": Part(
        {"org/foreign/maven-metadata.xml-tools/1.0/maven-metadata.xml-tools-1.0.jar": "foreign"}, good=False
    ),
    "metadata": Part({"org/example/widgets/widgets-core/maven-metadata.xml": "<metadata/>"}, good=False),
    "metadata with a suffix": Part({"org/example/widgets/widgets-core/maven-metadata.xml.bak": "old"}, good=False),
    "another alphabet": Part({f"{_CORE}-überall.txt": "ä"}, good=False),
    "a file at the root": Part({"README": "read me"}, good=False),
    "another version's file": Part({f"{_CORE.replace(_VERSION, '2.9')}.txt": "old"}, good=None),
}


@dataclasses.dataclass(frozen=True)
class Plan:
    """One round, as chance has it."""

    parts: Sequence[str]
    many: int = 0
    empty: bool = False
    twist: str = ""
    # A knob that somebody turns, and whether that is before the vote, after it, or after the click.
    hand: str = ""
    when: int = 0

    def __str__(self) -> str:
        words = [*self.parts, f"{self.many} files more", "nothing at all" if self.empty else "", self.twist]
        return ", ".join(word for word in (*words, self.hand and f"{self.hand} ({self.when})") if word)

    @property
    def files(self) -> Mapping[str, str]:
        """What is staged besides two POMs."""
        found = {f"{_CORE}-{number}.txt": f"file {number}" for number in range(self.many)}
        for part in self.parts:
            found |= PARTS[part].files
        return found

    @property
    def bad(self) -> Sequence[str]:
        """The files that may not be published."""
        return [path for part in self.parts if PARTS[part].good is False for path in PARTS[part].files]

    @property
    def clear(self) -> bool:
        """Whether it must become live: all is as it should be, and was shown as it is."""
        return all(PARTS[part].good for part in self.parts) and not (self.empty or self.hand or (self.twist == "cut"))


def campaign(size: outcome.Size, seed: int) -> outcome.Outcome:
    """Every attack, of which the seed chooses a fifth at the small size, and so many generated deployments."""
    again = f"CHAOS={size} ATR_CHAOS_SEED={seed} python -m tests.chaos T25"
    chance = random.Random(seed)
    violations: list[str] = []
    ends: dict[str, int] = {}
    names = list(attacks.ATTACKS)[seed % 5 :: 5] if size is outcome.Size.SMALL else list(attacks.ATTACKS)
    with theatre.theatre() as stage:
        for name in names:
            violations += [f"{name}: {one}. {again}" for one in attacked(stage, attacks.ATTACKS[name])]
        for number, plan in enumerate(plans(size, chance)):
            end, wrong = played(stage, plan, f"T25 {seed} {number}")
            ends[end] = ends.get(end, 0) + 1
            violations += [f"{plan}: {one}. {again}" for one in wrong]
    told = ", ".join(f"{end} {count}" for end, count in sorted(ends.items()))
    return outcome.Outcome(len(names) + _ROUNDS[size], tuple(violations), (f"ends: {told}",))


def attacked(stage: theatre.Theatre, attack: attacks.Attack, build: theatre.Build = theatre.OURS) -> tuple[str, ...]:
    """What one attack breaks."""
    paced = dataclasses.replace(build, pace=attack.pace)
    arrows, broken = conformance.played(stage, attack.steps, "T25", paced, settled=True)
    missing = [] if (attack.ends is None) or (attack.ends in arrows) else [f"{attack.broke}: nobody found it"]
    return (*broken, *missing)


def plans(size: outcome.Size, chance: random.Random) -> Iterator[Plan]:
    """So many rounds. Where there is room, each part first comes once by itself, with nothing that may hide it."""
    names = list(PARTS)
    chance.shuffle(names)
    alone = len(names) if _ROUNDS[size] > len(names) else 0
    yield from (Plan((name,)) for name in names[:alone])
    for number in range(_ROUNDS[size] - alone):
        hand = chance.choice(_HANDS)
        parts = dict.fromkeys([names[number % len(names)], *chance.sample(names, chance.choice((0, 0, 0, 1, 3)))])
        yield Plan(
            tuple(parts),
            many=_MANY[size] if number == 1 else chance.choice((0, 0, 0, 1, 5)),
            empty=chance.random() < 0.03,
            twist=chance.choice(_TWISTS) if chance.random() < 0.3 else "",
            hand=hand,
            when=chance.randrange(2 if hand in _CONTENT else 3),
        )


def played(stage: theatre.Theatre, plan: Plan, seed: str, build: theatre.Build = theatre.OURS) -> tuple[str, list[str]]:
    """Play one round: how it ended, and what is wrong."""
    return stage.run(_play(stage, plan, seed, build))


async def _play(stage: theatre.Theatre, plan: Plan, seed: str, build: theatre.Build) -> tuple[str, list[str]]:
    async with stage.opened(seed, build=build) as world:
        lives = [asyncio.create_task(world.worker_life(name, dies_at=_never)) for name in ("one", "two")]
        try:
            return await _Round(world, plan).play()
        finally:
            for life in lives:
                life.cancel()
            await asyncio.gather(*lives, return_exceptions=True)


@dataclasses.dataclass
class _Round:
    world: simulated.Simulated
    plan: Plan
    release_key: str = ""
    external_id: str = ""
    deployment_id: int = 0

    async def play(self) -> tuple[str, list[str]]:
        world, plan = self.world, self.plan
        await self._stage()
        self.deployment_id = await world.record(self.release_key, self.external_id)
        if plan.when == 0:
            self._by_hand()
        await self._wait_for_capture()
        wrong = []
        try:
            await people.vote(world.store, self.release_key)
        except errors.AtrError as error:
            return "refused before the vote", await self._refused(str(error))
        shown = await self._shown()
        held = self._held()
        members = truth.members(held)
        world.truth.passed([held], world.platform.now())
        world.voted_of[self.external_id] = truth.hashed({path: held[path] for path in members})
        # What was cut off a listing nobody could show, and is refused when it is there again.
        if not (self._changed(0) or (plan.twist == "cut")):
            wrong += [f"the ballot does not name {path}" for path in sorted(members - set(shown))]
            wrong += [f"the ballot names {path}, which is not so" for path in sorted(set(shown) - members)]
            wrong += [f"it was put to the vote with {path}" for path in plan.bad if path in held]
        if plan.when == 1:
            self._by_hand()
        await self._promote()
        if plan.when == 2:
            await asyncio.sleep(world.chance.choice((0.0, 2.0, 60.0)))
            self._by_hand()
        await self._fair_end()
        return await self._ended(wrong)

    async def _stage(self) -> None:
        world, plan = self.world, self.plan
        whole = theatre.tree(_VERSION)
        # Of the version that is voted on; the revision itself has nothing for this platform.
        async with world.member() as member:
            await member.policy.edit(people.PROJECT, file_tag_mappings={})
        self.release_key = await people.compose(world.store, dataclasses.replace(whole, files={}))
        world.tree = whole
        self.external_id = await world.stage_elsewhere(whole)
        await asyncio.sleep(1)
        world.platform.portal.advance()
        for path, text in plan.files.items():
            knobs.turn(world.platform.portal, self.external_id, "add-file", {"path": path, "text": text})
        there = world.platform.portal.deployments[self.external_id]
        if plan.empty:
            for path in list(there.files):
                knobs.turn(world.platform.portal, self.external_id, "remove-file", {"path": path})
        if plan.twist:
            knobs.turn(world.platform.portal, self.external_id, "listing", {"twist": plan.twist, "reads": 1})

    def _by_hand(self) -> None:
        """Somebody does something there; what is not possible any more is not done."""
        world = self.world
        there = world.platform.portal.deployments.get(self.external_id)
        if self.plan.hand and (there is not None) and (there.state is staged.State.VALIDATED):
            try:
                knobs.turn(world.platform.portal, self.external_id, self.plan.hand, {})
            except errors.AtrError:
                world.note("by hand: not possible")

    def _changed(self, when: int) -> bool:
        """Whether somebody may have changed what is staged by then, so that what was read first need not be there."""
        return bool(self.plan.hand) and (self.plan.when <= when)

    async def _wait_for_capture(self) -> None:
        for _ in range(12):
            row = await self._deployment()
            if row.file_set_digest:
                return
            self.world.poke.set()
            await asyncio.sleep(_HOUR / 2)

    async def _deployment(self) -> tables.Deployment:
        return next(row for row in await self.world.rows(tables.Deployment) if row.id == self.deployment_id)

    async def _refused(self, said: str) -> list[str]:
        """No vote: there must be a reason in the deployment, and it is named."""
        row = await self._deployment()
        told = f"{said} {row.problem}"
        if not self.plan.bad:
            return (
                [] if not self.plan.clear else [f"it is refused before the vote, and nothing is wrong with it: {told}"]
            )
        if self._changed(0) or self.plan.empty or self.plan.twist:
            # The file may be gone, or something else is named first.
            return []
        names = [name for path in self.plan.bad for name in _names(path)]
        return [] if any(name in told for name in names) else [f"none of {self.plan.bad} is named: {told}"]

    async def _shown(self) -> Mapping[str, str]:
        """The files of this deployment that voters were shown, by the ballot."""
        async with self.world.store.read() as read:
            wanted = (
                sqlmodel.select(tables.FileSetFile)
                .join(tables.BallotEntry, tables.BallotEntry.file_set_digest == tables.FileSetFile.digest)  # type: ignore[arg-type]  # a comparison of columns
                .where(tables.BallotEntry.deployment_id == self.deployment_id)
            )
            return {file.path: file.sha256 for file in (await read.data.exec(wanted)).all()}

    def _held(self) -> dict[str, bytes]:
        """What the platform holds, read from its disk."""
        root = self.world.platform.directory / "deployments" / self.external_id
        return dict(truth.files(root)) if root.exists() else {}

    async def _promote(self) -> None:
        world = self.world
        for _ in range(4):
            try:
                await world.promote(self.deployment_id)
            except errors.AtrError as error:
                world.note(f"> promote: {error}")
                await asyncio.sleep(60)
            else:
                world.poke.set()
                return

    async def _fair_end(self) -> None:
        self.world.platform.faults.clear()
        for _ in range(4):
            self.world.poke.set()
            await asyncio.sleep(_DAY)

    async def _ended(self, wrong: list[str]) -> tuple[str, list[str]]:
        world = self.world
        now = world.truth.look()
        wrong += [f"S2: {one}" for effect in now.effects if effect.ours for one in world.truth.unvoted(effect)]
        rows = [row for row in await world.rows(tables.Promotion) if row.deployment_id == self.deployment_id]
        state = rows[-1].state if rows else None
        if state is states.State.LIVE:
            wrong += [f"S5: {one}" for one in world.truth.differs(world.voted_files(self.external_id))]
        elif self.plan.clear:
            reason = rows[-1].reason if rows else (await self._deployment()).problem
            wrong.append(f"it did not become live: {state} {reason}")
        return (state.value if state else "never promoted"), wrong


def _names(path: str) -> Iterator[str]:
    """What a sentence may call it: its path, as it can be shown, or its coordinates."""
    yield path.encode("ascii", "backslashreplace").decode()
    yield path
    *group, artifact, version, _ = ["", "", *path.split("/")]
    yield f"{'.'.join(filter(None, group))}:{artifact}:{version}"


def _never() -> None:
    return None
