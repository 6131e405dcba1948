# SPDX-License-Identifier: Apache-2.0
"""The voted file sets that are not public, as pages name them, and what was missing at an announcement."""

import dataclasses
import datetime
from collections.abc import Iterable, Sequence
from typing import Final

import atr.models.sql as sql
import atr.pages.views as views
import atr.promotion.states as states
import atr.promotion.voted as voted
import atr.shared.distribution as distribution
import atr.shared.words as words
import atr.storage.readers.events as events
import atr.storage.transaction as transaction

_GIVEN_UP: Final = frozenset(
    {states.DeploymentState.DROPPED, states.DeploymentState.GONE, states.DeploymentState.FAILED}
)
_NOWHERE: Final = "No recorded deployment contains these files. Stage them, or record an existing deployment."


@dataclasses.dataclass(frozen=True)
class NotPublic:
    """A voted file set that is not verified as public, in whole or in part, and what is known about it."""

    platform: distribution.DistributionPlatform
    # The part that is not public: its packages in one line, its number of files, and its name in a sentence.
    packages_line: str
    files: int
    name: str
    # Its state and what to do, in one or two sentences.
    sentence: str
    since: datetime.datetime
    # The row whose deployment contains these files: "d4"; empty if there is none.
    anchor: str
    # Whether that row is not abandoned, so that it shows the next step itself.
    has_row: bool


@dataclasses.dataclass(frozen=True)
class Announced:
    """Who announced the release, and why, if a reason was needed.

    `without` was voted on but not public, on `waived` platforms nothing was public, `vouched` was not verified.
    """

    by: str
    at: datetime.datetime
    reason: str
    without: tuple[str, ...]
    waived: tuple[str, ...]
    vouched: tuple[str, ...]


def is_given_up(row: views.DeploymentView) -> bool:
    """Return whether the deployment is not expected to become public: dropped, gone or refused by the platform."""
    return (row.deployment_state in _GIVEN_UP) and ((row.state is None) or (row.state not in states.HOLDING))


def told(measure: voted.Measure, rows: Sequence[views.DeploymentView], release: sql.Release) -> tuple[NotPublic, ...]:
    """Return the voted file sets that are not public, each with the row of the release that contains it."""
    return tuple(_one(one, _holder(one, rows), release) for one in measure.not_public)


def unprovable(measure: voted.Measure) -> tuple[str, ...]:
    """Return a sentence for each voted file set of a platform whose public files ATR does not read."""
    return tuple(
        f"{one.platform.display_name}: {words.count(one.files, 'file was', 'files were')} voted on. "
        f"Their publication cannot be verified because {one.platform.no_proof}."
        for one in measure.unprovable
    )


def of_no_vote(rows: Iterable[views.DeploymentView], lacking: Iterable[NotPublic]) -> tuple[views.DeploymentView, ...]:
    """Return the rows that are neither live nor abandoned, nor contain a voted file set that is not public yet."""
    held = {one.anchor for one in lacking}
    return tuple(
        row for row in rows if not (is_given_up(row) or (row.state is states.State.LIVE) or (row.row_key in held))
    )


async def announced(read: transaction.Transaction, release: sql.Release) -> Announced | None:
    """Return who announced the release, and what was missing; None if it is not announced."""
    if release.phase is not sql.ReleasePhase.RELEASE:
        return None
    found = await events.of_release(read, release.key, ("release_announced",))
    if not found:
        return None
    event = found[-1]
    without, waived, vouched = (
        tuple(str(one["name"]) for one in event.data.get(key, ())) for key in ("without", "waived", "vouched")
    )
    return Announced(
        event.actor, event.at, str(event.data.get("reason", "")), without=without, waived=waived, vouched=vouched
    )


def _one(one: voted.VotedSet, row: views.DeploymentView | None, release: sql.Release) -> NotPublic:
    has_row = (row is not None) and not is_given_up(row)
    return NotPublic(
        platform=one.platform,
        packages_line=distribution.in_one_line(one.packages),
        files=one.not_public,
        name=one.name,
        sentence=_sentence(row, given_up=not has_row) if row else _NOWHERE,
        since=row.standing.since if row else (release.vote_resolved or release.created),
        anchor=row.row_key if row else "",
        has_row=has_row,
    )


def _holder(one: voted.VotedSet, rows: Sequence[views.DeploymentView]) -> views.DeploymentView | None:
    """Return the row that contains these files or may do so: the newest, and an abandoned one only if no other does."""
    newest = [row for row in reversed(rows) if (row.platform is one.platform) and (row.state is not states.State.LIVE)]
    holding = [row for row in newest if row.proof.staged and (row.proof.staged.digest == one.digest)]
    on_their_way = [row for row in newest if not is_given_up(row)]
    by_hand = [row for row in on_their_way if row.deployment_id is None and set(one.packages) <= set(row.packages)]
    unread = [row for row in on_their_way if (row.deployment_id is not None) and not row.proof.staged]
    candidates = [*(row for row in holding if not is_given_up(row)), *by_hand, *unread, *holding]
    return next(iter(candidates), None)


def _sentence(row: views.DeploymentView, *, given_up: bool) -> str:
    if not given_up:
        return row.next_sentence
    again = next((act for act in row.acts if act.name == "stage_again"), None)
    way_out = f" {again.why_not or 'Restage the voted files.'}" if again else ""
    return f"{row.standing.sentence}{way_out}"
