# SPDX-License-Identifier: Apache-2.0
"""Pre-flight checks: what the sandbox is asked, what is stored of it, and what the panel says in each phase."""

import dataclasses
import datetime

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.readiness as readiness
import atr.sandbox.central_portal.knobs as knobs
import atr.shared.mechanisms as mechanisms
import atr.storage.candidates as candidates
import atr.tasks.checks.readiness as checks
from tests import world as worlds

RELEASE = f"{people.PROJECT}-2.4.0"
_POM = "org/example/widgets/widgets-core/2.4.0/widgets-core-2.4.0.pom"


async def _panel(world: worlds.World, asf_uid: str = worlds.MEMBER) -> readiness.Panel:
    async with world.store.read(asf_uid) as read:
        return await readiness.of(read, sql.release_key(people.PROJECT, "2.4.0"))


async def _asked(world: worlds.World) -> readiness.Panel:
    """Somebody clicks Check now, and the worker does it."""
    async with world.manager() as manager:
        await manager.readiness.check_now(RELEASE)
    assert (await _panel(world)).is_asking
    await world.work()
    panel = await _panel(world)
    assert not panel.is_asking
    return panel


def _cell(panel: readiness.Panel, code: str) -> readiness.Cell:
    (cell,) = next(check for check in panel.checks if check.code == code).cells
    return cell


def _words(panel: readiness.Panel) -> dict[str, str]:
    return {check.code: check.cells[0].word for check in panel.checks}


def _said(panel: readiness.Panel, code: str) -> str:
    return " ".join(line.sentence for line in _cell(panel, code).lines)


async def _results(world: worlds.World) -> list[sql.CheckResult]:
    return [one for one in await world.rows(sql.CheckResult) if one.checker == candidates.READINESS_CHECK]


_ALL_WELL = {
    "credential": "Yes",
    "right": "Yes",
    "free": "Yes",
    "names": "Yes",
    "policy": "Yes",
    "mapping": "Yes",
    "parents": "Yes",
    "sides": "Yes",
    "lasts": "Not known",
    "finish": "Yes",
}


async def test_all_is_well_with_the_same_sentences_in_every_phase(staged: worlds.World) -> None:
    """Asked after the capture, when the vote opens and when it is resolved; nobody has to click for it."""
    composed = await _panel(staged)
    assert _words(composed) == _ALL_WELL
    assert (composed.css, composed.platforms) == ("passed", ("Maven Central",))
    assert "reports no expiry date" in _said(composed, "lasts")
    staged.clock.turn(hours=1)
    async with staged.manager() as manager:
        await manager.vote.open_vote(RELEASE)
    await staged.work()
    voting = await _panel(staged)
    assert _words(voting) == _ALL_WELL
    assert voting.asked_at == staged.clock.at
    for asf_uid in people.MEMBERS:
        async with staged.member(asf_uid) as member:
            await member.vote.cast(RELEASE, sql.VoteChoice.YES)
    staged.clock.turn(hours=1)
    async with staged.manager() as manager:
        await manager.vote_resolution.resolve_passed(RELEASE)
    await staged.work()
    finishing = await _panel(staged)
    assert _words(finishing) == _ALL_WELL
    assert finishing.asked_at == staged.clock.at
    for code in ("credential", "right", "free", "names", "policy", "mapping", "sides"):
        assert _said(composed, code) == _said(voting, code) == _said(finishing, code)


async def test_before_anything_is_staged_the_mapped_packages_are_asked_about(world: worlds.World) -> None:
    """And nothing is called well that nobody knows."""
    await world.composed()
    await world.work()
    panel = await _panel(world)
    words = _words(panel)
    assert (words["credential"], words["right"], words["free"], words["names"]) == ("Yes", "Yes", "Yes", "Yes")
    assert (words["mapping"], words["sides"], words["lasts"], words["finish"]) == (
        "Not known",
        "Not known",
        "Not known",
        "Not known",
    )
    assert "nothing to promote" in _said(panel, "finish")
    # That the next step is not done yet is no alarm.
    assert panel.css == "draft"
    assert panel.sentence.startswith("Nothing is staged on Maven Central yet.")


async def test_a_wrong_credential_is_a_no_that_an_operator_can_change(staged: worlds.World) -> None:
    """Nothing else is concluded from it."""
    staged.fault("published", status=401, body="Invalid token", times=None)
    panel = await _asked(staged)
    cell = _cell(panel, "credential")
    assert (cell.word, cell.css, cell.lines[0].who) == ("No", "refused", "an operator")
    assert "401" in cell.lines[0].sentence
    assert (_words(panel)["right"], _words(panel)["free"]) == ("Not known", "Not known")
    assert panel.css == "refused"


async def test_one_401_is_no_answer(staged: worlds.World) -> None:
    """A token that is fine has been answered so: it is asked again at once."""
    staged.fault("published", status=401)
    assert _words(await _asked(staged)) == _ALL_WELL


