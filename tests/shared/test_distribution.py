# SPDX-License-Identifier: Apache-2.0
"""The vocabulary: each platform's facts, coordinates as people write them, and the keys made of them."""

import pytest

import atr.errors as errors
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.mechanisms as mechanisms

Platform = distribution.DistributionPlatform
Mechanism = mechanisms.Mechanism


@pytest.mark.parametrize(
    ("platform", "name", "slug", "needs_owner", "owner", "mechanisms"),
    [
        (Platform.ARTIFACT_HUB, "Artifact Hub", "artifacthub", True, "", ()),
        (Platform.DOCKER_HUB, "Docker Hub", "dockerhub", False, "library", (Mechanism.OCI_TAG,)),
        (
            Platform.MAVEN,
            "Maven Central",
            "mavencentral",
            True,
            "",
            (Mechanism.CENTRAL_PORTAL, Mechanism.NEXUS_STAGING),
        ),
        (Platform.NPM, "npm", "npm", False, "", (Mechanism.NPM_STAGE, Mechanism.NPM_DIST_TAG)),
        (Platform.NPM_SCOPED, "npm (scoped)", "npm", True, "", (Mechanism.NPM_STAGE, Mechanism.NPM_DIST_TAG)),
        (Platform.PYPI, "PyPI", "pypi", False, "", ()),
    ],
)
def test_the_facts_of_each_platform(
    platform: Platform,
    name: str,
    slug: str,
    needs_owner: bool,  # noqa: FBT001
    owner: str,
    mechanisms: tuple[Mechanism, ...],
) -> None:
    assert (platform.display_name, platform.gh_slug) == (name, slug)
    assert (platform.requires_owner_namespace, platform.default_owner_namespace) == (needs_owner, owner)
    assert platform.mechanisms == mechanisms
    assert platform.supports_remote_promotion is layouts.BUILT.supports(platform)


def test_there_are_six_platforms() -> None:
    assert len(Platform) == 6


@pytest.mark.parametrize("platform", Platform, ids=lambda platform: platform.name)
def test_a_platform_says_why_nothing_is_promoted_from_here(platform: Platform) -> None:
    assert bool(platform.why_not) is not platform.supports_remote_promotion
    assert bool(platform.no_proof) is not platform.supports_remote_promotion
    assert platform.why_not.endswith(".") is not platform.supports_remote_promotion


@pytest.mark.parametrize(
    ("mechanism", "facts"),
    [
        (Mechanism.CENTRAL_PORTAL, (True, True, False)),
        (Mechanism.NEXUS_STAGING, (True, True, False)),
        (Mechanism.NPM_STAGE, (True, True, True)),
        (Mechanism.NPM_DIST_TAG, (False, True, True)),
        (Mechanism.OCI_TAG, (False, False, False)),
    ],
)
def test_the_facts_of_each_mechanism(mechanism: Mechanism, facts: tuple[bool, bool, bool]) -> None:
    assert (mechanism.repeatable, mechanism.content_pinned, mechanism.needs_code) == facts


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("artifacthub", Platform.ARTIFACT_HUB),
        ("dockerhub", Platform.DOCKER_HUB),
        ("mavencentral", Platform.MAVEN),
        ("pypi", Platform.PYPI),
        ("maven", Platform.MAVEN),
        ("MavenCentral", Platform.MAVEN),
        (" maven\n", Platform.MAVEN),
        # The two npm members share a slug; the plain one is meant.
        ("npm", Platform.NPM),
        ("npm_scoped", Platform.NPM_SCOPED),
    ],
)
def test_from_slug(text: str, platform: Platform) -> None:
    assert Platform.from_slug(text) is platform


def test_only_maven_central_has_a_second_slug() -> None:
    """ATR's workflows fetch the tag `maven`, its announcement asks for `mavencentral`."""
    assert {one: one.slugs for one in Platform if len(one.slugs) > 1} == {Platform.MAVEN: ("mavencentral", "maven")}
    assert all(one.slugs[0] == one.gh_slug for one in Platform)


