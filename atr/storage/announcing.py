# SPDX-License-Identifier: Apache-2.0
"""The facts that decide whether a release can be announced, for the writer that announces and for the pages."""

from collections.abc import Collection, Mapping, Sequence

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
import atr.storage.candidates as candidates
import atr.storage.eligibility as eligibility
import atr.storage.incidents as incidents
import atr.storage.lanes as lanes

_Proof = distribution.Proof


async def facts(
    data: session.Session,
    of: eligibility.Release,
    measure: voted.Measure | None = None,
    incident: Mapping[str, Sequence[str]] | None = None,
) -> announcing.Facts:
    """Return the facts of one release; `measure` and `incident` as in `of_many`."""
    measured = None if measure is None else {of.row.key: measure}
    return (await of_many(data, {of.row.key: of}, measured=measured, incident=incident))[of.row.key]


async def of_many(
    data: session.Session,
    releases: Mapping[str, eligibility.Release],
    *,
    measured: Mapping[str, voted.Measure] | None = None,
    incident: Mapping[str, Sequence[str]] | None = None,
) -> Mapping[str, announcing.Facts]:
    """Return the facts by release. `measured` and `incident` may be given where they were read already."""
    finishing = {key: of for key, of in releases.items() if of.row.phase is sql.ReleasePhase.RELEASE_PREVIEW}
    # In other phases the rule reads only the phase.
    found = {key: announcing.Facts(of.row.phase.value) for key, of in releases.items()}
    if not finishing:
        return found
    row = tables.Promotion
    promotions: dict[str, list[announcing.Promotion]] = {key: [] for key in finishing}
    for one in await queries.promotions(
        data,
        col(row.release_key).in_(finishing),
        col(row.state).in_([*states.UNSETTLED, states.State.REQUESTED])
        | ((col(row.state) == states.State.LIVE) & (col(row.difference) != "")),
    ):
        platform = distribution.DistributionPlatform[one.platform]
        promotions[one.release_key].append(announcing.Promotion(platform, one.state, one.difference))
    if measured is None:
        measured = await candidates.measures(data, finishing)
    if incident is None:
        incident = await incidents.sentences(data, finishing)
    there = await _distributions(data, finishing)
    for key, of in finishing.items():
        public = [one for one in there[key] if not (one.staging or one.pending)]
        found[key] = announcing.Facts(
            phase=of.row.phase.value,
            promotions=tuple(promotions[key]),
            incidents=tuple(incident.get(key, ())),
            measure=measured.get(key, voted.Measure()),
            file_tag_mappings=of.policy.file_tag_mappings,
            public_on=frozenset(one.coordinates.platform for one in public),
            unproved=tuple(one.coordinates for one in public if one.proof is _Proof.UNPROVED),
            diverged=tuple(one.coordinates for one in there[key] if one.proof is _Proof.DIVERGED),
        )
    return found


async def _distributions(data: session.Session, release_keys: Collection[str]) -> Mapping[str, list[sql.Distribution]]:
    """Return by release the third-party distributions that are public, and those that diverged."""
    row = sql.Distribution
    is_public = ~col(row.staging) & ~col(row.pending)
    wanted = (
        sqlmodel.select(row)
        .where(
            col(row.release_key).in_(release_keys),
            lanes.known(col(row.platform)),
            is_public | (col(row.proof) == _Proof.DIVERGED),
        )
        .order_by(col(row.platform), col(row.owner_namespace), col(row.package), col(row.version))
    )
    found: dict[str, list[sql.Distribution]] = {key: [] for key in release_keys}
    for one in (await data.exec(wanted)).all():
        found[one.release_key].append(one)
    return found
