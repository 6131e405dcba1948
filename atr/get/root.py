# SPDX-License-Identifier: Apache-2.0
"""The address without a path, which leads to the list of releases."""

import quart
import werkzeug.wrappers

import atr.web as web

BLUEPRINT = quart.Blueprint("get_root", __name__)


@BLUEPRINT.get("/")
async def index() -> werkzeug.wrappers.Response:
    """URL: /."""
    return web.redirect("get.releases.listing")
