# SPDX-License-Identifier: Apache-2.0
"""Third-party distributions: promote, record, automate, delete, and the other decisions of people."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import quart

import atr.errors as errors
import atr.models.forms as forms
import atr.models.paging as paging
import atr.models.sql as sql
import atr.pages.deployments as deployments
import atr.pages.distributions as distributions
import atr.pages.finish as finish
import atr.shared.distribution as distribution
import atr.storage as storage
import atr.storage.embargo as embargo
import atr.storage.readers.deployment_rows as deployment_rows
import atr.web as web

BLUEPRINT = quart.Blueprint("post_distribution", __name__)


@BLUEPRINT.post("/distribution/promote/<project_key>/<version_key>")
async def promote_selected(project_key: str, version_key: str) -> web.Answer:
    """URL: /distribution/promote/<project_key>/<version_key>.

    The "promote" form: requests the promotion. The worker sends the publish request, after verifying the files again.
    """
    web.demand_fresh()
    given = await web.form()
    try:
        async with web.site().storage.write_as_project_committee_member(project_key, web.asf_uid()) as member:
            form = forms.DistributionPromoteForm.parse(given)
            forms.demand_typed(form.version, version_key)
            platform = distribution.DistributionPlatform.from_slug(form.platform)
            await member.distributions.promote_staging_to_production(
                sql.release_key(project_key, version_key),
                platform,
                form.deployment_id,
                evidence_digest=form.evidence_digest,
                row_version=form.row_version,
                code=form.code,
            )
    except forms.FormError as error:
        row = await web.view_of(project_key, version_key, deployments.one, f"d{given.get('deployment_id', '')}")
        return await web.refused("distribution/confirm.html", error, given, row=row)
    return web.redirect(
        "get.finish.selected",
        success=f"Promotion requested. The staged files are verified once more before the request to "
        f"{platform.display_name} is sent.",
    )


@BLUEPRINT.post("/distribution/promote-all/<project_key>/<version_key>")
async def promote_all_selected(project_key: str, version_key: str) -> web.Answer:
    """URL: /distribution/promote-all/<project_key>/<version_key>.

    Several "promote" forms in one: all are requested or none, and each is sent when the one before it is live.
    """
    web.demand_fresh()
    given = await web.form()
    try:
        async with web.site().storage.write_as_project_committee_member(project_key, web.asf_uid()) as member:
            form = forms.PromoteAllForm.parse(given)
            forms.demand_typed(form.version, version_key)
            await member.promotions.promote_all(
                sql.release_key(project_key, version_key), form.asked, stop_at_trouble=bool(form.stop_at_trouble)
            )
    except errors.InputError as error:
        view = await web.view_of(project_key, version_key, finish.promote_all)
        return await web.refused("distribution/promote_all.html", error, given, view=view)
    return web.redirect(
        "get.finish.selected",
        success=f"Asked for {len(form.rows)}, one after another. Each is verified once more immediately before it "
        "is sent.",
    )


@BLUEPRINT.post("/distribution/stage/again/<project_key>/<version_key>/<digest>")
async def stage_again_selected(project_key: str, version_key: str, digest: str) -> web.Answer:
    """URL: /distribution/stage/again/<project_key>/<version_key>/<digest>."""
    async with web.site().storage.write_as_project_release_manager(project_key, web.asf_uid()) as manager:
        await manager.distributions.stage_again(sql.release_key(project_key, version_key), digest)
    return web.redirect(
        "get.finish.selected",
        success="Restaging the voted files. The deployment then waits for a committee member to promote it.",
    )


@BLUEPRINT.post("/distribution/delete/<project_key>/<version_key>")
async def delete(project_key: str, version_key: str) -> web.Answer:
    """URL: /distribution/delete/<project_key>/<version_key>."""
    given = await web.form()
    try:
        async with web.site().storage.write_as_project_release_manager(project_key, web.asf_uid()) as manager:
            form = forms.DeleteForm.parse(given)
            where = form.coordinates
            await manager.distributions.delete_distribution(
                sql.release_key(project_key, version_key), where, form.reason
            )
    except errors.InputError as error:
        view = await web.view_of(project_key, version_key, distributions.listing, paging.Asked.of(given))
        return await web.refused("distribution/list.html", error, given, view=view)
    return web.redirect(
        "get.distribution.list_get",
        success=f"{where} is no longer recorded. Nothing changed on {where.platform.display_name}.",
    )


@BLUEPRINT.post("/distribution/act/<project_key>/<version_key>/<row_key>")
async def act(project_key: str, version_key: str, row_key: str) -> web.Answer:
    """URL: /distribution/act/<project_key>/<version_key>/<row_key>."""
    site, who = web.site(), web.asf_uid()
    given = await web.form()
    if given.get("act") in _FOR_GOOD:
        web.demand_fresh()
    try:
        async with site.storage.write(who) as write:
            participant = await write.as_project_committee_participant(project_key)
            form = forms.ActForm.parse(given)
            release_key = await embargo.release_key(write, project_key, version_key)
            row = await deployment_rows.numbers(write, release_key, row_key)
            if form.act in _PARTICIPANTS:
                await _PARTICIPANTS[form.act](participant, row)
            elif form.act in _MANAGERS:
                await _MANAGERS[form.act](await write.as_project_release_manager(project_key), row, form)
            else:
                await _MEMBERS[form.act](await write.as_project_committee_member(project_key), row, form)
    except errors.InputError as error:
        view = await web.view_of(project_key, version_key, deployments.detail, row_key)
        return await web.refused("distribution/detail.html", error, given, view=view)
    return web.redirect("get.distribution.detail", success=_DONE[form.act], row_key=row_key)


# What sends a publish request, and what a platform cannot give back.
_FOR_GOOD: Final = frozenset({"drop", "go_on", "send_again"})
_DONE: Final = {
    "abort": "Stopped. No publish request was accepted.",
    "accept_extras": "Extra files accepted. The public files are being compared again.",
    "check_again": "The public files are being compared again.",
    "drop": "Drop requested.",
    "extend": "Deadline extended by 24 hours.",
    "forget_copy": "Copy deleted. Its files are removed unless another copy uses them.",
    "give_up": "Marked as cancelled.",
    "go_on": "Continuing. The files are verified once more before the publish request is sent.",
    "keep_copy": "The staged files are being read again and copied.",
    "look": "Checking now.",
    "prove_published": "The public files are being compared with the voted files.",
    "send_again": "The files are verified again, then one more publish request is sent.",
    "settle_lost": "Noted.",
    "stop": "Stop requested. This page shows whether it took effect in time.",
    "verify": "Every staged file is being read again. This changes nothing.",
}


async def _look(participant: storage.WriteAsCommitteeParticipant, row: deployment_rows.Numbers) -> None:
    if row.promotion_id is not None:
        await participant.promotions.look_now(row.promotion_id)
    if row.deployment_id is not None:
        await participant.promotions.look_at_deployment_now(row.deployment_id)


# The acts of all committers of the committee, of its release managers, and of its members only.
_PARTICIPANTS: Final[
    Mapping[str, Callable[[storage.WriteAsCommitteeParticipant, deployment_rows.Numbers], Awaitable[object]]]
] = {
    "look": _look,
    "verify": lambda participant, row: participant.deployments.verify(row.deployment),
}
_MANAGERS: Final[
    Mapping[str, Callable[[storage.WriteAsReleaseManager, deployment_rows.Numbers, forms.ActForm], Awaitable[object]]]
] = {
    "settle_lost": lambda manager, row, form: manager.deployments.settle_lost(
        row.deployment, form.external_id, form.reason
    ),
}
_MEMBERS: Final[
    Mapping[str, Callable[[storage.WriteAsCommitteeMember, deployment_rows.Numbers, forms.ActForm], Awaitable[object]]]
] = {
    "drop": lambda member, row, form: member.deployments.drop(row.deployment, form.reason),
    "forget_copy": lambda member, row, form: member.deployments.forget_copy(row.deployment, form.reason),
    "keep_copy": lambda member, row, _: member.deployments.keep_copy(row.deployment),
    "prove_published": lambda member, row, _: member.promotions.prove_published(row.deployment),
    "accept_extras": lambda member, row, form: member.promotions.accept(row.promotion, form.extras, form.reason),
    "abort": lambda member, row, form: member.promotions.abort(row.promotion, form.reason),
    "check_again": lambda member, row, form: member.promotions.check_again(row.promotion, form.reason),
    "extend": lambda member, row, form: member.promotions.extend(row.promotion, form.reason),
    "give_up": lambda member, row, form: member.promotions.give_up(row.promotion, form.reason),
    "stop": lambda member, row, form: member.promotions.stop(row.promotion, form.reason),
    "go_on": lambda member, row, form: member.promotions.go_on(row.promotion, form.reason),
    "send_again": lambda member, row, form: member.promotions.send_again(row.promotion, form.reason),
}


@BLUEPRINT.post("/distribution/record/<project_key>/<version_key>", defaults={"staging": False})
@BLUEPRINT.post(
    "/distribution/stage/record/<project_key>/<version_key>",
    endpoint="stage_record_selected",
    defaults={"staging": True},
)
async def record_selected(project_key: str, version_key: str, *, staging: bool) -> web.Answer:
    """URL: /distribution/record/<project_key>/<version_key>, and the same below /distribution/stage."""
    given = await web.form()
    release_key = sql.release_key(project_key, version_key)
    try:
        async with web.site().storage.write_as_project_release_manager(project_key, web.asf_uid()) as manager:
            form = forms.DistributionRecordForm.parse(given)
            where = form.coordinates
            await manager.distributions.record(release_key, where, staging=staging, deployment_id=form.deployment_id)
    except (errors.InputError, errors.BlockedError, errors.ConflictError) as error:
        return await _record_again(project_key, version_key, given, error, staging=staging)
    said = _will_look(where.platform, staging=staging)
    if staging and where.platform.supports_remote_promotion:
        return web.lead_back(_home(given, project_key, version_key), success=f"{where} is recorded. {said}")
    return web.redirect(
        "get.distribution.list_get",
        success=f"{where} is recorded. {said}",
    )


@BLUEPRINT.post("/distribution/search/<project_key>/<version_key>")
async def search_selected(project_key: str, version_key: str) -> web.Answer:
    """URL: /distribution/search/<project_key>/<version_key>.

    For a person who does not know the id of a deployment: the worker searches the platform by its coordinates.
    """
    given = await web.form()
    try:
        async with web.site().storage.write_as_project_release_manager(project_key, web.asf_uid()) as manager:
            form = forms.DistributionSearchForm.parse(given)
            number = await manager.deployments.search(sql.release_key(project_key, version_key), form.coordinates)
    except (errors.InputError, errors.BlockedError, errors.ConflictError, errors.UnsupportedError) as error:
        return await _record_again(project_key, version_key, given, error, staging=True)
    return web.redirect("get.distribution.search", row_key=f"s{number}")


async def _record_again(
    project_key: str, version_key: str, given: dict[str, str], error: errors.AtrError, *, staging: bool
) -> web.Answer:
    """Return the page with the typed values and the errors next to them."""
    view = await web.view_of(project_key, version_key, distributions.form)
    return await web.refused("distribution/record.html", error, given, view=view, staging=staging)


def _home(given: dict[str, str], project_key: str, version_key: str) -> str:
    """Return the page that the form came from: that of the release's phase, with the row and the next step."""
    return given.get("return_to") or web.as_url("get.finish.selected", project_key=project_key, version_key=version_key)


