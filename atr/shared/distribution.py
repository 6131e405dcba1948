# SPDX-License-Identifier: Apache-2.0
"""The vocabulary of third-party distributions: platforms and coordinates. Pure facts, no I/O.

What a platform can do is declared here and nowhere else; tests tie every other list to this enum.
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
# A line names so many versions.
_VERSIONS: Final = 5


@dataclasses.dataclass(frozen=True)
class _Traits:
    # The platform's own name, for people; and ATR's word for it, which the two npm members share.
    name: str
    gh_slug: str
    # What its packages are called.
    grammar: grammars.Grammar
    # What else names it in `file_tag_mappings`.
    other_slugs: tuple[str, ...] = ()
    # Whether a package is named only together with its owner (a groupId, a scope), and whose is meant where none is.
    requires_owner_namespace: bool = False
    default_owner_namespace: str = ""
    # How what is staged there becomes public; the first that this program has is the one that is meant.
    mechanisms: tuple[_Mechanism, ...] = ()
    # One sentence for the page: why it cannot be staged or promoted from here. Empty for those that can.
    why_not: str = ""
    # How a sentence ends that says why its public files are not proved. Empty for those whose files are.
    no_proof: str = ""


@enum.unique
class DistributionPlatform(enum.Enum):
    """A platform that Apache does not run, where a release becomes public.

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
        # ATR's workflows fetch the files below this tag; its announcement asks for the one above.
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
        # Every key of `file_tag_mappings` that means this platform.
        self.slugs = (traits.gh_slug, *traits.other_slugs)
        self.grammar = traits.grammar
        self.mechanisms = traits.mechanisms
        self.requires_owner_namespace = traits.requires_owner_namespace
        self.default_owner_namespace = traits.default_owner_namespace
        # Whether a staged deployment can be made public by one call of ours: the first gate.
        self.supports_remote_promotion = not traits.why_not
        self.why_not = traits.why_not
        self.no_proof = traits.no_proof

    @classmethod
    def from_slug(cls, text: str) -> "DistributionPlatform":
        """The platform meant by a member name or one of its slugs.

        Raises InputError for anything else.
        """
        wanted = text.strip()
        for platform in cls:
            if wanted.upper() == platform.name or wanted.lower() in platform.slugs:
                return platform
        raise errors.InputError(
            f"There is no platform named “{wanted[:40]}”. Choose a value from the list.", field="platform"
        )


class Proof(enum.StrEnum):
    """What we know of the public files of a third-party distribution: whether they are what was voted on."""

    PROVED = "proved"
    # Nobody compared them, whether they are there or not.
    UNPROVED = "unproved"
    DIVERGED = "diverged"


@dataclasses.dataclass(frozen=True, order=True)
class Coordinates:
    """One package in one version on one platform. `owner_namespace` is the groupId for Maven, empty where unused.

    Two are equal where the platform makes no difference between them, however they are spelt: `Foo_Bar 1.0` and
    `foo-bar 1.0.0` on PyPI. `coordinates` makes them from what somebody wrote; those of a row are as they were stored.
    """

    platform_name: str
    owner_namespace: str = dataclasses.field(compare=False)
    package: str = dataclasses.field(compare=False)
    version: str = dataclasses.field(compare=False)
    # By which they are compared.
    key: tuple[str, str, str] = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        key = self.platform.grammar.key(self.owner_namespace, self.package, self.version)
        object.__setattr__(self, "key", key)

    @property
    def platform(self) -> DistributionPlatform:
        """The platform these coordinates belong to."""
        return DistributionPlatform[self.platform_name]

    @property
    def canonical(self) -> "Coordinates":
        """The same, as the platform itself writes it; those that `coordinates` made are so already."""
        names = self.platform.grammar.canonical(self.owner_namespace, self.package, self.version)
        return Coordinates(self.platform_name, *names)

    @property
    def columns(self) -> dict[str, Any]:
        """The names as the columns of a row."""
        return {"owner_namespace": self.owner_namespace, "package": self.package, "version": self.version}

    @property
    def purl(self) -> str:
        """The package URL, which is also the key that one open promotion may hold.

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
    """The packages in one line: for each version what its packages share, and a star for what they do not.

    A version is never left out for a star: the first few are written, and of the rest it is said how many there are.
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
    """Coordinates from what a person or a platform wrote, checked, in the platform's canonical form.

    Raises InputError with the field, and the platform's rule that is broken.
    """
    grammar = platform.grammar
    # People write a scope as they see it.
    owner = owner_namespace.strip().removeprefix(grammar.owner_prefix) or platform.default_owner_namespace
    if platform.requires_owner_namespace and not owner:
        raise errors.InputError(f"{platform.display_name} needs the {grammar.owner_word} too.", field="owner_namespace")
    if owner and (grammar.owner is None):
        raise errors.InputError(
            f"{platform.display_name} packages have no owner; leave the field empty.", field="owner_namespace"
        )
    return Coordinates(platform.name, *grammar.checked(owner, package.strip(), version.strip()))
