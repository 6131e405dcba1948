# SPDX-License-Identifier: Apache-2.0
"""Public, and compared with nothing: what stands in public of a release and no promotion holds."""

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
# Packages that are looked for in one statement.
_AT_ONCE: Final = 10_000


@dataclasses.dataclass(frozen=True)
class Incident:
    """What is wrong, in a word and in a sentence, and who must act."""

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
    """By release: its incidents for people, each sentence once, with all that it is said of."""
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
    """By release: the sentences of incidents of deployments, and of promotions without one."""
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
    """By deployment: what is wrong with it, or with another one of its packages, that is public, where anything is."""
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
                # What was voted on and is not compared, since a person stopped that, is not live; more is not known.
                incidents[key] = NOT_COMPARED
        elif (key in unvoted) and not _holds(held, release_key, packages, looked=True):
            # Whoever holds its packages compares the voted files; only a look that counted tells what stands beside.
            incidents[key] = NOT_VOTED
    return incidents


async def of_promotions(
    data: session.Session,
    promotions: Iterable[tables.Promotion],
    packages: Mapping[int | None, tuple[distribution.Coordinates, ...]],
) -> Mapping[int | None, Incident]:
    """The same of promotions without deployment that have ended; `packages` are those that they asked for."""
    ended = [row for row in promotions if (row.state in states.ENDED) and (row.found_at is not None)]
    if not ended:
        return {}
    held = await _held(data, {row.release_key for row in ended})
    open_ = [row for row in ended if not _holds(held, row.release_key, packages[row.id])]
    compared = await _compared(data, open_)
    return {row.id: NOT_COMPARED if row.id in compared else NOT_VOTED for row in open_}


async def was_voted(data: session.Session, row: tables.Deployment | tables.Promotion) -> bool:
    """Whether what it holds, or is compared with, is on the ballot of the vote that passed."""
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
    """The deployments, and the promotions without one, of which a package is public by what another promotion holds."""
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
    """Whether its packages were found public, by itself or after one of its promotions had ended."""
    ended = (row for row in case.promotions if row.state in states.ENDED)
    return (case.deployment.found_at is not None) or any(row.found_at is not None for row in ended)


def _was_voted(case: eligibility.Case) -> bool:
    return case.of.has_passed and is_on(case.of.ballot, case.deployment)


def is_on(ballot: Iterable[tables.BallotEntry], row: tables.Deployment) -> bool:
    """Whether the files of a deployment are on this ballot."""
    return any((one.platform, one.file_set_digest) == (row.platform, row.file_set_digest) for one in ballot)


async def _compared(data: session.Session, promotions: Iterable[tables.Promotion]) -> Collection[int | None]:
    """Those that are compared with files of the vote that passed: a part of a file set has a digest of its own."""
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
    """Those of these rows whose file set has a path that the newest vote was not about on their platform."""
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
    """By release and package: what its promotions hold, and whether one look beside the voted files has counted."""
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
    """Whether promotions of the release hold all of these packages; `looked`: and a look beside each has counted."""
    known = [held.get((release_key, one.purl)) for one in packages]
    return bool(known) and all(one if looked else (one is not None) for one in known)


async def look_anew(write: transaction.Transaction, *releases: Any) -> None:
    """Have every incident of these releases looked at at once: it may be possible to compare it now."""
    keys = sqlmodel.select(sql.Release.key).where(*releases)
    for table in (tables.Deployment, tables.Promotion):
        await write.data.exec(
            sqlalchemy.update(table)
            .where(col(table.release_key).in_(keys), col(table.found_at).is_not(None))
            .values(due_at=write.now)
        )
