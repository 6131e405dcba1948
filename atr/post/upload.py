# SPDX-License-Identifier: Apache-2.0
"""Upload files and folders into a release: one upload, one revision, or none."""

import asyncio
import dataclasses
import re
from collections.abc import Sequence
from typing import Final

import quart
import werkzeug.exceptions
import werkzeug.sansio.multipart as multipart
import werkzeug.wrappers

import atr.body as body
import atr.errors as errors
import atr.models.compose_forms as compose_forms
import atr.models.forms as forms
import atr.models.sql as sql
import atr.pages.compose as compose
import atr.refusals as refusals
import atr.shared.words as words
import atr.storage.changes as changes
import atr.storage.changes as spools
import atr.storage.rights as rights
import atr.template as template
import atr.web as web

BLUEPRINT = quart.Blueprint("post_upload", __name__)
# The field for a folder: the first part of its files' paths is the chosen folder's name, and is removed.
_FOLDER: Final = "folder"
# Browsers escape these characters of a name, but not a backslash, which the library would take for an escape character:
# https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
_ESCAPED: Final = (("%0D", "\r"), ("%0A", "\n"), ("%22", '"'))
_NAME: Final = re.compile(r';\s*filename="([^"]*)"')


@dataclasses.dataclass(frozen=True)
class Problems:
    """Why nothing was saved: a sentence, a line for each name that cannot be used, and how many more there are."""

    title: str
    lines: Sequence[tuple[str, str]] = ()
    more: int = 0


@BLUEPRINT.post("/upload/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> web.Answer:
    """URL: /upload/<project_key>/<version_key>.

    The body is read as it arrives, but not before the person's rights are checked, and it is not written before the
    token is. If a person who has the right cannot save it, it is read to its end, so that the browser shows why.
    """
    site = web.site()
    # A refusal here is not an event: before the token is checked, another site's page may have sent the request.
    await web.view(rights.demand_participant, project_key)
    given: dict[str, str] = {}
    sent = body.Form(quart.request, site.max_upload)
    try:
        await web.hooks().check_csrf(await sent.token(web.hooks().csrf_name))
        async with site.storage.write_as_project_committee_participant(project_key, web.asf_uid()) as participant:
            await participant.revision.ensure_changeable(sql.release_key(project_key, version_key))
        given |= {name: value async for name, value in sent.fields()}
        return await _take(project_key, version_key, sent, given)
    except (errors.AtrError, werkzeug.exceptions.RequestEntityTooLarge) as error:
        await sent.drain()
        problems = _said(error, site.max_upload)
        if problems is None:
            raise
        return await _page(project_key, version_key, given, problems, error)


async def _take(project_key: str, version_key: str, sent: body.Form, given: dict[str, str]) -> web.Answer:
    site, who = web.site(), web.asf_uid()
    form = compose_forms.UploadForm.parse(given)
    state_dir = site.storage.place.state_dir
    spools.ensure_room(state_dir, quart.request.content_length or 0)
    await asyncio.to_thread(spools.sweep, state_dir)
    with spools.opened(state_dir) as spool:
        async for event in sent.files():
            if isinstance(event, multipart.Data):
                await spool.write(event.data)
                if not event.more_data:
                    spool.end()
            elif event.filename:
                spool.begin(_path(form.below, event))
        if spool.refused:
            return await _page(project_key, version_key, given, _refused(spool))
        if not spool.count:
            raise forms.FormError({"files": "Choose a file or a folder to upload."})
        made = await site.storage.revise(
            project_key,
            version_key,
            who,
            spool.change,
            seen=form.seen,
            description=form.description or f"Uploaded {words.count(spool.count, 'file')}",
        )
        said = _done(made, spool.count)
    answer = web.redirect("get.compose.selected", success=said)
    if quart.request.headers.get("X-Requested-With") == "XMLHttpRequest":
        # A script cannot prevent its browser from following a redirect, so it gets the address to open instead.
        return werkzeug.wrappers.Response("", 201, {"Location": answer.location or ""})
    return answer


def _refused(spool: spools.Spool) -> Problems:
    count = words.count(spool.refused_total, "name")
    return Problems(
        f"Nothing was saved: {count} cannot be used. Change {words.either(spool.refused_total, 'it', 'them')}, "
        "then upload again.",
        spool.refused,
        spool.refused_total - len(spool.refused),
    )


async def _page(
    project_key: str,
    version_key: str,
    given: dict[str, str],
    problems: Problems,
    error: errors.AtrError | werkzeug.exceptions.RequestEntityTooLarge | None = None,
) -> tuple[str, int]:
    """Return the page that contains the form, with the problems and the values that were typed."""
    html = await web.render(
        "compose/selected.html",
        view=await web.view_of(project_key, version_key, compose.page),
        max_upload=web.site().max_upload,
        upload_problems=problems,
        values=given,
        field_errors=error.problems if isinstance(error, forms.FormError) else {},
    )
    if isinstance(error, werkzeug.exceptions.RequestEntityTooLarge):
        return html, error.code
    return html, refusals.status(error) if error else 422


def _said(error: errors.AtrError | werkzeug.exceptions.RequestEntityTooLarge, most: int) -> Problems | None:
    """Return what the form shows for this error; None for an error that does not concern the form."""
    match error:
        case werkzeug.exceptions.RequestEntityTooLarge():
            too_large = f"An upload may have at most {template.size(most)}. Split it up, or ask the operators."
            lines = [("", too_large)]
        case forms.FormError():
            lines = [(name if name in {"below", "description"} else "", text) for name, text in error.problems.items()]
        case errors.InputError() | errors.ConflictError() | errors.NoRoomError():
            lines = [("", str(error))]
        case _:
            return None
    return Problems("Nothing was saved.", lines)


def _path(below: str, part: multipart.File) -> str:
    """Return the path of a file in the release."""
    found = _NAME.search(part.headers.get("Content-Disposition", ""))
    name = found.group(1) if found else part.filename
    for written, meant in _ESCAPED:
        name = name.replace(written, meant)
    if (part.name == _FOLDER) and not name.startswith("/"):
        name = name.partition("/")[2] or name
    return f"{below.strip('/')}/{name}" if below.strip("/") else name


def _done(made: changes.Made, count: int) -> str:
    files = words.count(count, "file")
    if not made.is_new:
        return f"{files} came; revision {made.number} already contains all of them, so no revision was created."
    said = f"Revision {made.number} is made: {files} uploaded, {words.count(made.files, 'file')} in all."
    return f"{said} What {words.listed(made.among)} changed meanwhile is in it too." if made.among else said
