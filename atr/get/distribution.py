# SPDX-License-Identifier: Apache-2.0
"""Third-party distributions: the list, the forms, the evidence."""

import quart
import werkzeug.wrappers

import atr.errors as errors
import atr.models.paging as paging
import atr.pages.deployments as deployments
import atr.pages.distributions as distributions
import atr.pages.finish as finish
import atr.pages.repository as repository
import atr.pages.searches as searches
import atr.shared.distribution as distribution
import atr.web as web

BLUEPRINT = quart.Blueprint("get_distribution", __name__)
Page = str | werkzeug.wrappers.Response


@BLUEPRINT.get("/distribution/list/<project_key>/<version_key>")
async def list_get(project_key: str, version_key: str) -> str:
    """URL: /distribution/list/<project_key>/<version_key>?page=<number>&deployments=<number>&q=<part of a name>."""
    args = quart.request.args
    asked = paging.Asked.of(args), paging.Asked.of(args, "deployments")
    view = await web.view_of(project_key, version_key, distributions.listing, *asked)
    return await web.render("distribution/list.html", view=view)


@BLUEPRINT.get("/distribution/detail/<project_key>/<version_key>/<row_key>")
async def detail(project_key: str, version_key: str, row_key: str) -> str:
    """URL: /distribution/detail/<project_key>/<version_key>/<row_key>."""
    view = await web.view_of(project_key, version_key, deployments.detail, row_key)
    return await web.render("distribution/detail.html", view=view)


@BLUEPRINT.get("/distribution/promote/<project_key>/<version_key>")
@web.sign_in_required
async def promote(project_key: str, version_key: str) -> Page:
    """URL: /distribution/promote/<project_key>/<version_key>?deployment_id=<number>."""
    row_key = f"d{quart.request.args.get('deployment_id', '')}"
    row = await web.view_of(project_key, version_key, deployments.one, row_key)
    if (row.promotion_id is not None) and not row.blockers and all(act.name != "promote" for act in row.acts):
        # An old link, or the browser's Back: it was already promoted, and there is nothing left to confirm.
        return web.redirect("get.distribution.detail", row_key=row_key)
    return await web.render("distribution/confirm.html", row=row)


@BLUEPRINT.get("/distribution/promote-all/<project_key>/<version_key>")
@web.sign_in_required
async def promote_all(project_key: str, version_key: str) -> str:
    """URL: /distribution/promote-all/<project_key>/<version_key>."""
    view = await web.view_of(project_key, version_key, finish.promote_all)
    return await web.render("distribution/promote_all.html", view=view)


@BLUEPRINT.get("/distribution/record/<project_key>/<version_key>", defaults={"staging": False})
@BLUEPRINT.get(
    "/distribution/stage/record/<project_key>/<version_key>", endpoint="stage_record", defaults={"staging": True}
)
@web.sign_in_required
async def record(project_key: str, version_key: str, *, staging: bool) -> str:
    """URL: /distribution/record/<project_key>/<version_key>, and the same below /distribution/stage."""
    view = await web.view_of(project_key, version_key, distributions.form)
    return await web.render("distribution/record.html", view=view, staging=staging, values={"version": version_key})


@BLUEPRINT.get("/distribution/search/<project_key>/<version_key>/<row_key>")
@web.sign_in_required
async def search(project_key: str, version_key: str, row_key: str) -> quart.Response:
    """URL: /distribution/search/<project_key>/<version_key>/s<number>; 204 while the page is up to date."""
    number = paging.number(row_key.removeprefix("s"), otherwise=0)
    view = await web.view_of(project_key, version_key, searches.one, number)
    return await web.fragment("distribution/search.html", view.etag, view=view)


@BLUEPRINT.get("/distribution/automate/<project_key>/<version_key>", defaults={"staging": False})
@BLUEPRINT.get(
    "/distribution/stage/automate/<project_key>/<version_key>", endpoint="stage_automate", defaults={"staging": True}
)
@web.sign_in_required
async def automate(project_key: str, version_key: str, *, staging: bool) -> str:
    """URL: /distribution/automate/<project_key>/<version_key>?platform=<member name>, and the same below stage."""
    asked = quart.request.args.get("platform") or web.site().storage.database.built.platforms[0].name
    try:
        platform = distribution.DistributionPlatform.from_slug(asked)
    except errors.InputError as error:
        raise errors.NotFoundError(str(error)) from error
    page = paging.number(quart.request.args.get("page", ""), otherwise=1)
    view = await web.view_of(project_key, version_key, distributions.form, platform, page)
    return await web.render("distribution/automate.html", view=view, staging=staging)


@BLUEPRINT.get("/distribution/stage/again/<project_key>/<version_key>/<digest>")
@web.sign_in_required
async def stage_again(project_key: str, version_key: str, digest: str) -> str:
    """URL: /distribution/stage/again/<project_key>/<version_key>/<digest>: restage the voted files."""
    view = await web.view_of(project_key, version_key, repository.again, digest)
    return await web.render("distribution/again.html", view=view)
