# SPDX-License-Identifier: Apache-2.0
"""Every file that a platform holds is read, hashed and held against the vote, unless it is a checksum beside its file.

What decides is the list of all files and the text of each small file that is named like a checksum, never a name alone.
What became public is read from the stand-in's own tree on the disk.
"""

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from typing import Final

import pytest

import atr.demo.people as people
import atr.demo.tree as trees
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.compose as compose
import atr.pages.views as views
import atr.promotion.states as states
import atr.sandbox.central_portal.knobs as knobs
import atr.sandbox.central_portal.validation as validation
import atr.storage.files as files
from tests import hosting
from tests import world as worlds
from tests.sandbox import bundles

_GROUP: Final = "org/example/widgets"
_CORE: Final = f"{_GROUP}/widgets-core/2.4.0/widgets-core-2.4.0"
_ZIP: Final = f"{_GROUP}/widgets-parent/2.4.0/widgets-parent-2.4.0-source-release.zip"
_SOURCES: Final = b"the sources of the release"
_METADATA: Final = "is repository metadata"


def _hex(algorithm: str, data: bytes) -> str:
    return hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()


def _tree(extra: Mapping[str, bytes]) -> trees.Tree:
    """The example with more files, each with a signature unless it is named like a checksum or a signature."""
    example = trees.example()
    found: dict[str, bytes] = {path: data for path, data in example.files.items() if isinstance(data, bytes)}
    for path, data in extra.items():
        found[path] = data
        if not path.endswith((".asc", ".md5", ".sha1", ".sha256", ".sha512")):
            found[f"{path}.asc"] = bundles.SIGNATURE
    return trees.Tree(found, example.packages)


def _component(group: str, artifact: str) -> dict[str, bytes]:
    """The files of one artifact, checksums left out."""
    made = bundles.component(group, artifact, "2.4.0")
    return {path: data for path, data in made.items() if not path.endswith((".md5", ".sha1"))}


def _captured(row: views.DeploymentView) -> bool:
    return row.proof.staged is not None


def _stopped(row: views.DeploymentView) -> bool:
    return bool(row.problem)


def _turn(world: worlds.World, external_id: str, knob: str, **fields: str) -> None:
    knobs.turn(world.platform.portal, external_id, knob, fields)


def _messages(row: views.DeploymentView, wanted: str) -> str:
    return " ".join(message for status, message in row.check_messages if status == wanted)


async def _elsewhere(world: worlds.World, tree: trees.Tree) -> tuple[str, str, int]:
    """The tree staged by somebody's own client and recorded, not read yet: the release, the platform's id and ours."""
    release_key = await world.composed()
    external_id = await world.stage_elsewhere(tree)
    return release_key, external_id, await world.record(release_key, external_id)


async def _members(world: worlds.World, deployment_id: int) -> set[str]:
    """The paths of the file set that was captured."""
    row = await world.row(deployment_id)
    assert row.proof.staged is not None
    digest = row.proof.staged.digest
    return {one.path for one in await world.rows(tables.FileSetFile) if one.digest == digest}


def _public(world: worlds.World) -> set[str]:
    """Every path that became public."""
    return set(world.platform.portal.public.files)


def _name(world: worlds.World, external_id: str, *components: validation.Component) -> None:
    """Have the platform name these packages for a deployment, whatever files it holds."""
    deployment = world.platform.portal.deployments[external_id]
    assert deployment.findings is not None
    deployment.findings = dataclasses.replace(deployment.findings, components=components)


def _named(world: worlds.World, external_id: str) -> tuple[validation.Component, ...]:
    findings = world.platform.portal.deployments[external_id].findings
    assert findings is not None
    return findings.components


# What nobody voted on


async def test_an_artifact_named_like_metadata_of_a_foreign_group_refuses_the_capture_by_name(
    world: worlds.World,
) -> None:
    """Its name begins with maven-metadata.xml, and it is a package like any other."""
    foreign = _component("commons-cli", "maven-metadata.xml")
    _, external_id, deployment_id = await _elsewhere(world, _tree(foreign))
    row = await world.until(deployment_id, _stopped)
    assert row.proof.staged is None
    assert "commons-cli" in row.problem
    assert world.platform.portal.deployments[external_id].state.value == "VALIDATED"


