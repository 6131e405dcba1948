# SPDX-License-Identifier: Apache-2.0
"""The vocabulary of third-party distributions: platforms, mechanisms, coordinates. Pure facts, no I/O.

What a platform can do is declared here and nowhere else; tests tie every other list to this enum.
"""

import dataclasses
import enum
import re
from collections.abc import Sequence
from typing import Final

import atr.errors as errors

_MAX_NAME: Final = 200
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_OWNER: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
# https://central.sonatype.org/publish/publish-portal-api/
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_EXTERNAL_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,99}")
# A line names so many versions.
_VERSIONS: Final = 5
_VERSION: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._+-]*[A-Za-z0-9])?")


class Mechanism(enum.Enum):
    """How a staged deployment is made public, with the two facts that decide how often we may ask.

    `repeatable`: a second send has no second effect. `content_pinned`: what is staged cannot change under its id.
    Facts and sources: docs/platforms.md.
    """

    # https://central.sonatype.org/publish/publish-portal-api/: an id leaves VALIDATED once, and nothing in the API
    # adds a file to an uploaded bundle.
    CENTRAL_PORTAL = ("central-portal", True, True)
    NEXUS_STAGING = ("nexus-staging", True, True)
    NPM_STAGE = ("npm-stage", True, True)
    # A tag can be moved by anyone with the credential between our look and our call.
    NPM_DIST_TAG = ("npm-dist-tag", False, True)
    OCI_TAG = ("oci-tag", False, False)

    def __init__(self, slug: str, repeatable: bool, content_pinned: bool) -> None:  # noqa: FBT001
        self.slug = slug
        self.repeatable = repeatable
        self.content_pinned = content_pinned


@dataclasses.dataclass(frozen=True)
class _Traits:
    name: str
    gh_slug: str
    # What else names it in `file_tag_mappings`.
    other_slugs: tuple[str, ...] = ()
    # The adapter can look a version up in public (feeds `record`).
    looks_up: bool = False
    requires_owner_namespace: bool = False
    default_owner_namespace: str = ""
    mechanism: Mechanism | None = None
    # One sentence for the page: why it cannot be staged or promoted from here. Empty for those that can.
    why_not: str = ""
    # How a sentence ends that says why its public files are not proved. Empty for those whose files are.
    no_proof: str = ""
    # One sentence for the confirm page, said before the click.
    undo: str = ""
    # The bytes that one upload may have; 0 where we upload nothing.
    largest_upload: int = 0


@enum.unique
class DistributionPlatform(enum.Enum):
    """A platform that Apache does not run, where a release becomes public.

    Names and slugs are ATR's. `supports_remote_promotion` is the first gate of every promotion.
    """

    ARTIFACT_HUB = _Traits(
        name="Artifact Hub",
        gh_slug="artifacthub",
        looks_up=True,
        requires_owner_namespace=True,
        why_not="Artifact Hub is an index that reads charts where they stand, so there is nothing to stage or promote.",
        no_proof="Artifact Hub has no files, only what it read of them",
    )
    DOCKER_HUB = _Traits(
        name="Docker Hub",
        gh_slug="dockerhub",
        looks_up=True,
        default_owner_namespace="library",
        why_not="Pushing an image to Docker Hub and promoting its tag are not built yet.",
        no_proof="we do not read images there yet",
    )
    MAVEN = _Traits(
        name="Maven Central",
        gh_slug="mavencentral",
        # ATR's workflows fetch the files below this tag; its announcement asks for the one above.
        other_slugs=("maven",),
        looks_up=True,
        requires_owner_namespace=True,
        mechanism=Mechanism.CENTRAL_PORTAL,
        undo="Nothing can be undone: Maven Central keeps every published version for good.",
        # https://central.sonatype.org/publish/publish-portal-upload/ says 1 GB; clients that check take it for 1 GiB.
        largest_upload=1024**3,
    )
    NPM = _Traits(
        name="npm",
        gh_slug="npm",
        looks_up=True,
        why_not="Staging a version on npm and approving it are not built yet.",
        no_proof="we do not read packages there yet",
    )
    NPM_SCOPED = _Traits(
        name="npm (scoped)",
        gh_slug="npm",
        looks_up=True,
        requires_owner_namespace=True,
        why_not="Staging a version on npm and approving it are not built yet.",
        no_proof="we do not read packages there yet",
    )
    PYPI = _Traits(
        name="PyPI",
        gh_slug="pypi",
        looks_up=True,
        why_not="PyPI cannot hold an upload back and publish it later, so there is nothing to stage or promote.",
        no_proof="we do not read files there yet",
    )

    @property
    def display_name(self) -> str:
        """The platform's own name, for people."""
        return self.value.name

    @property
    def gh_slug(self) -> str:
        """ATR's word for this platform; the two npm members share one."""
        return self.value.gh_slug

    @property
    def slugs(self) -> tuple[str, ...]:
        """Every key of `file_tag_mappings` that means this platform, `gh_slug` first."""
        return (self.value.gh_slug, *self.value.other_slugs)

    @property
    def looks_up(self) -> bool:
        """Whether we can see what is public of a version."""
        return self.value.looks_up

    @property
    def mechanism(self) -> Mechanism | None:
        """How it promotes, or None."""
        return self.value.mechanism

    @property
    def requires_owner_namespace(self) -> bool:
        """Whether a package is named only together with its owner (a groupId, a scope)."""
        return self.value.requires_owner_namespace

    @property
    def default_owner_namespace(self) -> str:
        """The owner that is meant when none is given."""
        return self.value.default_owner_namespace

    @property
    def supports_remote_promotion(self) -> bool:
        """Whether a staged deployment can be made public by one call of ours. The first gate."""
        return self.value.mechanism is not None

    @property
    def why_not(self) -> str:
        """Why it cannot be staged or promoted from here, in one sentence; empty if it can."""
        return self.value.why_not

    @property
    def no_proof(self) -> str:
        """Why its public files are not proved, as the end of a sentence; empty where they are."""
        return self.value.no_proof

    @property
    def undo(self) -> str:
        """What can be undone after publishing, in one sentence; empty where nothing is promoted from here."""
        return self.value.undo

    @property
    def largest_upload(self) -> int:
        """How many bytes one upload may have; 0 where we upload nothing."""
        return self.value.largest_upload

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
            f"There is no platform named “{wanted[:40]}”. Choose one of the list.", field="platform"
        )


