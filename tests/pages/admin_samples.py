# SPDX-License-Identifier: Apache-2.0
"""What the pages of those who run the site are shown with."""

from typing import Any

import atr.pages.changes as changes
import atr.pages.stuck as stuck
import atr.pages.switches as switches_page
from tests.pages import samples


def line(css: str, word: str, **changes: Any) -> stuck.Line:
    given: dict[str, Any] = {
        "css": css,
        "word": word,
        "project_name": "Example Widgets",
        "project_key": "example-widgets",
        "version_key": "2.4.0",
        "platform": "Maven Central",
        "since": samples.ago(90),
        "waits_for": "a committee member to check the platform",
        "advice": "Not urgent: nothing is sent automatically, and polling continues.",
        "row_key": "d1",
    }
    return stuck.Line(**{**given, **changes})


def switches(*, off: bool) -> switches_page.SwitchesView:
    return switches_page.SwitchesView(
        switches=(
            switches_page.Switch("site", "everything", off=False, reason="", set_by="", set_at=None),
            switches_page.Switch(
                "mechanism:CENTRAL_PORTAL",
                "Maven Central",
                off=off,
                reason="Its status page is red.",
                set_by="an-admin",
                set_at=samples.ago(12),
            ),
        ),
        changes=(changes.Change(samples.ago(12), "an-admin", ("Maven Central switched off: Its status page is red.",)),)
        if off
        else (),
    )


def pages(admin: dict[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Every variant of both pages."""
    lines = (
        line("diverged", "Diverged"),
        line("in-doubt", "In doubt"),
        line("unproved", "Not found", row_key=""),
        line(
            "failed",
            "Task failed",
            project_name="Task 7, distribution capture",
            project_key="",
            version_key="",
            platform="",
            row_key="",
        ),
    )
    held = ("an-admin switched Maven Central off on 17 September 2026 at 21:19 UTC: Its status page is red.",)
    left_alone = ("npm asked us to wait until 21:40 UTC.",)
    form: dict[str, Any] = {"values": {}, "field_errors": {}, **admin}
    typed = {"scope": "mechanism:CENTRAL_PORTAL", "to": "off", "reason": " "}
    return {
        "stuck": (
            "admin/stuck.html",
            {"view": stuck.StuckView(samples.NOW, lines, is_cut=True, held=held, left_alone=left_alone), **admin},
        ),
        "stuck-none": (
            "admin/stuck.html",
            {"view": stuck.StuckView(samples.NOW, (), is_cut=False, held=(), left_alone=()), **admin},
        ),
        "switches": ("admin/switches.html", {"view": switches(off=False), **form}),
        "switches-off": ("admin/switches.html", {"view": switches(off=True), **form}),
        "switches-wrong": (
            "admin/switches.html",
            {**form, "view": switches(off=False), "values": typed, "field_errors": {"reason": "Say why."}},
        ),
    }
