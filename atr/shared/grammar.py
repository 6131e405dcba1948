# SPDX-License-Identifier: Apache-2.0
"""The rules of each platform for namespaces, names and versions, and which spellings are the same. Pure.

A rule is a function that finds a violation, and a sentence about it. The first broken rule is reported.
"""

import dataclasses
import re
from collections.abc import Callable
from typing import Final

import packaging.utils
import packaging.version

import atr.errors as errors

# No platform here allows longer ones, but PyPI and Maven Central specify no limit.
_LONGEST: Final = 255

_Rule = tuple[Callable[[str], object], str]


def _broken(pattern: str, *, flags: re.RegexFlag = re.ASCII) -> Callable[[str], object]:
    return re.compile(pattern, flags).search


def _as_it_is(text: str) -> str:
    return text


@dataclasses.dataclass(frozen=True)
class Part:
    """One part of a package's name: its rules, its canonical form, and its key for comparisons.

    Neither function refuses text that breaks a rule: the result is some other text then, or the same.
    """

    rules: tuple[_Rule, ...]
    canonical: Callable[[str], str] = _as_it_is
    # The key that all spellings of one thing share, if this is not the canonical form.
    shared: Callable[[str], str] | None = None

    def key(self, text: str) -> str:
        """Return a key that is equal for all spellings of one name."""
        return (self.shared or self.canonical)(text)

    def checked(self, text: str, field: str) -> str:
        """Return the canonical form. Raises InputError with the field, and the rule that is broken."""
        if not text:
            raise errors.InputError("This field is required.", field=field)
        for breaks, sentence in self.rules:
            if breaks(text):
                raise errors.InputError(sentence, field=field)
        if len(text) > _LONGEST:
            raise errors.InputError(f"This is longer than {_LONGEST} characters.", field=field)
        return self.canonical(text)


@dataclasses.dataclass(frozen=True)
class Grammar:
    """The rules for the package names of one platform."""

    purl_type: str
    # How people of the platform write a version of a package.
    written: str
    package: Part
    version: Part
    # None if packages have no owner; then the platform's word for it, and the prefix with which it is written.
    owner: Part | None = None
    owner_word: str = ""
    owner_prefix: str = ""
    # Rules for the name together with its owner.
    together: tuple[_Rule, ...] = ()

    def full_name(self, owner: str, package: str) -> str:
        """Return the name with its owner, joined with a slash."""
        return f"{self.owner_prefix}{owner}/{package}" if owner else package

    def checked(self, owner: str, package: str, version: str) -> tuple[str, str, str]:
        """Return the three in their canonical form; an empty owner means none. Raises InputError with the field."""
        checked_owner = self.owner.checked(owner, "owner_namespace") if (owner and self.owner) else ""
        name = self.package.checked(package, "package")
        for breaks, sentence in self.together:
            if breaks(self.full_name(checked_owner, name)):
                raise errors.InputError(sentence, field="package")
        return checked_owner, name, self.version.checked(version, "version")

    def canonical(self, owner: str, package: str, version: str) -> tuple[str, str, str]:
        """Return the three in their canonical form, unchecked."""
        return owner, self.package.canonical(package), self.version.canonical(version)

    def key(self, owner: str, package: str, version: str) -> tuple[str, str, str]:
        """Return a key that is equal for all spellings of one version of one package."""
        return owner, self.package.key(package), self.version.key(version)


# Artifact Hub

# A chart's version is read leniently and listed strictly: `v1.2` is in the index as `1.2.0`. The parser is Artifact
# Hub's: https://github.com/artifacthub/hub/blob/master/internal/tracker/source/helm/helm.go (preparePackage), by
# https://github.com/Masterminds/semver/blob/master/version.go (coerceNewVersion).
_NUMBER: Final = r"(?:0|[1-9][0-9]*)"
_PRERELEASE: Final = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_TAIL: Final = rf"(?:-{_PRERELEASE}(?:\.{_PRERELEASE})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
_LENIENT: Final = re.compile(rf"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?({_TAIL})")
_LARGEST_OF_CHARTS: Final = 2**64 - 1


def _chart_version(text: str) -> str:
    match = _LENIENT.fullmatch(text) if (len(text) <= _LONGEST) else None
    if match is None:
        return text
    major, minor, patch, tail = match.groups(default="0")
    return f"{int(major)}.{int(minor)}.{int(patch)}{tail}"


def _numbers_above(limit: int) -> Callable[[str], bool]:
    def is_above(text: str) -> bool:
        numbers = re.match(r"v?([0-9.]+)", text[:_LONGEST])
        return (numbers is not None) and any(int(one) > limit for one in numbers[1].split(".") if one)

    return is_above


