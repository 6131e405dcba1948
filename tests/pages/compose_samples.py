# SPDX-License-Identifier: Apache-2.0
"""Views for the pages of starting, composing and comparing, as the readers make them."""

import dataclasses
from typing import Any, Final

import atr.models.paging as paging
import atr.pages.compose as compose_page
import atr.pages.revisions as revisions_page
import atr.pages.tree as trees
import atr.post.upload as upload
from tests.pages import samples

_WHERE: Final = {"project_key": "example-widgets", "project_name": "Example Widgets", "version_key": "2.5.0"}


def start(**changes: Any) -> compose_page.StartView:
    sample = compose_page.StartView(
        project_key="example-widgets",
        project_name="Example Widgets",
        why_not="",
        versions=(("2.4.0", "Finish"), ("2.3.4", "Announced")),
    )
    return dataclasses.replace(sample, **changes)


def revision(number: str = "00002", **changes: Any) -> revisions_page.RevisionLine:
    sample = revisions_page.RevisionLine(
        number=number,
        who="release-manager",
        at=samples.ago(90),
        why="Uploaded 16 files",
        phase_word="Compose",
        files=16,
        size=6_400_000,
        digest=samples.digest(number),
    )
    return dataclasses.replace(sample, **changes)


def file(name: str = "widgets-core-2.5.0.jar", **changes: Any) -> trees.FileLine:
    where = f"org/example/widgets/widgets-core/2.5.0/{name}"
    sample = trees.FileLine(
        path=f"maven/{where}",
        name=name,
        size=1_900_000,
        sha256=samples.digest(name),
        places=(("Maven Central", where),),
        problem="",
    )
    return dataclasses.replace(sample, **changes)


def tree(**changes: Any) -> trees.Tree:
    """Two folders with lines, one of them with a file in a wrong place."""
    core = (file(), file("widgets-core-2.5.0.pom", size=3_400))
    top = (
        file("apache-example-widgets-2.5.0-source-release.zip", path="apache-widgets.zip", places=()),
        file("odd.jar", path="maven/odd.jar", problem="“odd.jar” is not of the form group/artifact/version."),
    )
    sample = trees.Tree(
        folder="",
        above=(),
        query="",
        folders=(
            trees.Folder("", 2, 1_900_000, 1, top),
            trees.Folder("maven/org/example/widgets/widgets-core/2.5.0", 2, 1_903_400, 0, core),
        ),
        folders_total=2,
        found=4,
        shown=4,
    )
    return dataclasses.replace(sample, **changes)


def large() -> trees.Tree:
    """More than a page lists: folders to be opened, one of them cut."""
    return tree(
        folder="maven/org",
        above=(("maven", "maven"), ("org", "maven/org")),
        folders=(
            trees.Folder("maven/org", 4_000, 9_000_000, 0, (file(),)),
            trees.Folder("maven/org/example/widgets", 6_000, 9_000_000_000, 3, ()),
        ),
        folders_total=900,
        found=10_000,
        shown=1,
    )


def compose(**changes: Any) -> compose_page.ComposeView:
    sample = compose_page.ComposeView(
        **_WHERE,
        part=paging.WHOLE,
        committee_name="Example",
        release_key="example-widgets-2.5.0",
        phase_word="Compose",
        sentence="16 files in revision 00002, 14 of them for Maven Central.",
        css="ready",
        revision=revision(),
        tree=tree(),
        mappings=(compose_page.PlatformMapping("Maven Central", ("maven/**",), 14, (), 0),),
        checks=(
            compose_page.Check("refused", "Blocker", "Maven Central: widgets-core-2.5.0.jar", "Its signature is gone."),
            compose_page.Check("concern", "Concern", "staged on Maven Central", "The policy maps nothing to compare."),
            compose_page.Check("passed", "Good", "staged on Maven Central", "All 14 staged files are the mapped ones."),
        ),
        rows=(samples.row(),),
        change_why_not="",
        record_why_not="",
        vote_why_not="",
        readiness=samples.panel(),
    )
    return dataclasses.replace(sample, **changes)


def fresh() -> compose_page.ComposeView:
    """Just started: nothing is there yet."""
    return compose(
        revision=None,
        tree=tree(folders=(), folders_total=0, found=0, shown=0),
        mappings=(),
        checks=(),
        rows=(),
        css="draft",
        vote_why_not="The vote can be started once the release has files.",
    )


def voting() -> compose_page.ComposeView:
    """The vote is open, seen by a stranger."""
    why_not = "A vote on this release is open, so its files cannot be changed."
    return compose(
        phase_word="Vote",
        css="open",
        change_why_not=why_not,
        record_why_not="Only release managers and committee members can record or stage deployments.",
        vote_why_not="The vote is open.",
        tree=large(),
    )


