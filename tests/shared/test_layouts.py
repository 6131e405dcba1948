# SPDX-License-Identifier: Apache-2.0
"""The layouts: which mechanisms there are, and what their paths, ids and names mean."""

import pytest

import atr.errors as errors
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.maven as maven
import atr.shared.mechanisms as mechanisms

Platform = distribution.DistributionPlatform
Mechanism = mechanisms.Mechanism
REPOSITORY = maven.Repository()


def test_what_is_built_is_found_by_its_mechanism_and_by_its_platform() -> None:
    assert isinstance(layouts.BUILT.of(Mechanism.CENTRAL_PORTAL), maven.Repository)
    assert layouts.BUILT.on(Platform.MAVEN) is layouts.BUILT.of(Mechanism.CENTRAL_PORTAL)
    assert layouts.BUILT.mechanism(Platform.MAVEN) is Mechanism.CENTRAL_PORTAL
    assert layouts.BUILT.supports(Platform.MAVEN)


@pytest.mark.parametrize("mechanism", [one for one in Mechanism if one is not Mechanism.CENTRAL_PORTAL])
def test_what_is_not_built_is_refused(mechanism: Mechanism) -> None:
    with pytest.raises(errors.UnsupportedError):
        layouts.BUILT.of(mechanism)


def test_a_platform_without_a_mechanism_says_why() -> None:
    assert not layouts.BUILT.supports(Platform.PYPI)
    with pytest.raises(errors.UnsupportedError) as raised:
        layouts.BUILT.on(Platform.PYPI)
    assert str(raised.value) == Platform.PYPI.why_not


def test_the_first_mechanism_of_a_platform_that_is_there_counts() -> None:
    both = layouts.Layouts({Mechanism.NEXUS_STAGING: REPOSITORY, Mechanism.CENTRAL_PORTAL: REPOSITORY})
    assert both.mechanism(Platform.MAVEN) is Mechanism.CENTRAL_PORTAL
    nexus = layouts.Layouts({Mechanism.NEXUS_STAGING: REPOSITORY})
    assert nexus.mechanism(Platform.MAVEN) is Mechanism.NEXUS_STAGING


@pytest.mark.parametrize("text", ["6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6aa", "6F2A9C54-81BE-4D0E-B7A3-2F5D10C9E6AA"])
def test_the_portal_gives_out_uuids(text: str) -> None:
    assert REPOSITORY.checked_external_id(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("abc", "orgapache-1234", "6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6a", "6f2a9c5481be4d0eb7a32f5d10c9e6aa"),
        *("", "ab", "0" * 101, "-abc", "_abc", "a/b", "../..", "a.b", "a b", "abc\n", " abc", "a%2f", "a?b", "äbc"),
        "6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6aa\n",
        "٣٣٣",
    ],
)
def test_the_portal_gives_out_nothing_else(text: str) -> None:
    with pytest.raises(errors.InputError, match="deployment") as raised:
        REPOSITORY.checked_external_id(text)
    assert raised.value.field == "deployment_id"


@pytest.mark.parametrize("name", ["org.apache.commons", "commons-cli", "a_b", "A.B"])
def test_a_group_may_belong_to_a_project(name: str) -> None:
    assert REPOSITORY.checked_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "org.", ".org", "org..x", "org/x", "org.x.*", "a" * 256])
def test_what_is_no_group_may_not(name: str) -> None:
    with pytest.raises(errors.InputError) as raised:
        REPOSITORY.checked_name(name)
    assert raised.value.field == "namespaces"


@pytest.mark.parametrize(
    ("owner", "covered"),
    [("org.x", True), ("org.x.y", True), ("org.xy", False), ("org", False), ("Org.x", False)],
)
def test_a_group_covers_itself_and_what_is_below_it(owner: str, covered: bool) -> None:  # noqa: FBT001
    where = distribution.coordinates(Platform.MAVEN, owner, "a", "1")
    assert layouts.BUILT.outside([where], ["org.x"]) == (() if covered else (where,))
    assert layouts.BUILT.outside([where], ["com.example", "org.x"]) == (() if covered else (where,))
    assert layouts.BUILT.outside([where], []) == (where,)


def test_where_nothing_is_promoted_an_owner_covers_only_itself() -> None:
    where = distribution.coordinates(Platform.NPM_SCOPED, "org.x.y", "a", "1.0.0")
    assert layouts.BUILT.outside([where], ["org.x"]) == (where,)
    assert layouts.BUILT.outside([where], ["org.x.y"]) == ()


def test_whose_a_file_is_and_what_its_upload_would_be() -> None:
    path = "org/x/a/1/a-1.jar"
    assert str(REPOSITORY.package(path)) == "org.x:a:1"
    upload = REPOSITORY.upload({path: 10})
    assert (upload.files, upload.made) == (3, 2)
    assert REPOSITORY.has_checksums
