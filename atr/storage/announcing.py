# SPDX-License-Identifier: Apache-2.0
"""What the rule about announcing looks at, from the rows: for the writer that announces and for the pages alike."""

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.db.session as session
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.announcing as announcing
import atr.promotion.states as states
import atr.promotion.voted as voted
import atr.shared.distribution as distribution
import atr.storage.incidents as incidents
import atr.storage.lanes as lanes
import atr.storage.voted as measures

_Proof = distribution.Proof


async def facts(data: session.Session, release: sql.Release, measure: voted.Measure | None = None) -> announcing.Facts:
    """All of it; `measure` where it was read in this transaction already."""
    if release.phase is not sql.ReleasePhase.RELEASE_PREVIEW:
        # Nothing else is looked at.
        return announcing.Facts(release.phase.value)
    row = tables.Promotion
    promotions = await queries.promotions(
        data,
        col(row.release_key) == release.key,
        col(row.state).in_([*states.UNSETTLED, states.State.REQUESTED])
        | ((col(row.state) == states.State.LIVE) & (col(row.difference) != "")),
    )
    policy = await queries.policy(data, await queries.demand_project(data, release.project_key))
    there = await _distributions(data, release)
    public = [(where, proof) for where, proof, is_public in there if is_public]
    return announcing.Facts(
        phase=release.phase.value,
        promotions=tuple(
            announcing.Promotion(distribution.DistributionPlatform[one.platform], one.state, one.difference)
            for one in promotions
        ),
        incidents=await incidents.sentences(data, release.key),
        measure=measure or await measures.of(data, release),
        file_tag_mappings=policy.file_tag_mappings,
        public_on=frozenset(where.platform for where, _ in public),
        unproved=tuple(where for where, proof in public if proof is _Proof.UNPROVED),
        diverged=tuple(where for where, proof, _ in there if proof is _Proof.DIVERGED),
    )


async def _distributions(
    data: session.Session, release: sql.Release
) -> list[tuple[distribution.Coordinates, distribution.Proof, bool]]:
    """Those that are public, and those that diverged: which, what we know of them, and whether ATR calls it public."""
    row = sql.Distribution
    is_public = ~col(row.staging) & ~col(row.pending)
    wanted = (
        sqlmodel.select(row)
        .where(
            row.release_key == release.key,
            lanes.known(col(row.platform)),
            is_public | (col(row.proof) == _Proof.DIVERGED),
        )
        .order_by(col(row.platform), col(row.owner_namespace), col(row.package), col(row.version))
    )
    return [(one.coordinates, one.proof, not (one.staging or one.pending)) for one in (await data.exec(wanted)).all()]
