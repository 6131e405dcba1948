# SPDX-License-Identifier: Apache-2.0
"""Each platform's own grammar: what is a name there, what is none and why, and which spellings mean one package."""

import collections
import itertools
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

import atr.errors as errors
import atr.shared.distribution as distribution
import tests.shared.names as names

Platform = distribution.DistributionPlatform


def _id(one: Any) -> str:
    if isinstance(one, Platform):
        return one.name
    return ":".join(one)[-60:] if isinstance(one, tuple) else ""


def test_each_platform_has_forty_names_and_twenty_that_are_none() -> None:
    legal = collections.Counter(platform for platform, *_ in names.legal())
    illegal = collections.Counter(platform for platform, *_ in names.illegal())
    assert set(legal) == set(illegal) == set(Platform)
    assert min(legal.values()) >= 40
    assert min(illegal.values()) >= 20


@pytest.mark.parametrize(("platform", "written", "canonical"), names.legal(), ids=_id)
def test_what_is_a_name(platform: Platform, written: tuple[str, str, str], canonical: tuple[str, str, str]) -> None:
    where = distribution.coordinates(platform, *written)
    assert (where.owner_namespace, where.package, where.version) == canonical
    assert where == distribution.coordinates(platform, *canonical)
    assert where.canonical == where
    assert str(where.canonical) == str(where)
    assert where.purl.startswith("pkg:")


@pytest.mark.parametrize(("platform", "written", "field", "words"), names.illegal(), ids=_id)
def test_what_is_none_is_refused_by_the_rule_that_is_broken(
    platform: Platform, written: tuple[str, str, str], field: str, words: str
) -> None:
    with pytest.raises(errors.InputError) as raised:
        distribution.coordinates(platform, *written)
    assert raised.value.field == field
    assert words in str(raised.value)
    assert str(raised.value).endswith(".")


@pytest.mark.parametrize(
    ("platform", "spellings"),
    [
        (
            Platform.PYPI,
            [("", "Foo_Bar", "1.0"), ("", "foo-bar", "1.0.0"), ("", "FOO.bar", "v1"), ("", "foo--bar", "1.0")],
        ),
        (Platform.PYPI, [("", "x", "1!3.0.1"), ("", "x", "1!3.0.1.0"), ("", "x", "v1!03.0.1")]),
        (Platform.PYPI, [("", "x", "1.0rc1"), ("", "x", "1.0.0-RC.1"), ("", "x", "1c1")]),
        (Platform.PYPI, [("", "x", "1.0.post1"), ("", "x", "1.0-1"), ("", "x", "1rev1")]),
        (Platform.ARTIFACT_HUB, [("a", "Kit", "v1.14.0"), ("a", "kit", "1.14"), ("a", "kit", "1.14.0")]),
        (Platform.NPM, [("", "x", "1.0.0"), ("", "x", "1.0.0+build")]),
        (Platform.NPM_SCOPED, [("@a", "x", "1.0.0"), ("a", "x", "1.0.0+build")]),
        (Platform.DOCKER_HUB, [("", "httpd", "2"), ("library", "httpd", "2")]),
    ],
)
def test_spellings_of_one_version(platform: Platform, spellings: list[tuple[str, str, str]]) -> None:
    found = {distribution.coordinates(platform, *one) for one in spellings}
    assert len(found) == 1
    assert len({hash(distribution.coordinates(platform, *one)) for one in spellings}) == 1


