# SPDX-License-Identifier: Apache-2.0
"""What every adapter promises: values in, values out, no database, no clock of its own, no settings object.

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
    """What a search by coordinates found; `cut` says in a sentence what was not looked at, empty if nothing."""

    found: tuple[Found, ...]
    cut: str = ""


@dataclasses.dataclass(frozen=True)
class Listed:
    """One file that the platform says it holds, checksums included. The size is a claim, None if not told."""

    path: str
    size: int | None


@dataclasses.dataclass(frozen=True)
class PublicFile:
    """One file of the public place: the path asked for, and what was read there; `file` is None for not there."""

    path: str
    file: fileset.File | None


@dataclasses.dataclass(frozen=True)
class Upload:
    """One file to stage: its path in the platform's layout, where it lies on this machine, and the bytes it must have.

    An adapter reads it by `source.pieces` and sends nothing before every byte of every file was read so.
    """

    path: str
    source: disk.Recorded


@dataclasses.dataclass(frozen=True)
class Target:
    """What a call is about, so that no adapter guesses what it reads, publishes or drops."""

    # The platform's id of the deployment; empty for what is only known in public.
    external_id: str
    # The packages that it is known to hold.
    coordinates: tuple[distribution.Coordinates, ...] = ()
    # What moves at publishing where there is such a thing: a tag, a dist-tag.
    pointer: str = ""
    # That of the file set that was proved and is to become public; empty where nothing was proved yet.
    digest: str = ""
    # The one-time code that a person typed for this call.
    code: str = dataclasses.field(default="", repr=False)


# Told while an upload leaves: how many bytes have left, of how many. Called for each piece, so it only notes them.
Sent = Callable[[int, int], None]


def unheard(_done: int, _total: int) -> None:
    """For who does not want to know how far an upload is."""


class Catalogue(Protocol):
    """Looks a version up in public. It holds connections: close it with `aclose`, or by `contextlib.aclosing`."""

    @property
    def platform(self) -> distribution.DistributionPlatform:
        """The platform it speaks to."""

    async def lookup(self, where: distribution.Coordinates) -> Published | None:
        """What is public of this version; None for certainly nothing. One look."""

    async def aclose(self) -> None:
        """Close the connections."""


class Promoter(Catalogue, Protocol):
    """A platform where a staged deployment can be made public by one call."""

    @property
    def mechanism(self) -> mechanisms.Mechanism:
        """How it promotes."""

    async def taken(self, where: distribution.Coordinates) -> bool:
        """Whether the platform's own records have this version, whoever published it. Asked before the call.

        The public place is not asked before the platform says published: caches would remember the "no".
        """

    async def find(self, name: str, target: Target, *, since: datetime.datetime | None = None) -> tuple[Found, ...]:
        """The deployments that carry exactly this name of ours; how a lost reply to an upload is settled.

        Where a platform keeps no names, those that hold the target's coordinates. The newest first, as far as
        those that are older than `since`, which ours is not. Raises MalformedError where the list does not tell, so
        that nothing found always means that it is not there.
        """

    async def holding(self, where: distribution.Coordinates) -> Holding:
        """The deployments that our account sees and that say they hold this version, the newest first.

        For a person who looks for what they staged elsewhere, so a part of a list that is too long is an answer too.
        """

    async def stage(self, name: str, files: Sequence[Upload], scratch: pathlib.Path, sent: Sent = unheard) -> Reply:
        """Upload a deployment that waits to be published by us, never by itself.

        One request, or many of which each is repeatable by name or digest; never a second deployment.
        `scratch` is a directory for temporary files. The checksums that the platform wants are made where they are
        missing. `sent` is told how far it is, up to the whole.
        """

    async def staged(self, target: Target) -> tuple[Listed, ...]:
        """Every file of the deployment, checksums included. Raises rather than answer with a part."""

    def staged_bytes(
        self, target: Target, path: str, *, at_most: int
    ) -> contextlib.AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The bytes of one staged file. Raises UnavailableError for a short, broken or longer body."""

    async def prepare(self, target: Target) -> None:
        """Whatever is repeatable and invisible before the call."""

    async def promote(self, target: Target) -> Reply:
        """The one visible write: sent once, on a fresh connection, no retry, no redirect. Never raises for answers.

        CHALLENGED where the platform wants a code that the target does not have.
        """

    async def observe(self, target: Target) -> Observation:
        """Where the deployment is now. An answer that says nothing definite is UNKNOWN, with the reason in `detail`.

        Raises UnavailableError (with `retry_after`) for 429, 5xx, transport faults; CredentialsError for 401, 403.
        """

    async def probe(self, target: Target, path: str) -> bool:
        """Whether one file is public, without its bytes (one HEAD)."""

    def public(self, target: Target, files: Sequence[fileset.File | Listed]) -> AsyncIterator[PublicFile]:
        """Read each of these files once at the public place, one after the other, at the operator's pace.

        Each answer is given as it comes, so that a caller can keep it and go on later with the rest. Raises
        UnavailableError for 429 (with `retry_after`), faults, short or broken bodies.
        """

    async def beside(self, where: distribution.Coordinates) -> frozenset[str]:
        """The path of every file that the public place's own index names for this version, checksums too. One read.

        A hint: a name may be old. Raises an error of the PlatformError family for an index that is not to be had or
        not whole, and never answers a part.
        """

    async def drop(self, target: Target) -> Reply:
        """Give up a deployment: one request, like `promote`."""