async def test_an_artifact_named_like_metadata_that_nobody_voted_on_cannot_be_promoted(world: worlds.World) -> None:
    """Inside the project's own names it is captured, and then it is a difference like any other."""
    own = _component("org.example.widgets", "maven-metadata.xml")
    release_key, _, deployment_id = await _elsewhere(world, _tree(own))
    await world.until(deployment_id, _captured)
    assert set(own) <= await _members(world, deployment_id)
    async with world.member() as member:
        await member.deployments.take_off_ballot(deployment_id, "It holds more than we built.")
    await people.vote(world.store, release_key)
    await world.work()
    with pytest.raises(errors.BlockedError, match=r"maven-metadata\.xml-2\.4\.0"):
        await world.promote(deployment_id)
    assert (world.publish_calls, _public(world)) == (0, set())


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (f"{_CORE}.jar.sha512", "this is no checksum, and nobody voted on it"),
        (f"{_CORE}-tests.jar.sha512", _hex("sha512", b"of a file that is not there")),
        (f"{_GROUP}/widgets-core/2.4.0/maven-metadata.xml-2.4.0.jar", "an artifact of nobody"),
    ],
)
async def test_a_file_that_appears_after_the_vote_is_never_published_for_its_name(
    path: str, text: str, voted: worlds.World
) -> None:
    """Neither beside a file that it does not speak about, nor as the metadata that it is not."""
    voted.knob(await voted.row(1), "add-file", path=path, text=text)
    async with voted.member() as member:
        await member.deployments.verify(1)
    await voted.work()
    verified = (await voted.row(1)).verified
    assert verified is not None
    assert path.rpartition("/")[2] in verified.problem
    await voted.promote(1)
    row = await voted.until(1, states.State.REFUSED)
    assert path.rpartition("/")[2] in row.reason
    assert (voted.publish_calls, _public(voted)) == (0, set())


async def test_a_checksum_that_becomes_wrong_after_the_vote_refuses(voted: worlds.World) -> None:
    """It would become public beside the voted bytes, and every client would refuse those."""
    text = _hex("sha1", b"something else")
    voted.knob(await voted.row(1), "add-file", path=f"{_CORE}.jar.sha1", text=text)
    await voted.promote(1)
    row = await voted.until(1, states.State.REFUSED)
    assert "widgets-core-2.4.0.jar.sha1" in row.reason
    assert voted.publish_calls == 0


@pytest.mark.parametrize("name", ["maven-metadata.xml", "maven-metadata.xml.sha1", "maven-metadata.xml.asc"])
async def test_staged_metadata_is_refused_by_name_and_says_what_to_do(name: str, world: worlds.World) -> None:
    """The Portal makes no files in a deployment, so somebody put it there."""
    _, external_id, deployment_id = await _elsewhere(world, _tree({}))
    _turn(world, external_id, "add-file", path=f"{_GROUP}/widgets-core/{name}", text="<metadata/>")
    row = await world.until(deployment_id, _stopped)
    assert row.proof.staged is None
    assert f"widgets-core/{name}" in row.problem
    assert _METADATA in row.problem
    assert "restage without it" in row.problem


async def test_metadata_in_a_revision_is_refused_by_name_before_the_vote(world: worlds.World) -> None:
    """It is not left out without a word."""
    release_key = await world.composed()

    async def change(draft: files.Draft) -> None:
        await draft.add(f"maven/{_GROUP}/widgets-core/maven-metadata.xml", worlds.stream(b"<metadata/>"))

    await world.revise(release_key, change)
    with pytest.raises(errors.BlockedError, match=r"widgets-core/maven-metadata\.xml.*repository metadata"):
        async with world.member() as member:
            await member.vote.open_vote(release_key)


