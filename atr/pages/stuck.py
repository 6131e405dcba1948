# SPDX-License-Identifier: Apache-2.0
"""Stuck rows, the most severe first, each with what it waits for and what an operator can do.

The kinds are data, in the order of the page; docs/operators.md has the same list in the same words. A row is shown
once, under its most severe kind.
"""

import dataclasses
import datetime
import enum
from collections.abc import Collection
from typing import Any, Final

import atr.models.operating as operating
import atr.models.paging as paging
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.storage.audit as audit
import atr.storage.lanes as lanes
import atr.storage.readers.stuck as rows
import atr.storage.rights as rights
import atr.storage.transaction as transaction

_State = states.State
_Deployment = states.DeploymentState
# Another worker claims the rows of a dead worker within this time.
_TAKEN_UP: Final = datetime.timedelta(seconds=75)
_TOO_LONG: Final = datetime.timedelta(hours=1)
_LONG: Final = datetime.timedelta(days=1)
# How long this page lists a failed task.
_RECENT: Final = datetime.timedelta(days=7)
_MOVING: Final = (_Deployment.UPLOADING, _Deployment.VALIDATING, _Deployment.DROPPING)


@dataclasses.dataclass(frozen=True)
class Line:
    """One row that does not continue automatically, or not as fast as it should."""

    css: str
    word: str
    project_name: str
    project_key: str
    version_key: str
    # Empty for a task.
    platform: str
    since: datetime.datetime
    waits_for: str
    # What to do at 3 in the morning, and the row's key in addresses; without one the list of the release is linked.
    advice: str
    row_key: str = ""


@dataclasses.dataclass(frozen=True)
class StuckView:
    """A page of the stuck rows, the most severe first."""

    at: datetime.datetime
    lines: tuple[Line, ...]
    # Whether there are more than all pages show.
    is_cut: bool
    # A sentence for each switch that is off, of one platform or of all: nothing is sent there.
    held: tuple[str, ...]
    # A sentence for each lane that is not polled for a while, and why; polling resumes automatically.
    left_alone: tuple[str, ...]
    part: paging.Part = paging.WHOLE


@dataclasses.dataclass(frozen=True)
class _Text:
    css: str
    word: str
    waits_for: str
    advice: str


class Kind(enum.Enum):
    """The ways of being stuck, the most severe first."""

    DIVERGED = _Text(
        "diverged",
        "Diverged",
        "the committee: public files differ from the voted files",
        "Alert the committee immediately. Publication cannot be undone; the row's page lists files that differ or "
        "were not voted on.",
    )
    FROZEN = _Text(
        "diverged",
        "Frozen",
        "an operator: the row contradicts its event log",
        (
            "Nothing is sent. Run `atr verify-chain`, find out who changed it, and restore the row to the state in its "
            "event log."
        ),
    )
    IN_DOUBT = _Text(
        "in-doubt",
        "In doubt",
        "a committee member to check the platform",
        "Not urgent: nothing is sent automatically, and polling continues. Tell the committee.",
    )
    OVERDUE = _Text(
        "failed",
        "Overdue",
        "the next check, which hands it over to a person",
        (
            "The deadline has passed, but no worker has recorded it. Check that a worker is running and can reach the "
            "platform."
        ),
    )
    NOT_TAKEN = _Text(
        "failed",
        "Not taken",
        "a worker: it is due and unclaimed",
        "Start a worker (for a task, one that has the files), or check the worker's log. Starting a worker is always "
        "safe: it queries the platform before it sends anything.",
    )
    LEASE_EXPIRED = _Text(
        "failed",
        "Lease expired",
        "another worker: the one with its lease died or hangs",
        "Start a worker. It queries the platform before it sends anything.",
    )
    HELD = _Text(
        "held",
        "Held",
        "a committee member",
        "The reason is on its page. After a refusal, check the credential; after a restore, check the platform's "
        "state. Then the committee promotes again, or stops it.",
    )
    LOST = _Text(
        "lost",
        "Lost",
        "a person to resolve the upload",
        "Search the platform for the name shown on the row, and enter the result there. Do not upload again first.",
    )
    TASK_FAILED = _Text(
        "failed",
        "Task failed",
        "an operator to read the error",
        "The worker's log has the error under the task's number. Retry from the page that requested it: “Check now”, "
        "“Verify now” or “Find deployment” on the row, or the release's pre-flight checks.",
    )
    MOVING_LONG = _Text(
        "warning",
        "Takes long",
        "the platform",
        (
            "Check the platform's status page. If the platform is down, switch it off here, so that nothing more is "
            "sent to it."
        ),
    )
    WAITS_LONG = _Text(
        "warning",
        "Waiting for a long time",
        "see its page",
        "Not urgent. Its page shows what blocks it, and whether the committee can still stop it.",
    )
    UNPROVED = _Text(
        "unproved",
        "Not found",
        "the platform to publish it",
        "Not urgent. It was reported as published but has not been found for a day.",
    )


_RANK: Final = {kind: rank for rank, kind in enumerate(Kind)}


async def page(read: transaction.Transaction, asked: paging.Asked = paging.FIRST) -> StuckView:
    """Return a page of the stuck rows. Raises AccessError unless the reader is a foundation admin."""
    await rights.demand_admin(read)
    shut = await lanes.shut(read)
    found = [
        *await _promotions(read, shut),
        *await _deployments(read, shut),
        *await _unproved(read),
        *await _tasks(read),
    ]
    found.sort(key=_worst_first)
    lines, part = asked.cut([line for _, line in found[: rows.MOST]], _name)
    return StuckView(
        at=read.now,
        lines=lines,
        is_cut=len(found) > rows.MOST,
        held=tuple((await lanes.switched_off(read.data)).values()),
        left_alone=tuple(why for why, _ in shut.values()),
        part=part,
    )


