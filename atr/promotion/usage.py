# SPDX-License-Identifier: Apache-2.0
"""How much of a platform's monthly limits a publication uses, in words. Pure: time is an argument.

Central counts the files, bytes and releases of an organisation by calendar month, signatures and checksums included:
https://central.sonatype.org/publish/maven-central-publishing-limits/
"""

import dataclasses
import datetime

import atr.shared.words as words

_KILO = 1_000
_UNITS = ("byte", "kB", "MB", "GB")


@dataclasses.dataclass(frozen=True)
class Usage:
    """Numbers of files, bytes and deployments. As limits, 0 means no limit."""

    files: int = 0
    size: int = 0
    releases: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.files + other.files, self.size + other.size, self.releases + other.releases)

    @property
    def described(self) -> str:
        """The files and bytes in words."""
        return f"{words.count(self.files, 'file')} with {_bytes(self.size)}"


def month(now: datetime.datetime) -> datetime.datetime:
    """Return when the calendar month began, in UTC."""
    return now.astimezone(datetime.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def over(total: Usage, limits: Usage) -> tuple[str, ...]:
    """Return a phrase for each limit that the total exceeds."""
    checked = (
        (total.files, limits.files, f"{words.count(total.files, 'file')} of {limits.files:,}"),
        (total.size, limits.size, f"{_bytes(total.size)} of {_bytes(limits.size)}"),
        (total.releases, limits.releases, f"{words.count(total.releases, 'deployment')} of {limits.releases:,}"),
    )
    return tuple(said for amount, limit, said in checked if limit and (amount > limit))


def sentences(this: Usage | None, promoted: Usage, limits: Usage, now: datetime.datetime) -> tuple[str, ...]:
    """Return sentences on a release's usage (None: not known yet), on this month's promotions, and on the limits."""
    would = (
        f"It would publish {this.described}, including signatures and checksums."
        if this
        else "The volume is not known yet: nothing is staged, and the policy maps no files."
    )
    which = f"In {now.astimezone(datetime.UTC):%B} (UTC)"
    so_far = f"{which} nothing has been promoted from here under this account."
    if promoted.releases:
        many = words.count(promoted.releases, "deployment was", "deployments were")
        so_far = f"{which} {many} promoted from here under this account: {promoted.described}."
    said = (would, so_far, _limits(limits))
    exceeded = over(promoted + (this or Usage()), limits)
    if not exceeded:
        return said
    beyond = (
        f"This would exceed the monthly limit: {', '.join(exceeded)}. The platform may accept nothing more until "
        "next month. Uploads by others under this account are not counted."
    )
    return (*said, beyond)


def _limits(limits: Usage) -> str:
    known = [
        *([words.count(limits.files, "file")] if limits.files else []),
        *([_bytes(limits.size)] if limits.size else []),
        *([words.count(limits.releases, "deployment")] if limits.releases else []),
    ]
    return f"The monthly limits are {', '.join(known)}." if known else "The operator has configured no monthly limits."


def _bytes(size: int) -> str:
    amount, unit = float(size), 0
    while (amount >= _KILO) and (unit < len(_UNITS) - 1):
        amount, unit = amount / _KILO, unit + 1
    return f"{amount:,.1f} {_UNITS[unit]}" if unit else words.count(size, "byte")
