# SPDX-License-Identifier: Apache-2.0
"""Releases under embargo: who sees them, and when something of them may leave ATR.

Only members of its committee see an expedited release that is not announced. Nothing of it reaches a platform or the
served repository until a member lifts the embargo. Lifting it does not show the release's pages to anyone else.
"""

from collections.abc import Collection, Mapping
from typing import Any

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.db.session as session
import atr.errors as errors
import atr.models.operating as operating
import atr.models.sql as sql
import atr.promotion.gates as gates
import atr.shared.words as words
import atr.storage.rights as rights
import atr.storage.transaction as transaction


async def release_key(read: transaction.Transaction, project_key: str, version: str) -> str:
    """Return the key of a release. Raises NotFoundError, alike for one that does not exist and one that is hidden."""
    release = await queries.demand_version(read.data, project_key, version)
    if release.is_embargoed and not await _is_member(read, release):
        raise queries.no_version(project_key, version)
    return release.key


async def seen_by(read: transaction.Transaction) -> Any:
    """Return the condition on `release` under which the reader sees it."""
    every = (await read.data.exec(sqlmodel.select(sql.Committee))).all()
    mine = [committee.key for committee in every if rights.is_member(committee, read.asf_uid)]
    projects = sqlmodel.select(sql.Project.key).where(col(sql.Project.committee_key).in_(mine))
    return ~_embargoed() | col(sql.Release.project_key).in_(projects)


async def holds(data: session.Session, key: str) -> bool:
    """Return whether nothing of the release with this key may leave: it is under embargo, and no member has lifted it.

    A release that does not exist any more is not under embargo.
    """
    return key in await held_keys(data, [key])


async def held_keys(data: session.Session, keys: Collection[str]) -> frozenset[str]:
    """Return the keys of those of these releases of which nothing may leave."""
    row = sql.Release
    return frozenset(
        (await data.exec(sqlmodel.select(row.key).where(col(row.key).in_(keys), ~may_leave(row.key)))).all()
    )


async def demand_lifted(data: session.Session, key: str) -> None:
    """Raise BlockedError while nothing of the release may leave."""
    if await holds(data, key):
        raise errors.BlockedError(gates.EMBARGOED)


async def lifts(data: session.Session, releases: Collection[sql.Release]) -> Mapping[str, operating.EmbargoLift]:
    """Return by key the lift of each release's embargo; an older one, of a deleted release with its key, is ignored."""
    created = {release.key: release.created for release in releases}
    row = operating.EmbargoLift
    wanted = sqlmodel.select(row).where(col(row.release_key).in_(created))
    found = (await data.exec(wanted)).all() if created else ()
    return {one.release_key: one for one in found if one.release_created == created[one.release_key]}


def may_leave(key: Any) -> Any:
    """Return the condition on a row's release key under which the worker may claim the row."""
    lift, release = operating.EmbargoLift, sql.Release
    lifted = sqlmodel.select(lift.release_key).where(
        lift.release_key == release.key, lift.release_created == release.created
    )
    return col(key).not_in(sqlmodel.select(release.key).where(_embargoed(), ~lifted.exists()))


def sentence(release: sql.Release, lift: operating.EmbargoLift | None) -> str:
    """Return what the release's pages say about its embargo and who lifted it; empty if it is not under embargo."""
    if not release.is_embargoed:
        return ""
    seen = (
        "Only committee members can see this release until it is announced; send its emails only to the "
        "committee's private list."
    )
    if lift is None:
        return f"{gates.EMBARGOED} {seen}"
    return f"{lift.lifted_by} lifted the embargo on {words.long(lift.lifted_at)}: {lift.reason.rstrip('.')}. {seen}"


def _embargoed() -> Any:
    return col(sql.Release.expedited) & (col(sql.Release.phase) != sql.ReleasePhase.RELEASE)


async def _is_member(read: transaction.Transaction, release: sql.Release) -> bool:
    project = await queries.demand_project(read.data, release.project_key)
    return rights.is_member(await queries.demand_committee(read.data, project.committee_key), read.asf_uid)
