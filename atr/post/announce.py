# SPDX-License-Identifier: Apache-2.0
"""Mark a release as announced."""

from typing import Final

import quart

import atr.errors as errors
import atr.models.forms as forms
import atr.models.sql as sql
import atr.pages.letters as letters
import atr.pages.resolution as resolution
import atr.web as web

BLUEPRINT = quart.Blueprint("post_announce", __name__)
_VOUCH: Final = "vouch:"


@BLUEPRINT.post("/announce/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> web.Answer:
    """URL: /announce/<project_key>/<version_key>."""
    web.demand_fresh()
    given = await web.form()
    key = sql.release_key(project_key, version_key)
    try:
        # Only a committee member may announce a release without something that was voted on.
        if given.get("without"):
            async with web.site().storage.write_as_project_committee_member(project_key, web.asf_uid()) as member:
                form = _parsed(given, version_key)
                await member.announce.announce_without(
                    key, seen=form.without, reason=form.reason, vouched=_vouched(given)
                )
        else:
            async with web.site().storage.write_as_project_release_manager(project_key, web.asf_uid()) as manager:
                form = _parsed(given, version_key)
                await manager.announce.announce(key, reason=form.reason, vouched=_vouched(given))
    except (errors.InputError, errors.BlockedError, errors.ConflictError) as error:
        view = await web.view_of(project_key, version_key, resolution.announce)
        letter = letters.announcement(view, page=web.external_url("get.vote.selected"))
        return await web.refused("announce.html", error, given, view=view, letter=letter)
    return web.redirect(
        "get.finish.selected",
        success=f"{version_key} is marked as announced and can no longer be changed.",
    )


def _vouched(given: dict[str, str]) -> frozenset[str]:
    """Return the purls that the person vouches for."""
    return frozenset(field.removeprefix(_VOUCH) for field in given if field.startswith(_VOUCH))


def _parsed(given: dict[str, str], version_key: str) -> forms.AnnounceForm:
    form = forms.AnnounceForm.parse(given)
    forms.demand_typed(form.version, version_key)
    return form
