# SPDX-License-Identifier: Apache-2.0
"""Artifact Hub: an index of Helm charts, read through its API. It holds no files, so there is nothing to promote.

The index follows the charts' own repositories, half an hour behind as a rule.
"""

from typing import Final

import atr.config as config
import atr.platforms.answers as answers
import atr.platforms.contract as contract
import atr.platforms.http as http
import atr.platforms.lookup as lookup
import atr.shared.distribution as distribution


class Settings(config.WorkerSettings):
    """The worker's settings with where versions are looked up. Without an address it is not contacted."""

    artifact_hub_url: str = ""


_PLATFORM: Final = distribution.DistributionPlatform.ARTIFACT_HUB
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


def opened(worker: Settings) -> lookup.Document | None:
    """The adapter for the worker's settings; None where no address is set. Raises SettingsError."""
    place = http.looked_at(worker, worker.artifact_hub_url, _NAME)
    return (
        lookup.Document(_PLATFORM, "chart of Artifact Hub", place, version_path, published, _LIMIT) if place else None
    )
