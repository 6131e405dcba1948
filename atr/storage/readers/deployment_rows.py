# SPDX-License-Identifier: Apache-2.0
"""The rows of deployments that pages show, loaded for many at once with a fixed number of statements; their keys."""

import dataclasses
import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.storage.eligibility as eligibility
import atr.storage.incidents as incidents
import atr.storage.lanes as lanes
import atr.storage.observations as observations
import atr.storage.preconditions as preconditions
import atr.storage.transaction as transaction

PUBLIC = frozenset({states.State.LIVE, states.State.DIVERGED})
# Release, platform, owner, package, version.
_Package = tuple[str, str, str, str, str]


@dataclasses.dataclass(frozen=True)
class Rows:
    """What was read about deployments, and about promotions without one, which are only tracked."""

    # By key.
    releases: Mapping[str, eligibility.Release]
    # By deployment.
    cases: Mapping[int | None, eligibility.Case]
    preconditions: Mapping[int | None, preconditions.Deployment]
    incident: Mapping[int | None, incidents.Incident]
    public_elsewhere: Collection[int | None]
    files_verified: Mapping[int | None, int]
    # By promotion without a deployment.
    tracked: Sequence[tables.Promotion]
    packages: Mapping[int | None, tuple[distribution.Coordinates, ...]]
    tracked_incident: Mapping[int | None, incidents.Incident]
    tracked_elsewhere: Collection[int | None]
    # By promotion: the publish attempts, oldest first.
    attempts: Mapping[int | None, Sequence[tables.Attempt]]
    file_sets: Mapping[str, tables.FileSetRow]
    addresses: Mapping[_Package, str]
    shut: Mapping[lanes.Lane, tuple[str, datetime.datetime]]

    @property
    def incident_sentences(self) -> Mapping[str, Sequence[str]]:
        """The sentences about incidents, by release."""
        return incidents.told(self.cases, self.incident, self.tracked, self.packages, self.tracked_incident)

    def public_urls(
        self, promotion: tables.Promotion | None, packages: Iterable[distribution.Coordinates]
    ) -> tuple[tuple[str, str], ...]:
        """Return the public packages of a promotion, each with its address; none before they are public."""
        if (promotion is None) or (promotion.state not in PUBLIC):
            return ()
        where = promotion.release_key, promotion.platform
        found = (
            (str(one), self.addresses.get((*where, one.owner_namespace, one.package, one.version))) for one in packages
        )
        return tuple((name, url) for name, url in found if url)


async def of_release(read: transaction.Transaction, release_key: str) -> Sequence[tables.Deployment]:
    """Return the deployments of a release, oldest first."""
    return await queries.deployments(read.data, release_key)


async def requested(read: transaction.Transaction, release_key: str) -> Sequence[tables.Promotion]:
    """Return the promotions of a release that are requested and not sent, oldest first."""
    row = tables.Promotion
    return await queries.promotions(read.data, row.release_key == release_key, row.state == states.State.REQUESTED)


async def of_row(read: transaction.Transaction, release_key: str, row_key: str) -> Rows:
    """Return one row: "d4" for a deployment, "p7" for a promotion tracked by hand. Raises NotFoundError."""
    releases = {release_key: await eligibility.release(read.data, release_key)}
    found = await find(read, release_key, row_key)
    if isinstance(found, tables.Promotion):
        return await load(read, releases, (), (found,))
    return await load(read, releases, (found[0],), ())


async def of_releases(read: transaction.Transaction, releases: Mapping[str, eligibility.Release]) -> Rows:
    """Return every deployment of these releases, and the promotions that are only tracked by hand."""
    row, promotion = tables.Deployment, tables.Promotion
    deployments = sqlmodel.select(row).where(col(row.release_key).in_(releases)).order_by(col(row.id))
    tracked = await queries.promotions(
        read.data, col(promotion.release_key).in_(releases), col(promotion.deployment_id).is_(None)
    )
    return await load(read, releases, (await read.data.exec(deployments)).all(), tracked)


async def load(
    read: transaction.Transaction,
    releases: Mapping[str, eligibility.Release],
    deployments: Sequence[tables.Deployment],
    tracked: Sequence[tables.Promotion],
) -> Rows:
    """Return these deployments, and these promotions without one."""
    cases = await eligibility.load(read.data, deployments, read.asf_uid, releases=releases)
    newest = [*(case.promotions[-1] for case in cases.values() if case.promotions), *tracked]
    packages = await queries.targets_of(read.data, tracked) if tracked else {}
    elsewhere, tracked_elsewhere = await incidents.elsewhere(
        read.data, {number: case.packages for number, case in cases.items()}, packages
    )
    return Rows(
        releases=releases,
        cases=cases,
        preconditions=await preconditions.load(read, cases) if cases else {},
        incident=await incidents.of_deployments(read.data, cases),
        public_elsewhere=elsewhere,
        files_verified=await _files_verified(read, deployments),
        tracked=tracked,
        packages=packages,
        tracked_incident=await incidents.of_promotions(read.data, tracked, packages),
        tracked_elsewhere=tracked_elsewhere,
        attempts=await _attempts(read, newest),
        file_sets=await queries.file_set_rows(read.data, _digests(cases.values(), newest)),
        addresses=await _addresses(read, {row.release_key for row in newest if row.state in PUBLIC}),
        shut=await lanes.shut(read),
    )


