# SPDX-License-Identifier: Apache-2.0
"""What single attacks stage with another client's hands and have voted on, and what must be true of it.

The release is one of its own, of which the policy maps nothing: what is voted on is what is staged. As everywhere, each
sentence begins with the code of the finding that is back if it is said.
"""

import asyncio
import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import atr.demo.people as people
import atr.demo.tree as trees
import atr.errors as errors
import atr.models.sql as sql
import atr.pages.deployments as deployments
import atr.pages.finish as finish
import atr.pages.letters as letters
import atr.pages.readiness as readiness
import atr.pages.searches as searches
import atr.pages.vote as votes
import atr.pages.voting as voting
import atr.promotion.states as states
import atr.sandbox.central_portal.knobs as knobs
import atr.shared.distribution as distribution
import tests.chaos.conformance as conformance
import tests.chaos.simulated as simulated
import tests.chaos.situations as situations
import tests.chaos.theatre as theatre
import tests.chaos.truth as truth
from tests import world as worlds

_VERSION: Final = situations.VERSION
_OLD: Final = "1.4.0"
RELEASE: Final = situations.RELEASE
_GROUP: Final = "org/example/widgets"
_CORE: Final = f"{_GROUP}/widgets-core/{_VERSION}/widgets-core-{_VERSION}"
_PARENT: Final = f"{_GROUP}/widgets-parent/{_VERSION}/widgets-parent-{_VERSION}"
_SIGNATURE: Final = b"-----BEGIN PGP SIGNATURE-----\n\nnobody's\n-----END PGP SIGNATURE-----\n"
# A parent that is part of no release of ours.
_BASE: Final = "org.example.foundation:base:7"
_BASE_POM: Final = "org/example/foundation/base/7/base-7.pom"
# So long a name that the last link takes more room than all those before it.
_LATE: Final = "z" * 200
_PACKAGES: Final = 30
# Seconds between two requests, as an operator sets them.
PACE: Final = 1.0
_MINUTE: Final = 60.0
_HOUR: Final = 3_600.0


# What is staged


def _bytes(tree: trees.Tree) -> dict[str, bytes]:
    return {path: data for path, data in tree.files.items() if isinstance(data, bytes)}


def _tree(files: Mapping[str, bytes]) -> trees.Tree:
    """A tree of these files, each POM of which stands for a package."""
    packages = []
    for path in files:
        if path.endswith(".pom"):
            *group, artifact, version, _ = path.split("/")
            packages.append(distribution.coordinates(worlds.MAVEN, ".".join(group), artifact, version))
    return trees.Tree(files, tuple(sorted(packages)))


def plain() -> trees.Tree:
    """Two packages of one POM each."""
    return theatre.tree(_VERSION)


def of_two_versions() -> trees.Tree:
    """A module, and a parent that keeps its older version."""
    new, old = _bytes(plain()), _bytes(theatre.tree(_OLD))
    parent = {path: data for path, data in old.items() if "/widgets-parent/" in path}
    return _tree({path: data for path, data in new.items() if "/widgets-core/" in path} | parent)


def as_central_takes_it() -> trees.Tree:
    """A jar without classes, sources and javadoc; a Sigstore bundle that nobody signed; a relocated POM alone."""
    files = _bytes(trees.example(100, _VERSION))
    files = {path: data for path, data in files.items() if ("-sources" not in path) and ("-javadoc" not in path)}
    moved = files[f"{_CORE}.pom"].replace(b"widgets-core", b"widgets-moved")
    there = b"<distributionManagement><relocation><artifactId>widgets-core</artifactId></relocation>"
    moved = moved.replace(b"</project>", there + b"</distributionManagement></project>")
    stem = _CORE.replace("widgets-core", "widgets-moved")
    files |= {f"{stem}.pom": moved, f"{stem}.pom.asc": _SIGNATURE, f"{_CORE}.jar.sigstore.json": b"{}"}
    return _tree(files)


def without_parent() -> trees.Tree:
    """A module whose parent is nowhere."""
    group, artifact, version = _BASE.encode().split(b":")
    said = b"<groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version>" % (group, artifact, version)
    files = _bytes(plain())
    pom = files[f"{_CORE}.pom"]
    files[f"{_CORE}.pom"] = pom.replace(b"</modelVersion>", b"</modelVersion><parent>" + said + b"</parent>")
    return _tree(files)


