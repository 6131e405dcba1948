# SPDX-License-Identifier: Apache-2.0
"""The kinds of requests that are counted and that faults can hit, by name."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

PUBLISHER: Final = "/api/v1/publisher"
REPOSITORY: Final = "/maven2"
# The target of a redirected download. It stands for another host that has the bytes, so it accepts no Authorization.
ELSEWHERE: Final = "/elsewhere"
# Each registry is below this path, under its own name.
REGISTRIES: Final = "/registries"


class Endpoint(NamedTuple):
    """One kind of request. `streams` says that the response may be large, and stops if the client disconnects."""

    name: str
    methods: tuple[str, ...]
    path: re.Pattern[str]
    streams: bool = False


# https://central.sonatype.org/publish/publish-portal-api/
ENDPOINTS: Final = (
    Endpoint("upload", ("POST",), re.compile(PUBLISHER + "/upload")),
    Endpoint("status", ("POST",), re.compile(PUBLISHER + "/status")),
    Endpoint("publish", ("POST",), re.compile(PUBLISHER + "/deployment/[^/]+")),
    Endpoint("drop", ("DELETE",), re.compile(PUBLISHER + "/deployment/[^/]+")),
    Endpoint("published", ("GET", "HEAD"), re.compile(PUBLISHER + "/published")),
    Endpoint("files", ("POST",), re.compile(PUBLISHER + "/deployments/files")),
    Endpoint(
        "download",
        ("GET", "HEAD"),
        re.compile(PUBLISHER + "/(deployment/[^/]+|deployments)/download/.*"),
        streams=True,
    ),
    Endpoint("elsewhere", ("GET", "HEAD"), re.compile(ELSEWHERE + "/.*"), streams=True),
    # The index of a folder of the repository. It is before the next line, which matches all other paths.
    Endpoint("index", ("GET", "HEAD"), re.compile(REPOSITORY + "/(.*/)?")),
    Endpoint("repository", ("GET", "HEAD"), re.compile(REPOSITORY + "(/.*)?"), streams=True),
    # The sources of these are named in the adapters in atr/platforms.
    Endpoint("artifact-hub", ("GET", "HEAD"), re.compile(REGISTRIES + "/artifact-hub/api/.*")),
    Endpoint("docker-hub", ("GET", "HEAD"), re.compile(REGISTRIES + "/docker-hub/v2/.*")),
    Endpoint("npm", ("GET", "HEAD"), re.compile(REGISTRIES + "/npm/.*")),
    Endpoint("pypi", ("GET", "HEAD"), re.compile(REGISTRIES + "/pypi/pypi/.*")),
)
NAMES: Final = tuple(endpoint.name for endpoint in ENDPOINTS)


def find(method: str, path: str, table: Sequence[Endpoint] = ENDPOINTS) -> Endpoint | None:
    """Return the endpoint of a request; None for the pages, the controls and addresses that do not exist."""
    for endpoint in table:
        if method in endpoint.methods and endpoint.path.fullmatch(path):
            return endpoint
    return None
