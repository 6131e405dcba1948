# SPDX-License-Identifier: Apache-2.0
"""What people, the platform and clocks do to a world, by name: the words of which T4 and T5 make their stories.

An act that the application refuses is an answer, not a failure; it raises only what is a defect.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import atr.db.guards as guards
import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.sandbox.central_portal.deployment as staged
import atr.sandbox.central_portal.knobs as knobs
import atr.storage.files as files
import tests.chaos.simulated as simulated
from tests import hosting
from tests import world as worlds

Act = Callable[[simulated.Simulated], Awaitable[None]]
_ARMOUR: Final = b"-----BEGIN PGP SIGNATURE-----\n\nnobody's\n-----END PGP SIGNATURE-----\n"
RELEASE: Final = f"{people.PROJECT}-2.4.0"
_FILE: Final = "maven/org/example/widgets/widgets-core/2.4.0/widgets-core-2.4.0.pom"
# Another committee's project, and its members.
STRANGERS: Final = "elsewhere-tools"
_STRANGE: Final = (people.STRANGER, "mike", "mona")
_CORE: Final = "org/example/widgets/widgets-core/2.4.0/widgets-core-2.4.0"
# A file of the version that nobody voted on, and an artifact that is no metadata of a server's, whatever its name.
_BESIDE: Final = {f"{_CORE}.module": b"nobody voted on this module", f"{_CORE}.module.asc": _ARMOUR}
_LOOK_ALIKE: Final = "org/foreign/maven-metadata.xml-tools/1.0/maven-metadata.xml-tools-1.0.jar"
_REASON: Final = "Chance would have it."
# How requests go wrong: for each, the endpoint and the fields of atr/sandbox/faults.py.
FAULTS: Final[tuple[tuple[str, Mapping[str, Any]], ...]] = (
    ("publish", {"effect": True, "cut": True}),
    ("publish", {"effect": True, "status": 503}),
    ("publish", {"effect": True, "delay": 40}),
    ("publish", {"effect": True, "late": 60, "cut": True}),
    ("publish", {"effect": True, "late": 100, "status": 504}),
    ("publish", {"cut": True}),
    ("publish", {"status": 500}),
    ("publish", {"status": 401}),
    ("publish", {"status": 403}),
    ("publish", {"status": 429, "headers": {"Retry-After": "60"}}),
    ("publish", {"status": 200, "body": "<html>Welcome</html>"}),
    ("drop", {"cut": True}),
    ("drop", {"effect": True, "cut": True}),
    ("drop", {"status": 401}),
    ("drop", {"status": 503, "times": 3}),
    ("status", {"status": 404, "times": 2}),
    ("status", {"status": 404, "times": 8}),
    ("status", {"status": 502, "body": "<html>Bad gateway</html>"}),
    ("status", {"status": 429, "headers": {"Retry-After": "120"}, "times": 2}),
    ("status", {"cut": True}),
    ("status", {"effect": True, "delay": 40}),
    ("status", {"status": 200, "body": {"deploymentState": "PUBLISHED"}}),
    ("status", {"status": 200, "body": ["PUBLISHED"]}),
    ("files", {"status": 500}),
    ("files", {"cut": True}),
    ("download", {"effect": True, "cut_after": 10}),
    ("download", {"effect": True, "alter": True}),
    ("download", {"status": 404}),
    ("published", {"status": 500}),
    ("repository", {"status": 404, "times": 3}),
    ("repository", {"status": 503, "times": 2}),
    ("repository", {"effect": True, "alter": True}),
    ("repository", {"effect": True, "cut_after": 5}),
    ("repository", {"status": 429, "headers": {"Retry-After": "30"}}),
)


async def _newest(world: simulated.Simulated) -> tables.Promotion | None:
    rows = await world.rows(tables.Promotion)
    return rows[-1] if rows else None


async def _promote(world: simulated.Simulated) -> None:
    await world.promote(1, world.chance.choice(people.MEMBERS))


async def _promote_twice(world: simulated.Simulated) -> None:
    """Two browsers post one form."""
    who = world.chance.choice(people.MEMBERS)
    form = await world.form(1, who)

    async def post() -> int:
        async with world.member(who) as member:
            return await form.send(member)

    answers = await asyncio.gather(post(), post(), return_exceptions=True)
    numbers = {answer for answer in answers if isinstance(answer, int)}
    assert len(numbers) <= 1, f"one form made {numbers}"
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer


def _decision(name: str) -> Act:
    async def decide(world: simulated.Simulated) -> None:
        row = await _newest(world)
        if row is None:
            return
        async with world.member(world.chance.choice(people.MEMBERS)) as member:
            await getattr(member.promotions, name)(row.id, _REASON)

    return decide


async def _look_now(world: simulated.Simulated) -> None:
    row = await _newest(world)
    if row is not None:
        async with world.manager() as manager:
            await manager.promotions.look_now(row.id or 0)


async def _drop(world: simulated.Simulated) -> None:
    async with world.member() as member:
        await member.deployments.drop(1, _REASON)


async def _prove_published(world: simulated.Simulated) -> None:
    async with world.member() as member:
        await member.promotions.prove_published(1)


def _policy(*, on: bool) -> Act:
    async def edit(world: simulated.Simulated) -> None:
        async with world.member("bob") as member:
            await member.policy.edit(people.PROJECT, remote_promotion={worlds.MAVEN: on})

    return edit


def _members(*names: str) -> Act:
    async def change(world: simulated.Simulated) -> None:
        async with world.admin() as admin:
            await admin.policy.set_committee(
                "example",
                "Example",
                committee_members=names,
                committers=(*people.MEMBERS, people.COMMITTER),
                release_managers=(people.COMMITTER,),
            )

    return change


def _switch(scope: str, *, off: bool) -> Act:
    async def switch(world: simulated.Simulated) -> None:
        async with world.admin() as admin:
            await (admin.switches.switch_off if off else admin.switches.switch_on)(scope, _REASON)

    return switch


def _target(*namespaces: str) -> Act:
    async def set_target(world: simulated.Simulated) -> None:
        async with world.admin() as admin:
            await admin.policy.set_target(
                people.PROJECT, worlds.MAVEN, namespaces=namespaces, source="the portal", target="the repository"
            )
        world.truth.owned = tuple(f"{name.replace('.', '/')}/" for name in namespaces)

    return set_target


def _revision(content: bytes | None) -> Act:
    async def revise(world: simulated.Simulated) -> None:
        voted = world.tree.files[_FILE.removeprefix("maven/")]
        assert isinstance(voted, bytes)

        async def change(draft: files.Draft) -> None:
            await draft.add(_FILE, worlds.stream(voted if content is None else content))

        await hosting.revise(world.store, RELEASE, change)

    return revise


async def _abandon(world: simulated.Simulated) -> None:
    async with world.manager() as manager:
        await manager.vote_resolution.abandon(RELEASE, _REASON)
    world.truth.taken_back(world.platform.now())


async def _vote_again(world: simulated.Simulated) -> None:
    """Over what was voted on before: the same files, the same deployment."""
    await _revision(None)(world)
    async with world.member() as member:
        await member.deployments.put_on_ballot(1)
    await people.vote(world.store, RELEASE)
    world.put_to_vote(*world.elsewhere.values())


def _clock(**delta: float) -> Act:
    async def jump(world: simulated.Simulated) -> None:
        world.clock.turn(**delta)

    return jump


def _staged(world: simulated.Simulated) -> staged.Deployment | None:
    """The deployment on the platform, if it is there still."""
    return next(iter(world.platform.portal.deployments.values()), None)


def _knob(name: str, *, before_the_click: bool = False, **fields: Any) -> Act:
    """`before_the_click`: the platform pins what it holds, so this happens only while nobody has asked for it."""

    async def turn(world: simulated.Simulated) -> None:
        deployment = _staged(world)
        row = await _newest(world)
        if (deployment is None) or (before_the_click and row is not None and row.state in states.OPEN):
            return
        if before_the_click and deployment.state is not staged.State.VALIDATED:
            return
        knobs.turn(world.platform.portal, deployment.deployment_id, name, fields)

    return turn


async def _publish_by_hand(world: simulated.Simulated) -> None:
    deployment = _any(world)
    if deployment is not None:
        world.platform.portal.publish(deployment, by_hand=True)


async def _drop_by_hand(world: simulated.Simulated) -> None:
    deployment = _any(world)
    if deployment is not None:
        world.platform.portal.drop(deployment, by_hand=True)


def _any(world: simulated.Simulated) -> staged.Deployment | None:
    """Any deployment of the platform: ours, or one that was staged elsewhere."""
    there = list(world.platform.portal.deployments.values())
    return world.chance.choice(there) if there else None


async def _stage_elsewhere(world: simulated.Simulated) -> None:
    """The same version once more, as it was voted on or with a file beside, by a client that is not ours."""
    world.stand_in_settings(held_by="publishing")
    await world.stage_by_hand(world.chance.choice(({}, _BESIDE)))


async def _record_elsewhere(world: simulated.Simulated) -> None:
    for external_id in list(world.elsewhere)[-1:]:
        await world.record(RELEASE, external_id)


async def _promote_elsewhere(world: simulated.Simulated) -> None:
    await world.promote(2, world.chance.choice(people.MEMBERS))


async def _publish_with_more(world: simulated.Simulated) -> None:
    """Somebody adds a file to what is staged, on the platform, and publishes both there."""
    await _knob("add-file", before_the_click=True, path=next(iter(_BESIDE)))(world)
    await _publish_by_hand(world)


async def _put_beside(world: simulated.Simulated) -> None:
    """A further file of the version becomes public, in whatever way, once the version is."""
    if f"{_CORE}.pom" in world.truth.look().files:
        (path, data), *_ = _BESIDE.items()
        world.platform.portal.put_public(path, data)


async def _record_public(world: simulated.Simulated) -> None:
    async with world.member() as member:
        await member.distributions.record(RELEASE, world.tree.packages[0], staging=False)


async def _strangers_vote(world: simulated.Simulated) -> None:
    """Another committee puts files under this project's names to the vote."""
    store, uid = world.store, people.STRANGER
    async with world.admin() as admin:
        await admin.policy.set_committee("elsewhere", "Elsewhere", committee_members=_STRANGE)
        await admin.policy.set_project(STRANGERS, "Elsewhere Tools", "elsewhere")
        await admin.policy.set_target(
            STRANGERS, worlds.MAVEN, namespaces=("org.elsewhere",), source="the portal", target="the repository"
        )
    async with store.write_as_project_committee_member(STRANGERS, uid) as member:
        await member.policy.edit(
            STRANGERS,
            file_tag_mappings={worlds.MAVEN.gh_slug: ["maven/**"]},
            remote_promotion={worlds.MAVEN: True},
            min_hours=0,
        )
    async with store.write_as_project_committee_participant(STRANGERS, uid) as participant:
        release_key = await participant.release.start(STRANGERS, world.tree.version)
    async with store.draft(release_key) as draft:
        for path, data in world.tree.files.items():
            assert isinstance(data, bytes)
            await draft.add(f"maven/{path}", worlds.stream(data))
        async with store.write_as_project_committee_participant(STRANGERS, uid) as participant:
            await participant.revision.create(release_key, draft, "Names of others")
    async with store.write_as_project_release_manager(STRANGERS, uid) as manager:
        await manager.vote.open_vote(release_key)
    for voter in _STRANGE:
        async with store.write_as_project_committee_participant(STRANGERS, voter) as participant:
            await participant.vote.cast(release_key, sql.VoteChoice.YES)
    async with store.write_as_project_release_manager(STRANGERS, uid) as manager:
        await manager.vote_resolution.resolve_passed(release_key)


