# SPDX-License-Identifier: Apache-2.0
"""From a revision's files to a platform's layout, by the policy's patterns."""

from typing import Final

import hypothesis
import pytest
from hypothesis import strategies

import atr.errors as errors
import atr.promotion.fileset as fileset
import atr.promotion.mapping as mapping
import atr.shared.distribution as distribution
import atr.shared.maven as maven
import tests.depot.layout as layout
from tests.promotion import samples

JAR: Final = "org/apache/x/core/1.0/core-1.0.jar"
POM: Final = "org/apache/x/core/1.0/core-1.0.pom"
LAYOUT = maven.Repository()


@pytest.mark.parametrize(
    ("tags", "patterns"),
    [
        ({}, ()),
        ({"mavencentral": ["a/**"]}, ("a/**",)),
        ({"maven": ["b/**"]}, ("b/**",)),
        # Whatever their order in the policy, the platform's own slug comes first.
        ({"maven": ["b/**", "a/**"], "mavencentral": ["a/**", "c/**"]}, ("a/**", "c/**", "b/**")),
        ({"maven": [], "mavencentral": []}, ()),
        ({"Maven": ["a/**"], "central": ["b/**"], "npm": ["c/**"]}, ()),
    ],
)
def test_the_patterns_of_both_tags_of_maven_central_count_together(
    tags: dict[str, list[str]], patterns: tuple[str, ...]
) -> None:
    assert mapping.patterns_of(tags, distribution.DistributionPlatform.MAVEN) == patterns


def test_a_tag_means_a_platform_only_as_it_is_written() -> None:
    tags = ("maven", "Maven", "npm", "npm_scoped", "mavencentral", "docs", "")
    assert mapping.unknown_tags(tags) == ("Maven", "npm_scoped", "docs", "")


def test_the_text_before_the_first_wildcard_is_cut_off() -> None:
    revision = samples.files(f"maven/{JAR}", f"maven/{POM}", "apache-x-1.0-src.tar.gz")
    mapped = mapping.mapped(revision, ["maven/**"], LAYOUT)
    assert [file.path for file in mapped.files] == [JAR, POM]
    assert mapped.by_path[JAR] == samples.file(JAR, f"maven/{JAR}")


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        (f"maven/{JAR}", "/maven/**"),
        (f"maven/{JAR}", "maven/"),
        (f"maven/{JAR}", "/maven/"),
        (f"maven/{JAR}", "maven"),
        (f"maven/{JAR}", "/maven"),
        (f"a/maven/{JAR}", "a/maven"),
        (f"maven/{JAR}", "maven/*"),
        (f"maven/{JAR}", "maven/[no]*"),
        (f"m/{JAR}", "m/?rg/**"),
        (JAR, "**"),
        (JAR, "*.jar"),
        (JAR, "**/*.jar"),
        # The directory that the pattern cuts off may hold a release's number.
        (f"rel-1.0/{JAR}", "rel-*/**"),
    ],
)
def test_patterns_are_those_of_gitignore(path: str, pattern: str) -> None:
    """What is left after the cut must be a path of the layout."""
    if pattern.startswith("rel-"):
        with pytest.raises(errors.InputError, match=r"1\.0/org"):
            mapping.mapped(samples.files(f"rel-1.0/{JAR}.x/y"), [pattern], LAYOUT)
        return
    (file,) = mapping.mapped(samples.files(path), [pattern], LAYOUT).files
    assert file.path == JAR


@pytest.mark.parametrize("pattern", ["other/**", "*.war"])
def test_nothing_mapped_is_refused_and_the_patterns_are_named(pattern: str) -> None:
    with pytest.raises(errors.InputError) as raised:
        mapping.mapped(samples.files(f"maven/{JAR}"), [pattern], LAYOUT)
    assert f"({pattern}) match no file" in str(raised.value)


@pytest.mark.parametrize("pattern", ["!", "\\", "!maven/**", "# maven/**", "", "/", "[z-a]", "a\\*"])
def test_a_pattern_that_is_none_is_refused_by_name(pattern: str) -> None:
    with pytest.raises(errors.InputError, match="is not a valid pattern") as raised:
        mapping.mapped(samples.files(f"maven/{JAR}"), [pattern], LAYOUT)
    assert f"“{pattern}”" in str(raised.value)


