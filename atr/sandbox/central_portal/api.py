# SPDX-License-Identifier: Apache-2.0
"""The publisher API of the simulated Central Portal.

Paths, parameters, status codes and field names follow the vendor's description; see tests/contract/portal-api.json.
https://central.sonatype.org/publish/publish-portal-api/
"""

import base64
import binascii
import contextlib
import io
import math
import pathlib
from collections.abc import Mapping
from typing import Any, Final

import quart
import quart.formparser
import werkzeug.datastructures

import atr.errors as errors
import atr.sandbox.central_portal.bundle as bundles
import atr.sandbox.central_portal.deployment as deployments
import atr.sandbox.central_portal.portal as portals
import atr.sandbox.central_portal.validation as validation
import atr.sandbox.current as current
import atr.sandbox.download as download
import atr.sandbox.endpoints as endpoints

BLUEPRINT: Final = quart.Blueprint("portal", __name__, url_prefix=endpoints.PUBLISHER)
ELSEWHERE: Final = quart.Blueprint("elsewhere", __name__, url_prefix=endpoints.ELSEWHERE)

# `UserToken` is the older name, which the vendor's own Maven plugin still sends; Basic is in the vendor's description.
SCHEMES: Final = frozenset({"bearer", "usertoken", "basic"})
PUBLISHING_TYPES: Final = ("USER_MANAGED", "AUTOMATIC")
MAX_PAGE_SIZE: Final = 500

Answer = tuple[dict[str, Any], int]


@BLUEPRINT.before_request
async def authenticate() -> Answer | None:
    """Refuse a request without a valid token."""
    account = account_of(quart.request.headers.get("Authorization", ""))
    if account is None:
        # A client that is still sending would report an early response as a broken connection.
        async for _ in quart.request.body:
            pass
        return problem(401, "Invalid token")
    quart.g.account = account
    return None


@BLUEPRINT.errorhandler(errors.NotFoundError)
async def not_found(error: errors.NotFoundError) -> Answer:
    return problem(404, str(error))


@BLUEPRINT.errorhandler(errors.InputError)
async def bad_request(error: errors.InputError) -> Answer:
    return problem(400, str(error))


@BLUEPRINT.errorhandler(errors.ConflictError)
async def wrong_state(error: errors.ConflictError) -> Answer:
    # The real response to a publish or drop in the wrong state is not known.
    return problem(current.world().settings.wrong_state_status, str(error))


@BLUEPRINT.post("/upload")
async def post_upload() -> tuple[str, int, dict[str, str]]:
    portal = current.world().portal
    kind = quart.request.args.get("publishingType", PUBLISHING_TYPES[0])
    target = portal.incoming_path()
    try:
        file_name = await _received(target)
        if kind not in PUBLISHING_TYPES:
            raise errors.InputError(f"publishingType must be one of {', '.join(PUBLISHING_TYPES)}")
        deployment = portal.upload(
            quart.g.account,
            quart.request.args.get("name") or file_name,
            automatic=kind == "AUTOMATIC",
            archive=target,
        )
    finally:
        target.unlink(missing_ok=True)
    quart.current_app.add_background_task(portal.examine, deployment)
    # The body is only the id, without quotes or a line break.
    return deployment.deployment_id, 201, {"Content-Type": "text/plain"}


@BLUEPRINT.post("/status")
async def post_status() -> Answer:
    """Return the status of a deployment. Other parameters are ignored: the Maven plugin repeats those of its upload."""
    deployment = current.world().portal.poll(quart.g.account, _required("id"))
    return {
        "deploymentId": deployment.deployment_id,
        "deploymentName": deployment.name,
        "deploymentState": deployment.shown_state(),
        "purls": [component.purl for component in deployment.components],
        "errors": deployment.shown_errors,
        "warnings": {},
    }, 200


@BLUEPRINT.post("/deployment/<deployment_id>")
async def post_publish(deployment_id: str) -> tuple[str, int]:
    portal = current.world().portal
    portal.publish(portal.find(quart.g.account, deployment_id))
    return "", 204


@BLUEPRINT.delete("/deployment/<deployment_id>")
async def delete_deployment(deployment_id: str) -> tuple[str, int]:
    portal = current.world().portal
    portal.drop(portal.find(quart.g.account, deployment_id))
    return "", 204


@BLUEPRINT.get("/published")
async def get_published() -> Answer:
    """Answer from the platform's own records: true from PUBLISHED on, before the public repository has the files."""
    portal = current.world().portal
    component = validation.Component(_required("namespace"), _required("name"), _required("version"))
    if not validation.owns(quart.g.account.namespaces, component.group):
        return problem(403, f"Namespace '{component.group}' is not allowed")
    portal.advance()
    return {"published": portal.public.has(component)}, 200


@BLUEPRINT.post("/deployments/files")
async def post_files() -> Answer:
    """Return a page of deployments, each with all of its files."""
    wanted = await quart.request.get_json(force=True, silent=True)
    if not isinstance(wanted, dict) or not isinstance(wanted.get("sortField"), str):
        raise errors.InputError("sortField is required")
    page = _number(wanted, "page", default=0, least=0)
    size = _number(wanted, "size", default=MAX_PAGE_SIZE, least=1)
    found = current.world().portal.of_account(quart.g.account)
    if wanted.get("deploymentIds"):
        found = [one for one in found if one.deployment_id in wanted["deploymentIds"]]
    if wanted.get("sortDirection") == "asc":
        found.reverse()
    shown = found[page * size : (page + 1) * size]
    return {
        "deployments": [_with_files(one, str(wanted.get("pathStarting") or "")) for one in shown],
        "page": page,
        "pageSize": size,
        "pageCount": math.ceil(len(found) / size),
        "totalResultCount": len(found),
    }, 200