def of_many_packages() -> trees.Tree:
    """As many packages as a larger build has."""
    one = {path: data for path, data in _bytes(plain()).items() if "/widgets-core/" in path}
    names = [f"widgets-part{number}" for number in range(_PACKAGES)]
    return _tree(
        {
            path.replace("widgets-core", name): data.replace(b"widgets-core", name.encode())
            for name in names
            for path, data in one.items()
        }
    )


def with_a_late_file() -> trees.Tree:
    """One voted file comes after all others in an index."""
    return _tree({**_bytes(plain()), f"{_CORE}.zip": b"all of it", f"{_CORE}.zip.asc": _SIGNATURE})


# What happens


def staged(tree: trees.Tree) -> conformance.Do:
    """A release is composed, and somebody uploads this with another client."""

    async def stage(world: simulated.Simulated) -> None:
        async with world.member() as member:
            await member.policy.edit(people.PROJECT, file_tag_mappings={})
        await people.compose(world.store, dataclasses.replace(plain(), files={}))
        external_id = await world.stage_elsewhere(tree)
        world.elsewhere[external_id] = tree
        world.voted_of[external_id] = truth.hashed(tree.files)
        await asyncio.sleep(_MINUTE)
        world.platform.portal.advance()

    return stage


async def recorded(world: simulated.Simulated) -> None:
    """It is recorded by its id, and the worker has time to read it."""
    external_id, tree = _last(world)
    await world.record(RELEASE, external_id, tree.packages[0])
    world.poke.set()
    await asyncio.sleep(10 * _MINUTE)


async def half_listed(world: simulated.Simulated) -> None:
    """The platform's listing ends with the first package, and the platform names both."""
    knobs.turn(world.platform.portal, _last(world)[0], "listing", {"twist": "cut", "reads": None})


async def not_named(world: simulated.Simulated) -> None:
    """The platform does not name a package whose files it lists."""
    there = world.platform.portal.deployments[_last(world)[0]]
    assert there.findings is not None
    kept = tuple(one for one in there.findings.components if one.artifact != "widgets-parent")
    there.findings = dataclasses.replace(there.findings, components=kept)


async def beside(world: simulated.Simulated) -> None:
    """Files of these versions that nobody voted on are public already, last in every index; no record tells of them."""
    known = dict(world.platform.portal.public.components)
    for stem in (_CORE, _PARENT):
        for number in range(3):
            world.platform.portal.put_public(f"{stem}.{_LATE}{number}", b"nobody voted on this")
    world.platform.portal.public.components = known


async def parent_published(world: simulated.Simulated) -> None:
    """The advice is taken: the parent is published, and somebody has it checked again."""
    world.platform.portal.put_public(_BASE_POM, b"<project/>")
    async with world.manager() as manager:
        await manager.readiness.check_now(RELEASE)
    world.poke.set()
    await asyncio.sleep(_MINUTE)


def becomes_live(code: str) -> conformance.Do:
    """It is voted on and promoted, and all of it becomes public and nothing else."""

    async def play(world: simulated.Simulated) -> Sequence[str]:
        external_id, tree = _last(world)
        number = (await situations.last(world)).id or 0
        try:
            await people.vote(world.store, RELEASE)
            world.truth.passed([tree.files], world.platform.now())
            await world.promote(number)
        except errors.AtrError as error:
            return [f"{code}: it is not promoted: {error} {(await situations.last(world)).problem}"]
        world.poke.set()
        await asyncio.sleep(_HOUR)
        row = await world.row(number)
        said = [] if row.state is states.State.LIVE else [f"{code}: it is {row.state}: {row.reason} {row.next_note}"]
        return [*said, *(f"{code}: {one}" for one in world.truth.changed(world.voted_files(external_id)))]

    return play


# What must be true


