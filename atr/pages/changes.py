# SPDX-License-Identifier: Apache-2.0
"""The changes of a project's policy and namespaces, with a sentence for each changed value."""

import dataclasses
import datetime
from collections.abc import Iterable, Mapping
from typing import Any, Final

import atr.models.promotion as tables
import atr.shared.distribution as distribution

_NAMES: Final = {
    "min_hours": "Minimum voting period",
    "keep_copies": "Copies of captured files",
    "file_tag_mappings": "Files for",
    "remote_promotion": "Remote promotion to",
    "namespaces": "Names",
    "source": "Staged at",
    "target": "Published at",
}
# A tag that is not the platform's own slug is named. The slug that two npm members share has the first one's name.
_SLUGS: Final = {
    slug: one.display_name if slug == one.gh_slug else f"{one.display_name} (tag “{slug}”)"
    for one in reversed(distribution.DistributionPlatform)
    for slug in one.slugs
}


@dataclasses.dataclass(frozen=True)
class Change:
    """One change, with a sentence for each changed value."""

    at: datetime.datetime
    actor: str
    sentences: tuple[str, ...]


def of(events: Iterable[tables.Event]) -> tuple[Change, ...]:
    """Return the change that each of these events records."""
    return tuple(
        Change(event.at, event.actor, sentences(event.data.get("before", {}), event.data.get("after", {})))
        for event in events
    )


def sentences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence for each changed value. Empty for an event of an older version, which did not record values."""
    said: list[str] = []
    for key, name in _NAMES.items():
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if isinstance(new, dict):
            was = old if isinstance(old, dict) else {}
            # The value of a platform without an entry: remote promotion is off, and no file is mapped to it.
            none: Any = False if key == "remote_promotion" else []
            said += [
                f"{name} {_SLUGS.get(slug, slug)}: {_shown(new.get(slug, none))}, was {_shown(was.get(slug, none))}."
                for slug in sorted({*was, *new})
                if was.get(slug, none) != new.get(slug, none)
            ]
        else:
            said.append(f"{name}: {_shown(new)}, was {_shown(old)}.")
    return tuple(said)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or "nothing"
    return "nothing" if value in {None, ""} else str(value)