ARTIFACT_HUB: Final = Grammar(
    purl_type="helm",
    written="{owner}/{package} {version}",
    # repositoryNameRE of https://github.com/artifacthub/hub/blob/master/internal/repo/manager.go
    owner=Part(
        (
            (_broken(r"[^a-z0-9-]"), "A repository of Artifact Hub has lower-case letters, digits and hyphens only."),
            (_broken(r"\A[^a-z]"), "A repository of Artifact Hub begins with a lower-case letter."),
        )
    ),
    owner_word="repository",
    # https://github.com/helm/helm/blob/main/pkg/chart/v2/util/create.go; the index finds a chart by its name in lower
    # case: https://github.com/artifacthub/hub/blob/master/database/migrations/schema/001_initial_schema.sql
    package=Part(
        (
            (_broken(r"[^A-Za-z0-9._-]"), "A chart's name has letters, digits, dots, hyphens and underscores only."),
            (_broken(r"\A\.+\Z"), "A chart's name has more than dots."),
            (_broken(r".{251}"), "A chart's name has at most 250 characters."),
        ),
        canonical=str.lower,
    ),
    version=Part(
        (
            (
                _broken(rf"\A(?!{_LENIENT.pattern}\Z)"),
                "A chart's version is a semantic version, like 1.14.5 or 2.0.0-rc.1.",
            ),
            (_numbers_above(_LARGEST_OF_CHARTS), f"A number of a chart's version is at most {_LARGEST_OF_CHARTS}."),
        ),
        canonical=_chart_version,
    ),
)

# Docker Hub

# https://github.com/distribution/reference/blob/main/reference.go: path-component and tag. Tags are case-sensitive.
_COMPONENT: Final = (
    (
        _broken(r"[^a-z0-9._-]"),
        "Docker Hub's names have lower-case letters, digits, dots, hyphens and underscores only.",
    ),
    (_broken(r"\A[._-]|[._-]\Z"), "Docker Hub's names begin and end with a lower-case letter or a digit."),
    (
        _broken(r"\.\.|___|\.[_-]|_[.-]|-[._]"),
        "Between letters and digits Docker Hub's names have one dot, one or two underscores, or hyphens.",
    ),
)
DOCKER_HUB: Final = Grammar(
    purl_type="docker",
    written="{owner}/{package} {version}",
    owner=Part(_COMPONENT),
    owner_word="namespace",
    package=Part(_COMPONENT),
    version=Part(
        (
            (_broken(r"[^A-Za-z0-9._-]"), "A tag has letters, digits, dots, hyphens and underscores only."),
            (_broken(r"\A[.-]"), "A tag may not begin with a dot or a hyphen."),
            (_broken(r".{129}"), "A tag has at most 128 characters."),
        )
    ),
    # https://docs.docker.com/docker-hub/repos/create/
    together=((_broken(r".{256}"), "A repository of Docker Hub has at most 255 characters, its namespace included."),),
)

# Maven Central

# https://github.com/apache/maven/blob/master/impl/maven-impl/src/main/java/org/apache/maven/impl/model/DefaultModelValidator.java
# lists the characters of an id. An id that begins with a dot or a hyphen does not fit a repository's layout; a version
# may have only characters that every file system and URL allows: https://maven.apache.org/repository/layout.html
_MAVEN_ID: Final = _broken(r"[^A-Za-z0-9._-]")
GROUP_ID: Final = Part(
    (
        (_MAVEN_ID, "A groupId has letters, digits, dots, hyphens and underscores only."),
        (
            _broken(r"\A[.-]|\.[.-]|\.\Z"),
            "Each part of a groupId, between its dots, begins with a letter, a digit or an underscore.",
        ),
    )
)
MAVEN: Final = Grammar(
    purl_type="maven",
    written="{owner}:{package}:{version}",
    owner=GROUP_ID,
    owner_word="groupId",
    package=Part(
        (
            (_MAVEN_ID, "An artifactId has letters, digits, dots, hyphens and underscores only."),
            (_broken(r"\A[.-]"), "An artifactId may not begin with a dot or a hyphen."),
        )
    ),
    version=Part(
        (
            (
                _broken(r"[^A-Za-z0-9._+~-]"),
                "A version on Maven Central has letters, digits and . - _ + ~ only.",
            ),
            # ArtifactUtils.isSnapshot, and https://central.sonatype.org/publish/requirements/#project-coordinates
            (_broken(r"SNAPSHOT\Z", flags=re.IGNORECASE), "Maven Central takes no SNAPSHOT versions."),
            (_broken(r"\A[.-]"), "A version on Maven Central may not begin with a dot or a hyphen."),
            # https://maven.apache.org/ref/current/maven-artifact/apidocs/org/apache/maven/artifact/Artifact.html
            (
                _broken(r"\A(?:LATEST|RELEASE)\Z"),
                "LATEST and RELEASE mean whichever version is the newest, and name none.",
            ),
        )
    ),
)