def refused_before_the_vote(code: str, name: str) -> conformance.Do:
    """No vote is opened, and it is said by which package."""

    async def ask(world: simulated.Simulated) -> Sequence[str]:
        try:
            await people.vote(world.store, RELEASE)
        except errors.AtrError as error:
            said = f"{error} {(await situations.last(world)).problem}"
            return [] if name in said else [f"{code}: {name} is not named: {said}"]
        return [f"{code}: it was put to the vote, and nobody has seen {name}"]

    return ask


def is_remarked(code: str, name: str) -> conformance.Do:
    """The row says that something is odd about this package, and refuses nothing."""

    async def look(world: simulated.Simulated) -> Sequence[str]:
        row = await world.row((await situations.last(world)).id or 0)
        said = [message for status, message in row.check_messages if status == "concern"]
        return [] if any(name in one for one in said) else [f"{code}: nothing is said of {name}: {row.check_messages}"]

    return look


async def said_with_each_version(world: simulated.Simulated) -> Sequence[str]:
    """Wherever the packages are summed up before the vote: found by their name, the row, the ballot, the mail."""
    async with world.member() as member:
        number = await member.deployments.search(RELEASE, _last(world)[1].packages[0])
    world.poke.set()
    await asyncio.sleep(_MINUTE)
    async with world.store.read(worlds.MEMBER) as read:
        found = await searches.one(read, sql.release_key(people.PROJECT, _VERSION), number)
        rows = await deployments.all_of(read, RELEASE)
        vote = await voting.voting(read, RELEASE)
    return list(
        _unsaid(
            {
                "what is found": " ".join(one.packages_line for one in found.candidates),
                "the row": " ".join(one.packages_line for one in rows),
                "the choice before the vote": " ".join(one.row.packages_line for one in vote.choices),
                "the ballot": " ".join(one.detail for one in vote.lines),
                "the draft of the mail": letters.call_for_votes(vote, page="http://127.0.0.1/vote").body,
            }
        )
    )


async def still_said_with_each_version(world: simulated.Simulated) -> Sequence[str]:
    """And after it: the frozen ballot, its mail, the finish page."""
    async with world.store.read(worlds.MEMBER) as read:
        vote = await votes.newest(read, RELEASE)
        page = await finish.page(read, RELEASE)
    letter = letters.call_for_votes(vote, page="http://127.0.0.1/vote")
    return list(
        _unsaid(
            {
                "the frozen ballot": " ".join(one.detail for one in vote.lines),
                "the mail": letter.body,
                "the finish page": " ".join(one.packages_line for one in page.rows),
            }
        )
    )


async def parent_is_named(world: simulated.Simulated) -> Sequence[str]:
    """What cannot be mended after the release is said before the vote, with what to do."""
    said = await _of_parents(world)
    return [f"N1: “{one}” is not said: {said}" for one in (_BASE, "Publish the parent first") if one not in said]


async def parent_is_found(world: simulated.Simulated) -> Sequence[str]:
    """The advice works."""
    said = await _of_parents(world)
    return [f"N1: it is public, and this is said: {said}"] if (_BASE in said) else []


async def asked_once(world: simulated.Simulated) -> Sequence[str]:
    """The records are asked for each package once before the vote and once before the call, at the operator's pace."""
    times = [one.when for one in world.platform.traffic.log if one.endpoint == "published"]
    wrong = []
    if len(times) > 2 * _PACKAGES:
        wrong.append(f"N4: {len(times)} questions about {_PACKAGES} packages")
    hurried = [one for one, after in itertools.pairwise(times) if after - one < PACE]
    if hurried:
        wrong.append(f"N4: {len(hurried)} questions came less than {PACE} s after the one before")
    return wrong


def _unsaid(places: Mapping[str, str]) -> Iterator[str]:
    for where, said in places.items():
        for one in (f":{_VERSION}", f":{_OLD}"):
            if one not in said:
                yield f"F7: {where} does not say {one}: {said}"


async def _of_parents(world: simulated.Simulated) -> str:
    async with world.store.read(worlds.MEMBER) as read:
        panel = await readiness.of(read, sql.release_key(people.PROJECT, _VERSION))
    return " ".join(
        line.sentence
        for check in panel.checks
        if check.code == "parents"
        for cell in check.cells
        for line in cell.lines
    )


def _last(world: simulated.Simulated) -> tuple[str, trees.Tree]:
    return list(world.elsewhere.items())[-1]
