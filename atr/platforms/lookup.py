# SPDX-License-Identifier: Apache-2.0
"""Looks a version up in a public API, without a credential."""

import dataclasses
from collections.abc import Callable

import atr.errors as errors
import atr.platforms.answers as answers
import atr.platforms.contract as contract
import atr.platforms.http as http
import atr.shared.distribution as distribution


@dataclasses.dataclass(frozen=True)
class Lookup:
    """The common part of every Catalogue with one server. Close it with `aclose`."""

    platform: distribution.DistributionPlatform
    # The kind of its packages, for a sentence: "chart of Artifact Hub".
    kind: str
    place: http.Place

    async def aclose(self) -> None:
        """Close the connections."""
        await self.place.client.aclose()

    def checked(self, where: distribution.Coordinates) -> distribution.Coordinates:
        """Return the coordinates in canonical form. Raises UnsupportedError for those of another platform."""
        if where.platform is not self.platform:
            raise errors.UnsupportedError(f"{where} is no {self.kind}.")
        return where.canonical


@dataclasses.dataclass(frozen=True)
class Document(Lookup):
    """The Catalogue of a platform that has all data of a version in one document."""

    path: Callable[[distribution.Coordinates], tuple[str, ...]]
    published: Callable[[answers.Answered, distribution.Coordinates, http.Site], contract.Published | None]
    at_most: int = http.METADATA_LIMIT

    async def lookup(self, where: distribution.Coordinates) -> contract.Published | None:
        """See the contract."""
        where = self.checked(where)
        answered = await self.place.document(self.path(where), what=f"{where}", at_most=self.at_most)
        return self.published(answered, where, self.place.site)
