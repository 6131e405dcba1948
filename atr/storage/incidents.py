# SPDX-License-Identifier: Apache-2.0
"""Incidents: packages of a release that are public, and that no promotion compares with the voted files."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
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
import atr.storage.candidates as candidates
import atr.storage.eligibility as eligibility
import atr.storage.transaction as transaction

_PUBLIC: Final = frozenset({states.State.CHECKING, states.State.LIVE, states.State.DIVERGED})
# The most packages that one statement searches for.
_AT_ONCE: Final = 10_000


@dataclasses.dataclass(frozen=True)
class Incident:
    """What is wrong, as a label and as a sentence, and who must act."""

    word: str
    sentence: str
    who: str


NOT_VOTED: Final = Incident(
    "Not voted on",
    "Published, but not voted on. The committee must act now: inform the users and investigate.",
    "the committee, at once",
)
NOT_COMPARED: Final = Incident(
    "Not compared",
    "Published, but not verified: its namespaces do not belong to this project, or another release has reserved its "
    "coordinates. A foundation admin must assign the namespaces.",
    "a foundation admin",
)


async def sentences(data: session.Session, releases: Mapping[str, eligibility.Release]) -> Mapping[str, Sequence[str]]:
    """Return by release the sentences about its incidents, each once with everything that it concerns."""
    row, promotion = tables.Deployment, tables.Promotion
    deployments = sqlmodel.select(row).where(col(row.release_key).in_(releases)).order_by(col(row.id))
    cases = await eligibility.load(data, (await data.exec(deployments)).all(), "", releases=releases)
    tracked = await queries.promotions(
        data,
        col(promotion.release_key).in_(releases),
        col(promotion.found_at).is_not(None),
        col(promotion.deployment_id).is_(None),
    )
    packages = await queries.targets_of(data, tracked)
    found = await of_deployments(data, cases), await of_promotions(data, tracked, packages)
    return told(cases, found[0], tracked, packages, found[1])


def told(
    cases: Mapping[int | None, eligibility.Case],
    of_cases: Mapping[int | None, Incident],
    tracked: Iterable[tables.Promotion],
    packages: Mapping[int | None, tuple[distribution.Coordinates, ...]],
    of_tracked: Mapping[int | None, Incident],
) -> Mapping[str, Sequence[str]]:
    """Return by release the sentences about incidents of deployments, and of promotions without one."""
    found: dict[str, dict[Incident, list[str]]] = {}
    for number, incident in of_cases.items():
        row = cases[number].deployment
        found.setdefault(row.release_key, {}).setdefault(incident, []).append(
            f"deployment {row.external_id or row.name}"
        )
    for promotion in tracked:
        if promotion.id in of_tracked:
            named = distribution.in_one_line(packages[promotion.id])
            found.setdefault(promotion.release_key, {}).setdefault(of_tracked[promotion.id], []).append(named)
    return {
        key: [f"{', '.join(names)}: {incident.sentence}" for incident, names in by_incident.items()]
        for key, by_incident in found.items()
    }


async def of_deployments(
    data: session.Session, cases: Mapping[int | None, eligibility.Case]
) -> Mapping[int | None, Incident]:
    """Return by deployment the incident, if any: it, or another deployment of its packages, is wrongly public."""
    found = {key for key, case in cases.items() if _was_found(case)}
    public = {key for key, case in cases.items() if case.deployment.state is states.DeploymentState.PUBLISHED}
    if not (found | public):
        return {}
    held = await _held(data, {cases[key].release.key for key in found | public})
    unvoted = await _with_other_paths(data, tables.Deployment, col(tables.Deployment.file_set_digest), public)
    incidents: dict[int | None, Incident] = {}
    for key in cases:
        if key not in found | public:
            continue
        packages, release_key = cases[key].packages, cases[key].release.key
        if not _holds(held, release_key, packages):
            if not _was_voted(cases[key]):
                incidents[key] = NOT_VOTED
            elif key in found:
                # Otherwise a person stopped the comparison of voted files: they are not live, and more is not known.
                incidents[key] = NOT_COMPARED
        elif (key in unvoted) and not _holds(held, release_key, packages, looked=True):
            # The promotions of its packages compare the voted files; extra files are known only after a check counted.
            incidents[key] = NOT_VOTED
    return incidents


async def of_promotions(
    data: session.Session,
    promotions: Iterable[tables.Promotion],
    packages: Mapping[int | None, tuple[distribution.Coordinates, ...]],
) -> Mapping[int | None, Incident]:
    """Return the same for ended promotions without a deployment; `packages` are those that were to be promoted."""
    ended = [row for row in promotions if (row.state in states.ENDED) and (row.found_at is not None)]
    if not ended:
        return {}
    held = await _held(data, {row.release_key for row in ended})
    open_ = [row for row in ended if not _holds(held, row.release_key, packages[row.id])]
    compared = await _compared(data, open_)
    return {row.id: NOT_COMPARED if row.id in compared else NOT_VOTED for row in open_}


async def was_voted(data: session.Session, row: tables.Deployment | tables.Promotion) -> bool:
    """Return whether its files, or those that it is compared with, are on the ballot of the vote that passed."""
    if isinstance(row, tables.Promotion):
        return row.id in await _compared(data, [row])
    release = await queries.get_release(data, row.release_key)
    if (release is None) or not candidates.has_passed(release):
        return False
    return is_on(await queries.ballot(data, release), row)


async def elsewhere(
    data: session.Session,
    deployments: Mapping[int | None, tuple[distribution.Coordinates, ...]],
    promotions: Mapping[int | None, tuple[distribution.Coordinates, ...]],
) -> tuple[Collection[int | None], Collection[int | None]]:
    """Return the deployments, and the promotions without one, of which another promotion made a package public."""
    row, target = tables.Promotion, tables.PromotionTarget
    wanted = (
        sqlmodel.select(target.purl, row.id, row.deployment_id)
        .join(row, col(row.id) == col(target.promotion_id))
        .where(col(target.holding), col(row.state).in_(list(_PUBLIC)))
    )
    purls = sorted({one.purl for packages in (*deployments.values(), *promotions.values()) for one in packages})
    holders: dict[str, tuple[int | None, int | None]] = {}
    for first in range(0, len(purls), _AT_ONCE):
        batch = col(target.purl).in_(purls[first : first + _AT_ONCE])
        holders |= {purl: (number, of) for purl, number, of in (await data.exec(wanted.where(batch))).all()}

    def of_others(packages: Iterable[distribution.Coordinates], own: int | None, *, place: int) -> bool:
        found = (holders[one.purl] for one in packages if one.purl in holders)
        return any(holder[place] is None or holder[place] != own for holder in found)

    return (
        {key for key, packages in deployments.items() if of_others(packages, key, place=1)},
        {key for key, packages in promotions.items() if of_others(packages, key, place=0)},
    )


def _was_found(case: eligibility.Case) -> bool:
    """Return whether its packages were found public, by its own checks or after one of its promotions had ended."""
    ended = (row for row in case.promotions if row.state in states.ENDED)
    return (case.deployment.found_at is not None) or any(row.found_at is not None for row in ended)


def _was_voted(case: eligibility.Case) -> bool:
    return case.of.has_passed and is_on(case.of.ballot, case.deployment)


def is_on(ballot: Iterable[tables.BallotEntry], row: tables.Deployment) -> bool:
    """Return whether the files of a deployment are on this ballot."""
    return any((one.platform, one.file_set_digest) == (row.platform, row.file_set_digest) for one in ballot)


async def _compared(data: session.Session, promotions: Iterable[tables.Promotion]) -> Collection[int | None]:
    """Return those that are compared with voted files: by path, since a part of a file set has another digest."""
    row, release = tables.Promotion, sql.Release
    numbers = [one.id for one in promotions]
    beyond = await _with_other_paths(data, row, col(row.voted_digest), numbers)
    wanted = (
        sqlmodel.select(row.id, release)
        .join(release, col(release.key) == col(row.release_key))
        .where(col(row.id).in_(numbers))
    )
    found = (await data.exec(wanted)).all() if numbers else ()
    return {number for number, its_release in found if candidates.has_passed(its_release) and (number not in beyond)}


async def _with_other_paths(
    data: session.Session, row: Any, digest: Any, numbers: Collection[int | None]
) -> Collection[int]:
    """Return those of these rows whose file set has a path that is not on the newest ballot for their platform."""
    if not numbers:
        return ()
    file, voted_file = tables.FileSetFile, sqlalchemy.orm.aliased(tables.FileSetFile)
    entry, release = tables.BallotEntry, sql.Release
    on_ballot = (
        sqlmodel.select(voted_file.path)
        .join(entry, col(entry.file_set_digest) == col(voted_file.digest))
        .join(release, queries.of_newest_vote())
        .where(
            col(entry.release_key) == row.release_key,
            col(entry.platform) == row.platform,
            col(voted_file.path) == col(file.path),
        )
    )
    beyond = sqlmodel.select(file.path).where(col(file.digest) == digest, ~on_ballot.exists())
    return set((await data.exec(sqlmodel.select(row.id).where(row.id.in_(numbers), beyond.exists()))).all())


async def _held(data: session.Session, release_keys: Collection[str]) -> Mapping[tuple[str, str], bool]:
    """Return by release and package what its promotions reserved, and whether a check for extra files has counted."""
    target, promotion = tables.PromotionTarget, tables.Promotion
    wanted = (
        sqlmodel.select(promotion.release_key, target.purl, promotion.beside_at)
        .join(promotion, col(promotion.id) == col(target.promotion_id))
        .where(col(target.holding), col(promotion.release_key).in_(release_keys))
    )
    return {(key, purl): at is not None for key, purl, at in (await data.exec(wanted)).all()}


def _holds(
    held: Mapping[tuple[str, str], bool],
    release_key: str,
    packages: Collection[distribution.Coordinates],
    *,
    looked: bool = False,
) -> bool:
    """Return whether the release reserved all of these packages; `looked`: and checked each for extra files."""
    known = [held.get((release_key, one.purl)) for one in packages]
    return bool(known) and all(one if looked else (one is not None) for one in known)


async def look_anew(write: transaction.Transaction, *releases: Any) -> None:
    """Make every incident of these releases due: it may be possible to compare it now."""
    keys = sqlmodel.select(sql.Release.key).where(*releases)
    for table in (tables.Deployment, tables.Promotion):
        await write.data.exec(
            sqlalchemy.update(table)
            .where(col(table.release_key).in_(keys), col(table.found_at).is_not(None))
            .values(due_at=write.now)
        )