async def test_an_artifact_named_like_metadata_goes_live_whole(world: worlds.World) -> None:
    """Uploaded from the revision and voted on, it is an ordinary package."""
    names = ("maven-metadata-tools", "maven-metadata.xml")
    extra = {path: data for name in names for path, data in _component("org.example.widgets", name).items()}
    tree = _tree(extra)
    tree = dataclasses.replace(tree, packages=trees._packages(dict(tree.files)))
    assert len(tree.packages) == 4
    _, deployment_id = await world.voted(tree)
    await world.promote(deployment_id)
    row = await world.live(deployment_id)
    assert set(tree.files) <= _public(world)
    assert {package.package for package in row.packages} == {"widgets-core", "widgets-parent", *names}


# Checksums


def _with_nested_checksums() -> dict[str, bytes]:
    """A source release with a checksum that has a signature and checksums of its own, as Maven and Nexus make them."""
    stated = f"{_hex('sha512', _SOURCES)}  {_ZIP.rpartition('/')[2]}\n".encode()
    made = {_ZIP: _SOURCES, f"{_ZIP}.sha512": stated, f"{_ZIP}.sha512.asc": bundles.SIGNATURE}
    return made | {
        f"{_ZIP}.sha512.{algorithm}": _hex(algorithm, stated).encode() for algorithm in ("md5", "sha1", "sha512")
    }


async def test_a_checksum_with_checksums_of_its_own_goes_live(world: worlds.World) -> None:
    """Each is held against the bytes that it names; none of them is a member, and the signature of one is."""
    extra = _with_nested_checksums()
    _, deployment_id = await world.voted(_tree(extra))
    members = await _members(world, deployment_id)
    assert members & set(extra) == {_ZIP, f"{_ZIP}.sha512.asc"}
    await world.promote(deployment_id)
    await world.live(deployment_id)
    assert set(extra) <= _public(world)


async def test_a_wrong_checksum_of_a_checksum_is_named(world: worlds.World) -> None:
    """Not the file that it would be a checksum of, nor another one."""
    _, external_id, deployment_id = await _elsewhere(world, _tree({_ZIP: _SOURCES}))
    stated = _hex("sha512", _SOURCES)
    _turn(world, external_id, "add-file", path=f"{_ZIP}.sha512", text=stated)
    _turn(world, external_id, "add-file", path=f"{_ZIP}.sha512.md5", text=_hex("md5", b"another text"))
    await world.until(deployment_id, _captured)
    await world.work()
    blockers = _messages(await world.row(deployment_id), "blocker")
    assert f"{_ZIP}.sha512.md5 is not the md5 of {_ZIP}.sha512." in blockers
    assert blockers.count("is not the") == 1


async def test_a_wrong_checksum_of_a_deployment_opens_no_vote(world: worlds.World) -> None:
    """It could never be promoted, so nobody votes on it in vain; without it the vote opens."""
    release_key, external_id, deployment_id = await _elsewhere(world, _tree({_ZIP: _SOURCES}))
    _turn(world, external_id, "add-file", path=f"{_ZIP}.sha512", text=_hex("sha512", b"another text"))
    await world.until(deployment_id, _captured)
    await world.work()
    wrong = re.escape(f"{_ZIP}.sha512 is not the sha512 of {_ZIP}.")
    with pytest.raises(errors.BlockedError, match=f"{wrong} Drop the deployment and stage it again"):
        async with world.manager() as manager:
            await manager.vote.open_vote(release_key)
    async with world.member() as member:
        await member.deployments.take_off_ballot(deployment_id, "staged again soon")
    async with world.manager() as manager:
        await manager.vote.open_vote(release_key)


async def test_a_signed_list_of_checksums_is_a_file_like_any_other_and_goes_live(world: worlds.World) -> None:
    """It is named after no file, so it is voted on, published and compared."""
    listed = f"{_GROUP}/widgets-parent/2.4.0/widgets-parent-2.4.0-files.sha512"
    text = "".join(f"{_hex('sha512', data)}  {name}\n" for name, data in (("a", b"a"), ("b", b"b"))).encode()
    extra = {listed: text, f"{listed}.asc": bundles.SIGNATURE, f"{listed}.md5": _hex("md5", text).encode()}
    _, deployment_id = await world.voted(_tree(extra))
    assert await _members(world, deployment_id) & set(extra) == {listed, f"{listed}.asc"}
    await world.promote(deployment_id)
    await world.live(deployment_id)
    assert set(extra) <= _public(world)


