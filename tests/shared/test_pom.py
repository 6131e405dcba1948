# SPDX-License-Identifier: Apache-2.0
"""A POM's parent, read without trusting the POM."""

import pytest

import atr.errors as errors
import atr.shared.distribution as distribution
import atr.shared.pom as pom

_PARENT = "<parent><groupId>org.example</groupId><artifactId>base</artifactId><version>7</version></parent>"
_BASE = distribution.coordinates(distribution.DistributionPlatform.MAVEN, "org.example", "base", "7")


@pytest.mark.parametrize(
    ("text", "parent"),
    [
        ("<project/>", None),
        ("<project><dependencies><dependency><parent/></dependency></dependencies></project>", None),
        (f"<project>{_PARENT}</project>", _BASE),
        (f"<project xmlns='http://maven.apache.org/POM/4.0.0'><!-- a comment -->{_PARENT}</project>", _BASE),
        (f"<?xml version='1.0' encoding='ISO-8859-1'?><project>{_PARENT.replace('7', ' 7 ')}</project>", _BASE),
    ],
)
def test_the_parent_is_what_the_pom_names(text: str, parent: distribution.Coordinates | None) -> None:
    assert pom.parent(text.encode()) == parent


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "cannot be read as XML"),
        ("<project>", "cannot be read as XML"),
        ("<?xml version='1.0' encoding='no-such'?><project/>", "cannot be read as XML"),
        ('<!DOCTYPE p [<!ENTITY a "b">]><project>&a;</project>', "cannot be read as XML"),
        ('<!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/passwd">]><project>&a;</project>', "cannot be read as XML"),
        ("<html/>", "not <project>"),
        ("<project><parent><groupId>g</groupId></parent></project>", "without artifactId"),
        ("<project><parent><artifactId>a</artifactId><version/></parent></project>", "without groupId"),
        (f"<project>{_PARENT.replace('7', '${revision}')}</project>", "flatten-maven-plugin"),
        (f"<project>{_PARENT.replace('base', '../x')}</project>", "names no parent that can be looked up"),
    ],
)
def test_what_is_no_pom_or_names_no_parent_is_said(text: str, problem: str) -> None:
    with pytest.raises(errors.InputError, match=problem):
        pom.parent(text.encode())
