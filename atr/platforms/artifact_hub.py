# SPDX-License-Identifier: Apache-2.0
"""Artifact Hub: an index of Helm charts, read through its API. It hosts no files, so there is nothing to promote.

The index follows the charts' own repositories, usually half an hour behind.
"""

from typing import Final

import atr.config as config
import atr.platforms.answers as answers
import atr.platforms.contract as contract
import atr.platforms.http as http
import atr.platforms.lookup as lookup
import atr.shared.distribution as distribution


class Settings(config.WorkerSettings):
    """The worker's settings and the address for looking up versions. Without an address it is not contacted."""

    artifact_hub_url: str = ""


_PLATFORM: Final = distribution.DistributionPlatform.ARTIFACT_HUB
_NAME: Final = "Artifact Hub"
# An answer contains the chart's readme and the list of all its versions.
_LIMIT: Final = 4 * 1024**2


def version_path(where: distribution.Coordinates) -> tuple[str, ...]:
    """Return the path of one version of a chart in the API.

    https://artifacthub.io/docs/api/#/Packages/getHelmPackageVersionDetails
    """
    return ("api", "v1", "packages", "helm", where.owner_namespace, where.package, where.version)


def page(site: http.Site, where: distribution.Coordinates) -> str:
    """Return the address of the web page about this version."""
    return site.address(("packages", "helm", where.owner_namespace, where.package, where.version))


def published(
    answered: answers.Answered, where: distribution.Coordinates, site: http.Site
) -> contract.Published | None:
    """Return the public data of this version from an answer.

    `ts` next to `version` is this version's own date; those in `available_versions` are of others, newest first.
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


def opened(worker: Settings) -> lookup.Document | None:
    """Return the adapter for the worker's settings; None if no address is set. Raises SettingsError."""
    place = http.looked_at(worker, worker.artifact_hub_url, _NAME)
    return (
        lookup.Document(_PLATFORM, "chart of Artifact Hub", place, version_path, published, _LIMIT) if place else None
    )
