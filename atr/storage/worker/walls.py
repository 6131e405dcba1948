# SPDX-License-Identifier: Apache-2.0
"""Packages that are held outside the names of their project are freed."""

import itertools
from collections.abc import Sequence
from typing import Any

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.db.guards as guards
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.shared.distribution as distribution
import atr.storage.audit as audit
import atr.storage.names as names
import atr.storage.transaction as transaction
import atr.storage.writer as writers

# What has no owner is named by itself; of what has one there may be thousands, and the owner decides.
_UNOWNED: Any = sqlalchemy.case(
    (col(tables.PromotionTarget.owner_namespace) == "", col(tables.PromotionTarget.package)), else_=""
)


class Walls(writers.Writer):
    """What the worker does."""

    async def free(self) -> int:
        """Free every package that a promotion holds outside its project's names, and answer how many those were.

        Names move, and rows of older versions were never checked against them. The promotion keeps its state, and goes
        on asking the platform. An event tells its release, and the releases that the package belongs to.
        """
        write = self._write
        if not await _held_outside(write):
            return 0
        # Names are set, and calls are marked, under this guard too: what is read from here on stays.
        await guards.hold(write.data, guards.SITE)
        row, promotion, release = tables.PromotionTarget, tables.Promotion, sql.Release
        whose = sqlalchemy.tuple_(col(release.project_key), col(promotion.platform), col(row.owner_namespace), _UNOWNED)
        wanted = (
            sqlmodel.select(row, promotion, release.project_key)
            .join(promotion, col(promotion.id) == col(row.promotion_id))
            .join(release, col(release.key) == col(promotion.release_key))
            .where(col(row.holding), whose.in_(await _held_outside(write)))
            .order_by(col(row.promotion_id), col(row.purl))
            .execution_options(populate_existing=True)
        )
        found = (await write.data.exec(wanted)).all()
        for target, _, _ in found:
            target.holding = False
        await write.data.flush()
        told = []
        for number, group in itertools.groupby(found, key=lambda one: one[0].promotion_id):
            rows = list(group)
            _, held, project_key = rows[0]
            packages = [_coordinates(held.platform, target) for target, _, _ in rows]
            others = await self._releases_of(packages, project_key)
            news = {
                "purls": [package.purl for package in packages],
                "held_by": held.release_key,
                "project": project_key,
                "promotion": number,
            }
            told.append((held.release_key, f"promotion:{number}", news))
            told += [(chain, "release", news) for chain in others]
            if not others:
                told.append((audit.SITE, f"project:{project_key}", news))
        # The ends of all chains at once: two that take them one after the other could wait for each other.
        await guards.hold(write.data, *(guards.chain(chain) for chain, _, _ in told))
        for chain, subject, news in told:
            await write.event(chain, subject, "packages_freed", **news)
        return len(found)

    async def _releases_of(self, packages: Sequence[distribution.Coordinates], project_key: str) -> Sequence[str]:
        """The releases that have one of these packages recorded, of other projects to which its name belongs."""
        row, release, owner = sql.Distribution, sql.Release, tables.PlatformTarget
        keys = sqlalchemy.tuple_(col(row.platform), col(row.owner_namespace), col(row.package), col(row.version))
        wanted = (
            sqlmodel.select(row, owner)
            .join(release, col(release.key) == col(row.release_key))
            .join(owner, (col(owner.project_key) == col(release.project_key)) & (col(owner.platform) == row.platform))
            .where(
                release.project_key != project_key,
                keys.in_([(one.platform_name, one.owner_namespace, one.package, one.version) for one in packages]),
            )
        )
        found = (await self._write.data.exec(wanted)).all()
        data = self._write.data
        return sorted(
            {one.release_key for one, target in found if not names.outside(data.built, [one.coordinates], target)}
        )


def _coordinates(platform: str, row: tables.PromotionTarget) -> distribution.Coordinates:
    return distribution.Coordinates(platform, row.owner_namespace, row.package, row.version)


async def _held_outside(read: transaction.Transaction) -> list[tuple[str, str, str, str]]:
    """(project, platform, owner, package without one) of what promotions hold outside the names of the project."""
    row, promotion, release = tables.PromotionTarget, tables.Promotion, sql.Release
    wanted = (
        sqlmodel.select(release.project_key, promotion.platform, row.owner_namespace, _UNOWNED)
        .join(promotion, col(promotion.id) == col(row.promotion_id))
        .join(release, col(release.key) == col(promotion.release_key))
        .where(col(row.holding))
        .distinct()
    )
    held = (await read.data.exec(wanted)).all()
    targets = (await read.data.exec(sqlmodel.select(tables.PlatformTarget))).all() if held else ()
    names = {(target.project_key, target.platform): tuple(target.namespaces) for target in targets}
    return [
        (project_key, platform, owner, package)
        for project_key, platform, owner, package in held
        if read.data.built.outside(
            [distribution.Coordinates(platform, owner, package, "")], names.get((project_key, platform), ())
        )
    ]
