# SPDX-License-Identifier: Apache-2.0
"""Artifact Hub: an index of Helm charts, read through its API. It holds no files, so there is nothing to promote."""

from typing import Final

import atr.errors as errors
import atr.platforms.answers as answers
import atr.platforms.contract as contract
import atr.platforms.http as http
import atr.shared.distribution as distribution

_NAME: Final = "Artifact Hub"
# An answer carries the chart's readme and the list of all its versions.
_LIMIT: Final = 4 * 1024**2


def version_path(where: distribution.Coordinates) -> tuple[str, ...]:
    """Where the index tells of one version of a chart, below its address.

    https://artifacthub.io/docs/api/#/Packages/getHelmPackageVersionDetails
    """
    return ("api", "v1", "packages", "helm", where.owner_namespace, where.package, where.version)


def page(site: http.Site, where: distribution.Coordinates) -> str:
    """The page for people about this version."""
    return site.address(("packages", "helm", where.owner_namespace, where.package, where.version))


def published(
    answered: answers.Answered, where: distribution.Coordinates, site: http.Site
) -> contract.Published | None:
    """What the answer says of this version.

    `ts` beside `version` is this version's own date; those in `available_versions` are of others, the newest first.
    """
    chart = answers.document(answered, _NAME, f"{where}")
    if chart is None:
        return None
    repository = chart.get("repository")
    owner = repository.get("name") if isinstance(repository, dict) else None
    said = [owner, chart.get("name"), chart.get("version")]
    if distribution.Coordinates(where.platform_name, *map(str, said)) != where:
        raise answers.another(_NAME, f"{where}", said)
    return contract.Published(
        where, answers.instant(chart.get("ts")), site.address(version_path(where)), page(site, where)
    )


class ArtifactHub:
    """The Catalogue for Artifact Hub. Close it with `aclose`."""

    platform: Final = distribution.DistributionPlatform.ARTIFACT_HUB

    def __init__(self, place: http.Place) -> None:
        self._place = place

    async def aclose(self) -> None:
        """Close the connections."""
        await self._place.client.aclose()

    async def lookup(self, where: distribution.Coordinates) -> contract.Published | None:
        """See the contract. The index follows the charts' own repositories, half an hour behind as a rule."""
        if where.platform is not self.platform:
            raise errors.UnsupportedError(f"{where} is no chart of Artifact Hub.")
        where = where.canonical
        answered = await self._place.document(version_path(where), what=f"{where}", at_most=_LIMIT)
        return published(answered, where, self._place.site)


def build(reading: http.Reading) -> ArtifactHub:
    """The adapter for these settings; the caller closes it. Raises SettingsError for a bad address."""
    return ArtifactHub(reading.place(_NAME))
