# SPDX-License-Identifier: Apache-2.0
"""Creates promotions and uploads: the row with all of its reservations, or nothing."""

import datetime
from collections.abc import Collection, Mapping, Sequence

import sqlalchemy.exc
import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.db.session as session
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.promotion.states as states
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.storage.ballots as ballots
import atr.storage.candidates as candidates
import atr.storage.eligibility as eligibility
import atr.storage.holdings as holdings
import atr.storage.names as names
import atr.storage.preconditions as preconditions
import atr.storage.transaction as transaction
import atr.storage.uploads as uploads


async def open_promotion(
    write: transaction.Transaction,
    case: eligibility.Case,
    *,
    requested_by: str,
    by_hand: bool = False,
    after: tables.Promotion | None = None,
    stop_at_trouble: bool = True,
    asked_in: int | None = None,
) -> tables.Promotion:
    """Create a promotion with all its reservations. Raises ConflictError, which names the owner, if one is taken.

    `after` is the one that must be live before this one is sent; its failure stops this one if `stop_at_trouble`.
    `asked_in` is the generation in which a person requested it, by default the current one; a promotion that was
    requested before a restore waits for a click.
    """
    deployment = case.deployment
    asked = case.generation if asked_in is None else asked_in
    promotion = tables.Promotion(
        release_key=deployment.release_key,
        platform=deployment.platform,
        mechanism=deployment.mechanism,
        deployment_id=deployment.id,
        state=states.State.REQUESTED,
        entered_at=write.now,
        requested_by=requested_by,
        requested_at=write.now,
        asked_in=asked,
        held=asked < case.generation,
        by_hand=by_hand,
        evidence_digest=case.evidence_digest,
        voted_digest=case.voted_digest,
        after_id=after.id if after else None,
        stop_at_trouble=stop_at_trouble,
        due_at=write.now,
    )
    await insert(write, promotion, case.packages)
    deployment.version += 1
    await write.event_of(
        promotion,
        "promotion_requested",
        actor=requested_by,
        platform=deployment.platform,
        deployment=deployment.external_id,
        packages=[str(package) for package in case.packages],
        evidence_digest=case.evidence_digest,
        voted_digest=case.voted_digest,
        after=eligibility.named(after, await queries.targets(write.data, after)) if after else "",
    )
    return promotion


async def already(
    write: transaction.Transaction, case: eligibility.Case, *, evidence_digest: str
) -> tables.Promotion | None:
    """Return the deployment's promotion if it is this person's or waits for a click. Raises ConflictError if not."""
    for row in await queries.promotions(
        write.data,
        col(tables.Promotion.deployment_id) == case.deployment.id,
        col(tables.Promotion.state).in_(list(states.HOLDING)),
    ):
        if (row.evidence_digest == evidence_digest) and (row.held or (row.requested_by == write.asf_uid)):
            return row
        at = f"{row.requested_at:%H:%M:%S}"
        raise errors.ConflictError(
            reasons.of("promoted-already", asf_uid=row.requested_by, at=at, state=row.state.value)
        )
    return None


async def ask_again(write: transaction.Transaction, case: eligibility.Case, row: tables.Promotion) -> None:
    """Request a promotion again after a refused request, in this person's name: facts and gates are checked again."""
    if row.state not in {states.State.REQUESTED, states.State.SENDING}:
        raise errors.ConflictError(transaction.not_in(row.state, states.State.REQUESTED, states.State.SENDING))
    row.held, row.blocker, row.due_at, row.requested_by = False, "", write.now, write.asf_uid
    row.asked_in = case.generation
    row.version += 1
    # The form that was sent cannot be used again.
    case.deployment.version += 1
    await write.event_of(row, "promotion_asked_again")


async def track(
    write: transaction.Transaction,
    release: sql.Release,
    packages: Sequence[distribution.Coordinates],
    voted: fileset.FileSet,
    *,
    person: str,
    deployment: tables.Deployment | None = None,
) -> tables.Promotion:
    """Create a promotion that is never sent, in this person's name: the public files are compared with the voted ones.

    `deployment` is the recorded one that made them public, if any. Raises as `insert` does.
    """
    platform = packages[0].platform
    digest = await queries.store_file_set(write.data, voted, write.now)
    mechanism = (
        deployment.mechanism
        if deployment
        else (await queries.mechanism(write.data, release.project_key, platform)).name
    )
    promotion = tables.Promotion(
        release_key=release.key,
        platform=platform.name,
        mechanism=mechanism,
        deployment_id=deployment.id if deployment else None,
        state=states.State.REQUESTED,
        entered_at=write.now,
        requested_by=person,
        requested_at=write.now,
        asked_in=(await queries.site(write.data)).generation,
        by_hand=True,
        evidence_digest=fileset.evidence_digest(
            (deployment.external_id or "") if deployment else "",
            platform.name,
            [one.purl for one in packages],
            digest,
            (deployment.file_set_digest or "") if deployment else "",
        ),
        voted_digest=digest,
        due_at=write.now,
    )
    await insert(write, promotion, packages)
    return promotion


