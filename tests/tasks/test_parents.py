# SPDX-License-Identifier: Apache-2.0
"""A POM whose parent nobody can get makes its module useless: it is said before the vote, with what to do."""

import dataclasses
from collections.abc import Mapping

import pytest

import atr.demo.people as people
import atr.demo.tree as trees
import atr.models.operating as operating
import atr.models.sql as sql
import atr.pages.readiness as readiness
import atr.shared.distribution as distribution
import atr.shared.maven as maven
import atr.storage.candidates as candidates
from tests import world as worlds

RELEASE = f"{people.PROJECT}-2.4.0"
_GROUP = "org.example.widgets"
_FOREIGN = "org.example.foundation:base:7"
_FOREIGN_POM = "org/example/foundation/base/7/base-7.pom"


def _with_parents(tree: trees.Tree, parents: Mapping[str, str]) -> trees.Tree:
    """The tree, its POMs with these parents by artifact, each as `group:artifact:version`."""
    files = dict(tree.files)
    for artifact, parent in parents.items():
        group, name, version = parent.split(":")
        path = next(path for path in files if path.endswith(f"/{artifact}-{tree.version}.pom"))
        content = files[path]
        assert isinstance(content, bytes)
        said = f"<parent><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></parent>"
        files[path] = content.replace(b"</modelVersion>", f"</modelVersion>{said}".encode())
    return dataclasses.replace(tree, files=files)


def _of(tree: trees.Tree, artifact: str) -> trees.Tree:
    """One module of it alone."""
    files = {path: content for path, content in tree.files.items() if f"/{artifact}/" in path}
    return trees.Tree(files, tuple(one for one in tree.packages if one.package == artifact))


async def _cell(world: worlds.World) -> readiness.Cell:
    """What the panel says after the worker was asked."""
    async with world.manager() as manager:
        await manager.readiness.check_now(RELEASE)
    await world.work()
    async with world.store.read(worlds.MEMBER) as read:
        panel = await readiness.of(read, sql.release_key(people.PROJECT, "2.4.0"))
    (cell,) = next(check for check in panel.checks if check.code == "parents").cells
    return cell


def _said(cell: readiness.Cell) -> str:
    return " ".join(line.sentence for line in cell.lines)


def _probes(world: worlds.World, path: str = _FOREIGN_POM) -> int:
    return sum(count for where, count in world.platform.traffic.paths.items() if where.endswith(path))


async def test_a_parent_that_is_nowhere_is_named_with_what_to_do(world: worlds.World) -> None:
    await world.composed(_with_parents(trees.example(), {"widgets-core": _FOREIGN}))
    cell = await _cell(world)
    assert (cell.word, cell.css, cell.lines[0].who) == ("No", "refused", "the release manager")
    assert f"{_FOREIGN}, the parent of {_GROUP}:widgets-core:2.4.0" in _said(cell)
    assert "Publish the parent first, or add its POM to this release" in _said(cell)


async def test_a_parent_that_is_public_is_asked_for_once_however_many_need_it(world: worlds.World) -> None:
    """At the public pace, and never again: what is public stays so."""
    world.platform.portal.put_public(_FOREIGN_POM, b"<project/>")
    await world.composed(_with_parents(trees.example(), {"widgets-core": _FOREIGN, "widgets-parent": _FOREIGN}))
    # The check that the revision asked for, before the one that a person asks for beside it.
    await world.work()
    assert (await _cell(world)).word == "Yes"
    assert _probes(world) == 1
    for _ in range(3):
        assert (await _cell(world)).word == "Yes"
    assert _probes(world) == 1


async def test_a_parent_that_is_not_public_is_asked_for_again(world: worlds.World) -> None:
    """It may have been published meanwhile: that is the advice."""
    await world.composed(_with_parents(trees.example(), {"widgets-core": _FOREIGN}))
    assert (await _cell(world)).word == "No"
    world.platform.portal.put_public(_FOREIGN_POM, b"<project/>")
    assert (await _cell(world)).word == "Yes"


