# SPDX-License-Identifier: Apache-2.0
"""The layout of a Maven repository: safe paths, whose they are, and side files."""

import string

import hypothesis
import hypothesis.strategies as strategies
import pytest

import atr.errors as errors
import atr.shared.maven as maven

DIGITS_AND_LETTERS = string.ascii_letters + string.digits


@pytest.mark.parametrize(
    ("path", "owner", "package", "version"),
    [
        ("org/apache/x/core/1.0/core-1.0.jar", "org.apache.x", "core", "1.0"),
        ("org/apache/x/core/1.0/core-1.0.pom", "org.apache.x", "core", "1.0"),
        ("org/apache/x/core/1.0/core-1.0-sources.jar", "org.apache.x", "core", "1.0"),
        ("org/apache/x/core/1.0/core-1.0-sources.jar.asc", "org.apache.x", "core", "1.0"),
        ("org/apache/x/core/1.0/core-1.0.jar.sha512", "org.apache.x", "core", "1.0"),
        ("org/apache/x/core/1.0/core-1.0-bin.tar.gz", "org.apache.x", "core", "1.0"),
        # Old groupIds have no dot.
        ("commons-cli/commons-cli/1.9.0/commons-cli-1.9.0.jar", "commons-cli", "commons-cli", "1.9.0"),
        ("xerces/xercesImpl/2.12.2/xercesImpl-2.12.2.pom", "xerces", "xercesImpl", "2.12.2"),
        (
            "org/apache/spark/spark-core_2.13/4.0.0/spark-core_2.13-4.0.0.jar",
            "org.apache.spark",
            "spark-core_2.13",
            "4.0.0",
        ),
        ("org/apache/apache/35/apache-35.pom", "org.apache", "apache", "35"),
        ("org/apache/x/a/1.0-M1+b.2/a-1.0-M1+b.2.jar", "org.apache.x", "a", "1.0-M1+b.2"),
        ("org/apache/jackrabbit/oak-jcr/1.0/oak-jcr-1.0-it.jar", "org.apache.jackrabbit", "oak-jcr", "1.0"),
        ("org/apache/x_y/a/1/a-1.module", "org.apache.x_y", "a", "1"),
    ],
)
def test_whose_a_path_is(path: str, owner: str, package: str, version: str) -> None:
    parsed = maven.parse_path(path)
    where = parsed.coordinates
    assert (where.owner_namespace, where.package, where.version) == (owner, package, version)
    assert f"{maven.directory(where)}/{parsed.file_name}" == path
    assert maven.pom_path(where) == f"{maven.directory(where)}/{package}-{version}.pom"


@pytest.mark.parametrize(
    "path",
    [
        "core-1.0.jar",
        "1.0/core-1.0.jar",
        "core/1.0/core-1.0.jar",
        "org/apache/x/core/1.0/other-1.0.jar",
        "org/apache/x/core/1.0/core-1.1.jar",
        "org/apache/x/core/1.0/core-1.0",
        "org/apache/x/core/1.0/core-1.01.jar",
        "org/apache/x/core/1.0/CORE-1.0.jar",
        "org/apache/x/core/1.0/maven-metadata.xml",
        # A snapshot's file carries a time, and is no release.
        "org/apache/x/core/1.0-SNAPSHOT/core-1.0-20260504.120000-1.jar",
        # The same coordinates as org/apache/x, under a path that is another one.
        "org.apache/x/core/1.0/core-1.0.jar",
        "org/apache.x/core/1.0/core-1.0.jar",
        "org./x/core/1.0/core-1.0.jar",
        "org/x/core/-1.0/core--1.0.jar",
        "org/x/core/LATEST/core-LATEST.jar",
        "org/x/core/1.0-SNAPSHOT/core-1.0-SNAPSHOT.jar",
    ],
)
def test_a_path_that_is_nobodys(path: str) -> None:
    with pytest.raises(errors.InputError):
        maven.parse_path(path)


@pytest.mark.parametrize(
    ("path", "coordinates"),
    [
        ("_org/x/core/1.0/core-1.0.jar", "_org.x:core:1.0"),
        ("org/x/core/1.0~/core-1.0~.jar", "org.x:core:1.0~"),
        ("org/x/core/1..0/core-1..0.jar", "org.x:core:1..0"),
    ],
)
def test_a_path_of_an_odd_name_that_maven_takes(path: str, coordinates: str) -> None:
    assert str(maven.parse_path(path).coordinates) == coordinates