async def voted_of(
    write: transaction.Transaction, release: sql.Release, where: distribution.Coordinates
) -> fileset.FileSet | None:
    """Return the ballot's files of these coordinates; None if there are none, or no adapter can verify them."""
    parts = await _voted_parts(write, release, where.platform)
    found = {part[where].digest: part[where] for part in parts if where in part}
    if len(found) > 1:
        raise errors.BlockedError(reasons.of("ballot-clash", package=str(where)))
    return next(iter(found.values()), None)


async def voted_of_all(
    read: transaction.Transaction, release: sql.Release, packages: Sequence[distribution.Coordinates]
) -> fileset.FileSet | None:
    """Return the ballot's files of all these packages of one platform; None if one has no files, or different ones."""
    if not packages:
        return None
    return ballots.voted_of(await _voted_parts(read, release, packages[0].platform), packages)


async def _voted_parts(
    read: transaction.Transaction, release: sql.Release, platform: distribution.DistributionPlatform
) -> Collection[Mapping[distribution.Coordinates, fileset.FileSet]]:
    """Return the ballot of the vote that passed, by package, for a platform where files can be verified."""
    if not (read.data.built.supports(platform) and candidates.has_passed(release)):
        return ()
    entries = await queries.ballot(read.data, release)
    digests = [(one.platform, one.file_set_digest) for one in entries if one.platform == platform.name]
    return (await ballots.parts(read.data, digests)).values()


async def insert(
    write: transaction.Transaction, promotion: tables.Promotion, packages: Sequence[distribution.Coordinates]
) -> None:
    """Add a promotion and reserve its packages. Raises ConflictError, which names the owner, if one is taken.

    Raises BlockedError unless all of them belong to the project, for promotions of every origin: packages are reserved
    only here.
    """
    if not packages:
        raise errors.BlockedError(reasons.of("no-packages"))
    await demand_inside(write, await queries.demand_release(write.data, promotion.release_key), packages)
    taken = await holders(write.data, packages)
    if taken:
        purl, other = next(iter(taken.items()))
        holder = await queries.demand_release(write.data, other.release_key)
        held = [package for package in packages if package.purl == purl]
        foreign = await names.blocker(write.data, holder.project_key, held)
        raise errors.ConflictError(
            reasons.of(
                "package-held-outside" if foreign else "package-held",
                package=purl,
                asf_uid=other.requested_by,
                release=other.release_key,
                state=other.state.value,
            )
        )
    try:
        async with write.data.begin_nested():
            write.data.add(promotion)
            await write.data.flush()
            write.data.add_all(
                tables.PromotionTarget(
                    promotion_id=transaction.row_id(promotion.id), purl=package.purl, **package.columns
                )
                for package in packages
            )
    except sqlalchemy.exc.IntegrityError as error:
        # The unique index decides between two requests at the same instant.
        raise errors.ConflictError(reasons.of("moved")) from error


async def holders(
    data: session.Session, packages: Sequence[distribution.Coordinates]
) -> Mapping[str, tables.Promotion]:
    """Return by purl the promotions that have reserved one of these packages now."""
    target, promotion = tables.PromotionTarget, tables.Promotion
    wanted = (
        sqlmodel.select(target.purl, promotion)
        .join(promotion, col(promotion.id) == col(target.promotion_id))
        .where(col(target.purl).in_([one.purl for one in packages]), col(target.holding))
    )
    return dict((await data.exec(wanted)).all())


async def deployment_for(
    write: transaction.Transaction, release: sql.Release, where: distribution.Coordinates, external_id: str
) -> tables.Deployment:
    """Return the deployment for files that were staged without ATR: this release's, or a new one in VALIDATING."""
    mechanism = await queries.mechanism(write.data, release.project_key, where.platform)
    write.data.built.of(mechanism).checked_external_id(external_id)
    there = await queries.deployment_named(write.data, where.platform_name, external_id)
    if (there is not None) and (there.release_key == release.key):
        if there.state in {states.DeploymentState.GONE, states.DeploymentState.DROPPED}:
            problem = there.problem and f" {there.problem}"
            raise errors.ConflictError(
                reasons.of("deployment-ended", deployment=external_id, state=there.state.value, problem=problem)
            )
        # A deployment may have many packages: each may be recorded, with one row for the deployment.
        return there
    if there is not None:
        raise errors.ConflictError(reasons.of("recorded-elsewhere", deployment=external_id))
    deployment = tables.Deployment(
        release_key=release.key,
        platform=where.platform_name,
        mechanism=mechanism.name,
        external_id=external_id,
        state=states.DeploymentState.VALIDATING,
        entered_at=write.now,
        created_by=write.asf_uid,
        created=write.now,
        due_at=write.now,
    )
    write.data.add(deployment)
    await write.data.flush()
    return deployment