async def _strangers_record(world: simulated.Simulated) -> None:
    """They say that it is public, of each package."""
    release_key = f"{STRANGERS}-{world.tree.version}"
    for where in world.tree.packages:
        async with world.store.write_as_project_committee_member(STRANGERS, people.STRANGER) as member:
            await member.distributions.record(release_key, where, staging=False)


async def _fault(world: simulated.Simulated) -> None:
    endpoint, fields = world.chance.choice(FAULTS)
    world.note(f"fault {endpoint} {dict(fields)}")
    world.fault(endpoint, **{"times": world.chance.randint(1, 3), **fields})


async def _odd(world: simulated.Simulated) -> None:
    status = world.chance.choice((400, 404, 409, 500))
    world.stand_in_settings(
        publishing_polls=world.chance.choice((0, 1, 3)),
        publish_seconds=world.chance.choice((0.5, 30.0, 900.0)),
        public_lag_seconds=world.chance.choice((0.2, 60.0, 1800.0)),
        wrong_state_status=status,
    )


# By name, with how often chance takes it.
ACTS: Final[Mapping[str, tuple[int, Act]]] = MappingProxyType(
    {
        "promote": (12, _promote),
        "promote twice": (4, _promote_twice),
        "abort": (5, _decision("abort")),
        "stop": (5, _decision("stop")),
        "send again": (5, _decision("send_again")),
        "give up": (4, _decision("give_up")),
        "extend": (3, _decision("extend")),
        "check again": (3, _decision("check_again")),
        "look now": (5, _look_now),
        "drop": (1, _drop),
        "prove published": (2, _prove_published),
        "policy off": (2, _policy(on=False)),
        "policy on": (3, _policy(on=True)),
        "alice leaves": (2, _members("bob", "carol")),
        "alice is back": (2, _members(*people.MEMBERS)),
        "platform off": (2, _switch(guards.mechanism("CENTRAL_PORTAL"), off=True)),
        "platform on": (3, _switch(guards.mechanism("CENTRAL_PORTAL"), off=False)),
        "everything off": (1, _switch(guards.SITE, off=True)),
        "everything on": (2, _switch(guards.SITE, off=False)),
        "target elsewhere": (1, _target("org.elsewhere")),
        "target as it was": (2, _target("org.example")),
        "revision changed": (2, _revision(b"nobody voted on this")),
        "revision as voted": (2, _revision(None)),
        "vote abandoned": (1, _abandon),
        "vote again": (1, _vote_again),
        "clock an hour on": (1, _clock(hours=1)),
        "clock an hour back": (1, _clock(hours=-1)),
        "clock a day on": (1, _clock(days=1)),
        "clock a day back": (1, _clock(days=-1)),
        "tampered": (2, _knob("tamper", before_the_click=True)),
        "file added": (1, _knob("add-file", before_the_click=True)),
        "look-alike added": (2, _knob("add-file", before_the_click=True, path=_LOOK_ALIKE)),
        "file removed": (1, _knob("remove-file", before_the_click=True)),
        "vanished": (1, _knob("vanish")),
        "stuck": (2, _knob("stick")),
        "not stuck": (2, _knob("stick", on=False)),
        "publishing fails": (2, _knob("fail-publishing")),
        "public altered": (2, _knob("alter-public")),
        "public withheld": (1, _knob("withhold-public")),
        "published by hand": (3, _publish_by_hand),
        "dropped by hand": (1, _drop_by_hand),
        "staged elsewhere": (2, _stage_elsewhere),
        "recorded": (2, _record_elsewhere),
        "promote the other": (1, _promote_elsewhere),
        "recorded as public": (1, _record_public),
        "published with more": (2, _publish_with_more),
        "put beside": (2, _put_beside),
        "strangers vote": (1, _strangers_vote),
        "strangers record": (1, _strangers_record),
        "a word nobody knows": (1, _knob("show-state", word="QUARANTINED", reads=3)),
        "listing hidden": (1, _knob("listing", twist="hide")),
        "listing repeats": (1, _knob("listing", twist="repeat")),
        "listing cut": (1, _knob("listing", twist="cut")),
        "listing reordered": (1, _knob("listing", twist="reorder")),
        "fault": (24, _fault),
        "slow or odd": (3, _odd),
    }
)


def chosen(chance: random.Random) -> str:
    """The name of an act."""
    return chance.choices(list(ACTS), [weight for weight, _ in ACTS.values()])[0]


async def play(world: simulated.Simulated, name: str) -> None:
    """Do it, and note what came of it."""
    try:
        await ACTS[name][1](world)
    except errors.AtrError as error:
        world.note(f"> {name}: {type(error).__name__}: {error}")
    else:
        world.note(f"> {name}")
    world.poke.set()
