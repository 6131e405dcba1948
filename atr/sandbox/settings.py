# SPDX-License-Identifier: Apache-2.0
"""How the stand-in behaves where the real platform is slow, or where nobody knows what it does."""

from typing import Annotated, Final, Literal

import pydantic

# https://central.sonatype.org/publish/publish-portal-upload/ says 1 GB; clients check for 1 GiB.
BUNDLE_LIMIT: Final = 1024**3

Seconds = Annotated[float, pydantic.Field(ge=0, le=86_400)]
Count = Annotated[int, pydantic.Field(ge=0, le=1_000_000)]


class Settings(pydantic.BaseModel):
    """Timings and choices of one world. Frozen: a change is a new value, checked as a whole."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    # The queue before validation, the validation, and the way from PUBLISHING to PUBLISHED.
    pending_seconds: Seconds = 0.0
    validate_seconds: Seconds = 0.2
    publish_seconds: Seconds = 0.5
    # At least so many status calls answer PUBLISHING. With any but 0, someone must ask before a deployment gets public.
    publishing_polls: Count = 1
    # From PUBLISHED to the files in the public repository.
    public_lag_seconds: Seconds = 0.2
    # So many status calls after each upload answer 404, as if the id were not known yet.
    status_404_after_upload: Count = 0
    # The answer to publish and drop in the wrong state; the real one is not documented further than 400.
    wrong_state_status: Literal[400, 404, 409, 500] = 400
    # Which deployments keep others from validating with the same coordinates: every one that is alive, or only those
    # on their way. The real platform surely does so for those on their way; for VALIDATED nobody knows.
    held_by: Literal["live", "publishing"] = "live"
    # Every upload publishes itself once valid, whatever its sender asked for.
    force_automatic: bool = False
    # How the index of a public folder looks: the page for people, or one of those that servers of repositories write.
    index_shape: Literal["page", "apache", "sorted", "nexus"] = "page"
    # stale: the index names the first half of the files. cut: its page ends in the middle, in an answer that is whole.
    index_twist: Literal["", "stale", "cut"] = ""
    # The maximum bundle size in bytes; 0 disables the limit, for benchmarks.
    bundle_limit: Annotated[int, pydantic.Field(ge=0)] = BUNDLE_LIMIT
    # The root of another host that downloads are redirected to (307), such as "http://localhost:8081"; empty for none.
    redirect_downloads: str = ""
