# SPDX-License-Identifier: Apache-2.0
"""The contract of every adapter: values in, values out, no database, no clock, no settings object.

An adapter raises only errors of the PlatformError family, UnsupportedError and InputError. How to add one:
docs/adding-a-platform.md.
"""

import contextlib
import dataclasses
import datetime
import pathlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

import atr.disk as disk
import atr.promotion.fileset as fileset
import atr.promotion.heard as heard
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms

Found = heard.Found
Observation = heard.Observation
Published = heard.Published
Reply = heard.Reply


@dataclasses.dataclass(frozen=True)
class Holding:
    """The result of a search by coordinates. `cut` is a sentence on what was not read; empty if all was."""

    found: tuple[Found, ...]
    cut: str = ""


@dataclasses.dataclass(frozen=True)
class Listed:
    """One file that the platform lists, checksums included. The size is a claim; None if it is not given."""

    path: str
    size: int | None


@dataclasses.dataclass(frozen=True)
class PublicFile:
    """One file of the public repository: the requested path, and what was read; `file` is None if it is absent."""

    path: str
    file: fileset.File | None


@dataclasses.dataclass(frozen=True)
class Upload:
    """One file to stage: its path in the platform's layout, its location on this machine, and the record of its bytes.

    An adapter reads it with `source.pieces` and sends nothing before every byte of every file was read in this way.
    """

    path: str
    source: disk.Recorded


@dataclasses.dataclass(frozen=True)
class Target:
    """The subject of a request, so that no adapter guesses what it reads, publishes or drops."""

    # The platform's id of the deployment; empty for a version that is only known in public.
    external_id: str
    # The packages that it is known to contain.
    coordinates: tuple[distribution.Coordinates, ...] = ()
    # The pointer that publishing moves, if the platform has one: a tag, a dist-tag.
    pointer: str = ""
    # The digest of the file set that was verified and is to become public; empty if nothing was verified yet.
    digest: str = ""
    # The one-time code that a person typed for this request.
    code: str = dataclasses.field(default="", repr=False)


# Progress of an upload: the bytes sent, and the total. It is called for each piece, so it only stores them.
Sent = Callable[[int, int], None]


def unheard(_done: int, _total: int) -> None:
    """Ignore the progress of an upload."""


class Catalogue(Protocol):
    """Looks a version up in public. It has open connections: close it with `aclose`, or by `contextlib.aclosing`."""

    @property
    def platform(self) -> distribution.DistributionPlatform:
        """The platform that it communicates with."""

    async def lookup(self, where: distribution.Coordinates) -> Published | None:
        """Return the public data of this version; None if it certainly does not exist. One check."""

    async def aclose(self) -> None:
        """Close the connections."""


class Promoter(Catalogue, Protocol):
    """A platform on which a staged deployment can be made public by one request."""

    @property
    def mechanism(self) -> mechanisms.Mechanism:
        """The mechanism by which it promotes."""

    async def taken(self, where: distribution.Coordinates) -> bool:
        """Return whether the platform's own records have this version, no matter who published it.

        This is asked before the publish request, instead of the public repository, whose caches would keep a "no".
        """

    async def find(self, name: str, target: Target, *, since: datetime.datetime | None = None) -> tuple[Found, ...]:
        """Return the deployments with exactly this name, which ATR gave: it shows if an upload without a reply arrived.

        If the platform keeps no names, return those with the target's coordinates. The newest come first; the search
        may end at deployments older than `since`, which is before the upload. Raises MalformedError if the list is
        unclear, so an empty result always means that there is none.
        """

    async def holding(self, where: distribution.Coordinates) -> Holding:
        """Return the deployments of ATR's account that contain this version, according to the platform, newest first.

        This is for a person who searches for what they staged elsewhere, so part of a long list is useful too.
        """

    async def stage(self, name: str, files: Sequence[Upload], scratch: pathlib.Path, sent: Sent = unheard) -> Reply:
        """Upload a deployment that is published only by a publish request, never by itself.

        This is one request, or many that are each repeatable by name or digest; never a second deployment. `scratch`
        is a directory for temporary files. Missing checksums that the platform requires are generated. `sent` gets the
        progress, up to the total.
        """

    async def staged(self, target: Target) -> tuple[Listed, ...]:
        """Return every file of the deployment, checksums included. Raises an error rather than return a part."""

    def staged_bytes(
        self, target: Target, path: str, *, at_most: int
    ) -> contextlib.AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Read the bytes of one staged file. Raises UnavailableError for a short or broken body, or one too long."""

    async def prepare(self, target: Target) -> None:
        """Do what must precede the publish request. It must be repeatable and not visible in public."""

    async def promote(self, target: Target) -> Reply:
        """Send the publish request: once, on a fresh connection, no retry, no redirect. Never raises for answers.

        The answer is CHALLENGED if the platform requires a code that the target does not have.
        """

    async def observe(self, target: Target) -> Observation:
        """Return the current state of the deployment. UNKNOWN means no definite answer; `detail` has the reason.

        Raises UnavailableError (with `retry_after`) for 429, 5xx, transport faults; CredentialsError for 401, 403.
        """

    async def probe(self, target: Target, path: str) -> bool:
        """Return whether one file is public, without reading its bytes (one HEAD)."""

    def public(self, target: Target, files: Sequence[fileset.File | Listed]) -> AsyncIterator[PublicFile]:
        """Read each of these files once from the public repository, one after the other, at the operator's pace.

        Each answer is yielded as it arrives, so that the caller can store it and continue later with the rest. Raises
        UnavailableError for 429 (with `retry_after`), faults, short or broken bodies.
        """

    async def beside(self, where: distribution.Coordinates) -> frozenset[str]:
        """Return all paths, checksums included, in the public repository's own index of this version. One read.

        This is a hint: the index may be out of date. Raises an error of the PlatformError family if the index is
        unavailable or incomplete, and never returns a part.
        """

    async def drop(self, target: Target) -> Reply:
        """Drop a deployment: one request, like `promote`."""
