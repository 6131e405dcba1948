# SPDX-License-Identifier: Apache-2.0
"""The public Maven repository over HTTP, read-only. Each file is available from its own time on."""

import datetime
import mimetypes
from typing import Final

import quart

import atr.sandbox.central_portal.public as public
import atr.sandbox.current as current
import atr.sandbox.download as download
import atr.sandbox.endpoints as endpoints

BLUEPRINT: Final = quart.Blueprint("repository", __name__, url_prefix=endpoints.REPOSITORY, template_folder="templates")
_PLAIN: Final = ("asc", "md5", "sha1", "sha256", "sha512")
_XML: Final = ("pom", "xml")
# The width of the column of names in an index of Apache httpd.
_COLUMN: Final = 23


@BLUEPRINT.get("/")
@BLUEPRINT.get("/<path:path>")
async def get_path(path: str = "") -> quart.ResponseReturnValue:
    """Return a file, or the index of a folder."""
    world = current.world()
    world.portal.advance()
    now = world.now()
    file = world.portal.public.find(path, now)
    if file is not None:
        answer = download.respond(file.disk, media_type(path))
        answer.last_modified = datetime.datetime.fromtimestamp(file.since, datetime.UTC)
        return answer
    return await folder_view(path, now)


async def folder_view(path: str, now: float) -> quart.ResponseReturnValue:
    """Return links to the content of a folder; 404 for an empty one."""
    world = current.world()
    folder = path.rstrip("/")
    listing = world.portal.public.listing(folder, now)
    if folder and not (listing.folders or listing.files):
        return quart.Response("404 Not Found\n", 404, content_type="text/plain")
    if path and not path.endswith("/"):
        return quart.redirect(f"{endpoints.REPOSITORY}/{path}/")
    twist, shape = world.settings.index_twist, world.settings.index_shape
    if twist == "stale":
        listing = public.Listing(listing.folders, listing.files[: len(listing.files) // 2])
    if shape == "page":
        page = await quart.render_template("folder.html", folder=folder, listing=listing)
    else:
        base = f"{endpoints.REPOSITORY}/{folder}".rstrip("/")
        root = quart.request.host_url.rstrip("/")
        page = await quart.render_template("index.html", shape=shape, base=base, root=root, listing=listing)
    if twist == "cut":
        page = page[: len(page) // 2]
    return quart.Response(page, content_type="text/html; charset=utf-8")


@BLUEPRINT.app_template_filter()
def truncated(name: str) -> str:
    """Return a name as Apache httpd shows it: cut if it is too long for its column."""
    return name if len(name) <= _COLUMN else f"{name[: _COLUMN - 3]}..>"


def media_type(path: str) -> str:
    """Return the media type for a browser: texts are shown, other files are saved."""
    suffix = path.rpartition(".")[2]
    if suffix in _PLAIN:
        return "text/plain"
    if suffix in _XML:
        return "text/xml"
    return mimetypes.guess_type(path)[0] or "application/octet-stream"
