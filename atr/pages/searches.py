# SPDX-License-Identifier: Apache-2.0
"""A search for a deployment by its coordinates, as its page shows it to everyone who may start one."""

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

import atr.errors as errors
import atr.models.promotion as tables
import atr.pages.distributions as distributions
import atr.pages.views as views
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.storage.eligibility as eligibility
import atr.storage.names as names
import atr.storage.readers.searches as searches
import atr.storage.rights as rights
import atr.storage.transaction as transaction


@dataclasses.dataclass(frozen=True)
class CandidateView:
    """A deployment that contains the coordinates. If it also contains packages of others, only its id is shown."""

    external_id: str
    name: str
    # The platform's own word for its state.
    word: str
    packages: tuple[distribution.Coordinates, ...]
    packages_line: str
    created: datetime.datetime | None
    # Where it is recorded: "d4" for one of this release; else empty.
    row_key: str
    # Why it cannot be recorded from here; empty if it can.
    why_not: str


@dataclasses.dataclass(frozen=True)
class SearchView:
    """A search for a deployment by its coordinates, and its answer."""

    head: views.ReleaseHead
    number: int
    coordinates: distribution.Coordinates
    asked_by: str
    asked_at: datetime.datetime
    # None until the platform was queried.
    answered_at: datetime.datetime | None
    # Why there is no answer, as a sentence.
    problem: str
    candidates: tuple[CandidateView, ...]
    # Changes when the content of the page does.
    etag: str


async def one(read: transaction.Transaction, release_key: str, number: int) -> SearchView:
    """Return the search. Raises NotFoundError, or AccessError if the reader may not start a search."""
    of = await eligibility.release(read.data, release_key)
    if not rights.is_release_manager(of.committee, read.asf_uid):
        raise errors.AccessError(reasons.of("managers-only", what="search for deployments"))
    row, recorded = await searches.one(read, release_key, number)
    target = of.targets.get(row.platform)
    return SearchView(
        head=distributions.heading(of),
        number=number,
        coordinates=distribution.Coordinates(row.platform, row.owner_namespace, row.package, row.version),
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        answered_at=row.answered_at,
        problem=row.problem,
        # The newest first, because it is the most likely one.
        candidates=tuple(_candidate(read.data.built, row, found, target, recorded) for found in reversed(row.found)),
        etag=f"{number}.{'answered' if row.answered_at else 'waiting'}",
    )


def _candidate(
    built: layouts.Layouts,
    row: tables.DeploymentSearch,
    found: dict[str, Any],
    target: tables.PlatformTarget | None,
    recorded: Mapping[str | None, tables.Deployment],
) -> CandidateView:
    packages = tuple(distribution.Coordinates(row.platform, *package) for package in found["packages"])
    there = recorded.get(found["external_id"])
    here = (there is not None) and (there.release_key == row.release_key)
    # The namespaces may have changed since the answer: packages that are outside now are not shown either.
    beyond = (target is None) or bool(names.outside(built, packages, target))
    if (not packages) or beyond:
        return CandidateView(
            found["external_id"],
            "",
            "",
            (),
            "",
            None,
            "",
            "It contains packages outside the project's namespaces, so it is not listed.",
        )
    why_not = ""
    if here:
        why_not = "It is already recorded for this release."
    elif there is not None:
        why_not = "It is already recorded for another release."
    elif target is None:
        why_not = names.no_target(distribution.DistributionPlatform[row.platform]).sentence
    return CandidateView(
        external_id=found["external_id"],
        name=found["name"],
        word=found["word"],
        packages=packages,
        packages_line=distribution.in_one_line(packages),
        created=datetime.datetime.fromisoformat(found["created"]) if found["created"] else None,
        row_key=f"d{there.id}" if here and there else "",
        why_not=why_not,
    )
