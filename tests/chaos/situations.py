# SPDX-License-Identifier: Apache-2.0
"""What happens in single attacks and chance does not choose, and what must be true then.

Judged by the stand-in: its counters and log of requests, its disk, its ledger; and by what rows and pages say. Each
sentence begins with the code of the finding that is back if it is said.
"""

import collections
import copy
import dataclasses
import json
import pathlib
import tempfile
import uuid
from collections.abc import Sequence
from typing import Final

import atr.demo.people as people
import atr.demo.tree as trees
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.resolution as resolution
import atr.promotion.states as states
import atr.sandbox.central_portal.bundle as bundle
import atr.sandbox.central_portal.deployment as staged
import tests.chaos.acts as acts
import tests.chaos.conformance as conformance
import tests.chaos.sayings as sayings
import tests.chaos.simulated as simulated
import tests.chaos.theatre as theatre
import tests.chaos.truth as truth
from tests import world as worlds
from tests.demo import starting

# A second release: nobody has voted on it, so its upload may go wrong in every way.
VERSION: Final = "3.0"
RELEASE: Final = f"{people.PROJECT}-{VERSION}"
_POM: Final = f"maven/org/example/widgets/widgets-core/{VERSION}/widgets-core-{VERSION}.pom"
WORDS: Final = "Publishing limit of this month reached"
_SECRET: Final = b"the token of the worker"
# 21 by the table: DESIGN 4, budget. A look may come a tick late.
_TRIES: Final = range(19, 23)
_DState: Final = states.DeploymentState
# More than 200 pages of an account's list.
_MANY: Final = 4_100
_WITHHELD: Final = "org/example/widgets/widgets-core/2.4.0/widgets-core-2.4.0.pom.asc"
_ODD_VERSION: Final = "3.0+build.7"
_METADATA: Final = "maven-metadata-tools"


# What happens


async def upload(world: simulated.Simulated) -> None:
    """A second release is composed, and its upload asked for. The worker is away."""
    world.paused = True
    await people.compose(world.store, theatre.tree(VERSION))
    await people.stage(world.store, RELEASE)


async def away(world: simulated.Simulated) -> None:
    """The worker is away."""
    world.paused = True


async def work(world: simulated.Simulated) -> None:
    """The worker is back."""
    world.paused = False
    world.poke.set()


async def linked(world: simulated.Simulated) -> None:
    """A file of the revision becomes a link to a secret of the worker's."""
    secret = world.store.place.state_dir / "token"
    secret.write_bytes(_SECRET)
    file = world.store.place.revision_dir(people.PROJECT, VERSION, "00001") / f"{_POM}.asc"
    file.unlink()
    file.symlink_to(secret)


async def linked_to_the_same(world: simulated.Simulated) -> None:
    """A file of the revision becomes a link to its own bytes: nobody knows what they are when they are read."""
    file = world.store.place.revision_dir(people.PROJECT, VERSION, "00001") / f"{_POM}.asc"
    moved = file.rename(world.store.place.state_dir / "moved")
    file.symlink_to(moved)


async def rewritten(world: simulated.Simulated) -> None:
    """A file of the revision has other bytes than were recorded, and as many."""
    file = world.store.place.revision_dir(people.PROJECT, VERSION, "00001") / _POM
    file.chmod(0o644)
    file.write_bytes(file.read_bytes().replace(b"widgets", b"gadgets"))


async def crowded(world: simulated.Simulated) -> None:
    """The account has thousands of older deployments."""
    (model,) = world.platform.portal.deployments.values()
    files = {"org/example/old/1.0/old-1.0.pom": bundle.StagedFile(1, 0.0)}
    for number in range(_MANY, 0, -1):
        one = dataclasses.replace(copy.copy(model), deployment_id=str(uuid.UUID(int=number)), files=files)
        one.uploaded_at = world.platform.now() - (number + 2) * 3_600
        world.platform.portal.deployments[one.deployment_id] = one


async def drop(world: simulated.Simulated) -> None:
    """A member drops the second release's deployment."""
    async with world.member() as member:
        await member.deployments.drop((await last(world)).id or 0, "It was refused.")
    world.poke.set()