async def test_a_namespace_that_the_account_may_not_use_is_named(world: worlds.World) -> None:
    """403 of the records call, from the stand-in's own rules."""
    await world.composed()
    world.platform.portal.add_account("atr", ("org.elsewhere",), worlds.TOKEN)
    panel = await _asked(world)
    assert _words(panel)["right"] == "No"
    assert "org.example.widgets" in _said(panel, "right")
    assert _words(panel)["free"] == "Not known"


async def test_a_version_that_was_published_meanwhile_is_a_no(staged: worlds.World) -> None:
    """By whom, we cannot know; that it was not by us, we do."""
    staged.platform.portal.put_public(_POM, b"<project/>")
    panel = await _asked(staged)
    assert _words(panel)["free"] == "No"
    assert "org.example.widgets:widgets-core:2.4.0 is already published" in _said(panel, "free")
    assert (_words(panel)["credential"], _words(panel)["right"]) == ("Yes", "Yes")


@pytest.mark.parametrize("fault", [{"status": 503}, {"cut": True}, {"status": 429, "headers": {"Retry-After": "60"}}])
async def test_a_platform_that_does_not_answer_is_neither_a_no_nor_a_yes(
    fault: dict[str, object], staged: worlds.World
) -> None:
    """Not known, with why and when, and no blocker among the results."""
    staged.fault("published", times=None, **fault)
    panel = await _asked(staged)
    for code in ("credential", "right", "free"):
        assert _words(panel)[code] == "Not known"
        assert _said(panel, code).startswith("The check failed: ")
        assert _cell(panel, code).at == staged.clock.at
    assert panel.css == "warning"
    assert {one.status for one in await _results(staged)} == {sql.CheckResultStatus.CONCERN, sql.CheckResultStatus.NOTE}


async def test_without_an_address_nothing_is_asked_and_an_operator_is_named(staged: worlds.World) -> None:
    with staged.other_hands(promoters={}):
        panel = await _asked(staged)
    assert "No address is configured" in _said(panel, "credential")
    assert (_words(panel)["credential"], _words(panel)["free"]) == ("No", "Not known")


async def test_what_is_missing_and_extra_is_named_with_counts(world: worlds.World) -> None:
    """A deployment of a build machine that lacks a file and holds another one."""
    release_key = await world.composed()
    external_id = await world.stage_elsewhere(world.tree)
    jar = _POM.replace(".pom", ".jar")
    for path in (jar, f"{jar}.md5", f"{jar}.sha1"):
        knobs.turn(world.platform.portal, external_id, "remove-file", {"path": path})
    knobs.turn(world.platform.portal, external_id, "add-file", {"path": _POM.replace(".pom", "-extra.txt")})
    number = await world.record(release_key, external_id)
    await world.until(number, lambda row: row.proof.staged is not None)
    await world.work()
    panel = await _panel(world)
    assert (_words(panel)["mapping"], _cell(panel, "mapping").css) == ("No", "warning")
    said = _said(panel, "mapping")
    assert "1 mapped and not staged (" in said
    assert "1 staged and not mapped (org/example/widgets/widgets-core/2.4.0/widgets-core-2.4.0-extra.txt)" in said


async def test_what_the_gates_would_refuse_is_said_before_the_vote(staged: worlds.World) -> None:
    """The policy, the wall between committees, the check of the staged files: each with who can change it."""
    async with staged.member() as member:
        await member.policy.edit(people.PROJECT, remote_promotion={worlds.MAVEN: False})
    async with staged.admin() as admin:
        await admin.policy.set_target(people.PROJECT, worlds.MAVEN, namespaces=["org.example.gadgets"])
    panel = await _panel(staged)
    lines = {line.who: line.sentence for line in _cell(panel, "finish").lines}
    assert "policy does not allow" in lines["a release manager"]
    assert "Outside the project's namespaces" in lines["a foundation admin"]
    assert (_words(panel)["policy"], _words(panel)["names"]) == ("No", "No")
    assert not any("vote" in line.sentence.lower() for line in _cell(panel, "finish").lines)


async def test_a_deployment_that_was_taken_off_the_ballot_would_be_refused(staged: worlds.World) -> None:
    async with staged.member() as member:
        await member.deployments.take_off_ballot(1, "An experiment.")
    assert "differ from the files that the committee voted on" in _said(await _panel(staged), "finish")


async def test_a_comparison_that_is_old_says_so_and_is_made_again(staged: worlds.World) -> None:
    """The policy's mapping moved: what was compared is not what would be compared now."""
    async with staged.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={"mavencentral": ["maven/org/example/**"]})
    assert "changed since" in _said(await _panel(staged), "mapping")
    panel = await _asked(staged)
    assert (_words(panel)["mapping"], _words(panel)["names"]) == ("No", "No"), "what is cut off is longer now"
    assert "10 staged under another path (widgets/widgets-core/2.4.0/" in _said(panel, "mapping")
    assert "Outside the project's namespaces" in _said(panel, "names")


