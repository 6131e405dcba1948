# SPDX-License-Identifier: Apache-2.0
"""The event log: one event for each change, in the change's own transaction, chained by hashes.

`hash` is the SHA-256 of the event as canonical JSON together with the previous hash, so an edit, a gap or a changed
order is detected. Each release has its own chain, so releases do not contend for one row. A promotion whose row
disagrees with its events was edited by hand, and is frozen. A chain whose end was cut off is detected only by a head
that is stored elsewhere: in the log, which should leave this machine, and in the manifest of a backup.
"""

import dataclasses
import datetime
import hashlib
import json
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.db.guards as guards
import atr.db.session as session
import atr.models.promotion as tables
import atr.promotion.states as states

SITE: Final = "site"
_START: Final = "0" * 64
# The key under which a session's `info` has the last events of chains.
_ENDS: Final = "ends"


async def append(
    data: session.Session,
    now: datetime.datetime,
    *,
    chain: str,
    actor: str,
    subject: str,
    what: str,
    facts: dict[str, Any],
) -> tables.Event:
    """Add one event and return it. It commits or fails with the rest of the transaction: no event, no change."""
    await guards.hold(data, guards.chain(chain))
    # The last event of each chain that this transaction has added to.
    ends: dict[str, tables.Event] = data.info.setdefault(_ENDS, {})
    last = ends.get(chain)
    if last is None:
        wanted = sqlmodel.select(tables.Event).where(tables.Event.chain == chain)
        with data.no_autoflush:
            last = (await data.exec(wanted.order_by(col(tables.Event.number).desc()).limit(1))).first()
    event = tables.Event(
        chain=chain,
        number=last.number + 1 if last else 1,
        at=now,
        actor=actor,
        subject=subject,
        what=what,
        data=facts,
        previous=last.hash if last else _START,
        hash="",
    )
    event.hash = digest(event)
    data.add(event)
    if data.in_nested_transaction():
        # If only the savepoint is rolled back, the chain is as it was before.
        await data.flush()
    else:
        ends[chain] = event
    return event