async def hidden(world: simulated.Simulated) -> None:
    """What was voted on holds a further package now: the platform names it, and its listing ends before its file."""
    (there,) = world.platform.portal.deployments.values()
    assert there.findings is not None
    more = dataclasses.replace(there.findings.components[0], artifact="widgets-zebra")
    there.findings = dataclasses.replace(there.findings, components=(*there.findings.components, more))
    row = await world.row(1)
    world.knob(row, "add-file", path=f"{more.directory}/{more.stem}.pom")
    world.knob(row, "listing", twist="short", reads=None)


async def withheld(world: simulated.Simulated) -> None:
    """A voted file will not be in the public repository; it is no POM, for which all of a package is waited for."""
    world.knob(await world.row(1), "withhold-public", paths=[_WITHHELD])


async def less_staged(world: simulated.Simulated) -> None:
    """A package is not staged any more, and the platform does not name it."""
    (there,) = world.platform.portal.deployments.values()
    assert there.findings is not None
    for path in [path for path in there.files if "/widgets-parent/" in path]:
        (world.platform.portal.folder(there) / path).unlink()
        del there.files[path]
    kept = tuple(one for one in there.findings.components if one.artifact != "widgets-parent")
    there.findings = dataclasses.replace(there.findings, components=kept)


# What must be true


async def sent_ever_more_rarely(world: simulated.Simulated) -> Sequence[str]:
    """Every call of five days was answered 429 without a word of when."""
    calls, files = world.publish_calls, len(next(iter(world.platform.portal.deployments.values())).files)
    row = await world.row(1)
    wrong = []
    if calls not in _TRIES:
        wrong.append(f"F1: {calls} calls in five days, each answered 429")
    if world.requests("download") > calls * files:
        wrong.append(f"F1: {world.requests('download')} files were read for {calls} calls of {files} files")
    if not (row.needs_person and (WORDS in row.next_note)):
        wrong.append(f"F1: nobody is told what the platform says: {row.next_note}")
    return wrong


async def uploaded_ever_more_rarely(world: simulated.Simulated) -> Sequence[str]:
    """Every upload of five days was answered 429 without a word of when."""
    uploads = world.requests("upload")
    return [] if uploads in _TRIES else [f"F1: {uploads} uploads in five days, each answered 429"]


async def obeyed(world: simulated.Simulated) -> Sequence[str]:
    """The platform said: in twenty days."""
    calls = world.publish_calls
    return [] if calls == 1 else [f"F1: {calls} calls before the twenty days were over"]


async def nothing_was_sent(world: simulated.Simulated) -> Sequence[str]:
    """What lies there is not what was recorded, so no byte may leave, and the file is named."""
    row = await world.row((await last(world)).id or 0)
    wrong = []
    if world.requests("upload"):
        wrong.append("H4: it was uploaded, though a file is not what was recorded")
    if any(_SECRET in data for _, data in truth.files(world.platform.directory)):
        wrong.append("H4: the platform has the worker's secret")
    if (row.deployment_state is not _DState.FAILED) or (_POM.removeprefix("maven/") not in row.problem):
        wrong.append(f"H4: the file is not named: {row.problem}")
    return wrong


def is_now(code: str, state: states.DeploymentState, words: str = "") -> conformance.Do:
    """The second release's deployment is in this state, and these words stand on its row."""

    async def look(world: simulated.Simulated) -> Sequence[str]:
        row = await last(world)
        if (row.state is state) and (words in row.problem):
            return []
        return [f"{code}: it is {row.state.value} and not {state.value}: {row.problem}"]

    return look


async def not_settled_early(world: simulated.Simulated) -> Sequence[str]:
    """A person says that it never arrived while the worker has yet to find out."""
    try:
        async with world.member() as member:
            await member.deployments.settle_lost((await last(world)).id or 0, "", "I know better.")
    except errors.ConflictError:
        return []
    return ["F2: a person settled an upload of which nobody knows yet"]


async def never_asked_for_nothing(world: simulated.Simulated) -> Sequence[str]:
    """What has no id on the platform is not asked about there."""
    row = await last(world)
    asked = [one.endpoint for one in world.platform.traffic.log if one.endpoint == "drop"]
    return [f"F2: {len(asked)} requests to drop it, and it has no id"] if asked and not row.external_id else []


async def never_said_to_be_dropped(world: simulated.Simulated) -> Sequence[str]:
    """The platform had it all the time."""
    said = [event for event in await world.events("deployment:1") if event.data.get("to") == _DState.DROPPED.value]
    has = any(one.state is staged.State.VALIDATED for one in world.platform.portal.deployments.values())
    return ["H3: it was said to be dropped, and the platform has it"] if said and has else []