async def test_what_vanished_is_said_with_since_when(staged: worlds.World) -> None:
    staged.knob(await staged.row(1), "vanish")
    await staged.pass_time(rounds=30, minutes=30)
    panel = await _panel(staged)
    assert (_words(panel)["lasts"], _words(panel)["finish"]) == ("No", "No")
    assert "has been gone since" in _said(panel, "lasts")


async def test_it_is_asked_again_once_a_day_while_something_is_staged(staged: worlds.World) -> None:
    before = staged.requests("published")
    await staged.pass_time(rounds=23, hours=1)
    assert staged.requests("published") == before
    await staged.pass_time(rounds=3, hours=1)
    assert staged.requests("published") == before + 2, "one question for each package"
    asked_at = (await _panel(staged)).asked_at
    assert asked_at is not None
    assert staged.clock.at - asked_at < datetime.timedelta(hours=3)


async def test_news_is_an_event_and_no_news_is_none(staged: worlds.World) -> None:
    """The click is one each time."""
    before = [one.what for one in await staged.events("release")]
    await _asked(staged)
    await _asked(staged)
    staged.fault("published", status=503, times=None)
    await _asked(staged)
    added = [one.what for one in await staged.events("release")][len(before) :]
    assert added == ["readiness_asked", "readiness_asked", "readiness_asked", "readiness_checked"]
    assert await staged.chain_holds()
    assert len(await _results(staged)) == 5, "the newest answers only"


async def test_nothing_is_asked_about_what_we_have_published(voted: worlds.World) -> None:
    """The panel has nothing left to say, and no false alarm that the version is public."""
    await voted.promote(1)
    await voted.live(1)
    async with voted.manager() as manager:
        await manager.readiness.check_now(RELEASE)
    await voted.work()
    panel = await _panel(voted)
    assert (panel.platforms, panel.css) == ((), "draft")
    assert all("already published" not in one.message for one in await _results(voted))


async def test_who_may_have_them_asked(staged: worlds.World) -> None:
    """Everybody reads; committers click."""
    assert (await _panel(staged, people.COMMITTER)).ask_why_not == ""
    assert "Only committers of the Example committee" in (await _panel(staged, people.STRANGER)).ask_why_not
    with pytest.raises(errors.AccessError):
        async with staged.store.write_as_project_committee_participant(people.PROJECT, people.STRANGER) as stranger:
            await stranger.readiness.check_now(RELEASE)


async def test_no_transaction_is_open_while_the_platform_is_asked(staged: worlds.World) -> None:
    """A platform that takes its time holds nobody up: a write goes through meanwhile."""
    async with staged.manager() as manager:
        await manager.readiness.check_now(RELEASE)

    class Slow:
        platform = worlds.MAVEN

        async def taken(self, _where: object) -> bool:
            async with staged.by_hand() as data:
                found = await data.get(tables.Deployment, 1)
                assert found is not None
            return False

    with staged.other_hands(promoters={mechanisms.Mechanism.CENTRAL_PORTAL: Slow()}):
        await staged.work()
    assert _words(await _panel(staged)) == _ALL_WELL


async def test_at_most_so_many_packages_are_asked_about(staged: worlds.World) -> None:
    """What was not asked is said, and not called free."""
    wanted = [dataclasses.replace(staged.tree.packages[0], package=f"p{n}") for n in range(checks.PACKAGES_LIMIT + 5)]
    calls = 0

    class Counting:
        platform = worlds.MAVEN

        async def taken(self, _where: object) -> bool:
            nonlocal calls
            calls += 1
            return False

    results = await checks.ask(Counting(), wanted)  # type: ignore[arg-type]
    assert calls == checks.PACKAGES_LIMIT
    assert results[2].data["answer"] == "unknown"
    assert "500 of 505 packages are not published yet" in results[2].message


async def test_a_platform_is_asked_once_for_a_candidate_that_goes_to_the_vote_at_once(staged: worlds.World) -> None:
    """N4: neither the vote nor a revision with the same packages asks again within the hour; a person's click does."""
    asked = staged.requests("published")
    at = (await _panel(staged)).asked_at
    staged.clock.turn(minutes=10)
    await people.vote(staged.store, RELEASE)
    await staged.work()
    assert staged.requests("published") == asked
    assert (await _panel(staged)).asked_at == at
    assert _words(await _panel(staged)) == _ALL_WELL
    async with staged.manager() as manager:
        await manager.readiness.check_now(RELEASE)
    await staged.work()
    assert staged.requests("published") == asked + len(staged.tree.packages)


async def test_an_answer_that_was_no_yes_is_asked_for_again(staged: worlds.World) -> None:
    staged.fault("published", status=503)
    async with staged.manager() as manager:
        await manager.readiness.check_now(RELEASE)
    await staged.work()
    asked = staged.requests("published")
    async with staged.member() as member:
        await member.policy.edit(people.PROJECT, min_hours=73)
    await staged.work()
    assert staged.requests("published") > asked
