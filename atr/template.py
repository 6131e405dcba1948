# SPDX-License-Identifier: Apache-2.0
"""The templates: where they are, and the filters they use. Templates are logic-free; they are fed frozen views."""

import datetime
import functools
import hashlib
import pathlib
from typing import Any, Final

import jinja2
import markupsafe

import atr.shared.words as words

_PACKAGE: Final = pathlib.Path(__file__).parent
# In a checkout the templates stand beside the package, in a wheel inside it.
TEMPLATES: Final = (_PACKAGE if (_PACKAGE / "templates").is_dir() else _PACKAGE.parent) / "templates"
STATIC: Final = _PACKAGE / "static"
_SHORT: Final = 12
_THOUSAND: Final = 1000


@functools.cache
def environment(first: pathlib.Path = TEMPLATES) -> jinja2.Environment:
    """The environment of our pages; what is in the folder `first` stands in the place of ours."""
    made = jinja2.Environment(loader=jinja2.FileSystemLoader([first, TEMPLATES]), autoescape=True, auto_reload=False)
    install(made)
    return made


def install(environment: jinja2.Environment) -> None:
    """Give an environment our filters, and make an unknown name an error."""
    environment.undefined = jinja2.StrictUndefined
    environment.trim_blocks = True
    environment.lstrip_blocks = True
    environment.filters.update(when=when, when_short=when_short, clock=clock, size=size, hash=digest, count=words.count)


def when(at: datetime.datetime) -> markupsafe.Markup:
    """Thu 17 Sep 2026, 21:31:21 UTC."""
    return _time(at, f"{at:%a} {at.day} {at:%b %Y, %H:%M:%S} UTC")


def when_short(at: datetime.datetime) -> markupsafe.Markup:
    """17 Sep, 21:31."""
    return _time(at, words.short(at))


def clock(at: datetime.datetime) -> markupsafe.Markup:
    """21:31."""
    return _time(at, f"{at:%H:%M}")


def size(number: int) -> str:
    """833 B, 6.4 MB."""
    value = float(number)
    for unit in ("B", "kB", "MB"):
        if value < _THOUSAND:
            return f"{value:.0f} {unit}" if (unit == "B") or (value >= _THOUSAND / 10) else f"{value:.1f} {unit}"
        value /= _THOUSAND
    return f"{value:.1f} GB"


def digest(value: str) -> markupsafe.Markup:
    """A digest of which 12 characters are seen and all are selected."""
    return markupsafe.Markup('<code class="hash">{}<span aria-hidden="true">{}</span></code>').format(
        value[:_SHORT], value[_SHORT:]
    )


@functools.cache
def static_version(name: str) -> str:
    """A short hash of a static file, so that a browser asks anew when it changed."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:_SHORT]


def _time(at: datetime.datetime, text: str) -> markupsafe.Markup:
    return markupsafe.Markup('<time datetime="{}">{}</time>').format(at.isoformat(), text)


Context = dict[str, Any]