def test_no_patterns_map_nothing() -> None:
    with pytest.raises(errors.InputError, match="match no file"):
        mapping.mapped(samples.files(JAR), [], LAYOUT)


def test_the_first_pattern_that_matches_counts() -> None:
    revision = samples.files(f"a/b/{JAR}")
    assert mapping.sources(revision, ["a/b/**", "a/**"]) == {JAR: f"a/b/{JAR}"}
    assert mapping.sources(revision, ["a/**", "a/b/**"]) == {f"b/{JAR}": f"a/b/{JAR}"}


def test_two_files_on_one_path_are_refused_by_name() -> None:
    with pytest.raises(errors.InputError, match=f"maps both a/{JAR} and b/{JAR} to {JAR}"):
        mapping.mapped(samples.files(f"a/{JAR}", f"b/{JAR}"), ["a/**", "b/**"], LAYOUT)


@pytest.mark.parametrize("path", ["maven/README.txt", "maven/org/apache/x/core/1.0/other-1.0.jar"])
def test_a_path_that_is_none_of_the_layout_is_refused_by_name(path: str) -> None:
    with pytest.raises(errors.InputError, match=path.removeprefix("maven/")):
        mapping.mapped(samples.files(f"maven/{JAR}", path), ["maven/**"], LAYOUT)


def test_a_trial_names_everything_where_a_mapping_would_stop_at_the_first() -> None:
    """What goes where, what is skipped, what is wrong, and which pattern does nothing."""
    revision = samples.files(f"a/{JAR}", f"a/{JAR}.sha1", f"b/{JAR}", "a/README.txt", f"a/{POM}", "src.tar.gz")
    trial = mapping.tried(revision, ["a/**", "b/**", "a/org/**", "war/**"], LAYOUT)
    assert trial.placed == ((JAR, f"a/{JAR}"), (POM, f"a/{POM}"))
    assert (trial.sides, trial.skipped) == (1, ("src.tar.gz",))
    assert trial.doubles == ((JAR, f"a/{JAR}", f"b/{JAR}"),)
    ((path, why),) = trial.misfits
    assert (path, "not of the form" in why or "is not a path" in why) == ("a/README.txt", True)
    assert trial.idle == (("a/org/**", True), ("war/**", False))
    assert [str(package) for package in trial.packages] == ["org.apache.x:core:1.0"]


def test_a_trial_without_a_known_layout_judges_no_path() -> None:
    trial = mapping.tried(samples.files("npm/x.tgz", "npm/x.tgz.sha512"), ["npm/**"], None)
    assert trial.placed == (("x.tgz", "npm/x.tgz"), ("x.tgz.sha512", "npm/x.tgz.sha512"))
    assert (trial.sides, trial.misfits, trial.packages) == (0, (), ())


@hypothesis.given(
    strategies.sets(
        strategies.sampled_from([f"{top}/{name}" for top in "ab" for name in (JAR, POM, "x", f"{JAR}.md5")]), min_size=1
    ),
    strategies.lists(strategies.sampled_from(["a/**", "b/**", "**", "*.jar", "c"]), max_size=4),
)
def test_a_trial_is_clean_exactly_when_the_mapping_is_made(paths: set[str], patterns: list[str]) -> None:
    """And both put the same files at the same places."""
    revision = samples.files(*paths)
    trial = mapping.tried(revision, patterns, LAYOUT)
    clean = bool(trial.placed) and not (trial.misfits or trial.doubles)
    try:
        mapped = mapping.mapped(revision, patterns, LAYOUT)
    except errors.InputError:
        assert not clean
    else:
        assert clean
        assert {file.path for file in mapped.files} == {where for where, _ in trial.placed}


def test_checksums_are_no_members_but_travel_with_an_upload() -> None:
    """Checksums of checksums too."""
    sides = [f"{JAR}.md5", f"{JAR}.sha1", f"{JAR}.sha256", f"{JAR}.sha512", f"{JAR}.asc.md5", f"{JAR}.sha512.md5"]
    revision = samples.files(*(f"maven/{path}" for path in (JAR, f"{JAR}.asc", *sides)))
    assert [file.path for file in mapping.mapped(revision, ["maven/**"], LAYOUT).files] == [JAR, f"{JAR}.asc"]
    assert mapping.sources(revision, ["maven/**"]) == {path: f"maven/{path}" for path in (JAR, f"{JAR}.asc", *sides)}
    assert mapping.remarks(mapping.placed(revision, ["maven/**"], LAYOUT)) == ()