class Proof(enum.StrEnum):
    """What we know of the public files of a third-party distribution: whether they are what was voted on."""

    PROVED = "proved"
    # Nobody compared them, whether they are there or not.
    UNPROVED = "unproved"
    DIVERGED = "diverged"


@dataclasses.dataclass(frozen=True, order=True)
class Coordinates:
    """One package in one version on one platform. `owner_namespace` is the groupId for Maven, empty where unused."""

    platform_name: str
    owner_namespace: str
    package: str
    version: str

    @property
    def platform(self) -> DistributionPlatform:
        """The platform these coordinates belong to."""
        return DistributionPlatform[self.platform_name]

    @property
    def purl(self) -> str:
        """The package URL, which is also the key that one open promotion may hold.

        https://github.com/package-url/purl-spec
        """
        kind, owner = _PURL[self.platform]
        namespace = f"{owner}{self.owner_namespace}/" if self.owner_namespace else ""
        return f"pkg:{kind}/{namespace}{self.package}@{self.version}"

    def __str__(self) -> str:
        """The coordinates as people of that platform write them."""
        match self.platform:
            case DistributionPlatform.MAVEN:
                return f"{self.owner_namespace}:{self.package}:{self.version}"
            case DistributionPlatform.NPM_SCOPED:
                return f"@{self.owner_namespace}/{self.package}@{self.version}"
            case DistributionPlatform.NPM:
                return f"{self.package}@{self.version}"
            case _:
                owner = f"{self.owner_namespace}/" if self.owner_namespace else ""
                return f"{owner}{self.package} {self.version}"


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
    return f"{line} and {count} more {'package' if count == 1 else 'packages'} in {versions}"


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


_PURL: Final = {
    DistributionPlatform.ARTIFACT_HUB: ("helm", ""),
    DistributionPlatform.DOCKER_HUB: ("docker", ""),
    DistributionPlatform.MAVEN: ("maven", ""),
    DistributionPlatform.NPM: ("npm", ""),
    DistributionPlatform.NPM_SCOPED: ("npm", "%40"),
    DistributionPlatform.PYPI: ("pypi", ""),
}


def coordinates(platform: DistributionPlatform, owner_namespace: str, package: str, version: str) -> Coordinates:
    """Coordinates from what a person or a platform wrote, checked.

    Dotted groupIds and artifactIds like `spark-core_2.13` are names as they are. Raises InputError with the field.
    """
    owner = owner_namespace.strip() or platform.default_owner_namespace
    if platform is DistributionPlatform.NPM_SCOPED:
        # People write a scope as they see it.
        owner = owner.removeprefix("@")
    if platform.requires_owner_namespace and not owner:
        word = "groupId" if (platform is DistributionPlatform.MAVEN) else "owner"
        raise errors.InputError(f"{platform.display_name} needs the {word} too.", field="owner_namespace")
    if owner and not platform.requires_owner_namespace and not platform.default_owner_namespace:
        raise errors.InputError(
            f"{platform.display_name} packages have no owner; leave it empty.", field="owner_namespace"
        )
    if owner:
        _check(_OWNER, owner, "owner_namespace")
    _check(_NAME, package.strip(), "package")
    _check(_VERSION, version.strip(), "version")
    return Coordinates(platform.name, owner, package.strip(), version.strip())


def checked_external_id(platform: DistributionPlatform, text: str) -> str:
    """A platform's id of a deployment, safe to use in an address. Raises InputError for what it never gives out."""
    pattern = _UUID if (platform.mechanism is Mechanism.CENTRAL_PORTAL) else _EXTERNAL_ID
    if not pattern.fullmatch(text):
        raise errors.InputError(
            "Give the id that the platform gave the deployment: letters, digits, hyphens, like "
            "6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6aa.",
            field="deployment_id",
        )
    return text


def _check(pattern: re.Pattern[str], text: str, field: str) -> None:
    if (len(text) > _MAX_NAME) or (".." in text) or not pattern.fullmatch(text):
        shown = text[:40].encode("ascii", "backslashreplace").decode()
        raise errors.InputError(
            f"“{shown}” cannot be a name here. A name has letters, digits, dot, hyphen and underscore, "
            "and begins with a letter or digit.",
            field=field,
        )
