# SPDX-License-Identifier: Apache-2.0
"""The forms of a project's policy and namespaces. Their fields are named after slugs, so they are parsed here.

Each problem is shown next to its field; several problems are shown together.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Final

import atr.errors as errors
import atr.models.forms as forms
import atr.promotion.patterns as patterns
import atr.shared.distribution as distribution

MAX_HOURS: Final = 336
# The longest text of a field with many lines; no genuine input is longer.
_MAX_TEXT: Final = 20_000
_HOURS: Final = re.compile(r"[0-9]{1,3}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_OLD: Final = "This page is out of date. Reload it."
# One field for each slug: the two npm members share theirs, Maven has two.
SLUGS: Final = tuple(dict.fromkeys(slug for platform in distribution.DistributionPlatform for slug in platform.slugs))


@dataclasses.dataclass(frozen=True)
class Policy:
    """A policy as requested by a person."""

    min_hours: int
    keep_copies: bool
    file_tag_mappings: Mapping[str, Sequence[str]]
    remote_promotion: Mapping[distribution.DistributionPlatform, bool]
    seen: str


@dataclasses.dataclass(frozen=True)
class Target:
    """A project's namespaces on a platform as requested by an admin."""

    platform: distribution.DistributionPlatform
    namespaces: Sequence[str]
    source: str
    target: str
    seen: str
    outside_is_meant: bool


def policy(given: Mapping[str, str]) -> Policy:
    """Return the policy of a form. Raises FormError."""
    problems: dict[str, str] = {}
    hours = given.get("min_hours", "").strip()
    if not (_HOURS.fullmatch(hours) and (int(hours) <= MAX_HOURS)):
        problems["min_hours"] = f"Enter a whole number of hours from 0 to {MAX_HOURS}."
    if not _DIGEST.fullmatch(given.get("digest", "")):
        problems["digest"] = _OLD
    mappings, wrong = mapped_by(given)
    problems |= wrong
    if problems:
        raise forms.FormError(problems)
    return Policy(
        min_hours=int(hours),
        keep_copies=given.get("keep_copies") == "on",
        file_tag_mappings=mappings,
        remote_promotion={
            platform: given.get(f"remote_{platform.gh_slug}") == "on"
            for platform in distribution.DistributionPlatform
            if platform.supports_remote_promotion
        },
        seen=given["digest"],
    )


def mapped_by(given: Mapping[str, str]) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Return the patterns of each slug, one per line, and the problems by field."""
    mappings, problems = {}, {}
    for slug in SLUGS:
        field = f"mapping_{slug}"
        text = given.get(field, "")
        lines = tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
        mappings[slug] = lines
        try:
            if len(text) > _MAX_TEXT:
                raise errors.InputError("This is too long.")
            if len(lines) > patterns.MAX_PATTERNS:
                raise errors.InputError(f"Enter at most {patterns.MAX_PATTERNS} patterns; there are {len(lines):,}.")
            for line in lines:
                patterns.compiled(line)
        except errors.InputError as error:
            problems[field] = str(error)
    return mappings, problems


def target(given: Mapping[str, str]) -> Target:
    """Return the namespaces of a form. Raises FormError; the writer checks whether the namespaces can be used."""
    problems: dict[str, str] = {}
    platform = next(
        (one for one in distribution.DistributionPlatform if one.name == given.get("platform", "")),
        None,
    )
    if platform is None:
        problems["platform"] = "Choose a value from the list."
    text = given.get("namespaces", "")
    if len(text) > _MAX_TEXT:
        problems["namespaces"] = "This is too long."
    if not _DIGEST.fullmatch(given.get("digest", "")):
        problems["digest"] = _OLD
    words = {}
    for field in ("source", "target"):
        words[field] = " ".join(given.get(field, "").split())
        if len(words[field]) > patterns.MAX_LENGTH:
            problems[field] = f"Use at most {patterns.MAX_LENGTH} characters."
        elif not words[field].isprintable():
            problems[field] = "This contains invisible characters. Type it again."
    if problems or (platform is None):
        raise forms.FormError(problems)
    return Target(
        platform=platform,
        namespaces=tuple(line.strip() for line in text.splitlines() if line.strip()),
        seen=given["digest"],
        outside_is_meant=given.get("outside_is_meant") == "on",
        **words,
    )
