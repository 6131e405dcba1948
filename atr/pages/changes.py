# SPDX-License-Identifier: Apache-2.0
"""What was changed of a project's policy and names, a sentence for each thing that moved."""

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
# The tag is said where it is not the platform's own slug. Of the two npm members the first one names their slug.
_SLUGS: Final = {
    slug: one.display_name if slug == one.gh_slug else f"{one.display_name} (tag “{slug}”)"
    for one in reversed(distribution.DistributionPlatform)
    for slug in one.slugs
}


@dataclasses.dataclass(frozen=True)
class Change:
    """One change, with a sentence for each thing that moved."""

    at: datetime.datetime
    actor: str
    sentences: tuple[str, ...]


def of(events: Iterable[tables.Event]) -> tuple[Change, ...]:
    """A line for each of these events."""
    return tuple(
        Change(event.at, event.actor, sentences(event.data.get("before", {}), event.data.get("after", {})))
        for event in events
    )


def sentences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """What moved, a sentence each. Empty for an event of an older program, which did not say."""
    said: list[str] = []
    for key, name in _NAMES.items():
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if isinstance(new, dict):
            was = old if isinstance(old, dict) else {}
            # A platform that is not there: remote promotion is off, and no file goes there.
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