@pytest.mark.parametrize(
    ("platform", "one", "other"),
    [
        (Platform.PYPI, ("", "x", "1!1.0"), ("", "x", "1.0")),
        (Platform.PYPI, ("", "x", "1.10"), ("", "x", "1.1")),
        (Platform.PYPI, ("", "x", "10"), ("", "x", "1")),
        (Platform.PYPI, ("", "x", "1.0-1"), ("", "x", "1.0.1")),
        (Platform.PYPI, ("", "x", "1.0"), ("", "x", "1.0rc1")),
        (Platform.PYPI, ("", "xy", "1.0"), ("", "x-y", "1.0")),
        (Platform.ARTIFACT_HUB, ("a", "x", "1.0.0+a"), ("a", "x", "1.0.0+b")),
        (Platform.ARTIFACT_HUB, ("a", "x_y", "1.0.0"), ("a", "x-y", "1.0.0")),
        (Platform.NPM, ("", "Base64", "1.0.0"), ("", "base64", "1.0.0")),
        (Platform.DOCKER_HUB, ("a", "x", "V1"), ("a", "x", "v1")),
        (Platform.DOCKER_HUB, ("a", "x", "1.0"), ("a", "x", "1.0.0")),
        (Platform.MAVEN, ("a", "x", "1.0"), ("a", "x", "1.0.0")),
        (Platform.MAVEN, ("a", "x", "1.0-rc1"), ("a", "x", "1.0-RC1")),
        (Platform.MAVEN, ("a", "X", "1.0"), ("a", "x", "1.0")),
    ],
)
def test_two_versions(platform: Platform, one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert distribution.coordinates(platform, *one) != distribution.coordinates(platform, *other)


def test_a_row_of_before_is_the_package_that_is_meant() -> None:
    """Stored as somebody wrote it, before there were rules."""
    stored = distribution.Coordinates("PYPI", "", "Foo_Bar", "1.0.0")
    assert stored == distribution.coordinates(Platform.PYPI, "", "foo-bar", "1.0")
    assert str(stored) == "Foo_Bar 1.0.0"
    assert str(stored.canonical) == "foo-bar 1.0.0"


@pytest.mark.parametrize(
    ("platform", "stored"),
    [
        (Platform.PYPI, ("", "x", "abc")),
        (Platform.PYPI, ("", "-x-", "1+")),
        (Platform.ARTIFACT_HUB, ("A", "x", "latest")),
        (Platform.NPM, ("", "lodash@latest", "v1.0.0")),
        (Platform.DOCKER_HUB, ("Apache", "x", "1")),
        (Platform.MAVEN, ("", "x", "LATEST")),
    ],
)
def test_a_row_of_before_that_breaks_a_rule_is_still_itself(platform: Platform, stored: tuple[str, str, str]) -> None:
    where = distribution.Coordinates(platform.name, *stored)
    assert where == distribution.Coordinates(platform.name, *stored)
    assert where != distribution.Coordinates(platform.name, stored[0], stored[1], "7.7.7")
    assert stored[1].strip("-") in str(where.canonical)
    assert where.purl.startswith("pkg:")


@pytest.mark.parametrize(
    ("platform", "written", "purl"),
    [
        (Platform.MAVEN, ("org.example", "kit", "1.0+build.7"), "pkg:maven/org.example/kit@1.0%2Bbuild.7"),
        (Platform.MAVEN, ("org.example", "kit", "1.0~rc1"), "pkg:maven/org.example/kit@1.0~rc1"),
        (Platform.ARTIFACT_HUB, ("a", "kit", "v1.0+b.1"), "pkg:helm/a/kit@1.0.0%2Bb.1"),
        (Platform.PYPI, ("", "antlerinator", "1!3.0.1"), "pkg:pypi/antlerinator@1%213.0.1"),
        (Platform.PYPI, ("", "Foo_Bar", "1.0"), "pkg:pypi/foo-bar@1.0"),
        (Platform.NPM, ("", "lodash", "4.17.21"), "pkg:npm/lodash@4.17.21"),
        (Platform.NPM_SCOPED, ("@babel", "core", "8.1.2"), "pkg:npm/%40babel/core@8.1.2"),
        (
            Platform.DOCKER_HUB,
            ("apache", "beam_python3.12_sdk", "2.70.0"),
            "pkg:docker/apache/beam_python3.12_sdk@2.70.0",
        ),
    ],
)
def test_purls_are_encoded(platform: Platform, written: tuple[str, str, str], purl: str) -> None:
    assert distribution.coordinates(platform, *written).purl == purl


_PARTS = st.text(max_size=12) | st.text("aZ09._-+~!@/v", max_size=12) | st.text("0123456789.v", max_size=400)


@pytest.mark.parametrize("platform", Platform, ids=lambda platform: platform.name)
@hypothesis.given(_PARTS, _PARTS, _PARTS)
def test_whatever_is_written_is_a_name_or_refused_with_its_field(
    platform: Platform, owner: str, package: str, version: str
) -> None:
    where, field = None, "package"
    try:
        where = distribution.coordinates(platform, owner, package, version)
    except errors.InputError as error:
        field = error.field
    assert field in {"owner_namespace", "package", "version"}
    if where is None:
        return
    again = distribution.coordinates(platform, where.owner_namespace, where.package, where.version)
    assert (again, str(again)) == (where, str(where)), "the canonical form is one of its own spellings"
    parts = (where.owner_namespace, where.package, where.version)
    assert all(
        part.isascii() and part.isprintable() and ("/" not in part) and part not in {".", ".."} for part in parts
    )


@pytest.mark.parametrize("platform", Platform, ids=lambda platform: platform.name)
@hypothesis.given(st.lists(st.tuples(_PARTS, _PARTS, _PARTS), max_size=4))
def test_what_a_row_holds_compares_with_whatever(platform: Platform, rows: list[tuple[str, str, str]]) -> None:
    stored = [distribution.Coordinates(platform.name, *row) for row in rows]
    for one, other in itertools.product(stored, repeat=2):
        assert (one == other) is (one.canonical == other.canonical)
        assert (one == other) is (not (one < other) and not (other < one))