async def test_a_parent_in_the_same_release_is_there(world: worlds.World) -> None:
    """In the mapped files; nobody is asked, for caches would remember the no."""
    await world.composed(_with_parents(trees.example(), {"widgets-core": f"{_GROUP}:widgets-parent:2.4.0"}))
    assert (await _cell(world)).word == "Yes"
    where = distribution.coordinates(worlds.MAVEN, _GROUP, "widgets-parent", "2.4.0")
    assert _probes(world, maven.pom_path(where)) == 0


async def test_what_a_build_machine_staged_is_looked_into_as_well(world: worlds.World) -> None:
    """No file of the revision is mapped; the POMs are read from the platform, each once."""
    tree = _with_parents(trees.example(), {"widgets-core": _FOREIGN})
    world.tree = await world.settle_in(trees.Tree({}, tree.packages))
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={})
    release_key = await people.compose(world.store, world.tree)
    number = await world.record(release_key, await world.stage_elsewhere(tree))
    await world.until(number, lambda row: row.proof.staged is not None)
    await world.work()
    assert _FOREIGN in _said(await _cell(world))
    before = world.requests("download")
    assert _FOREIGN in _said(await _cell(world))
    assert world.requests("download") == before, "what a POM says does not change"


async def test_a_parent_in_another_deployment_of_the_release_is_there(world: worlds.World) -> None:
    tree = _with_parents(trees.example(), {"widgets-core": f"{_GROUP}:widgets-parent:2.4.0"})
    world.tree = await world.settle_in(trees.Tree({}, tree.packages))
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={})
    release_key = await people.compose(world.store, world.tree)
    for artifact in ("widgets-core", "widgets-parent"):
        module = _of(tree, artifact)
        number = await world.record(release_key, await world.stage_elsewhere(module), module.packages[0])
        await world.until(number, lambda row: row.proof.staged is not None)
    await world.work()
    assert (await _cell(world)).word == "Yes"


async def test_a_repository_that_does_not_answer_says_nothing_of_a_parent(world: worlds.World) -> None:
    await world.composed(_with_parents(trees.example(), {"widgets-core": _FOREIGN}))
    world.fault("repository", status=503, times=None)
    cell = await _cell(world)
    assert cell.word == "Not known"
    assert "could not be queried" in _said(cell)


@pytest.mark.parametrize(
    "pom",
    [
        b"not XML at all",
        b"<html/>",
        b'<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><project>&b;</project>',
        b'<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><project><parent>&x;</parent></project>',
        b"<project><parent><groupId>g</groupId></parent></project>",
        b"<project><parent><groupId>../..</groupId><artifactId>a</artifactId><version>1</version></parent></project>",
        b"<project>" * 200_000,
    ],
)
async def test_a_pom_that_cannot_be_read_is_named_and_harms_nothing(pom: bytes, world: worlds.World) -> None:
    tree = trees.example()
    path = next(path for path in tree.files if path.endswith("/widgets-core-2.4.0.pom"))
    await world.composed(dataclasses.replace(tree, files={**tree.files, path: pom}))
    cell = await _cell(world)
    assert cell.word == "No"
    assert f"{_GROUP}:widgets-core:2.4.0" in _said(cell)
    assert all(one.status is not None for one in await world.rows(operating.Task)), "the task ended"


async def test_a_parent_with_a_variable_in_its_version_is_no_version(world: worlds.World) -> None:
    """Maven fills it in where it builds, and nobody does where it is used."""
    await world.composed(_with_parents(trees.example(), {"widgets-core": f"{_GROUP}:widgets-parent:${{revision}}"}))
    cell = await _cell(world)
    assert cell.word == "No"
    assert "${revision}" in _said(cell)
    assert "flatten" in _said(cell)


async def test_what_is_remembered_of_poms_stays_small(world: worlds.World) -> None:
    """It lies in a row that pages read."""
    await world.composed(_with_parents(trees.example(), {"widgets-core": _FOREIGN}))
    await _cell(world)
    (row,) = [
        one
        for one in await world.rows(sql.CheckResult)
        if (one.checker == candidates.READINESS_CHECK) and (one.member_rel_path == "parents")
    ]
    assert len(str(row.data)) < 1_000
