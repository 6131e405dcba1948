# SPDX-License-Identifier: Apache-2.0
"""The templates: their directories and filters. Templates have no logic; they get frozen views."""

import datetime
import functools
import hashlib
import pathlib
from typing import Any, Final

import jinja2
import markupsafe

import atr.shared.words as words

_PACKAGE: Final = pathlib.Path(__file__).parent
# In a checkout the templates are next to the package, in a wheel inside it.
TEMPLATES: Final = (_PACKAGE if (_PACKAGE / "templates").is_dir() else _PACKAGE.parent) / "templates"
STATIC: Final = _PACKAGE / "static"
_SHORT: Final = 12
_THOUSAND: Final = 1000


@functools.cache
def environment(first: pathlib.Path = TEMPLATES) -> jinja2.Environment:
    """Return the environment of ATR's pages; templates in the folder `first` replace those of the same name."""
    made = jinja2.Environment(loader=jinja2.FileSystemLoader([first, TEMPLATES]), autoescape=True, auto_reload=False)
    install(made)
    return made


def install(environment: jinja2.Environment) -> None:
    """Add ATR's filters to an environment, and make an unknown name an error."""
    environment.undefined = jinja2.StrictUndefined
    environment.trim_blocks = True
    environment.lstrip_blocks = True
    environment.filters.update(when=when, when_short=when_short, clock=clock, size=size, hash=digest, count=words.count)


def when(at: datetime.datetime) -> markupsafe.Markup:
    """Format a time as Thu 17 Sep 2026, 21:31:21 UTC."""
    return _time(at, f"{at:%a} {at.day} {at:%b %Y, %H:%M:%S} UTC")


def when_short(at: datetime.datetime) -> markupsafe.Markup:
    """Format a time as 17 Sep, 21:31."""
    return _time(at, words.short(at))


def clock(at: datetime.datetime) -> markupsafe.Markup:
    """Format a time as 21:31."""
    return _time(at, f"{at:%H:%M}")


def size(number: int) -> str:
    """Format bytes as 833 B or 6.4 MB."""
    value = float(number)
    for unit in ("B", "kB", "MB"):
        if value < _THOUSAND:
            return f"{value:.0f} {unit}" if (unit == "B") or (value >= _THOUSAND / 10) else f"{value:.1f} {unit}"
        value /= _THOUSAND
    return f"{value:.1f} GB"


def digest(value: str) -> markupsafe.Markup:
    """Format a digest so that 12 characters are visible and all are selected."""
    return markupsafe.Markup('<code class="hash">{}<span aria-hidden="true">{}</span></code>').format(
        value[:_SHORT], value[_SHORT:]
    )


@functools.cache
def static_version(name: str) -> str:
    """Return a short hash of a static file, so that a browser requests it again after a change."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:_SHORT]


def _time(at: datetime.datetime, text: str) -> markupsafe.Markup:
    return markupsafe.Markup('<time datetime="{}">{}</time>').format(at.isoformat(), text)


Context = dict[str, Any]