async def test_an_orphan_is_a_member_and_is_warned_of_by_its_own_name(world: worlds.World) -> None:
    """The file that it would be a checksum of is not there: nothing says that its bytes are harmless."""
    orphan = f"{_CORE}-tests.jar.sha1"
    tree = _tree({orphan: _hex("sha1", b"tests").encode()})
    _, _, deployment_id = await _elsewhere(world, tree)
    await world.until(deployment_id, _captured)
    await world.work()
    assert orphan in await _members(world, deployment_id)
    said = _messages(await world.row(deployment_id), "concern")
    assert f"{orphan} counts as a file of its own" in said
    assert f"{_CORE}-tests.jar does not exist" in said


_LONG: Final = (
    "Of every file:\n"
    + "\n".join(_hex("sha512", str(number).encode()) + "  another file" for number in range(60))
    + "\n"
)
_GPG: Final = "widgets-core-2.4.0.jar: 58D1 0A1C 0F3B 2D43  AE3B 9F2D 6C0B 8A1F\n"


@pytest.mark.parametrize("where", ["revision", "elsewhere"])
@pytest.mark.parametrize(
    ("text", "why"),
    [
        (_LONG.encode(), "larger than 4,096 bytes"),
        (_GPG.encode(), "its content is not just"),
        (b"\xef\xbb\xbf" + _hex("sha512", b"the jar").encode(), "its content is not just"),
    ],
)
async def test_what_is_no_checksum_by_its_text_is_a_member_and_goes_live(
    text: bytes, why: str, where: str, world: worlds.World
) -> None:
    """Too long, as gpg prints it, behind a byte order mark: nothing is held up, and the page says it."""
    path = f"{_CORE}.jar.sha512"
    tree = _tree({path: text})
    release_key = await world.composed(tree)
    if where == "revision":
        deployment_id = await world.stage(release_key)
    else:
        deployment_id = await world.record(release_key, await world.stage_elsewhere(tree))
    await world.until(deployment_id, _captured)
    await world.work()
    assert path in await _members(world, deployment_id)
    said = _messages(await world.row(deployment_id), "concern")
    assert f"{path} counts as a file of its own" in said
    assert why in said
    await people.vote(world.store, release_key)
    await world.work()
    await world.promote(deployment_id)
    await world.live(deployment_id)
    assert path in _public(world)


@pytest.mark.parametrize(
    "form", ["{hex}", "{hex}\n", "{hex}  {name}\n", "{hex} *{name}\n", "SHA512 ({name}) = {hex}\n"]
)
async def test_bare_coreutils_and_bsd_checksums_are_none_of_the_members(form: str, world: worlds.World) -> None:
    """They are held against the bytes, whatever their form."""
    tree = _tree({})
    jar = tree.files[f"{_CORE}.jar"]
    assert isinstance(jar, bytes)
    _, external_id, deployment_id = await _elsewhere(world, tree)
    right = form.format(hex=_hex("sha512", jar), name="widgets-core-2.4.0.jar")
    wrong = form.format(hex=_hex("sha512", b"another"), name="widgets-core-2.4.0-sources.jar")
    _turn(world, external_id, "add-file", path=f"{_CORE}.jar.sha512", text=right)
    _turn(world, external_id, "add-file", path=f"{_CORE}-sources.jar.sha512", text=wrong)
    await world.until(deployment_id, _captured)
    await world.work()
    assert await _members(world, deployment_id) == set(tree.files)
    said = _messages(await world.row(deployment_id), "blocker")
    assert said.startswith(f"{_CORE}-sources.jar.sha512 is not the sha512 of {_CORE}-sources.jar.")
    assert f"{_CORE}.jar.sha512" not in said