HOSTILE = [
    "",
    "/",
    "/org/a",
    "//org/a",
    "org//a",
    "org/a/",
    ".",
    "..",
    "org/./a",
    "org/../a",
    "org/..",
    "../org/a",
    "org/.a",
    "org/.git/a",
    "org/-a",
    "org\\a",
    "..\\org",
    "C:/org",
    "c:\\org",
    "org/a%2e%2e/b",
    "org/%2e%2e/b",
    "org/%00",
    "org/a\0b",
    "org/a\nb",
    "org/a\n",
    "\norg/a",
    "org/a\tb",
    "org/a b",
    " org/a",
    "org/a\x7f",
    "org/a\x1b[31m",
    "org/a?b",
    "org/a#b",
    "org/a:b",
    "org/a@b",
    "org/a*b",
    "org/a;b",
    "org/a&b",
    'org/a"b',
    "org/<a>",
    "org/a|b",
    "org/ä",
    "org/٣",
    # A full-width letter, a full stop that only looks like one, a slash that only looks like one, reading backwards.
    "org/\uff41",
    "org/\uff0e\uff0e/a",
    "org\u2215a",
    "org/\u202ea",
    "org/a\udcff",
    "~/a/../b",
    "a/" * 500 + "a",
]


@pytest.mark.parametrize("path", HOSTILE)
def test_an_unsafe_path_is_refused_and_shown_harmlessly(path: str) -> None:
    for check in (maven.checked_path, maven.parse_path):
        with pytest.raises(errors.InputError) as raised:
            check(path)
        message = str(raised.value)
        assert message.replace("“", "").replace("”", "").isascii()
        assert len(message) < 800


@pytest.mark.parametrize(
    "path", ["a", "org/apache/a-1.0+b~c_d.jar", "org/apache/x/core/1.0/core-1.0.jar", "_a/+b/~c", f"{'a/' * 499}aa"]
)
def test_a_safe_path_is_answered_as_it_is(path: str) -> None:
    assert maven.checked_path(path) == path


@hypothesis.given(strategies.text(max_size=40))
def test_a_checked_path_stays_below_where_it_is_put(path: str) -> None:
    try:
        checked = maven.checked_path(path)
    except errors.InputError:
        return
    segments = checked.split("/")
    assert checked.isascii()
    assert checked.isprintable()
    assert not set(checked) & set(' \\%?#:"<>|*')
    assert not any((not segment) or segment.startswith((".", "-")) for segment in segments)


NAMES = strategies.text(DIGITS_AND_LETTERS, min_size=1, max_size=8)


@hypothesis.given(
    strategies.lists(NAMES, min_size=1, max_size=4), NAMES, NAMES, strategies.sampled_from([".jar", "-x.pom"])
)
def test_a_path_and_its_coordinates_name_each_other(group: list[str], artifact: str, version: str, end: str) -> None:
    path = f"{'/'.join(group)}/{artifact}/{version}/{artifact}-{version}{end}"
    parsed = maven.parse_path(path)
    assert f"{maven.directory(parsed.coordinates)}/{parsed.file_name}" == path


@pytest.mark.parametrize(
    ("name", "is_metadata"),
    [
        ("maven-metadata.xml", True),
        ("maven-metadata.xml.sha1", True),
        ("maven-metadata.xml.asc", True),
        ("maven-metadata.xml.asc.sha512", True),
        ("maven-metadata.xml-1.0.jar", False),
        ("maven-metadata.xml.tools-1.0.jar", False),
        ("maven-metadata-tools-1.0.jar", False),
        ("maven-metadata-1.0.xml", False),
        ("my-maven-metadata.xml", False),
    ],
)
def test_metadata_is_told_by_its_whole_name(name: str, is_metadata: bool) -> None:  # noqa: FBT001
    assert maven.is_metadata(f"org/x/core/{name}") is is_metadata
    assert not maven.is_metadata("maven-metadata.xml/core-1.0.jar")


def test_metadata_is_nobodys_even_where_its_path_would_be_an_artifact_s() -> None:
    """The metadata of org.apache.maven:metadata stands where version `metadata` of org.apache:maven would."""
    with pytest.raises(errors.InputError, match=r"repository metadata.*restage without it"):
        maven.parse_path("org/apache/maven/metadata/maven-metadata.xml")


@pytest.mark.parametrize("artifact", ["maven-metadata.xml", "maven-metadata.xml.tools", "maven-metadata-tools"])
def test_an_artifact_may_be_named_like_metadata(artifact: str) -> None:
    parsed = maven.parse_path(f"org/x/{artifact}/1.0/{artifact}-1.0.jar")
    assert parsed.coordinates.package == artifact