def _will_look(platform: distribution.DistributionPlatform, *, staging: bool) -> str:
    """Return a sentence that says what happens after the record."""
    if platform.supports_remote_promotion:
        return (
            "It is being checked now."
            if staging
            else "The platform is being checked for it; its files are then compared with the ballot."
        )
    if staging:
        return f"Staged packages on {platform.display_name} cannot be read yet, so the record stays pending."
    return f"The platform is being checked for it. Its files cannot be verified because {platform.no_proof}."


@BLUEPRINT.post("/distribution/automate/<project_key>/<version_key>", defaults={"staging": False})
@BLUEPRINT.post(
    "/distribution/stage/automate/<project_key>/<version_key>",
    endpoint="stage_automate_selected",
    defaults={"staging": True},
)
async def automate_selected(project_key: str, version_key: str, *, staging: bool) -> web.Answer:
    """URL: /distribution/automate/<project_key>/<version_key>, and the same below /distribution/stage."""
    if not staging:
        # A member's is promoted without another click.
        web.demand_fresh()
    given = await web.form()
    try:
        async with web.site().storage.write(web.asf_uid()) as write:
            manager = await write.as_project_release_manager(project_key)
            form = forms.DistributionAutomateForm.parse(given)
            platform = distribution.DistributionPlatform.from_slug(form.platform)
            await manager.distributions.automate(sql.release_key(project_key, version_key), platform, staging=staging)
            promotes = write.is_committee_member and not staging
    except errors.InputError as error:
        platform = web.site().storage.database.built.platforms[0]
        view = await web.view_of(project_key, version_key, distributions.form, platform)
        return await web.refused("distribution/automate.html", error, given, view=view, staging=staging)
    return web.lead_back(
        _home(given, project_key, version_key),
        success=f"Uploading to {platform.display_name}; the promotion follows once its checks pass."
        if promotes
        else f"Uploading to {platform.display_name}. The deployment then waits for a committee member to promote it.",
    )