async def demand_inside(
    write: transaction.Transaction, release: sql.Release, packages: Sequence[distribution.Coordinates]
) -> None:
    """Raise BlockedError unless all these packages of one platform are inside the project's namespaces."""
    transaction.demand_free(await names.blocker(write.data, release.project_key, packages))


async def demand_uploadable(
    write: transaction.Transaction,
    project: sql.Project,
    revision: queries.Revision | None,
    platform: distribution.DistributionPlatform,
) -> None:
    """Raise BlockedError, with the reason that the page shows, if the mapped files cannot be uploaded."""
    transaction.demand_free((await uploads.planned(write.data, project, revision, platform)).why_not)


async def upload(
    write: transaction.Transaction,
    release: sql.Release,
    platform: distribution.DistributionPlatform,
    *,
    revision_number: str | None = None,
    stage_digest: str | None = None,
    then_promote: bool = False,
) -> tables.Deployment:
    """Create a deployment that the worker uploads: this revision's mapped files, or this file set."""
    number = 1 + len(await queries.deployments(write.data, release.key))
    generation = (await queries.site(write.data)).generation
    # The number may have been used before a restore, and the platform keeps the name of that upload.
    name = f"atr:{release.key}:{number}" + (f":{generation}" if generation else "")
    mechanism = (await queries.mechanism(write.data, release.project_key, platform)).name
    deployment = tables.Deployment(
        release_key=release.key,
        platform=platform.name,
        mechanism=mechanism,
        name=name,
        state=states.DeploymentState.UPLOADING,
        entered_at=write.now,
        revision_number=revision_number,
        stage_digest=stage_digest,
        created_by=write.asf_uid,
        created=write.now,
        made_in=generation,
        asked_in=generation,
        then_promote=then_promote,
        # If the task is lost, the scan enqueues the upload again.
        due_at=write.now + datetime.timedelta(seconds=write.place.timing(mechanism).settling),
    )
    write.data.add(deployment)
    await write.data.flush()
    await write.enqueue(operating.TaskType.DISTRIBUTION_STAGE, {"deployment_id": deployment.id}, release=release)
    return deployment


async def stage_again(write: transaction.Transaction, release: sql.Release, digest: str) -> tables.Deployment:
    """Create a deployment that the worker uploads from the kept copy or the revision. Raises BlockedError."""
    of, asked = await eligibility.release(write.data, release.key), (release.key, digest)
    why_not, _ = (await preconditions.stage_again(write, {release.key: of}, [asked]))[asked]
    platform = preconditions.voted_platform(of.ballot, digest)
    held = await holdings.holder(write, release, digest)
    if why_not or (platform is None) or (held is None):
        raise errors.BlockedError(why_not or reasons.of("no-bytes"))
    candidates.uploads_supported(write.data.built, platform)
    deployment = await upload(write, release, platform, stage_digest=digest)
    await write.event_of(
        deployment, "distribution_staged_again", platform=platform.name, digest=digest, source=held.described
    )
    return deployment


def recorded_key(release_key: str, where: distribution.Coordinates) -> tuple[str, str, str, str, str]:
    """Return the key of a third-party distribution's row."""
    return release_key, where.platform_name, where.owner_namespace, where.package, where.version


async def recorded_of(
    data: session.Session, release_key: str, packages: Sequence[distribution.Coordinates]
) -> Mapping[distribution.Coordinates, sql.Distribution]:
    """Return the rows of those of these packages that are in the release's list, in any spelling.

    ATR and earlier versions of this code stored names as people wrote them.
    """
    row = sql.Distribution
    platforms = {where.platform_name for where in packages}
    wanted = sqlmodel.select(row).where(row.release_key == release_key, col(row.platform).in_(platforms))
    there = {one.coordinates: one for one in (await data.exec(wanted)).all()}
    return {where: there[where] for where in packages if where in there}


def listed(
    write: transaction.Transaction,
    release_key: str,
    where: distribution.Coordinates,
    *,
    staging: bool,
    pending: bool,
    created_by: str,
) -> sql.Distribution:
    """Add and return a row for a package; unless it is staged, it is due at once."""
    row = sql.Distribution(
        release_key=release_key,
        platform=where.platform_name,
        **where.columns,
        staging=staging,
        pending=pending,
        created_by=created_by,
        created=write.now,
        due_at=None if staging else write.now,
    )
    write.data.add(row)
    return row


async def recorded(data: session.Session, release_key: str, where: distribution.Coordinates) -> sql.Distribution | None:
    """Return the row of one package; None if it is not recorded."""
    return (await recorded_of(data, release_key, [where])).get(where)