async def only_what_is_staged(world: simulated.Simulated) -> Sequence[str]:
    """The packages of the row, and of the list, are those whose files the platform holds."""
    (there,) = world.platform.portal.deployments.values()
    root = world.platform.directory / "deployments" / there.deployment_id
    held = {path.split("/")[-3] for path, _ in truth.files(root)}
    packages = {one.package for one in await world.rows(tables.DeploymentPackage)}
    listed = {one.package for one in await world.rows(sql.Distribution)}
    return [
        f"M2: {where} has {sorted(names)}, and the platform holds {sorted(held)}"
        for where, names in (("the deployment", packages), ("the list", listed))
        if names != held
    ]


async def each_read_once(world: simulated.Simulated) -> Sequence[str]:
    """And once more for each fault that hit it."""
    external_id = (await last(world)).external_id or ""
    read = collections.Counter(
        one.path for one in world.platform.traffic.log if (one.endpoint == "download") and (external_id in one.path)
    )
    faults = sum(loaded.hit for loaded in world.platform.faults.loaded)
    again = read.total() - len(read)
    return [] if again == faults else [f"F4: {again} files were read once more for {faults} faults"]


async def nobody_denies(world: simulated.Simulated) -> Sequence[str]:
    """Somebody published it a moment ago: who abandons it is told when it was last looked at, and no more."""
    async with world.store.read(worlds.MEMBER) as read:
        page = await resolution.abandon(read, acts.RELEASE)
    said = " ".join((*page.consequences, *page.stays))
    denied = sayings.DENIED.search(said)
    wrong = [f"M1: the page says “{denied[0]}”, and nobody has looked"] if denied else []
    return wrong if "last checked" in said else [*wrong, "M1: the page does not say when anybody looked"]


async def seen_at_once(world: simulated.Simulated) -> Sequence[str]:
    """The worker looked when it was abandoned."""
    world.platform.portal.advance()
    (row,) = await world.rows(tables.Deployment)
    public = world.truth.look().is_public(row.external_id or "")
    return ["M1: it is public, and the row does not say it"] if public and (row.state is not _DState.PUBLISHED) else []


async def names_what_is_missing(world: simulated.Simulated) -> Sequence[str]:
    """The voted file that is not public yet is named by its path."""
    row = await world.row(1)
    missing = [path for path in truth.hashed(world.tree.files) if path not in world.truth.look().files]
    return [f"N2: {path} is not named: {row.next_note}" for path in missing if path not in row.next_note]


async def demo_of_odd_names(_world: simulated.Simulated) -> Sequence[str]:
    """`atr demo --bundle`, as a process, of a version with a plus and an artifact that is named like metadata."""
    with tempfile.TemporaryDirectory(prefix="atr-demo-") as name:
        return [f"F10: {one}" for one in _demo(pathlib.Path(name))]


def _demo(directory: pathlib.Path) -> list[str]:
    bundle_dir, state_dir = directory / "bundle", directory / "state"
    files = {}
    for path, data in trees.example(500, _ODD_VERSION).files.items():
        assert isinstance(data, bytes)
        # An archive is left as it is.
        text = data.replace(b"widgets-core", _METADATA.encode()) if path.endswith(".pom") else data
        files[path.replace("widgets-core", _METADATA)] = text
    for path, data in files.items():
        (bundle_dir / path).parent.mkdir(parents=True, exist_ok=True)
        (bundle_dir / path).write_bytes(data)
    ran = starting.atr(state_dir, "demo", "--json", "--bundle", str(bundle_dir))
    if ran.returncode != 0:
        return [f"it ended with {ran.returncode}: {ran.stderr.strip() or ran.stdout[-300:]}"]
    state = json.loads(ran.stdout.splitlines()[-1])["state"]
    public = dict(truth.files(state_dir / "sandbox" / "public"))
    wrong = [] if state == "LIVE" else [f"it ended {state}"]
    return wrong + [f"{path} is not public as it is in the bundle" for path in files if public.get(path) != files[path]]


async def last(world: simulated.Simulated) -> tables.Deployment:
    """The row that was made last."""
    return (await world.rows(tables.Deployment))[-1]
