# SPDX-License-Identifier: Apache-2.0
"""The ends of all chains of events, told to the log; and every chain checked against what was told.

A chain shows an edit, an insertion, a swap and a gap by itself. That its end was cut off shows only against a head that
stands somewhere else: in the log, which should leave this machine, and in the manifest of a backup.
"""

import dataclasses
import datetime
import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.db.session as session
import atr.models.promotion as tables
import atr.storage.audit as audit

# A line of the log that holds heads says so under "action", and has them under "heads".
ACTION: Final = "chain_heads"
HEADS: Final = "heads"


class Head(NamedTuple):
    """The last event of a chain, or one that was the last when it was told."""

    number: int
    hash: str


class Told(NamedTuple):
    """What was said of all heads: how many there are, and one hash over them."""

    chains: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Found:
    """What checking a chain showed."""

    chain: str
    events: int
    # What is wrong, as sentences; empty if nothing is.
    wrong: tuple[str, ...]


async def heads(data: session.Session, since: datetime.datetime | None = None) -> dict[str, Head]:
    """The head of every chain; of those that grew since then, if an instant is given."""
    event = tables.Event
    newest = sqlmodel.select(event.chain, sqlalchemy.func.max(event.number)).group_by(col(event.chain))
    wanted = sqlmodel.select(event.chain, event.number, event.hash).where(
        sqlalchemy.tuple_(col(event.chain), col(event.number)).in_(newest)
    )
    if since is not None:
        wanted = wanted.where(event.at >= since)
    return {chain: Head(number, own) for chain, number, own in (await data.exec(wanted)).all()}


def digest(found: Mapping[str, Head]) -> str:
    """One hash over all heads, in the order of their chains' names."""
    canonical = json.dumps([[chain, *found[chain]] for chain in sorted(found)], separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


async def check(data: session.Session, anchors: Mapping[str, frozenset[Head]]) -> AsyncIterator[Found]:
    """Every chain, by its name; then those of which only an anchor tells. Reads each event once, a few at a time."""
    seen = set()
    for chain in sorted((await data.exec(sqlmodel.select(tables.Event.chain).distinct())).all()):
        seen.add(chain)
        yield await check_one(data, chain, anchors.get(chain, frozenset()))
    for chain in sorted(set(anchors) - seen):
        yield Found(chain, 0, ("The whole chain is missing.",))


async def check_one(data: session.Session, chain: str, anchors: frozenset[Head]) -> Found:
    """One chain against these anchors of it."""
    wanted = sqlmodel.select(tables.Event).where(tables.Event.chain == chain).order_by(col(tables.Event.number))
    # Not by the identity map: an object that this session knows already would hide what stands in the row.
    options = {"populate_existing": True, "yield_per": 500}
    follows = audit.Follower()
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
    """The heads that a log tells. Other lines, and what is none of our JSON, are passed over."""
    found: dict[str, set[Head]] = {}
    for line in lines:
        for chain, head in _told(line):
            found.setdefault(chain, set()).add(head)
    return {chain: frozenset(told) for chain, told in found.items()}


def _told(line: str) -> Iterator[tuple[str, Head]]:
    if ACTION not in line:
        return
    try:
        # What a collector puts before each line is passed over.
        fields: Any = json.loads(line[max(line.find("{"), 0) :])
    except ValueError:
        return
    if (not isinstance(fields, dict)) or (fields.get("action") != ACTION) or not isinstance(fields.get(HEADS), dict):
        return
    for chain, head in fields[HEADS].items():
        if isinstance(head, list) and (len(head) == len(Head._fields)):
            yield str(chain), Head(int(head[0]), str(head[1]))
