# SPDX-License-Identifier: Apache-2.0
"""Open a vote, and decide which deployments are on its ballot."""

from collections.abc import Sequence

import quart

import atr.errors as errors
import atr.models.forms as forms
import atr.models.sql as sql
import atr.pages.letters as letters
import atr.pages.voting as voting
import atr.storage as storage
import atr.web as web

BLUEPRINT = quart.Blueprint("post_voting", __name__)


@BLUEPRINT.post("/voting/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> web.Answer:
    """URL: /voting/<project_key>/<version_key>; freezes the ballot and opens the vote."""
    given = await web.form()
    try:
        async with web.site().storage.write_as_project_release_manager(project_key, web.asf_uid()) as manager:
            form = forms.OpenVoteForm.parse(given)
            candidate = await manager.vote.open_vote(
                sql.release_key(project_key, version_key),
                revision_number=form.revision_number,
                ballot_digest=form.ballot_digest,
            )
    except (errors.InputError, errors.BlockedError, errors.ConflictError) as error:
        return await _again(project_key, version_key, given, error)
    return web.redirect(
        "get.vote.selected",
        success=f"The vote on candidate {candidate} is open. Send the call for votes now: ATR sends no email.",
    )


@BLUEPRINT.post("/voting/ballot/<project_key>/<version_key>")
async def ballot(project_key: str, version_key: str) -> web.Answer:
    """URL: /voting/ballot/<project_key>/<version_key>; excludes deployments, adds them again, or drops them."""
    given = await web.form()
    if given.get("act") == "drop":
        web.demand_fresh()
    try:
        async with web.site().storage.write_as_project_release_manager(project_key, web.asf_uid()):
            form = forms.BallotForm.parse(given)
        numbers = await web.view_of(project_key, version_key, voting.own, form.numbers)
        async with web.site().storage.write(web.asf_uid()) as write:
            await _decide(write, project_key, form, numbers)
    except (errors.InputError, errors.ConflictError) as error:
        return await _again(project_key, version_key, given, error)
    return web.redirect("get.voting.selected", success=_done(form))


async def _decide(write: storage.Write, project_key: str, form: forms.BallotForm, numbers: Sequence[int]) -> None:
    """Apply the decision: release managers change the ballot, only committee members drop a deployment."""
    manager = await write.as_project_release_manager(project_key)
    match form.act:
        case "take_off":
            for number in numbers:
                await manager.deployments.take_off_ballot(number, form.reason)
        case "put_on":
            for number in numbers:
                await manager.deployments.put_on_ballot(number)
        case "drop":
            member = await write.as_project_committee_member(project_key)
            for number in numbers:
                await member.deployments.drop(number, form.reason)


def _done(form: forms.BallotForm) -> str:
    match form.act:
        case "take_off":
            return "Removed from the ballot. The deployment stays on the platform."
        case "put_on":
            return "Added to the ballot again."
        case "drop":
            return "Drop requested."


async def _again(project_key: str, version_key: str, given: dict[str, str], error: errors.AtrError) -> web.Answer:
    """Return the current page, with the error and the typed values."""
    view = await web.view_of(project_key, version_key, voting.voting)
    letter = letters.call_for_votes(view, page=web.external_url("get.vote.selected"))
    return await web.refused("voting.html", error, given, view=view, letter=letter)
