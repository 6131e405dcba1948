# SPDX-License-Identifier: Apache-2.0
"""npm: what is public of a version, of packages with a scope and without one.

Whether a version is there is asked of its own document, a few kilobytes. Only the package's whole document tells since
when, and that has every version there ever was: it is read once, when the version was found, and only as far as a
bound. The abbreviated form of it is smaller, and has no dates of versions.
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
    """The worker's settings with where versions are looked up. Without an address it is not contacted."""

    npm_url: str = ""
    # Its pages for people stand on another host.
    npm_pages_url: str = ""


_NAME: Final = "npm"
# The largest document of a whole package that we read for a date.
PACKAGE_LIMIT: Final = 8 * 1024**2

_Platform = distribution.DistributionPlatform


def full_name(where: distribution.Coordinates) -> str:
    """The package's name as npm knows it, with its scope."""
    return where.platform.grammar.full_name(where.owner_namespace, where.package)


def version_path(where: distribution.Coordinates) -> tuple[str, ...]:
    """Where the version's own document stands, below the registry's address. A scoped name is one segment."""
    return (full_name(where), where.version)


def package_path(where: distribution.Coordinates) -> tuple[str, ...]:
    """Where the whole package's document stands."""
    return (full_name(where),)


def page(site: http.Site | None, where: distribution.Coordinates) -> str:
    """The page for people about this version; empty where the operator has named no address of pages."""
    if site is None:
        return ""
    return site.address(("package", *full_name(where).split("/"), "v", where.version))


def is_public(answered: answers.Answered, where: distribution.Coordinates) -> bool:
    """Whether the version's own document says that this version is public."""
    document = answers.document(answered, _NAME, f"{where}")
    if document is None:
        return False
    said = (document.get("name"), document.get("version"))
    if said != (full_name(where), where.version):
        raise answers.another(_NAME, f"{where}", said)
    return True


def published_at(answered: answers.Answered, where: distribution.Coordinates) -> datetime.datetime | None:
    """When this version was published, by the whole package's document; None where it does not tell."""
    what = f"the dates of {full_name(where)}"
    if answered.status != httpx.codes.OK:
        raise answers.refusal(answered, _NAME, what)
    times = answers.parsed(answered, what).get("time")
    return answers.instant(times.get(where.version)) if isinstance(times, dict) else None


@dataclasses.dataclass(frozen=True)
class Npm(lookup.Lookup):
    """The Catalogue for one of npm's two kinds of packages."""

    # None where the operator has named no address of pages.
    pages: http.Site | None

    async def lookup(self, where: distribution.Coordinates) -> contract.Published | None:
        """See the contract. Two reads for a version that is there, one for a version that is not."""
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
            # Longer than we read. That the version is there is known; since when is not worth more.
            return None
        # Megabytes: parsed beside the event loop.
        return await asyncio.to_thread(published_at, answered, where)


def opened(worker: Settings) -> Npm | None:
    """The adapter for packages without a scope; None where no address is set. Raises SettingsError."""
    return _opened(_Platform.NPM, worker)


def opened_scoped(worker: Settings) -> Npm | None:
    """The same for packages with a scope."""
    return _opened(_Platform.NPM_SCOPED, worker)


def _opened(platform: _Platform, worker: Settings) -> Npm | None:
    place, pages_url = http.looked_at(worker, worker.npm_url, _NAME), worker.npm_pages_url
    pages = http.site(pages_url, setting="The address of npm's pages") if pages_url else None
    return Npm(platform, f"package of {platform.display_name}", place, pages) if place else None
