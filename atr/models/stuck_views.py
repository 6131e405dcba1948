# SPDX-License-Identifier: Apache-2.0
"""Stuck rows and switches: the pages of the operators. Frozen, as all views."""

import dataclasses
import datetime

import atr.models.paging as paging
import atr.models.policy_views as policy_views


@dataclasses.dataclass(frozen=True)
class Line:
    """One row that does not go on by itself, or not as fast as it should."""

    css: str
    word: str
    project_name: str
    project_key: str
    version_key: str
    # Empty for what belongs to no platform.
    platform: str
    since: datetime.datetime
    waits_for: str
    # What to do at 3 in the morning, and the row's name in addresses; without one the list of the release is linked.
    advice: str
    row_key: str = ""


@dataclasses.dataclass(frozen=True)
class StuckView:
    """Everything that is stuck, worst first, page by page."""

    at: datetime.datetime
    lines: tuple[Line, ...]
    # There are more than all pages show.
    is_cut: bool
    # A sentence for each platform, or the site, that somebody has switched off: nothing is sent there.
    held: tuple[str, ...]
    # A sentence for each place that is asked nothing for a while, and why; that ends by itself.
    left_alone: tuple[str, ...]
    part: paging.Part = paging.WHOLE


@dataclasses.dataclass(frozen=True)
class Switch:
    """One thing that can be switched off. `set_by` is empty where nobody ever has."""

    scope: str
    name: str
    off: bool
    reason: str
    set_by: str
    set_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True)
class SwitchesView:
    """The page with the switches."""

    switches: tuple[Switch, ...]
    changes: tuple[policy_views.Change, ...]
