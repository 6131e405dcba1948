# SPDX-License-Identifier: Apache-2.0
"""PyPI: looks a version up in the JSON API.

Each upload is public at once, so there is nothing to promote.
"""

from typing import Final

import atr.config as config
import atr.errors as errors
import atr.platforms.answers as answers
import atr.platforms.contract as contract
import atr.platforms.http as http
import atr.platforms.lookup as lookup
import atr.shared.distribution as distribution


class Settings(config.WorkerSettings):
    """The worker's settings and the address for looking up versions. Without an address it is not contacted."""

    pypi_url: str = ""


_PLATFORM: Final = distribution.DistributionPlatform.PYPI
_NAME: Final = "PyPI"
# An answer contains the project's description, and a kilobyte for each file.
_LIMIT: Final = 4 * 1024**2


def document_path(where: distribution.Coordinates) -> tuple[str, ...]:
    """Return the path of the version's document. https://github.com/pypi/warehouse/blob/main/docs/user/api/json.md."""
    return ("pypi", where.package, where.version, "json")


def page(site: http.Site, where: distribution.Coordinates) -> str:
    """Return the address of the web page about this version."""
    return f"{site.address(('project', where.package, where.version))}/"


def published(
    answered: answers.Answered, where: distribution.Coordinates, site: http.Site
) -> contract.Published | None:
    """Return the public data of this version from its document; its date is that of its first file."""
    document = answers.document(answered, _NAME, f"{where}")
    if document is None:
        return None
    info, files = document.get("info"), document.get("urls")
    name, version = (info.get("name"), info.get("version")) if isinstance(info, dict) else (None, None)
    if not (isinstance(name, str) and isinstance(version, str) and isinstance(files, list)):
        raise errors.MalformedError(f"{_NAME}'s answer for {where} lacks what every version has.")
    if distribution.Coordinates(where.platform_name, "", name, version) != where:
        raise answers.another(_NAME, f"{where}", [name, version])
    if not files:
        raise errors.UnavailableError(f"{_NAME} knows {where} and shows no file of it. It will be checked again.")
    dates = [answers.instant(file.get("upload_time_iso_8601")) for file in files if isinstance(file, dict)]
    date = min((one for one in dates if one is not None), default=None)
    return contract.Published(where, date, site.address(document_path(where)), page(site, where))


def opened(worker: Settings) -> lookup.Document | None:
    """Return the adapter for the worker's settings; None if no address is set. Raises SettingsError."""
    place = http.looked_at(worker, worker.pypi_url, _NAME)
    return lookup.Document(_PLATFORM, "package of PyPI", place, document_path, published, _LIMIT) if place else None
