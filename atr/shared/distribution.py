# SPDX-License-Identifier: Apache-2.0
"""The vocabulary of third-party distributions: platforms and coordinates. Pure facts, no I/O.

The abilities of a platform are declared only here; tests compare every other list with this enum.
"""

import dataclasses
import enum
from collections.abc import Sequence
from typing import Any, Final

import packageurl

import atr.errors as errors
import atr.shared.grammar as grammars
import atr.shared.mechanisms as mechanisms
import atr.shared.words as words

_Mechanism = mechanisms.Mechanism
# How many versions a line names.
_VERSIONS: Final = 5


@dataclasses.dataclass(frozen=True)
class _Traits:
    # The platform's own name, for people; and ATR's slug for it, which the two npm members share.
    name: str
    gh_slug: str
    # The rules for the names of its packages.
    grammar: grammars.Grammar
    # Other tags for it in `file_tag_mappings`.
    other_slugs: tuple[str, ...] = ()
    # Whether a package name needs its owner (a groupId, a scope), and the owner of packages that are named without one.
    requires_owner_namespace: bool = False
    default_owner_namespace: str = ""
    # How staged deployments become public; the first one that this program has is used.
    mechanisms: tuple[_Mechanism, ...] = ()
    # A sentence for the page on why ATR can neither stage nor promote there; empty if it can.
    why_not: str = ""
    # The end of a sentence on why its public files are not verified; empty if they are.
    no_proof: str = ""


@enum.unique
class DistributionPlatform(enum.Enum):
    """A platform that Apache does not run, on which releases are published.

    Names and slugs are ATR's. `supports_remote_promotion` is the first gate of every promotion.
    """

    ARTIFACT_HUB = _Traits(
        name="Artifact Hub",
        gh_slug="artifacthub",
        grammar=grammars.ARTIFACT_HUB,
        requires_owner_namespace=True,
        why_not="Artifact Hub only indexes charts that are hosted elsewhere, so there is nothing to stage or promote.",
        no_proof="Artifact Hub does not host the files",
    )
    DOCKER_HUB = _Traits(
        name="Docker Hub",
        gh_slug="dockerhub",
        grammar=grammars.DOCKER_HUB,
        default_owner_namespace="library",
        mechanisms=(_Mechanism.OCI_TAG,),
        why_not="Pushing an image to Docker Hub and promoting its tag are not supported yet.",
        no_proof="images cannot be read there yet",
    )
    MAVEN = _Traits(
        name="Maven Central",
        gh_slug="mavencentral",
        grammar=grammars.MAVEN,
        # ATR's workflows fetch the files under this tag; its announcement uses `gh_slug`.
        other_slugs=("maven",),
        requires_owner_namespace=True,
        mechanisms=(_Mechanism.CENTRAL_PORTAL, _Mechanism.NEXUS_STAGING),
    )
    NPM = _Traits(
        name="npm",
        gh_slug="npm",
        grammar=grammars.NPM,
        mechanisms=(_Mechanism.NPM_STAGE, _Mechanism.NPM_DIST_TAG),
        why_not="Staging a version on npm and approving it are not supported yet.",
        no_proof="packages cannot be read there yet",
    )
    NPM_SCOPED = _Traits(
        name="npm (scoped)",
        gh_slug="npm",
        grammar=grammars.NPM_SCOPED,
        mechanisms=(_Mechanism.NPM_STAGE, _Mechanism.NPM_DIST_TAG),
        requires_owner_namespace=True,
        why_not="Staging a version on npm and approving it are not supported yet.",
        no_proof="packages cannot be read there yet",
    )
    PYPI = _Traits(
        name="PyPI",
        gh_slug="pypi",
        grammar=grammars.PYPI,
        why_not="PyPI publishes every upload immediately, so there is nothing to stage or promote.",
        no_proof="files cannot be read there yet",
    )

    def __init__(self, traits: _Traits) -> None:
        self.display_name = traits.name
        self.gh_slug = traits.gh_slug
        # Every key of `file_tag_mappings` for this platform.
        self.slugs = (traits.gh_slug, *traits.other_slugs)
        self.grammar = traits.grammar
        self.mechanisms = traits.mechanisms
        self.requires_owner_namespace = traits.requires_owner_namespace
        self.default_owner_namespace = traits.default_owner_namespace
        # Whether ATR can publish a staged deployment with one request: the first gate.
        self.supports_remote_promotion = not traits.why_not
        self.why_not = traits.why_not
        self.no_proof = traits.no_proof

    @classmethod
    def from_slug(cls, text: str) -> "DistributionPlatform":
        """Return the platform with this member name or slug.

        Raises InputError for any other text.
        """
        wanted = text.strip()
        for platform in cls:
            if wanted.upper() == platform.name or wanted.lower() in platform.slugs:
                return platform
        raise errors.InputError(
            f"There is no platform named “{wanted[:40]}”. Choose a value from the list.", field="platform"
        )


