# SPDX-License-Identifier: Apache-2.0
"""Uploads from ATR begin here: of a revision's mapped files, or of voted files that are staged once more."""

import datetime
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.db.queue as queue
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.gates as gates
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.storage.ballots as ballots
import atr.storage.embargo as embargo
import atr.storage.facts as facts
import atr.storage.holdings as holdings
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
    why_not = await again_why_not(write, release, digest)
    platform = await voted_platform(write, release, digest)
    held = await holdings.holder(write, release, digest)
    if why_not or (platform is None) or (held is None):
        raise errors.BlockedError([why_not])
    facts.uploads_supported(write.data, platform)
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


async def voted_platform(
    read: transaction.Transaction, release: sql.Release, digest: str
) -> distribution.DistributionPlatform | None:
    """The platform for which this file set is on the newest ballot; None if it is not."""
    for entry in await queries.ballot(read.data, release):
        if entry.platform and (entry.file_set_digest == digest):
            return distribution.DistributionPlatform[entry.platform]
    return None


async def again_why_not(read: transaction.Transaction, release: sql.Release, digest: str) -> str:
    """Why these voted files cannot be staged once more from here, in one sentence; empty if they can."""
    if await embargo.holds(read.data, release):
        return gates.EMBARGOED
    platform = await voted_platform(read, release, digest)
    if (release.phase not in _PHASES) or (platform is None):
        return "Only what an open vote or the vote that passed is about can be staged again."
    other = await standing(read, release, digest)
    if other is not None:
        called = ballots.name(other)
        return f"{called[:1].upper()}{called[1:]} has these files already; it is {other.state.value}."
    target = await queries.target(read.data, release.project_key, platform.name)
    if target is None:
        return gates.no_target(platform)
    files = (await queries.file_set(read.data, digest)).files
    layout = read.data.built.on(platform)
    beyond = facts.outside(read.data, {layout.package(file.path) for file in files}, target)
    if beyond:
        return gates.is_outside(beyond)
    if await holdings.holder(read, release, digest) is None:
        return (
            "No copy of the voted files is kept here, so they cannot be uploaded from here. "
            "Stage the same files from where they were built, and record that: the vote stays good."
        )
    return ""


async def standing(read: transaction.Transaction, release: sql.Release, digest: str) -> tables.Deployment | None:
    """A deployment that has these files, or is about to, and has not ended."""
    row = tables.Deployment
    wanted = sqlmodel.select(row).where(
        row.release_key == release.key,
        col(row.state).not_in(list(OVER)),
        (col(row.file_set_digest) == digest) | (col(row.stage_digest) == digest),
    )
    return (await read.data.exec(wanted)).first()
