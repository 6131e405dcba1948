# SPDX-License-Identifier: Apache-2.0
"""One digest for a whole ballot, and no two sets of files for one package."""

import hashlib

import pytest

import atr.promotion.ballot as ballot
import atr.promotion.fileset as fileset
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.maven as maven
import atr.shared.mechanisms as mechanisms

LAYOUT = maven.Repository()
Mechanism = mechanisms.Mechanism


def _file(path: str, content: str) -> fileset.File:
    return fileset.File(path, len(content), hashlib.sha256(content.encode()).hexdigest())


def _held(name: str, *, platform: str = "MAVEN", mapped: bool = False, **contents: str) -> ballot.Held:
    return _holding(name, contents, platform=platform, mapped=mapped)


def _holding(name: str, contents: dict[str, str], *, platform: str = "MAVEN", mapped: bool = False) -> ballot.Held:
    files = [_file(f"org/x/{key}/1.0/{key}-1.0.jar", content) for key, content in contents.items()]
    return ballot.Held(name, platform, fileset.FileSet.of(files), is_mapped=mapped)


def test_the_digest_is_over_the_sorted_lines() -> None:
    entries = [ballot.Entry("revision", "", "b" * 64), ballot.Entry("mapped", "MAVEN", "a" * 64)]
    lines = f"mapped MAVEN {'a' * 64}\nrevision - {'b' * 64}\n"
    assert ballot.digest(entries) == ballot.digest(reversed(entries)) == hashlib.sha256(lines.encode()).hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        [ballot.Entry("deployment", "MAVEN", "a" * 64)],
        [ballot.Entry("mapped", "NPM", "a" * 64)],
        [ballot.Entry("mapped", "MAVEN", "b" * 64)],
        [ballot.Entry("mapped", "MAVEN", "a" * 64)] * 2,
        [],
    ],
)
def test_whatever_changes_on_a_ballot_changes_its_digest(other: list[ballot.Entry]) -> None:
    assert ballot.digest([ballot.Entry("mapped", "MAVEN", "a" * 64)]) != ballot.digest(other)


def test_equal_sets_and_sets_without_a_package_in_common_agree() -> None:
    same = [_held("one", core="1", cli="1"), _held("other", core="1", cli="1")]
    assert ballot.clashes([*same, _held("third", web="2"), _held("mapped", mapped=True, core="1")], layouts.BUILT) == ()


def test_the_same_package_with_other_bytes_names_both_and_the_way_out() -> None:
    (clash,) = ballot.clashes(
        [_held("deployment rc1", core="1", cli="1"), _held("deployment rc2", core="2", cli="1")], layouts.BUILT
    )
    assert clash.packages == ("org.x:core:1.0",)
    for part in (
        "deployment rc1",
        "deployment rc2",
        "org.x:core:1.0",
        "core-1.0.jar",
        "Drop one",
        "remove it from the ballot",
    ):
        assert part in clash.reason.sentence


def test_what_only_one_of_them_has_of_a_package_is_a_difference_too() -> None:
    more = fileset.FileSet.of([_file("org/x/core/1.0/core-1.0.jar", "1"), _file("org/x/core/1.0/core-1.0.pom", "p")])
    (clash,) = ballot.clashes([_held("one", core="1"), ballot.Held("other", "MAVEN", more)], layouts.BUILT)
    assert "core-1.0.pom" in clash.reason.sentence
    assert "only in the second" in clash.reason.sentence


def test_the_same_bytes_under_another_path_are_a_difference_too() -> None:
    two = (fileset.FileSet.of([_file(f"org/x/core/1.0/core-1.0{end}", "1")]) for end in (".jar", "-all.jar"))
    (clash,) = ballot.clashes(
        [ballot.Held(name, "MAVEN", files) for name, files in zip("ab", two, strict=True)], layouts.BUILT
    )
    path = "org/x/core/1.0/core-1.0"
    assert f"{path}.jar as {path}-all.jar under another path" in clash.reason.sentence


def test_a_deployment_against_what_is_mapped_says_what_else_may_be_done() -> None:
    clash = ballot.clashes(
        [_held("deployment rc1", core="1"), _held("the mapped files", mapped=True, core="2")], layouts.BUILT
    )[0]
    assert clash.reason.sentence.startswith("the mapped files and deployment rc1 both contain")
    assert "Drop deployment rc1 or remove it from the ballot" in clash.reason.sentence
    assert "put them into the revision" in clash.reason.sentence


class _Everywhere(maven.Repository):
    """A platform whose files lie as Maven's do."""

    def holds(self, platform: distribution.DistributionPlatform) -> bool:
        return platform is distribution.DistributionPlatform.NPM


def test_another_platform_is_another_matter() -> None:
    both = layouts.Layouts({Mechanism.CENTRAL_PORTAL: LAYOUT, Mechanism.NPM_STAGE: _Everywhere()})
    assert ballot.clashes([_held("one", core="1"), _held("two", platform="NPM", core="2")], both) == ()


def test_many_packages_are_one_sentence() -> None:
    names = [f"part{number}" for number in range(6)]
    one, two = (_holding(name, dict.fromkeys(names, name)) for name in ("one", "two"))
    (clash,) = ballot.clashes([one, two], layouts.BUILT)
    assert "and 3 more" in clash.reason.sentence


def test_a_package_that_is_named_and_not_read_refuses_and_one_that_is_read_and_not_named_is_shown() -> None:
    files = fileset.FileSet.of([_file("org/x/core/1.0/core-1.0.jar", ""), _file("notes/README.txt", "")])
    core, *hidden = (
        distribution.coordinates(distribution.DistributionPlatform.MAVEN, "org.x", name, "1.0")
        for name in ("core", "b", "a", "c", "d")
    )
    assert ballot.named_apart([], files, LAYOUT) == ("", ())
    assert ballot.named_apart([core], files, LAYOUT) == ("", ())
    unread, unnamed = ballot.named_apart([core, *hidden[:1]], files, LAYOUT)
    assert unread.startswith("The platform lists org.x:b:1.0 in this deployment but none of its files")
    assert unnamed == ()
    unread, unnamed = ballot.named_apart(hidden, files, LAYOUT)
    assert unread.startswith("The platform lists org.x:a:1.0, org.x:b:1.0, org.x:c:1.0 and 1 more in this")
    assert unnamed == ("The platform does not list org.x:core:1.0 among the packages of this deployment.",)