async def _attempts(
    read: transaction.Transaction, promotions: Sequence[tables.Promotion]
) -> Mapping[int | None, Sequence[tables.Attempt]]:
    found: dict[int | None, list[tables.Attempt]] = {row.id: [] for row in promotions}
    if not found:
        return found
    row = tables.Attempt
    is_publish = col(row.kind) == tables.AttemptKind.PUBLISH
    for attempt in await queries.attempts(read.data, col(row.promotion_id).in_(found), is_publish):
        found[attempt.promotion_id].append(attempt)
    return found


def _digests(cases: Iterable[eligibility.Case], promotions: Iterable[tables.Promotion]) -> set[str]:
    """Return the digest of every file set in the evidence of these rows."""
    rows = [case.deployment for case in cases]
    return {
        digest
        for digest in (
            *(case.voted_digest for case in cases),
            *(digest for row in rows for digest in (row.file_set_digest, row.verified_digest)),
            *(digest for row in promotions for digest in (row.voted_digest, row.verified_digest, row.public_digest)),
        )
        if digest
    }


async def _addresses(read: transaction.Transaction, release_keys: Collection[str]) -> Mapping[_Package, str]:
    if not release_keys:
        return {}
    row = sql.Distribution
    wanted = sqlmodel.select(row).where(col(row.release_key).in_(release_keys), col(row.web_url).is_not(None))
    return {
        (one.release_key, one.platform, one.owner_namespace, one.package, one.version): one.web_url or ""
        for one in (await read.data.exec(wanted)).all()
    }


async def _files_verified(
    read: transaction.Transaction, deployments: Sequence[tables.Deployment]
) -> Mapping[int | None, int]:
    """Return by deployment that is being verified how many files were read, without the checksums."""
    owners = {
        observations.of_verification(row.id or 0): row.id
        for row in deployments
        if row.verify_asked_at and not row.verified_at
    }
    if not owners:
        return {}
    row = tables.FileRead
    wanted = (
        sqlmodel.select(row.owner, sqlalchemy.func.count())
        .where(col(row.owner).in_(owners), col(row.text) == "")
        .group_by(col(row.owner))
    )
    return {owners[owner]: count for owner, count in (await read.data.exec(wanted)).all()}


# SQLite's integers end at 19 digits.
_MAX_DIGITS: Final = 15


@dataclasses.dataclass(frozen=True)
class Numbers:
    """The ids of a row: of its deployment, and of its newest promotion."""

    deployment_id: int | None
    promotion_id: int | None

    @property
    def deployment(self) -> int:
        """The deployment's id. Raises ConflictError if there is none."""
        if self.deployment_id is None:
            raise errors.ConflictError(reasons.of("no-deployment"))
        return self.deployment_id

    @property
    def promotion(self) -> int:
        """The promotion's id. Raises ConflictError if there is none."""
        if self.promotion_id is None:
            raise errors.ConflictError(reasons.of("no-promotion"))
        return self.promotion_id


async def numbers(read: transaction.Transaction, release_key: str, row_key: str) -> Numbers:
    """Return the ids of the row with this key. Raises NotFoundError."""
    found = await find(read, release_key, row_key)
    if isinstance(found, tables.Promotion):
        return Numbers(None, found.id)
    deployment, promotion = found
    return Numbers(deployment.id, promotion.id if promotion else None)


async def find(
    read: transaction.Transaction, release_key: str, row_key: str
) -> tables.Promotion | tuple[tables.Deployment, tables.Promotion | None]:
    """Return the promotion that is only tracked, or the deployment with its newest promotion. Raises NotFoundError."""
    kind, number = row_key[:1], row_key[1:]
    if (kind not in {"d", "p"}) or not number.isascii() or not number.isdecimal() or (len(number) > _MAX_DIGITS):
        raise errors.NotFoundError("There is no such deployment.")
    if kind == "p":
        promotion = await queries.demand_promotion(read.data, int(number))
        _belongs(promotion.release_key, release_key)
        return promotion
    deployment = await queries.demand_deployment(read.data, int(number))
    _belongs(deployment.release_key, release_key)
    every = await queries.promotions(read.data, col(tables.Promotion.deployment_id) == deployment.id)
    return deployment, every[-1] if every else None


def _belongs(of: str, release_key: str) -> None:
    if of != release_key:
        raise errors.NotFoundError("This release has no such deployment.")