def _name(line: Line) -> str:
    return f"{line.project_name} {line.project_key} {line.version_key} {line.platform} {line.word}"


async def _promotions(read: transaction.Transaction, shut: Collection[lanes.Lane]) -> list[tuple[Kind, Line]]:
    found = await rows.promotions(read, late=read.now - _TAKEN_UP, long=read.now - _LONG)
    frozen = await _frozen(read)
    return [
        *frozen.values(),
        *(
            (kind, _line(read, kind, one, project, release, key=_key(one), waits_for=one.blocker))
            for one, release, project in found
            if (one.id not in frozen) and (kind := _of_promotion(read, one, shut)) is not None
        ),
    ]


async def _frozen(read: transaction.Transaction) -> dict[int | None, tuple[Kind, Line]]:
    """Return the open promotions that were edited by hand, which only a comparison with their events shows."""
    found = {}
    every = await rows.open_promotions(read)
    wrongs = await audit.disagreements(read.data, [one for one, _, _ in every])
    for one, release, project in every:
        if wrong := wrongs[one.id]:
            line = _line(read, Kind.FROZEN, one, project, release, key=_key(one), waits_for=wrong)
            found[one.id] = (Kind.FROZEN, line)
    return found


def _of_promotion(read: transaction.Transaction, row: tables.Promotion, shut: Collection[lanes.Lane]) -> Kind | None:
    if row.state is _State.DIVERGED:
        return Kind.DIVERGED
    if row.state is _State.IN_DOUBT:
        return Kind.IN_DOUBT
    # Before a publish request nothing ends automatically, so no deadline counts.
    if (row.state is not _State.REQUESTED) and (row.deadline is not None) and (row.deadline <= read.now):
        return Kind.OVERDUE
    if row.held:
        return _nobody_has(read, row, lanes.lane_of(row), shut) or Kind.HELD
    long = row.entered_at <= read.now - _LONG
    return _nobody_has(read, row, lanes.lane_of(row), shut) or (Kind.WAITS_LONG if long else None)


async def _deployments(read: transaction.Transaction, shut: Collection[lanes.Lane]) -> list[tuple[Kind, Line]]:
    found = await rows.deployments(read, _MOVING, late=read.now - _TAKEN_UP, long=read.now - _TOO_LONG)
    return [
        (kind, _line(read, kind, one, project, release, key=f"d{one.id}", waits_for=one.problem))
        for one, release, project in found
        if (kind := _of_deployment(read, one, shut)) is not None
    ]


def _of_deployment(read: transaction.Transaction, row: tables.Deployment, shut: Collection[lanes.Lane]) -> Kind | None:
    if row.state is _Deployment.LOST:
        return Kind.LOST
    long = (row.state in _MOVING) and (row.entered_at <= read.now - _TOO_LONG)
    return _nobody_has(read, row, lanes.Lane(row.mechanism), shut) or (Kind.MOVING_LONG if long else None)


async def _unproved(read: transaction.Transaction) -> list[tuple[Kind, Line]]:
    found = await rows.distributions(read, long=read.now - _LONG)
    return [
        (Kind.UNPROVED, _line(read, Kind.UNPROVED, one, project, release, waits_for=one.last_error))
        for one, release, project in found
    ]


async def _tasks(read: transaction.Transaction) -> list[tuple[Kind, Line]]:
    found = []
    for one in await rows.tasks(read, failed=read.now - _RECENT, queued=read.now - _TAKEN_UP):
        kind = Kind.TASK_FAILED if one.status is operating.TaskStatus.FAILED else Kind.NOT_TAKEN
        what = f"Task {one.id}, {one.task_type.value.replace('_', ' ')}"
        line = Line(
            css=kind.value.css,
            word=kind.value.word,
            project_name=what,
            project_key="",
            version_key="",
            platform="",
            since=one.completed or one.scheduled,
            waits_for=one.error or kind.value.waits_for,
            advice=kind.value.advice,
        )
        found.append((kind, line))
    return found


def _nobody_has(
    read: transaction.Transaction,
    row: tables.Promotion | tables.Deployment,
    lane: lanes.Lane,
    shut: Collection[lanes.Lane],
) -> Kind | None:
    late = read.now - _TAKEN_UP
    # A lane that waits as a whole is reported once: its rows do not mean that a worker is missing.
    if (row.due_at is None) or (row.due_at > late) or (lane in shut):
        return None
    if row.lease_until is None:
        return Kind.NOT_TAKEN
    return Kind.LEASE_EXPIRED if (row.lease_until <= late) else None


def _line(
    read: transaction.Transaction,
    kind: Kind,
    row: Any,
    project: sql.Project | None,
    release: sql.Release | None,
    *,
    key: str = "",
    waits_for: str = "",
) -> Line:
    return Line(
        css=kind.value.css,
        word=kind.value.word,
        project_name=project.name if project else f"{row.release_key}, deleted",
        project_key=project.key if project else "",
        version_key=release.version if release else "",
        platform=distribution.DistributionPlatform[row.platform].display_name,
        since=(row.created or read.now) if isinstance(row, sql.Distribution) else row.entered_at,
        waits_for=waits_for or kind.value.waits_for,
        advice=kind.value.advice,
        row_key=key if release else "",
    )


def _key(row: tables.Promotion) -> str:
    return f"d{row.deployment_id}" if row.deployment_id is not None else f"p{row.id}"


def _worst_first(one: tuple[Kind, Line]) -> tuple[int, datetime.datetime]:
    return _RANK[one[0]], one[1].since