@pytest.mark.parametrize("platform", Platform, ids=lambda platform: platform.name)
def test_each_platform_is_meant_by_its_own_name(platform: Platform) -> None:
    assert Platform.from_slug(platform.name) is Platform.from_slug(platform.name.lower()) is platform


@pytest.mark.parametrize("text", ["", "mave", "maven central", "npm-scoped", "NEXUS", "x" * 500])
def test_no_platform_of_that_name(text: str) -> None:
    with pytest.raises(errors.InputError) as raised:
        Platform.from_slug(text)
    assert raised.value.field == "platform"
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize(
    ("platform", "owner", "package", "version", "said", "purl"),
    [
        (
            Platform.MAVEN,
            "org.apache.commons",
            "commons-lang3",
            "3.20.0",
            "org.apache.commons:commons-lang3:3.20.0",
            "pkg:maven/org.apache.commons/commons-lang3@3.20.0",
        ),
        (
            Platform.MAVEN,
            "org.apache.spark",
            "spark-core_2.13",
            "4.0.0",
            "org.apache.spark:spark-core_2.13:4.0.0",
            "pkg:maven/org.apache.spark/spark-core_2.13@4.0.0",
        ),
        (
            Platform.MAVEN,
            "commons-cli",
            "commons-cli",
            "1.9.0",
            "commons-cli:commons-cli:1.9.0",
            "pkg:maven/commons-cli/commons-cli@1.9.0",
        ),
        (Platform.NPM, "", "echarts", "6.0.0", "echarts@6.0.0", "pkg:npm/echarts@6.0.0"),
        (
            Platform.NPM_SCOPED,
            "apache",
            "arrow-js",
            "1.0.0-rc.1",
            "@apache/arrow-js@1.0.0-rc.1",
            "pkg:npm/%40apache/arrow-js@1.0.0-rc.1",
        ),
        (Platform.DOCKER_HUB, "apache", "spark", "4.0.0", "apache/spark 4.0.0", "pkg:docker/apache/spark@4.0.0"),
        (Platform.DOCKER_HUB, "", "httpd", "2.4.66", "library/httpd 2.4.66", "pkg:docker/library/httpd@2.4.66"),
        (Platform.PYPI, "", "apache-beam", "2.70.0", "apache-beam 2.70.0", "pkg:pypi/apache-beam@2.70.0"),
        (Platform.ARTIFACT_HUB, "apache", "solr", "0.9.1", "apache/solr 0.9.1", "pkg:helm/apache/solr@0.9.1"),
    ],
)
def test_coordinates(platform: Platform, owner: str, package: str, version: str, said: str, purl: str) -> None:
    where = distribution.coordinates(platform, f" {owner} ", f"{package} ", f"{version}\n")
    assert where.platform is platform
    assert (where.package, where.version) == (package, version)
    assert where.owner_namespace == (owner or platform.default_owner_namespace)
    assert (str(where), where.purl) == (said, purl)


def test_a_scope_may_be_written_as_people_see_it() -> None:
    seen = distribution.coordinates(Platform.NPM_SCOPED, "@apache", "arrow-js", "1.0.0")
    assert seen == distribution.coordinates(Platform.NPM_SCOPED, "apache", "arrow-js", "1.0.0")


def test_coordinates_of_different_packages_have_different_purls() -> None:
    every = [
        distribution.coordinates(Platform.MAVEN, "org.apache", "a", "1"),
        distribution.coordinates(Platform.MAVEN, "org.apache.a", "a", "1"),
        distribution.coordinates(Platform.NPM, "", "a", "1.0.0"),
        distribution.coordinates(Platform.NPM_SCOPED, "apache", "a", "1.0.0"),
        distribution.coordinates(Platform.PYPI, "", "a", "1"),
        distribution.coordinates(Platform.DOCKER_HUB, "", "a", "1"),
        distribution.coordinates(Platform.ARTIFACT_HUB, "apache", "a", "1"),
    ]
    assert len({where.purl for where in every}) == len(every)
    assert sorted(every, reverse=True) == sorted(every)[::-1]


