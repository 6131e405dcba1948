# SPDX-License-Identifier: Apache-2.0
"""Third-party distributions: promote, record, automate, delete, and what a person may still decide."""

import quart
import werkzeug.wrappers

import atr.errors as errors
import atr.models.forms as forms
import atr.models.sql as sql
import atr.shared.distribution as distribution
import atr.storage as storage
import atr.storage.readers.deployments as deployments
import atr.storage.readers.distributions as distributions
import atr.storage.readers.releases as releases
import atr.web as web

BLUEPRINT = quart.Blueprint("post_distribution", __name__)
Answer = werkzeug.wrappers.Response | tuple[str, int]


@BLUEPRINT.post("/distribution/promote/<project_key>/<version_key>")
async def promote_selected(project_key: str, version_key: str) -> Answer:
    """URL: /distribution/promote/<project_key>/<version_key>.

    The "promote" form: asks for the one irreversible call. The worker makes it, after proving the bytes again.
    """
    given = await web.form()
    try:
        async with web.site().storage.write_as_project_committee_member(project_key, web.asf_uid()) as member:
            form = forms.DistributionPromoteForm.parse(given)
            if form.version != version_key:
                raise forms.FormError({"version": f"That is not the version. Type {version_key}."})
            platform = distribution.DistributionPlatform.from_slug(form.platform)
            await member.distributions.promote_staging_to_production(
                sql.release_key(project_key, version_key),
                platform,
                form.deployment_id,
                evidence_digest=form.evidence_digest,
                row_version=form.row_version,
            )
    except forms.FormError as error:
        return await _confirm_again(project_key, version_key, given, error)
    return web.redirect(
        "get.finish.selected",
        success=f"Asked for. We prove the staged files once more, then make the call to {platform.display_name}.",
        project_key=project_key,
        version_key=version_key,
    )


@BLUEPRINT.post("/distribution/record/<project_key>/<version_key>")
async def record_selected(project_key: str, version_key: str) -> Answer:
    """URL: /distribution/record/<project_key>/<version_key>."""
    return await _record(project_key, version_key, staging=False)


@BLUEPRINT.post("/distribution/stage/record/<project_key>/<version_key>")
async def stage_record_selected(project_key: str, version_key: str) -> Answer:
    """URL: /distribution/stage/record/<project_key>/<version_key>."""
    return await _record(project_key, version_key, staging=True)


@BLUEPRINT.post("/distribution/automate/<project_key>/<version_key>")
async def automate_selected(project_key: str, version_key: str) -> Answer:
    """URL: /distribution/automate/<project_key>/<version_key>."""
    return await _automate(project_key, version_key, staging=False)


@BLUEPRINT.post("/distribution/stage/automate/<project_key>/<version_key>")
async def stage_automate_selected(project_key: str, version_key: str) -> Answer:
    """URL: /distribution/stage/automate/<project_key>/<version_key>."""
    return await _automate(project_key, version_key, staging=True)


@BLUEPRINT.post("/distribution/delete/<project_key>/<version_key>")
async def delete(project_key: str, version_key: str) -> Answer:
    """URL: /distribution/delete/<project_key>/<version_key>."""
    given = await web.form()
    async with web.site().storage.write_as_project_committee_member(project_key, web.asf_uid()) as member:
        form = forms.DeleteForm.parse(given)
        where = form.coordinates
        await member.distributions.delete_distribution(sql.release_key(project_key, version_key), where, form.reason)
    return web.redirect(
        "get.distribution.list_get",
        success=f"{where} is off the list. Nothing changed on {where.platform.display_name}.",
        project_key=project_key,
        version_key=version_key,
    )


@BLUEPRINT.post("/distribution/act/<project_key>/<version_key>/<row_key>")
async def act(project_key: str, version_key: str, row_key: str) -> Answer:
    """URL: /distribution/act/<project_key>/<version_key>/<row_key>."""
    site, who = web.site(), web.asf_uid()
    given = await web.form()
    async with site.storage.write_as_project_committee_participant(project_key, who):
        form = forms.ActForm.parse(given)
    async with site.storage.read(who) as read:
        row = await deployments.one(read, await releases.key(read, project_key, version_key), row_key)
    if form.act == "look":
        async with site.storage.write_as_project_committee_participant(project_key, who) as participant:
            if row.promotion_id is not None:
                await participant.promotions.look_now(row.promotion_id)
            if row.deployment_id is not None:
                await participant.promotions.look_at_deployment_now(row.deployment_id)
    else:
        async with site.storage.write_as_project_committee_member(project_key, who) as member:
            await _decide(member, form, row.deployment_id, row.promotion_id)
    return web.redirect(
        "get.distribution.detail",
        success=_DONE[form.act],
        project_key=project_key,
        version_key=version_key,
        row_key=row_key,
    )