@BLUEPRINT.get("/deployment/<deployment_id>/download/<path:path>")
async def get_download(deployment_id: str, path: str) -> quart.ResponseReturnValue:
    portal = current.world().portal
    deployment = portal.find(quart.g.account, deployment_id)
    if path not in _visible_files(deployment):
        raise errors.NotFoundError(f"File '{path}' not found")
    if portal.core.settings.redirect_downloads:
        base = portal.core.settings.redirect_downloads.rstrip("/")
        return quart.redirect(f"{base}{endpoints.ELSEWHERE}/{deployment_id}/{path}", 307)
    return download.respond(portal.folder(deployment) / path)


@BLUEPRINT.get("/deployments/download/<path:path>")
async def get_merged_download(path: str) -> quart.Response:
    """Serve all VALIDATED deployments of the account as one repository; if two have the same path, the newer wins."""
    portal = current.world().portal
    for deployment in portal.of_account(quart.g.account):
        if deployment.state is deployments.State.VALIDATED and path in deployment.files:
            return download.respond(portal.folder(deployment) / path)
    raise errors.NotFoundError(f"File '{path}' not found")


@ELSEWHERE.get("/<deployment_id>/<path:path>")
async def get_elsewhere(deployment_id: str, path: str) -> quart.ResponseReturnValue:
    """Serve the target of `redirect_downloads`. Like a store with signed addresses it answers 400 to Authorization."""
    portal = current.world().portal
    if "Authorization" in quart.request.headers:
        return problem(400, "Only one way to authenticate is allowed")
    deployment = portal.deployments.get(deployment_id)
    if deployment is None or path not in deployment.files:
        return problem(404, "No such key")
    return download.respond(portal.folder(deployment) / path)


async def _received(target: pathlib.Path) -> str:
    """Write the part named `bundle` to the target, and return its file name. Raises InputError."""
    boundary = quart.request.mimetype_params.get("boundary", "").encode("ascii", "replace")
    with target.open("wb") as sink:
        files: Mapping[str, werkzeug.datastructures.FileStorage] = {}
        with contextlib.suppress(ValueError):
            parser = quart.formparser.MultiPartParser(stream_factory=lambda *_given: sink)
            _, files = await parser.parse(quart.request.body, boundary, 0) if boundary else ({}, {})
        size = sink.seek(0, io.SEEK_END)
    # The client would report a response before it has finished sending as a broken connection.
    async for _ in quart.request.body:
        pass
    part = files.get("bundle")
    if (part is None) or not part.filename:
        raise errors.InputError("A multipart/form-data request with a part named 'bundle' and a file name is needed")
    limit = current.world().settings.bundle_limit
    if limit and (size > limit):
        raise errors.InputError(f"The bundle is larger than {limit} bytes")
    return part.filename


def account_of(authorization: str) -> portals.Account | None:
    """Return the account of a valid Authorization header; None for any other header."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() not in SCHEMES:
        return None
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return current.world().portal.account_for(portals.Token(name, password))


def problem(status: int, message: str) -> Answer:
    """Return an error in the only documented form, that of a recorded 401 response."""
    return {"error": {"message": message}}, status


def _required(name: str) -> str:
    value = quart.request.args.get(name, "")
    if not value:
        raise errors.InputError(f"Parameter '{name}' is required")
    return value


def _number(wanted: dict[str, Any], name: str, *, default: int, least: int) -> int:
    value = wanted.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise errors.InputError(f"{name} must be a whole number of at least {least}")
    return min(value, MAX_PAGE_SIZE) if name == "size" else value


def _visible_files(deployment: deployments.Deployment) -> dict[str, bundles.StagedFile]:
    # There are no files to list before the end of the validation.
    return {} if deployment.state in {deployments.State.PENDING, deployments.State.VALIDATING} else deployment.files


def _with_files(deployment: deployments.Deployment, prefix: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "deploymentId": deployment.deployment_id,
        "deploymentName": deployment.name,
        "deploymentState": deployment.shown_state(),
        "deploymentType": "BUNDLE",
        "createTimestamp": round(deployment.uploaded_at * 1000),
        "purls": [component.purl for component in deployment.components],
        "deployedComponentVersions": [
            {
                "name": f"{component.stem}.pom",
                "path": component.directory,
                "errors": deployment.shown_errors.get(component.purl, []),
            }
            for component in deployment.components
        ],
    }
    files = [_file(path, file) for path, file in sorted(_visible_files(deployment).items()) if path.startswith(prefix)]
    twist = deployment.take_listing()
    if twist == "hide":
        files = []
    elif twist == "extra":
        files.append(_file(f"{deployment.main_file().rpartition('/')[0]}/ghost.jar", bundles.StagedFile(1, 0.0)))
    elif twist == "repeat":
        files += files[:1]
    elif twist == "cut":
        files = files[: len(files) // 2]
    elif twist == "short":
        files = files[:-1]
    elif twist == "reorder":
        files.reverse()
    if twist != "omit":
        shown["deploymentFiles"] = files
    return shown


def _file(path: str, file: bundles.StagedFile) -> dict[str, Any]:
    return {
        "relativePath": path,
        "fileName": path.rpartition("/")[2],
        "fileSize": file.size,
        "fileTimestamp": round(file.when * 1000),
    }