@pytest.mark.parametrize(
    ("platform", "owner", "field", "says"),
    [
        (Platform.MAVEN, "", "owner_namespace", "needs the groupId"),
        (Platform.MAVEN, "  ", "owner_namespace", "needs the groupId"),
        (Platform.NPM_SCOPED, "", "owner_namespace", "needs the scope"),
        (Platform.ARTIFACT_HUB, "", "owner_namespace", "needs the repository"),
        (Platform.NPM, "apache", "owner_namespace", "have no owner"),
        (Platform.PYPI, "apache", "owner_namespace", "have no owner"),
    ],
)
def test_an_owner_where_one_belongs(platform: Platform, owner: str, field: str, says: str) -> None:
    with pytest.raises(errors.InputError, match=says) as raised:
        distribution.coordinates(platform, owner, "a", "1")
    assert raised.value.field == field


HOSTILE = [
    "",
    " ",
    ".",
    "..",
    ".a",
    "-a",
    "a/b",
    "../a",
    "a\\b",
    "a:b",
    "a@b",
    "a b",
    "a\nb",
    "a\0b",
    "a%2fb",
    "a?b",
    "a#b",
    "a;b",
    "a'b",
    "<a>",
    "${a}",
    "ä",
    "а",  # noqa: RUF001
    "a\u200b",
    "a\u202eb",
    "٣",
    "a\udcff",
    "a" * 256,
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("field", ["owner_namespace", "package", "version"])
def test_a_hostile_name_is_refused_with_its_field_and_shown_harmlessly(field: str, name: str) -> None:
    given = {"owner_namespace": "org.apache", "package": "a", "version": "1"} | {field: name}
    with pytest.raises(errors.InputError) as raised:
        distribution.coordinates(Platform.MAVEN, **given)
    assert raised.value.field == field
    assert str(raised.value).replace("“", "").replace("”", "").isascii()
    assert len(str(raised.value)) < 500


def _packages(
    *names: str, platform: distribution.DistributionPlatform = Platform.MAVEN
) -> list[distribution.Coordinates]:
    return [distribution.Coordinates(platform.name, *name.split(":")) for name in names]


@pytest.mark.parametrize(
    ("names", "line"),
    [
        ((), "not known yet"),
        (("org.example:core:1.0",), "org.example:core:1.0"),
        (("org.example:core:1.0", "org.example:cli:1.0"), "org.example:c*:1.0"),
        (("org.example:core:1.0", "org.other:core:1.0"), "*:core*:1.0"),
        (("org.example:api:1.4.0", "org.example:core:2.0.0"), "org.example:api:1.4.0, org.example:core:2.0.0"),
        (
            ("org.example:api:1.4.0", "org.example:core-a:2.0.0", "org.example:core-b:2.0.0"),
            "org.example:api:1.4.0, org.example:core-*:2.0.0",
        ),
        (("org.example:core:1.4.0", "org.example:core:1.5.0"), "org.example:core:1.4.0, org.example:core:1.5.0"),
        (
            tuple(f"org.example:m{number}:{number}.0" for number in range(1, 8)),
            (
                "org.example:m1:1.0, org.example:m2:2.0, org.example:m3:3.0, org.example:m4:4.0, "
                "org.example:m5:5.0 and 2 more packages in 2 other versions"
            ),
        ),
        (
            (*(f"org.example:m{number}:{number}.0" for number in range(1, 7)), "org.example:n6:6.0"),
            (
                "org.example:m1:1.0, org.example:m2:2.0, org.example:m3:3.0, org.example:m4:4.0, "
                "org.example:m5:5.0 and 2 more packages in another version"
            ),
        ),
    ],
)
def test_packages_in_one_line_say_each_version(names: tuple[str, ...], line: str) -> None:
    """A star for what they do not share, but never for a version: that is what one votes on."""
    assert distribution.in_one_line(_packages(*names)) == line


def test_packages_in_one_line_are_written_as_people_of_their_platform_write_them() -> None:
    found = _packages(":widgets-a:1.0", ":widgets-b:1.0", platform=Platform.NPM)
    assert distribution.in_one_line(found) == "widgets-*@1.0"