def test_what_is_no_checksum_is_a_member_and_remarked() -> None:
    """By the list of what is mapped: whose file is mapped elsewhere or nowhere, too large, with another text."""
    large = fileset.File(f"maven/{JAR}.sha1", 4_097, "a" * 64)
    other = fileset.File(f"maven/{POM}.sha1", 40, "b" * 64, fileset.Odd.TEXT)
    orphan = samples.file(f"maven/{JAR}.asc.md5")
    revision = fileset.FileSet.of([*samples.files(f"maven/{JAR}", f"maven/{POM}").files, large, other, orphan])
    members = [file.path for file in mapping.mapped(revision, ["maven/**"], LAYOUT).files]
    assert members == [JAR, f"{JAR}.asc.md5", f"{JAR}.sha1", POM, f"{POM}.sha1"]
    said = mapping.remarks(mapping.placed(revision, ["maven/**"], LAYOUT))
    assert [remark.partition(":")[2].split()[0:3] for remark in said] == [
        [f"{JAR}.asc", "does", "not"],
        ["it", "is", "larger"],
        ["its", "content", "is"],
    ]
    assert mapping.tried(revision, ["maven/**"], LAYOUT).sides == 0
    # The same checksum is none where its file is not mapped with it.
    alone = mapping.mapped(samples.files(JAR, f"{JAR}.md5", POM), ["**/*.md5", "**/*.pom"], LAYOUT)
    assert [file.path for file in alone.files] == [f"{JAR}.md5", POM]


def test_a_wrong_checksum_is_refused_by_its_name() -> None:
    wrong = fileset.File(f"maven/{JAR}.sha1", 40, "a" * 64, fileset.Odd.DIGEST)
    revision = fileset.FileSet.of([*samples.files(f"maven/{JAR}").files, wrong])
    with pytest.raises(errors.InputError, match=r"jar\.sha1 is not the sha1 of maven/org/.*core-1\.0\.jar\. Correct"):
        mapping.mapped(revision, ["maven/**"], LAYOUT)
    ((path, said),) = mapping.tried(revision, ["maven/**"], LAYOUT).misfits
    assert (path, "is not the sha1 of" in said) == (wrong.path, True)
    assert mapping.wrong_checksum(samples.file(JAR)) == ""


def test_two_checksums_on_one_place_are_refused() -> None:
    """Nobody could tell which would be uploaded."""
    with pytest.raises(errors.InputError, match="maps both"):
        mapping.mapped(samples.files(f"a/{JAR}", f"a/{JAR}.md5", f"b/{JAR}.md5"), ["a/**", "b/**"], LAYOUT)


def test_metadata_is_refused_by_its_name() -> None:
    with pytest.raises(errors.InputError, match=r"x/core/maven-metadata\.xml.*repository metadata"):
        mapping.mapped(
            samples.files(f"maven/{JAR}", "maven/org/apache/x/core/maven-metadata.xml"), ["maven/**"], LAYOUT
        )


@pytest.mark.parametrize(
    ("path", "pattern", "where"),
    [
        # A pattern of one file cuts off its directory.
        ("a/b/c.jar", "a/b/c.jar", "c.jar"),
        ("a/b/c.jar", "/a/b/c.jar", "c.jar"),
        ("c.jar", "c.jar", "c.jar"),
        # What only begins like the pattern is not cut in the middle of a name.
        ("organic/org/a", "org", "organic/org/a"),
    ],
)
def test_a_pattern_without_a_wildcard(path: str, pattern: str, where: str) -> None:
    assert mapping.sources(samples.files(path), [pattern]) == {where: path}


def test_an_upload_without_a_match_has_no_sources() -> None:
    assert mapping.sources(samples.files(JAR), ["other/**"]) == {}


def test_where_no_file_is_a_checksum_of_another_every_file_is_a_member() -> None:
    paths = ("x@1.0.0/x-1.0.0.tgz", "x@1.0.0/x-1.0.0.tgz.sha512")
    revision = samples.files(*(f"npm/{path}" for path in paths))
    assert [file.path for file in mapping.mapped(revision, ["npm/**"], layout.Flat()).files] == list(paths)
    trial = mapping.tried(revision, ["npm/**"], layout.Flat())
    assert (trial.sides, len(trial.packages)) == (0, 1)