class Proof(enum.StrEnum):
    """Whether the public files of a third-party distribution are known to be identical to the voted files."""

    PROVED = "proved"
    # They were not compared, no matter if they exist.
    UNPROVED = "unproved"
    DIVERGED = "diverged"


@dataclasses.dataclass(frozen=True, order=True)
class Coordinates:
    """One package in one version on one platform. `owner_namespace` is the groupId for Maven, empty where unused.

    Spellings that the platform does not distinguish are equal: `Foo_Bar 1.0` and `foo-bar 1.0.0` on PyPI. Use
    `coordinates` to create them from input; those of a row are as they were stored.
    """

    platform_name: str
    owner_namespace: str = dataclasses.field(compare=False)
    package: str = dataclasses.field(compare=False)
    version: str = dataclasses.field(compare=False)
    # The key for comparisons.
    key: tuple[str, str, str] = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        key = self.platform.grammar.key(self.owner_namespace, self.package, self.version)
        object.__setattr__(self, "key", key)

    @property
    def platform(self) -> DistributionPlatform:
        """The platform of these coordinates."""
        return DistributionPlatform[self.platform_name]

    @property
    def canonical(self) -> "Coordinates":
        """The same coordinates in the platform's canonical form, which those from `coordinates` already have."""
        names = self.platform.grammar.canonical(self.owner_namespace, self.package, self.version)
        return Coordinates(self.platform_name, *names)

    @property
    def columns(self) -> dict[str, Any]:
        """The names as the columns of a row."""
        return {"owner_namespace": self.owner_namespace, "package": self.package, "version": self.version}

    @property
    def purl(self) -> str:
        """The package URL, which is also the key of a reservation.

        https://github.com/package-url/purl-spec
        """
        grammar = self.platform.grammar
        owner = f"{grammar.owner_prefix}{self.owner_namespace}" if self.owner_namespace else None
        return packageurl.PackageURL(grammar.purl_type, owner, self.package, self.version).to_string()

    def __str__(self) -> str:
        """The coordinates as people of that platform write them."""
        return self.platform.grammar.written.format(
            owner=self.owner_namespace, package=self.package, version=self.version
        )


def in_one_line(packages: Sequence[Coordinates]) -> str:
    """Return the packages in one line: for each version, the common part of its packages and a star for the rest.

    A star never stands for a version: the first few versions are listed, and the others are counted.
    """
    by_version: dict[str, list[Coordinates]] = {}
    for package in packages:
        by_version.setdefault(package.version, []).append(package)
    if not by_version:
        return "not known yet"
    groups = list(by_version.values())
    line = ", ".join(_of_one_version(group) for group in groups[:_VERSIONS])
    rest = groups[_VERSIONS:]
    if not rest:
        return line
    count = sum(len(group) for group in rest)
    versions = "another version" if len(rest) == 1 else f"{len(rest)} other versions"
    return f"{line} and {words.count(count, 'more package')} in {versions}"


def _of_one_version(packages: Sequence[Coordinates]) -> str:
    first, *others = packages
    if not others:
        return str(first)
    same_owner = all(other.owner_namespace == first.owner_namespace for other in others)
    common = first.package
    while not all(other.package.startswith(common) for other in others):
        common = common[:-1]
    owner = first.owner_namespace if same_owner else "*"
    return str(dataclasses.replace(first, owner_namespace=owner, package=f"{common}*"))


def coordinates(platform: DistributionPlatform, owner_namespace: str, package: str, version: str) -> Coordinates:
    """Return checked coordinates, in the platform's canonical form, from the text of a person or a platform.

    Raises InputError with the field, and the platform's rule that is broken.
    """
    grammar = platform.grammar
    # People write a scope with its prefix, as npm shows it.
    owner = owner_namespace.strip().removeprefix(grammar.owner_prefix) or platform.default_owner_namespace
    if platform.requires_owner_namespace and not owner:
        raise errors.InputError(f"{platform.display_name} needs the {grammar.owner_word} too.", field="owner_namespace")
    if owner and (grammar.owner is None):
        raise errors.InputError(
            f"{platform.display_name} packages have no owner; leave the field empty.", field="owner_namespace"
        )
    return Coordinates(platform.name, *grammar.checked(owner, package.strip(), version.strip()))