_DONE = {
    "abort": "Stopped. Nothing was sent.",
    "check_again": "We compare the public files again.",
    "drop": "Asked the platform to give it up.",
    "extend": "It has another day.",
    "give_up": "Called stopped.",
    "look": "Looking now.",
    "prove_published": "We compare the public files with the voted ones.",
    "send_again": "We prove the files again, then send one more call.",
    "settle_lost": "Noted.",
}


async def _decide(
    member: storage.WriteAsCommitteeMember, form: forms.ActForm, deployment_id: int | None, promotion_id: int | None
) -> None:
    match form.act:
        case "drop" | "prove_published" | "settle_lost":
            if deployment_id is None:
                raise errors.ConflictError("There is no deployment here.")
            match form.act:
                case "drop":
                    await member.deployments.drop(deployment_id, form.reason)
                case "prove_published":
                    await member.acts.prove_published(deployment_id)
                case "settle_lost":
                    await member.deployments.settle_lost(deployment_id, form.external_id, form.reason)
        case "abort" | "check_again" | "extend" | "give_up" | "send_again":
            if promotion_id is None:
                raise errors.ConflictError("Nobody has asked for a promotion here.")
            await getattr(member.acts, form.act)(promotion_id, form.reason)


async def _record(project_key: str, version_key: str, *, staging: bool) -> Answer:
    given = await web.form()
    release_key = sql.release_key(project_key, version_key)
    try:
        async with web.site().storage.write_as_project_committee_member(project_key, web.asf_uid()) as member:
            form = forms.DistributionRecordForm.parse(given)
            where = form.coordinates
            await member.distributions.record(release_key, where, staging=staging, deployment_id=form.deployment_id)
    except (errors.InputError, errors.BlockedError, errors.ConflictError) as error:
        # What was typed stays on the page, with what is wrong beside it.
        async with web.site().storage.read(web.asf_uid()) as read:
            view = await distributions.form(read, await releases.key(read, project_key, version_key))
        html = await quart.render_template(
            "distribution/record.html", view=view, staging=staging, values=given, field_errors=_problems(error)
        )
        return html, 422 if isinstance(error, errors.InputError) else 409
    said = _will_look(where.platform, staging=staging)
    return web.redirect(
        "get.distribution.list_get",
        success=f"{where} is recorded. {said}",
        project_key=project_key,
        version_key=version_key,
    )


def _will_look(platform: distribution.DistributionPlatform, *, staging: bool) -> str:
    """What follows from a record, honestly."""
    if not platform.looks_up:
        return f"We cannot look on {platform.display_name} yet, so it stays unproved."
    return "We look at it now." if staging else "We look for it in public, and compare its files with the ballot's."


async def _automate(project_key: str, version_key: str, *, staging: bool) -> Answer:
    given = await web.form()
    async with web.site().storage.write_as_project_committee_member(project_key, web.asf_uid()) as member:
        form = forms.DistributionAutomateForm.parse(given)
        platform = distribution.DistributionPlatform.from_slug(form.platform)
        await member.distributions.automate(sql.release_key(project_key, version_key), platform, staging=staging)
    return web.redirect(
        "get.finish.selected",
        success=f"Uploading to {platform.display_name}. It waits there until somebody promotes it."
        if staging
        else f"Uploading to {platform.display_name}; the promotion follows by the same gates.",
        project_key=project_key,
        version_key=version_key,
    )


async def _confirm_again(project_key: str, version_key: str, given: dict[str, str], error: forms.FormError) -> Answer:
    async with web.site().storage.read(web.asf_uid()) as read:
        release_key = await releases.key(read, project_key, version_key)
        row = await deployments.one(read, release_key, f"d{given.get('deployment_id', '')}")
    html = await quart.render_template(
        "distribution/confirm.html", row=row, values=given, field_errors=_problems(error)
    )
    return html, 422


def _problems(error: errors.AtrError) -> dict[str, str]:
    """By field; what is wrong with no single field stands under a name that is none."""
    if isinstance(error, forms.FormError):
        return error.problems
    field = error.field if isinstance(error, errors.InputError) else ""
    return {field or "form": str(error)}
