# SPDX-License-Identifier: Apache-2.0
"""Uploads from ATR begin here: of a revision's mapped files, or of voted files that are staged once more."""

import datetime
from typing import Final

import atr.db.queries as queries
import atr.db.queue as queue
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.storage.candidates as candidates
import atr.storage.eligibility as eligibility
import atr.storage.holdings as holdings
import atr.storage.preconditions as preconditions
import atr.storage.transaction as transaction

_State = states.DeploymentState
# What a deployment in one of these held can be staged once more.
OVER: Final = frozenset({_State.FAILED, _State.GONE, _State.DROPPED})
_PHASES: Final = frozenset({sql.ReleasePhase.RELEASE_CANDIDATE, sql.ReleasePhase.RELEASE_PREVIEW})


async def upload(
    write: transaction.Transaction,
    release: sql.Release,
    platform: distribution.DistributionPlatform,
    *,
    revision_number: str | None = None,
    stage_digest: str | None = None,
    then_promote: bool = False,
) -> tables.Deployment:
    """A deployment that the worker uploads: of this revision's mapped files, or of this file set."""
    number = 1 + len(await queries.deployments(write.data, release.key))
    generation = (await queries.site(write.data)).generation
    # A number may have been given before the restore already, and the platform keeps the name that went with it.
    name = f"atr:{release.key}:{number}" + (f":{generation}" if generation else "")
    mechanism = (await queries.mechanism(write.data, release.project_key, platform)).name
    deployment = tables.Deployment(
        release_key=release.key,
        platform=platform.name,
        mechanism=mechanism,
        name=name,
        state=_State.UPLOADING,
        entered_at=write.now,
        revision_number=revision_number,
        stage_digest=stage_digest,
        created_by=write.asf_uid,
        created=write.now,
        made_in=generation,
        asked_in=generation,
        then_promote=then_promote,
        # Should the task be lost, the scan asks for the upload again.
        due_at=write.now + datetime.timedelta(seconds=write.place.timing(mechanism).settling),
    )
    write.data.add(deployment)
    await write.data.flush()
    await queue.enqueue(
        write.data,
        operating.TaskType.DISTRIBUTION_STAGE,
        {"deployment_id": deployment.id},
        write.now,
        asf_uid=write.asf_uid,
        project_key=release.project_key,
        version_key=release.version,
    )
    return deployment


async def again(write: transaction.Transaction, release: sql.Release, digest: str) -> tables.Deployment:
    """A deployment that the worker uploads from the kept copy or the revision. Raises BlockedError with why not."""
    of, asked = await eligibility.release(write.data, release.key), (release.key, digest)
    why_not, _ = (await preconditions.stage_again(write, {release.key: of}, [asked]))[asked]
    platform = preconditions.voted_platform(of.ballot, digest)
    held = await holdings.holder(write, release, digest)
    if why_not or (platform is None) or (held is None):
        raise errors.BlockedError([why_not])
    candidates.uploads_supported(write.data.built, platform)
    deployment = await upload(write, release, platform, stage_digest=digest)
    await write.event(
        release.key,
        f"deployment:{deployment.id}",
        "distribution_staged_again",
        platform=platform.name,
        digest=digest,
        source=held.described,
    )
    return deployment
