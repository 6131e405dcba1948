# SPDX-License-Identifier: Apache-2.0
"""The names of rows in addresses: "d4" for a deployment, "p7" for what is only tracked by hand."""

import dataclasses
from typing import Final

from sqlmodel import col

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.storage.transaction as transaction

# SQLite's integers end at 19 digits.
_MAX_DIGITS: Final = 15


@dataclasses.dataclass(frozen=True)
class Numbers:
    """Our numbers of a row: of its deployment, and of its newest promotion."""

    deployment_id: int | None
    promotion_id: int | None

    @property
    def deployment(self) -> int:
        """The deployment's number. Raises ConflictError where there is none."""
        if self.deployment_id is None:
            raise errors.ConflictError("There is no such deployment.")
        return self.deployment_id

    @property
    def promotion(self) -> int:
        """The promotion's number. Raises ConflictError where there is none."""
        if self.promotion_id is None:
            raise errors.ConflictError("No promotion has been requested here.")
        return self.promotion_id


async def numbers(read: transaction.Transaction, release_key: str, row_key: str) -> Numbers:
    """Which rows a name stands for. Raises NotFoundError."""
    found = await find(read, release_key, row_key)
    if isinstance(found, tables.Promotion):
        return Numbers(None, found.id)
    deployment, promotion = found
    return Numbers(deployment.id, promotion.id if promotion else None)


async def find(
    read: transaction.Transaction, release_key: str, row_key: str
) -> tables.Promotion | tuple[tables.Deployment, tables.Promotion | None]:
    """The promotion that is only tracked, or the deployment with its newest promotion. Raises NotFoundError."""
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