def digest(event: tables.Event) -> str:
    """Return the hash that the event must have."""
    canonical = json.dumps(
        [
            event.chain,
            event.number,
            event.at.astimezone(datetime.UTC).isoformat(timespec="microseconds"),
            event.actor,
            event.subject,
            event.what,
            event.data,
            event.previous,
        ],
        sort_keys=True,
        ensure_ascii=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


class Follower:
    """Checks the events of a chain in order, from the first one."""

    def __init__(self) -> None:
        # The number of the last event.
        self.number = 0
        self._hash = _START

    def takes(self, event: tables.Event) -> bool:
        """Return whether this event follows from the last one; it is the last one from now on."""
        follows = (event.number == self.number + 1) and (event.previous == self._hash) and (event.hash == digest(event))
        self.number, self._hash = event.number, event.hash
        return follows


def broken_at(events: Iterable[tables.Event]) -> int | None:
    """Return the number of the first event of a chain that does not follow from the previous one; None if all do."""
    follower = Follower()
    return next((event.number for event in events if not follower.takes(event)), None)


# The last of these events tells which state the row must have.
_MOVES: Final = ("promotion_requested", "promotion_moved")
_MARKED: Final = "attempt_marked"
_TO_DO: Final = "Nothing is sent. Run `atr verify-chain`, and find out who changed it."


async def disagreements(
    data: session.Session, promotions: Sequence[tables.Promotion], calls: Mapping[int | None, int] | None = None
) -> Mapping[int | None, str]:
    """Return by promotion a sentence about how its row or its publish attempts disagree with its events, or nothing.

    A promotion without events of its own (it was recorded as published by hand) cannot disagree with them. `calls` are
    the numbers of publish attempts, if the caller has read them in this transaction.
    """
    if not promotions:
        return {}
    subjects = {row.subject: row for row in promotions}
    event = tables.Event
    wanted = (
        sqlmodel.select(event)
        .where(col(event.subject).in_(subjects), col(event.what).in_((*_MOVES, _MARKED)))
        .order_by(col(event.number))
    )
    events: dict[int | None, list[tables.Event]] = {row.id: [] for row in promotions}
    for one in (await data.exec(wanted)).all():
        if one.chain == subjects[one.subject].release_key:
            events[subjects[one.subject].id].append(one)
    if calls is None:
        calls = await _calls(data, events)
    return {row.id: _disagreement(row, calls.get(row.id, 0), events[row.id]) for row in promotions}


async def _calls(data: session.Session, ids: Collection[int | None]) -> Mapping[int | None, int]:
    attempt = tables.Attempt
    made = (
        sqlmodel.select(attempt.promotion_id, sqlalchemy.func.count())
        .where(col(attempt.promotion_id).in_(ids), attempt.kind == tables.AttemptKind.PUBLISH)
        .group_by(col(attempt.promotion_id))
    )
    return dict((await data.exec(made)).all())


def _disagreement(row: tables.Promotion, calls: int, events: Sequence[tables.Event]) -> str:
    moves = [event for event in events if event.what in _MOVES]
    if not moves:
        return ""
    last = moves[-1]
    if any(event.hash != digest(event) for event in events):
        return f"The event log of this promotion was tampered with. {_TO_DO}"
    told = last.data.get("to", states.State.REQUESTED.value)
    if told != row.state.value:
        return f"The row is {row.state.value}, but the event log says {told}. {_TO_DO}"
    # A stop after a publish request marks drops, which are not publish attempts.
    publish = tables.AttemptKind.PUBLISH.value
    marked = sum(1 for event in events if (event.what == _MARKED) and (event.data.get("kind") == publish))
    if marked != calls:
        return f"There are {calls} attempt rows, but the event log has {marked}. {_TO_DO}"
    return ""


# The "action" of a log line with heads, and the key of the heads.
ACTION: Final = "chain_heads"
HEADS: Final = "heads"


class Head(NamedTuple):
    """The last event of a chain, or one that was the last when it was reported."""

    number: int
    hash: str


class Told(NamedTuple):
    """What was reported about all heads: how many there are, and one hash over them."""

    chains: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Found:
    """The result of checking a chain."""

    chain: str
    events: int
    # What is wrong, as sentences; empty if nothing is.
    wrong: tuple[str, ...]


async def heads(data: session.Session, since: datetime.datetime | None = None) -> dict[str, Head]:
    """Return the head of every chain; if `since` is given, only of those whose last event is not older."""
    event = tables.Event
    newest = sqlmodel.select(event.chain, sqlalchemy.func.max(event.number)).group_by(col(event.chain))
    wanted = sqlmodel.select(event.chain, event.number, event.hash).where(
        sqlalchemy.tuple_(col(event.chain), col(event.number)).in_(newest)
    )
    if since is not None:
        wanted = wanted.where(event.at >= since)
    return {chain: Head(number, own) for chain, number, own in (await data.exec(wanted)).all()}


def heads_digest(found: Mapping[str, Head]) -> str:
    """Return one hash over all heads, in the order of their chains' names."""
    canonical = json.dumps([[chain, *found[chain]] for chain in sorted(found)], separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


async def check(data: session.Session, anchors: Mapping[str, frozenset[Head]]) -> AsyncIterator[Found]:
    """Check every chain, by name, then those that only an anchor names. Reads each event once, in batches."""
    seen = set()
    for chain in sorted((await data.exec(sqlmodel.select(tables.Event.chain).distinct())).all()):
        seen.add(chain)
        yield await check_one(data, chain, anchors.get(chain, frozenset()))
    for chain in sorted(set(anchors) - seen):
        yield Found(chain, 0, ("The whole chain is missing.",))


async def check_one(data: session.Session, chain: str, anchors: frozenset[Head]) -> Found:
    """Check one chain against these anchors of it."""
    wanted = sqlmodel.select(tables.Event).where(tables.Event.chain == chain).order_by(col(tables.Event.number))
    # Bypass the identity map: an object that this session has already would hide the values of the row.
    options = {"populate_existing": True, "yield_per": 500}
    follows = Follower()
    at = {anchor.number: anchor.hash for anchor in anchors}
    wrong: list[str] = []
    async for event in await data.stream_scalars(wanted, execution_options=options):
        if not follows.takes(event) and not wrong:
            wrong.append(
                f"Event {event.number} does not follow from the previous one: it was changed, or an event is missing."
            )
        if at.pop(event.number, event.hash) != event.hash:
            wrong.append(f"Event {event.number} is not the one that was reported: the end of the chain was rewritten.")
    if at:
        wrong.append(
            f"It ends at {follows.number}, but {max(at)} was reported: the end was cut off, or a backup was restored."
        )
    return Found(chain, follows.number, tuple(wrong))


def anchors(lines: Iterable[str]) -> dict[str, frozenset[Head]]:
    """Return the heads in the lines of a log, by chain. Other lines, and those that are not ATR's JSON, are skipped."""
    found: dict[str, set[Head]] = {}
    for line in lines:
        for chain, head in _told(line):
            found.setdefault(chain, set()).add(head)
    return {chain: frozenset(told) for chain, told in found.items()}


def _told(line: str) -> Iterator[tuple[str, Head]]:
    if ACTION not in line:
        return
    try:
        # The prefix that a log collector adds to each line is skipped.
        fields: Any = json.loads(line[max(line.find("{"), 0) :])
    except ValueError:
        return
    if (not isinstance(fields, dict)) or (fields.get("action") != ACTION) or not isinstance(fields.get(HEADS), dict):
        return
    for chain, head in fields[HEADS].items():
        if isinstance(head, list) and (len(head) == len(Head._fields)):
            yield str(chain), Head(int(head[0]), str(head[1]))