async def test_a_wrong_checksum_of_a_revision_is_said_before_the_vote(world: worlds.World) -> None:
    """By the name of the file that is wrong; the right one mends it."""
    release_key = await world.composed()
    path = f"maven/{_CORE}.jar.sha256"
    jar = world.tree.files[f"{_CORE}.jar"]
    assert isinstance(jar, bytes)

    async def put(draft: files.Draft, text: str) -> None:
        await draft.add(path, worlds.stream(text.encode()))

    await world.revise(release_key, lambda draft: put(draft, _hex("sha256", b"another jar")))
    with pytest.raises(errors.BlockedError, match=r"jar\.sha256 is not the sha256 of"):
        async with world.member() as member:
            await member.vote.open_vote(release_key)
    await world.revise(release_key, lambda draft: put(draft, _hex("sha256", jar)))
    async with world.member() as member:
        await member.vote.open_vote(release_key)


async def test_the_compose_page_names_what_is_odd_among_a_revision_s_checksums(world: worlds.World) -> None:
    """What the policy maps and is wrong stops the vote; what it does not map is told; a file of its own is remarked."""
    release_key = await world.composed()

    async def put(draft: files.Draft) -> None:
        await draft.add(f"maven/{_CORE}.jar.sha512", worlds.stream(_GPG.encode()))
        await draft.add(f"maven/{_CORE}-sources.jar.sha512", worlds.stream(b"0" * 128))
        await draft.add("notes.txt", worlds.stream(b"notes"))
        await draft.add("notes.txt.md5", worlds.stream(b"0" * 32))

    await world.revise(release_key, put)
    async with world.store.read(worlds.MEMBER) as read:
        page = await compose.page(read, release_key)
    (mapping,) = page.mappings
    wrong = f"maven/{_CORE}-sources.jar"
    assert mapping.problems == (f"{wrong}.sha512 is not the sha512 of {wrong}. Correct it or remove it.",)
    # The example's files, and the one that is no checksum.
    assert mapping.files == 11
    assert [
        (check.word, check.about, check.sentence.partition(":")[0].partition(".txt.")[0]) for check in page.checks
    ] == [
        ("Concern", "files", "notes"),
        ("Concern", "files for Maven Central", f"{_CORE}.jar.sha512 counts as a file of its own"),
    ]


async def test_in_a_newer_revision_a_checksum_may_be_another_and_what_is_none_may_not(world: worlds.World) -> None:
    """A file that is only named like a checksum is a file that was voted on."""
    odd, checksum = f"{_CORE}.jar.sha512", f"{_CORE}.pom.sha512"
    pom = trees.example().files[f"{_CORE}.pom"]
    assert isinstance(pom, bytes)
    tree = _tree({odd: _GPG.encode(), checksum: _hex("sha512", pom).encode()})
    release_key, number = await world.voted(tree)

    async def newer(path: str, text: str) -> list[str]:
        async def change(draft: files.Draft) -> None:
            await draft.add(f"maven/{path}", worlds.stream(text.encode()))

        await hosting.revise(world.store, release_key, change)
        return [one.code for one in (await world.row(number)).blockers]

    assert await newer(checksum, f"{_hex('sha512', pom)}  widgets-core-2.4.0.pom\n") == []
    assert await newer(odd, f"{_GPG}, another") == ["newer-revision"]


async def test_every_fault_of_a_download_costs_one_file(world: worlds.World) -> None:
    """Checksums are kept like members: each file is read once, and once more for each fault that hit it."""
    release_key = await world.composed()
    world.stand_in_settings(validate_seconds=60.0)
    deployment_id = await world.stage(release_key)
    await world.until(deployment_id, lambda row: row.deployment_state is states.DeploymentState.VALIDATING)
    for skip in (3, 7, 11, 13, 17):
        world.fault("download", skip=skip, status=503)
    await world.until(deployment_id, _captured)
    read = [one.path.partition("/download/")[2] for one in world.platform.traffic.log if one.endpoint == "download"]
    # Five faults, and what four readers had in their hands when one struck was not lost.
    assert len(read) == len(set(read)) + 5


