# SPDX-License-Identifier: Apache-2.0
"""Why something cannot be done now, in one sentence: the writer refuses with it, the page shows it. Empty: it can."""

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.storage.transaction as transaction
import atr.storage.writers.rows as rows


async def announce(write: transaction.Transaction, release_key: str) -> str:
    """Why the release cannot be announced now, in one sentence; empty if it can."""
    rows = await queries.promotions(
        write.data,
        col(tables.Promotion.release_key) == release_key,
        col(tables.Promotion.state).in_([*states.UNSETTLED, states.State.REQUESTED]),
    )
    if any(row.state is states.State.DIVERGED for row in rows):
        return "Something public is not what was voted on. Close the incident first."
    if any(row.state in states.UNSETTLED for row in rows):
        return "A promotion is on its way. It opens when every promotion has ended."
    if rows:
        return "A promotion is still asked for. Stop it first, or let it end."
    return ""


async def delete_distribution(write: transaction.Transaction, row: sql.Distribution) -> str:
    """Why the row cannot be deleted, in one sentence; empty if it can."""
    wanted = sqlmodel.select(tables.PromotionTarget.promotion_id).where(
        tables.PromotionTarget.purl == row.coordinates.purl
    )
    ids = list((await write.data.exec(wanted)).all())
    for promotion in await queries.promotions(
        write.data, col(tables.Promotion.id).in_(ids), col(tables.Promotion.release_key) == row.release_key
    ):
        if await rows.publish_attempts(write, promotion):
            return "A call to publish it was made, so its row stays."
        if promotion.state in states.HOLDING:
            return "A promotion of it is asked for. Stop that first."
    return ""


async def drop(read: transaction.Transaction, row: tables.Deployment) -> str:
    """Why a deployment cannot be dropped now, in one sentence; empty if it can."""
    if row.state not in {states.DeploymentState.STAGED, states.DeploymentState.FAILED}:
        return f"It is {row.state.value}, so there is nothing to drop."
    release = await queries.demand_release(read.data, row.release_key)
    if release.phase is sql.ReleasePhase.RELEASE_CANDIDATE:
        wanted = sqlmodel.select(tables.BallotEntry.id).where(
            tables.BallotEntry.release_key == release.key,
            tables.BallotEntry.vote_seq == release.current_vote_seq,
            tables.BallotEntry.deployment_id == row.id,
        )
        if (await read.data.exec(wanted)).first() is not None:
            return "It is on the ballot of an open vote."
    if await queries.promotions(
        read.data, col(tables.Promotion.deployment_id) == row.id, col(tables.Promotion.state).in_(list(states.HOLDING))
    ):
        return "A promotion of it is open. Stop that first."
    return ""
