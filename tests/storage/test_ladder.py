# SPDX-License-Identifier: Apache-2.0
"""The ladder of rights: every rung against every kind of person, read from the rows at the moment of use."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.storage as storage
from tests import world as worlds
from tests.coded import coded

Rung = Callable[[storage.Storage, str], contextlib.AbstractAsyncContextManager[Any]]
_RUNGS: dict[str, Rung] = {
    "participant": lambda store, who: store.write_as_project_committee_participant(people.PROJECT, who),
    "release manager": lambda store, who: store.write_as_project_release_manager(people.PROJECT, who),
    "member": lambda store, who: store.write_as_project_committee_member(people.PROJECT, who),
    "admin": lambda store, who: store.write_as_foundation_admin(who),
}
_PEOPLE = {
    "": "",
    people.STRANGER: "",
    "frank": "participant",
    people.COMMITTER: "participant, release manager",
    "alice": "participant, release manager, member",
    # A member who is on no list of committers; a release manager who is no committer.
    "olga": "participant, release manager, member",
    "quentin": "",
    people.ADMIN: "admin",
}


async def test_each_person_reaches_their_rungs_and_no_other(world: worlds.World) -> None:
    """A refusal says who may; an empty name is asked to sign in."""
    await world.settle_in()
    async with world.admin() as admin:
        await admin.policy.set_committee(
            "example",
            "Example",
            committee_members=[*people.MEMBERS, "olga"],
            committers=[*people.MEMBERS, people.COMMITTER, "frank"],
            release_managers=[people.COMMITTER, "quentin"],
        )
    for who, rungs in _PEOPLE.items():
        for name, rung in _RUNGS.items():
            if name in rungs.split(", "):
                async with rung(world.store, who):
                    pass
                continue
            with pytest.raises(errors.AccessError) as refused:
                async with rung(world.store, who):
                    raise AssertionError(f"{who!r} reached {name}")
            (reason,) = refused.value.reasons
            assert reason.code == ("admins-only" if name == "admin" else "not-permitted" if who else "sign-in")


async def test_a_right_is_gone_the_moment_the_row_says_so(world: worlds.World) -> None:
    """No grant is stored anywhere."""
    await world.settle_in()
    async with world.member("carol"):
        pass
    async with world.admin() as admin:
        await admin.policy.set_committee("example", "Example", committee_members=["alice"], committers=["carol"])
    with pytest.raises(errors.AccessError, check=coded("not-permitted", asf_uid="carol")):
        async with world.member("carol"):
            pass
    # A project that goes to another committee takes its rights along.
    async with world.admin() as admin:
        await admin.policy.set_project(people.PROJECT, "Example Widgets", "elsewhere")
    with pytest.raises(errors.AccessError):
        async with world.member("alice"):
            pass
    async with world.member(people.STRANGER):
        pass


async def test_each_rung_has_what_the_one_below_has_and_no_more(world: worlds.World) -> None:
    """What a person may do is which writers their rung carries."""
    fake: Any = object()
    carried = [
        set(vars(kind(fake)))
        for kind in (
            storage.WriteAsCommitteeParticipant,
            storage.WriteAsReleaseManager,
            storage.WriteAsCommitteeMember,
        )
    ]
    assert carried[0] == {"release", "revision", "vote", "promotions", "deployments", "readiness"}
    assert carried[1] == carried[0] | {"vote_resolution", "announce", "policy", "distributions"}
    assert carried[2] == carried[1]
    assert set(vars(storage.WriteAsFoundationAdmin(fake))) == {"policy", "switches"}
    assert not hasattr(storage.WriteAsFoundationAdmin(fake), "distributions")


# What of a noun that two rungs share is the higher one's alone.
_HIGHER = {
    ("vote", "release manager"): {"open_vote"},
    ("deployments", "release manager"): {"take_off_ballot", "put_on_ballot", "settle_lost", "search"},
    ("announce", "member"): {"announce_without", "lift_embargo"},
    ("deployments", "member"): {"drop", "keep_copy", "forget_copy"},
    ("distributions", "member"): {"promote_staging_to_production", "settle"},
    ("promotions", "member"): {
        *("abort", "stop", "give_up", "check_again", "extend", "send_again"),
        *("prove_published", "accept", "promote_all", "go_on"),
    },
}


async def test_what_is_shared_by_two_rungs_has_more_on_the_higher_one() -> None:
    """Recording, staging and deleting are a release manager's; the one irreversible call is a member's."""
    fake: Any = object()
    rungs = {
        "participant": storage.WriteAsCommitteeParticipant(fake),
        "release manager": storage.WriteAsReleaseManager(fake),
        "member": storage.WriteAsCommitteeMember(fake),
    }
    found = {}
    for lower, higher in (("participant", "release manager"), ("release manager", "member")):
        for noun, part in vars(rungs[lower]).items():
            more = {name for name in set(dir(vars(rungs[higher])[noun])) - set(dir(part)) if not name.startswith("_")}
            if more:
                found[noun, higher] = more
    assert found == _HIGHER


async def test_a_project_that_is_not_there_is_not_found_whoever_asks(world: worlds.World) -> None:
    """Neither a right nor a hint."""
    await world.settle_in()
    for who in ("", "alice"):
        with pytest.raises(errors.NotFoundError):
            async with world.store.write_as_project_committee_member("nothing", who):
                pass