def troubled() -> compose_page.ComposeView:
    """After the vote, with a mapping that does not fit."""
    problems = ("“odd.jar” is not of the form group/artifact/version.",)
    return compose(
        phase_word="Finish",
        revision=revision(),
        mappings=(compose_page.PlatformMapping("Maven Central", ("maven/**", "*.jar"), 13, problems, 4),),
        tree=tree(query="odd", found=300, shown=200),
    )


def problems() -> upload.Problems:
    """An upload with names that cannot be used."""
    lines = [("../up", "It contains “..”."), ("", "An upload has 5.0 GB at most.")]
    return upload.Problems("Nothing was saved: 3 names cannot be used.", lines, 1)


def revisions(**changes: Any) -> revisions_page.RevisionsView:
    earlier, later = revision("00001", why=""), revision()
    sample = revisions_page.RevisionsView(
        **_WHERE,
        phase_word="Compose",
        sentence="Revision 00002 is the latest, created by release-manager.",
        lines=(later, earlier, revision("00000", digest="")),
        total=3,
        comparison=None,
    )
    return dataclasses.replace(sample, **changes)


def comparison(**changes: Any) -> revisions_page.Comparison:
    one, other = samples.digest("one"), samples.digest("other")
    sample = revisions_page.Comparison(
        earlier=revision("00001"),
        later=revision(),
        tally=(("changed", 1), ("renamed", 1), ("added", 1), ("removed", 1), ("equal", 12)),
        lines=(
            revisions_page.Changed("differs", "maven/a.jar", one, other),
            revisions_page.Changed("moved", "maven/b.jar", one, one, note="was maven/b-rc1.jar"),
            revisions_page.Changed("added", "maven/c.jar", "", other),
            revisions_page.Changed("removed", "maven/d.jar", one, ""),
        ),
        differing=4,
    )
    return dataclasses.replace(sample, **changes)


def change(**changes: Any) -> compose_page.ChangeView:
    sample = compose_page.ChangeView(
        **_WHERE,
        committee_name="Example",
        release_key="example-widgets-2.5.0",
        phase_word="Compose",
        path="maven/org/example",
        is_folder=True,
        files=14,
        size=6_000_000,
        revision_number="00002",
        why_not="",
    )
    return dataclasses.replace(sample, **changes)


def pages() -> dict[str, tuple[str, dict[str, Any]]]:
    """Every page of this part in every variant."""
    form: dict[str, Any] = {"values": {}, "field_errors": {}}
    upload_form = {**form, "max_upload": 5_000_000_000, "upload_problems": None}
    refused = {**upload_form, "values": {"below": "maven"}, "upload_problems": problems()}
    wrong = {"below": "This is too long."}
    none_equal = comparison(lines=(), differing=0)
    cut = comparison(differing=4_000)
    return {
        "start-list": ("start/list.html", {"view": compose_page.StartList((("a", "Example Widgets", "Example"),))}),
        "start-list-empty": ("start/list.html", {"view": compose_page.StartList(())}),
        "start": ("start/selected.html", {"view": start(), **form}),
        "start-wrong": (
            "start/selected.html",
            {"view": start(versions=()), "values": {"version": "-"}, "field_errors": {"version": "That is none."}},
        ),
        "start-not-now": ("start/selected.html", {"view": start(why_not="Only committers can."), **form}),
        "compose": ("compose/selected.html", {"view": compose(), **upload_form}),
        "compose-fresh": ("compose/selected.html", {"view": fresh(), **upload_form}),
        "compose-refused": ("compose/selected.html", {"view": compose(), **refused, "field_errors": wrong}),
        "compose-voting": ("compose/selected.html", {"view": voting(), **refused}),
        "compose-troubled": ("compose/selected.html", {"view": troubled(), **upload_form}),
        "compose-unmapped": ("compose/selected.html", {"view": compose(mappings=(), tree=large()), **upload_form}),
        "compose-nothing-found": (
            "compose/selected.html",
            {"view": compose(tree=tree(folders=(), folders_total=0, query="x", found=0, shown=0)), **upload_form},
        ),
        "compose-announced": ("compose/selected.html", {"view": compose(phase_word="Announced"), **upload_form}),
        "change-folder": ("compose/change.html", {"view": change(), **form}),
        "change-file": (
            "compose/change.html",
            {
                "view": change(is_folder=False, files=1),
                "values": {"to": ".x"},
                "field_errors": {"to": "It is hidden."},
            },
        ),
        "change-not-now": ("compose/change.html", {"view": change(why_not="A vote is open."), **form}),
        "revisions": ("revisions.html", {"view": revisions()}),
        "revisions-none": ("revisions.html", {"view": revisions(lines=(), total=0)}),
        "revisions-one": ("revisions.html", {"view": revisions(lines=(revision("00001"),), total=400)}),
        "revisions-compared": ("revisions.html", {"view": revisions(comparison=comparison())}),
        "revisions-equal": ("revisions.html", {"view": revisions(comparison=none_equal)}),
        "revisions-cut": ("revisions.html", {"view": revisions(comparison=cut)}),
    }
