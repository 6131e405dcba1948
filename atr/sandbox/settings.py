# SPDX-License-Identifier: Apache-2.0
"""The behaviour of the sandbox where the real platform is slow, or where its behaviour is not known."""

from typing import Annotated, Final, Literal

import pydantic

# https://central.sonatype.org/publish/publish-portal-upload/ says 1 GB; clients check for 1 GiB.
BUNDLE_LIMIT: Final = 1024**3

Seconds = Annotated[float, pydantic.Field(ge=0, le=86_400)]
Count = Annotated[int, pydantic.Field(ge=0, le=1_000_000)]


class Settings(pydantic.BaseModel):
    """Timings and choices of one world. Frozen: a change is a new value, checked as a whole."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    # The time in the queue before validation, of the validation, and from PUBLISHING to PUBLISHED.
    pending_seconds: Seconds = 0.0
    validate_seconds: Seconds = 0.2
    publish_seconds: Seconds = 0.5
    # At least this many status requests answer PUBLISHING. Unless it is 0, a deployment becomes public only if polled.
    publishing_polls: Count = 1
    # The time from PUBLISHED to the files in the public repository.
    public_lag_seconds: Seconds = 0.2
    # This many status requests after each upload answer 404, as if the id were not known yet.
    status_404_after_upload: Count = 0
    # The answer to publish and drop in the wrong state; of the real one only 400 is documented.
    wrong_state_status: Literal[400, 404, 409, 500] = 400
    # Which deployments keep others with the same coordinates from validating: VALIDATED and PUBLISHING ones, or only
    # PUBLISHING ones. The real platform does so for PUBLISHING; for VALIDATED this is not known.
    held_by: Literal["live", "publishing"] = "live"
    # Every valid upload is published automatically, regardless of its publishingType.
    force_automatic: bool = False
    # The form of a public folder's index: the page for people, or one of the forms of repository servers.
    index_shape: Literal["page", "apache", "sorted", "nexus"] = "page"
    # stale: the index names only the first half of the files. cut: its page ends half way, in a complete response.
    index_twist: Literal["", "stale", "cut"] = ""
    # The maximum bundle size in bytes; 0 disables the limit, for benchmarks.
    bundle_limit: Annotated[int, pydantic.Field(ge=0)] = BUNDLE_LIMIT
    # The root of another host that downloads are redirected to (307), such as "http://localhost:8081"; empty for none.
    redirect_downloads: str = ""
