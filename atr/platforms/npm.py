# SPDX-License-Identifier: Apache-2.0
"""npm: looks a version up, of packages with a scope and without one.

The version's own document, a few kilobytes, shows whether it exists. Only the document of the whole package has its
date, and that contains every version: it is read once, after the version was found, and only up to a limit. Its
abbreviated form is smaller but has no dates of versions.
https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md
"""

import asyncio
import dataclasses
import datetime
from typing import Final

import httpx

import atr.config as config
import atr.errors as errors
import atr.platforms.answers as answers
import atr.platforms.contract as contract
import atr.platforms.http as http
import atr.platforms.lookup as lookup
import atr.shared.distribution as distribution


class Settings(config.WorkerSettings):
    """The worker's settings and the address for looking up versions. Without an address it is not contacted."""

    npm_url: str = ""
    # Its web pages are on another host.
    npm_pages_url: str = ""


_NAME: Final = "npm"
# The largest document of a whole package that is read for a date.
PACKAGE_LIMIT: Final = 8 * 1024**2

_Platform = distribution.DistributionPlatform


def full_name(where: distribution.Coordinates) -> str:
    """Return the package's name for npm, with its scope."""
    return where.platform.grammar.full_name(where.owner_namespace, where.package)


def version_path(where: distribution.Coordinates) -> tuple[str, ...]:
    """Return the path of the version's own document in the registry. A scoped name is one segment."""
    return (full_name(where), where.version)


def package_path(where: distribution.Coordinates) -> tuple[str, ...]:
    """Return the path of the document of the whole package."""
    return (full_name(where),)


def page(site: http.Site | None, where: distribution.Coordinates) -> str:
    """Return the address of the web page about this version; empty if the operator has configured none."""
    if site is None:
        return ""
    return site.address(("package", *full_name(where).split("/"), "v", where.version))


def is_public(answered: answers.Answered, where: distribution.Coordinates) -> bool:
    """Return whether this version is public, from its own document."""
    document = answers.document(answered, _NAME, f"{where}")
    if document is None:
        return False
    said = (document.get("name"), document.get("version"))
    if said != (full_name(where), where.version):
        raise answers.another(_NAME, f"{where}", said)
    return True


def published_at(answered: answers.Answered, where: distribution.Coordinates) -> datetime.datetime | None:
    """Return when this version was published, from the document of the whole package; None if it has no date."""
    what = f"the dates of {full_name(where)}"
    if answered.status != httpx.codes.OK:
        raise answers.refusal(answered, _NAME, what)
    times = answers.parsed(answered, what).get("time")
    return answers.instant(times.get(where.version)) if isinstance(times, dict) else None


@dataclasses.dataclass(frozen=True)
class Npm(lookup.Lookup):
    """The Catalogue for one of npm's two kinds of packages."""

    # None if the operator has configured no address of web pages.
    pages: http.Site | None

    async def lookup(self, where: distribution.Coordinates) -> contract.Published | None:
        """See the contract. Two reads for a version that exists, one for a version that does not."""
        where = self.checked(where)
        answered = await self.place.document(version_path(where), what=f"{where}")
        if not is_public(answered, where):
            return None
        address = self.place.site.address(version_path(where))
        return contract.Published(where, await self._date(where), address, page(self.pages, where))

    async def _date(self, where: distribution.Coordinates) -> datetime.datetime | None:
        what = f"the dates of {full_name(where)}"
        try:
            answered = await self.place.document(package_path(where), what=what, at_most=PACKAGE_LIMIT)
        except errors.MalformedError:
            # Too long, or malformed. The version is known to exist; its date is not worth an error.
            return None
        # Megabytes: parsed outside the event loop.
        return await asyncio.to_thread(published_at, answered, where)


def opened(worker: Settings) -> Npm | None:
    """Return the adapter for packages without a scope; None if no address is set. Raises SettingsError."""
    return _opened(_Platform.NPM, worker)


def opened_scoped(worker: Settings) -> Npm | None:
    """Return the adapter for packages with a scope; see `opened`."""
    return _opened(_Platform.NPM_SCOPED, worker)


def _opened(platform: _Platform, worker: Settings) -> Npm | None:
    place, pages_url = http.looked_at(worker, worker.npm_url, _NAME), worker.npm_pages_url
    pages = http.site(pages_url, setting="The address of npm's pages") if pages_url else None
    return Npm(platform, f"package of {platform.display_name}", place, pages) if place else None
