# SPDX-License-Identifier: Apache-2.0
"""Docker Hub: looks tags up in the Hub's own API, which needs no credential and has the date.

To promote a tag needs the registry's protocol on another host, and will have its own module.
"""

import dataclasses
import re
import urllib.parse
from typing import Final

import httpx

import atr.config as config
import atr.platforms.answers as answers
import atr.platforms.contract as contract
import atr.platforms.http as http
import atr.platforms.lookup as lookup
import atr.shared.distribution as distribution


class Settings(config.WorkerSettings):
    """The worker's settings and the address for looking up versions. Without an address it is not contacted."""

    docker_hub_url: str = ""


_PLATFORM: Final = distribution.DistributionPlatform.DOCKER_HUB
_NAME: Final = "Docker Hub"
# The web pages of official images have no owner in their address.
_OFFICIAL: Final = _PLATFORM.default_owner_namespace
_SECONDS: Final = re.compile(r"[0-9]{1,12}")


def tag_path(where: distribution.Coordinates) -> tuple[str, ...]:
    """Return the path of a tag in the Hub's API.

    https://docs.docker.com/reference/api/hub/latest/#tag/repositories/operation/GetRepositoryTag
    """
    return ("v2", "namespaces", where.owner_namespace, "repositories", where.package, "tags", where.version)


def page(site: http.Site, where: distribution.Coordinates) -> str:
    """Return the address of the Hub's web page of tags, filtered for this one."""
    owner = ("_",) if where.owner_namespace == _OFFICIAL else ("r", where.owner_namespace)
    return f"{site.address((*owner, where.package, 'tags'))}?name={urllib.parse.quote(where.version, safe='')}"


def published(
    answered: answers.Answered, where: distribution.Coordinates, site: http.Site
) -> contract.Published | None:
    """Return the public data of this tag from an answer. Its date is that of its last push: a tag can be moved."""
    tag = answers.document(_with_wait(answered), _NAME, f"{where}")
    if tag is None:
        return None
    if tag.get("name") != where.version:
        raise answers.another(_NAME, f"{where}", [tag.get("name")])
    date = answers.instant(tag.get("tag_last_pushed")) or answers.instant(tag.get("last_updated"))
    return contract.Published(where, date, site.address(tag_path(where)), page(site, where))


def _with_wait(answered: answers.Answered) -> answers.Answered:
    """Add a Retry-After in seconds, computed from the Hub's own header, which has the time for the next request.

    https://docs.docker.com/reference/api/hub/latest/#tag/rate-limiting
    """
    until, now = answered.headers.get("x-retry-after", ""), answers.moment(answered.headers.get("date", ""))
    if (answered.status != httpx.codes.TOO_MANY_REQUESTS) or (now is None) or not _SECONDS.fullmatch(until):
        return answered
    seconds = max(int(until) - int(now.timestamp()), 0)
    return dataclasses.replace(answered, headers={"retry-after": f"{seconds}", **answered.headers})


def opened(worker: Settings) -> lookup.Document | None:
    """Return the adapter for the worker's settings; None if no address is set. Raises SettingsError."""
    place = http.looked_at(worker, worker.docker_hub_url, _NAME)
    return lookup.Document(_PLATFORM, "image of Docker Hub", place, tag_path, published) if place else None
