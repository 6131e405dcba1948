# SPDX-License-Identifier: Apache-2.0
"""The simulated PyPI, and its pages for people."""

from typing import Final

import quart

import atr.sandbox.endpoints as endpoints
import atr.sandbox.registries as registries
import atr.sandbox.shelf as shelf

BLUEPRINT: Final = quart.Blueprint("pypi", __name__, url_prefix=endpoints.REGISTRIES)


@BLUEPRINT.get("/pypi/pypi/<package>/<version>/json")
async def get_pypi(package: str, version: str) -> registries.Answer:
    found = registries.find(shelf.Registry.PYPI, "", package, version)
    if found is None:
        return {"message": "Not Found"}, 404
    # Two files, one a minute later than the other: the age of the version is that of the first.
    kinds = (("bdist_wheel", 60.0, "-py3-none-any.whl"), ("sdist", 0.0, ".tar.gz"))
    return {
        "info": {"name": found.package, "version": found.version},
        "urls": [
            {
                "filename": f"{found.package}-{found.version}{end}",
                "packagetype": kind,
                "upload_time": registries.iso(found.since + late)[:19],
                "upload_time_iso_8601": registries.iso(found.since + late),
            }
            for kind, late, end in kinds
        ],
        "last_serial": 1,
    }, 200


@BLUEPRINT.get("/pypi/project/<package>/<version>/")
async def get_pypi_page(package: str, version: str) -> quart.ResponseReturnValue:
    return await registries.page(shelf.Registry.PYPI, "", package, version)