# npm

# The client's rules for existing packages: old ones may have capitals, and names are case-sensitive.
# https://github.com/npm/validate-npm-package-name/blob/main/lib/index.js
# https://github.com/npm/npm-user-validate/blob/main/lib/index.js (scopes)
_URL_SAFE: Final = (
    _broken(r"[^A-Za-z0-9._~!'()*-]"),
    "An npm name has letters, digits and . _ ~ ! ' ( ) * - only.",
)
_SCOPED: Final = (_URL_SAFE, (_broken(r"\A\."), "An npm name may not begin with a dot."))
_UNSCOPED: Final = (
    _URL_SAFE,
    (_broken(r"\A[._]"), "An npm name may not begin with a dot or an underscore."),
    (_broken(r"\A-"), "An npm name may not begin with a hyphen."),
    (
        _broken(r"\A(?:node_modules|favicon\.ico)\Z", flags=re.IGNORECASE),
        "npm takes no package named node_modules or favicon.ico.",
    ),
)
# https://semver.org/#backusnaur-form-grammar-for-valid-semver-versions, with the limits of
# https://github.com/npm/node-semver/blob/main/internal/constants.js
_LARGEST_OF_NPM: Final = 2**53 - 1


def _without_build(text: str) -> str:
    return text.partition("+")[0]


_NPM_VERSION: Final = Part(
    (
        (_broken(r"\A[vV=]"), "An npm version has nothing before its first number: 1.0.0, not v1.0.0."),
        (
            _broken(rf"\A(?!{_NUMBER}\.{_NUMBER}\.{_NUMBER}{_TAIL}\Z)"),
            "An npm version is a semantic version of three numbers, like 1.0.0 or 2.0.0-rc.1.",
        ),
        (_broken(r".{257}"), "An npm version has at most 256 characters."),
        (_numbers_above(_LARGEST_OF_NPM), f"A number of an npm version is at most {_LARGEST_OF_NPM}."),
    ),
    # The client omits the build metadata when it publishes:
    # https://github.com/npm/cli/blob/latest/workspaces/libnpmpublish/lib/publish.js
    canonical=_without_build,
)
_NPM_LENGTH: Final = ((_broken(r".{215}"), "An npm name has at most 214 characters, its scope included."),)
NPM: Final = Grammar(
    purl_type="npm",
    written="{package}@{version}",
    package=Part(_UNSCOPED),
    version=_NPM_VERSION,
    together=_NPM_LENGTH,
)
NPM_SCOPED: Final = Grammar(
    purl_type="npm",
    written="@{owner}/{package}@{version}",
    owner=Part(_SCOPED),
    owner_word="scope",
    owner_prefix="@",
    package=Part(_SCOPED),
    version=_NPM_VERSION,
    together=_NPM_LENGTH,
)

# PyPI

_PYPI_VERSION: Final = re.compile(packaging.version.VERSION_PATTERN, re.VERBOSE | re.IGNORECASE | re.ASCII)


def _pypi_version(text: str) -> str:
    return str(packaging.version.Version(text)) if _PYPI_VERSION.fullmatch(text) else text


PYPI: Final = Grammar(
    purl_type="pypi",
    written="{package} {version}",
    # https://packaging.python.org/en/latest/specifications/name-normalization/
    package=Part(
        (
            (_broken(r"[^A-Za-z0-9._-]"), "A PyPI name has letters, digits, dots, hyphens and underscores only."),
            (_broken(r"\A[._-]|[._-]\Z"), "A PyPI name begins and ends with a letter or a digit."),
        ),
        canonical=packaging.utils.canonicalize_name,
    ),
    # https://packaging.python.org/en/latest/specifications/version-specifiers/: 1.0 and 1.0.0 are one version.
    version=Part(
        (
            (
                lambda text: not _PYPI_VERSION.fullmatch(text),
                "A PyPI version follows PEP 440, like 1.0, 2.0rc1 or 1!3.0.1.",
            ),
            (_broken(r"\+"), "PyPI takes no local versions: what begins with a plus sign is for other indexes."),
        ),
        canonical=_pypi_version,
        shared=packaging.utils.canonicalize_version,
    ),
)
