# SPDX-License-Identifier: Apache-2.0
"""Public, and compared with nothing: what stands in public of a release and no promotion holds."""

import dataclasses
from typing import Any, Final

import sqlalchemy.orm
import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.db.session as session
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.storage.facts as facts
import atr.storage.transaction as transaction

_PUBLIC = frozenset({states.State.CHECKING, states.State.LIVE, states.State.DIVERGED})


@dataclasses.dataclass(frozen=True)
class Incident:
    """What is wrong, in a word and in a sentence, and who must act."""

    word: str
    sentence: str
    who: str


NOT_VOTED: Final = Incident(
    "Not voted on",
    "It is public, and it was not voted on. The committee must act now: tell the users, find out why.",
    "the committee, at once",
)
NOT_COMPARED: Final = Incident(
    "Not compared",
    "It is public, and is not compared with what was voted on, since its names do not belong to this project or "
    "another release holds them. A foundation admin must set whose they are.",
    "a foundation admin",
)


async def of_release(data: session.Session, release_key: str) -> tuple[tuple[str, Incident], ...]:
    """Each incident of a release, with what it is about, named for people; empty if there is none."""
    found = [
        (f"deployment {row.external_id or row.name}", incident)
        for row in await queries.deployments(data, release_key)
        if (incident := await of_deployment(data, row))
    ]
    ended = await queries.promotions(
        data, col(tables.Promotion.release_key) == release_key, col(tables.Promotion.found_at).is_not(None)
    )
    found += [
        (distribution.in_one_line(await queries.targets(data, row)), incident)
        for row in ended
        if (row.deployment_id is None) and (incident := await of_promotion(data, row))
    ]
    return tuple(found)


async def sentences(data: session.Session, release_key: str) -> tuple[str, ...]:
    """Those of a release for people: each sentence once, with all that it is said of."""
    found = await of_release(data, release_key)
    return tuple(
        f"{', '.join(name for name, one in found if one is incident)}: {incident.sentence}"
        for incident in dict.fromkeys(one for _, one in found)
    )


async def of_deployment(data: session.Session, row: tables.Deployment) -> Incident | None:
    """What is wrong with this deployment, or with another one of its packages, that is public; None if nothing is."""
    found = (row.found_at is not None) or await _was_found(data, row)
    if (row.state is not states.DeploymentState.PUBLISHED) and not found:
        return None
    packages = await queries.packages(data, row)
    if not await _is_held(data, row.release_key, packages):
        if not await was_voted(data, row):
            return NOT_VOTED
        # What was voted on and is not compared, since a person stopped that, is not live; more is not known of it.
        return NOT_COMPARED if found else None
    if (row.state is not states.DeploymentState.PUBLISHED) or not await _held_unvoted(data, row):
        return None
    # Whoever holds its packages compares the voted files; only a look that counted tells what stands beside them.
    return None if await _is_held(data, row.release_key, packages, looked=True) else NOT_VOTED


async def of_promotion(data: session.Session, row: tables.Promotion) -> Incident | None:
    """The same of a promotion without deployment that has ended."""
    if (row.state not in states.ENDED) or (row.found_at is None):
        return None
    if await _is_held(data, row.release_key, await queries.targets(data, row)):
        return None
    return NOT_COMPARED if await was_voted(data, row) else NOT_VOTED


async def was_voted(data: session.Session, row: tables.Deployment | tables.Promotion) -> bool:
    """Whether what it holds, or is compared with, is on the ballot of the vote that passed."""
    release = await queries.get_release(data, row.release_key)
    if (release is None) or not facts.vote_passed(release):
        return False
    if isinstance(row, tables.Promotion):
        # A part of a file set on the ballot has a digest of its own.
        return not await _has_other_paths(data, release, row.platform, row.voted_digest)
    ballot = await queries.ballot(data, release)
    return any((one.platform, one.file_set_digest) == (row.platform, row.file_set_digest) for one in ballot)


async def elsewhere(
    data: session.Session,
    packages: tuple[distribution.Coordinates, ...],
    *,
    deployment_id: int | None,
    promotion_id: int | None = None,
) -> bool:
    """Whether one of these packages is public by what another promotion holds, of another deployment or of none."""
    row, target = tables.Promotion, tables.PromotionTarget
    wanted = (
        sqlmodel.select(row.id)
        .join(target, col(target.promotion_id) == col(row.id))
        .where(
            col(target.purl).in_([one.purl for one in packages]),
            col(target.holding),
            col(row.state).in_(list(_PUBLIC)),
            col(row.id).is_distinct_from(promotion_id),
            col(row.deployment_id).is_(None) | (col(row.deployment_id).is_distinct_from(deployment_id)),
        )
        .limit(1)
    )
    return (await data.exec(wanted)).first() is not None


async def _was_found(data: session.Session, row: tables.Deployment) -> bool:
    """Whether one of its promotions that had ended found its packages public."""
    promotion = tables.Promotion
    wanted = sqlmodel.select(promotion.id).where(
        promotion.deployment_id == row.id,
        col(promotion.state).in_(list(states.ENDED)),
        col(promotion.found_at).is_not(None),
    )
    return (await data.exec(wanted.limit(1))).first() is not None


async def _held_unvoted(data: session.Session, row: tables.Deployment) -> bool:
    """Whether it held a file, when we read it, at a path that the newest vote was not about."""
    release = await queries.demand_release(data, row.release_key)
    return await _has_other_paths(data, release, row.platform, row.file_set_digest)


async def _has_other_paths(data: session.Session, release: sql.Release, platform: str, digest: str | None) -> bool:
    """Whether this file set has a path that the newest vote was not about."""
    file, voted, entry = tables.FileSetFile, sqlalchemy.orm.aliased(tables.FileSetFile), tables.BallotEntry
    on_ballot = (
        sqlmodel.select(voted.path)
        .join(entry, col(entry.file_set_digest) == col(voted.digest))
        .where(*queries.of_newest_vote(release), entry.platform == platform)
    )
    wanted = sqlmodel.select(file.path).where(file.digest == digest, col(file.path).not_in(on_ballot))
    return (await data.exec(wanted.limit(1))).first() is not None


async def _is_held(
    data: session.Session,
    release_key: str,
    packages: tuple[distribution.Coordinates, ...],
    *,
    looked: bool = False,
) -> bool:
    """Whether promotions of the release hold all of these packages; `looked`: and one look beside each has counted."""
    target, promotion = tables.PromotionTarget, tables.Promotion
    wanted = (
        sqlmodel.select(target.purl)
        .join(promotion, col(promotion.id) == col(target.promotion_id))
        .where(
            col(target.purl).in_([one.purl for one in packages]),
            col(target.holding),
            promotion.release_key == release_key,
            *([col(promotion.beside_at).is_not(None)] if looked else []),
        )
    )
    return bool(packages) and ({one.purl for one in packages} <= set((await data.exec(wanted)).all()))


async def look_anew(write: transaction.Transaction, *releases: Any) -> None:
    """Have every incident of these releases looked at at once: it may be possible to compare it now."""
    keys = sqlmodel.select(sql.Release.key).where(*releases)
    for table in (tables.Deployment, tables.Promotion):
        await write.data.exec(
            sqlalchemy.update(table)
            .where(col(table.release_key).in_(keys), col(table.found_at).is_not(None))
            .values(due_at=write.now)
        )