async def test_a_checksum_that_appears_while_a_reading_is_broken_off_is_held_against_its_file(
    world: worlds.World,
) -> None:
    """The file was read and kept before anybody knew of its checksum: it is read once more."""
    release_key = await world.composed()
    world.stand_in_settings(validate_seconds=60.0)
    deployment_id = await world.stage(release_key)
    await world.until(deployment_id, lambda row: row.deployment_state is states.DeploymentState.VALIDATING)
    world.fault("download", path=f"{_CORE}-sources.jar.asc", status=503)
    await world.until(deployment_id, lambda row: "sources.jar.asc" in row.problem)
    read = next(one.path for one in await world.rows(tables.FileRead) if one.path.endswith((".jar", ".pom")))
    world.knob(await world.row(deployment_id), "add-file", path=f"{read}.sha256", text="0" * 64)
    await world.until(deployment_id, _captured)
    await world.work()
    assert f"{read}.sha256 is not the sha256 of {read}." in _messages(await world.row(deployment_id), "blocker")


# Packages


async def test_a_package_that_the_platform_names_and_that_was_not_read_refuses_the_capture(world: worlds.World) -> None:
    """Its files may become public with the others, and nobody has seen them."""
    _, external_id, deployment_id = await _elsewhere(world, _tree({}))
    extra = validation.Component("org.example.widgets", "widgets-hidden", "2.4.0", "pom")
    _name(world, external_id, *_named(world, external_id), extra)
    row = await world.until(deployment_id, _stopped)
    assert row.proof.staged is None
    assert "org.example.widgets:widgets-hidden:2.4.0" in row.problem
    _name(world, external_id, *_named(world, external_id)[:-1])
    row = await world.until(deployment_id, _captured)
    assert row.problem == ""


async def test_a_package_that_the_platform_names_after_the_vote_refuses_the_promotion(voted: worlds.World) -> None:
    """Before anything is sent, though every file that is listed is the voted one."""
    row = await voted.row(1)
    extra = validation.Component("org.example.widgets", "widgets-hidden", "2.4.0")
    _name(voted, row.external_id, *_named(voted, row.external_id), extra)
    await voted.promote(1)
    row = await voted.until(1, states.State.REFUSED)
    assert "org.example.widgets:widgets-hidden:2.4.0" in row.reason
    assert (voted.publish_calls, _public(voted)) == (0, set())


async def test_a_package_that_the_platform_does_not_name_is_shown_and_refuses_nothing(world: worlds.World) -> None:
    """The files decide; that the platform knows nothing of the package is worth a look."""
    _, external_id, deployment_id = await _elsewhere(world, _tree({}))
    _name(world, external_id, *_named(world, external_id)[:1])
    unnamed = {"widgets-core", "widgets-parent"} - {_named(world, external_id)[0].artifact}
    await world.until(deployment_id, _captured)
    await world.work()
    said = _messages(await world.row(deployment_id), "concern")
    assert f"org.example.widgets:{unnamed.pop()}:2.4.0" in said


async def test_where_the_platform_names_no_package_nothing_follows(world: worlds.World) -> None:
    """It names none before validation, and some never."""
    _, external_id, deployment_id = await _elsewhere(world, _tree({}))
    _name(world, external_id)
    await world.until(deployment_id, _captured)
    await world.work()
    assert "names" not in _messages(await world.row(deployment_id), "concern")


@pytest.mark.parametrize("also", ["nobody", "a person"])
async def test_a_second_capture_takes_away_the_packages_that_are_not_there_any_more(
    also: str, voted: worlds.World
) -> None:
    """With the staging row that only the first capture made; what a person recorded stays."""
    row = await voted.row(1)
    parent, core = (next(one for one in row.packages if one.package == f"widgets-{end}") for end in ("parent", "core"))
    deployment = voted.platform.portal.deployments[row.external_id]
    for path in [path for path in deployment.files if "/widgets-parent/" in path]:
        _turn(voted, row.external_id, "remove-file", path=path)
    _name(voted, row.external_id, *(one for one in _named(voted, row.external_id) if one.artifact == "widgets-core"))
    if also == "a person":
        await voted.record(row.release_key, row.external_id, parent)
    await voted.promote(1)
    await voted.until(1, states.State.REFUSED)
    await voted.until(1, _captured)
    held = await voted.rows(tables.DeploymentPackage)
    assert {one.package for one in held} == {"widgets-core"}
    listed = {one.coordinates for one in await voted.rows(sql.Distribution)}
    assert listed == ({core} if also == "nobody" else {core, parent})
    assert voted.publish_calls == 0
