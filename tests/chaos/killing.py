# SPDX-License-Identifier: Apache-2.0
"""T6: a real worker is killed, frozen or asked to stop at each of the 16 failpoints, on both engines; another goes on.

Each round is one promotion (or, where the failpoint lies on its way, one drop), asked for through the writers that
pages use. It must end as if nothing had happened, by one effect; a mark whose sender died or stood still is never sent
for. A run counts only if every failpoint fired three times on each engine: what did not fire is a violation.
"""

import asyncio
import collections
import dataclasses
import functools
import itertools
import random
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import atr.config as config
import atr.models.promotion as tables
import atr.promotion.states as states
import tests.chaos.fleet as fleet
import tests.chaos.grounds as grounds
import tests.chaos.outcome as outcomes

# The way of an upload and that of a capture are killed in tests/journeys.
PLACES: Final = config.FAILPOINTS[:16]
# Here a transaction is open: on SQLite nobody else writes until it ends, on PostgreSQL nobody touches its rows.
_OPEN: Final = frozenset({"in_claim_tx", "in_mark_tx", "before_result_commit", "in_live_tx"})
_DROPS: Final = frozenset({"in_abort", "after_drop_reply"})
# Who ends here, or stands still, has made a mark and not sent for it.
_UNSENT: Final = frozenset({"after_mark", "after_connect", "in_abort"})
# They wait for leases most of the time.
_AT_ONCE: Final = 8
_DState: Final = states.DeploymentState
_TIMES: Final = 3
_PLAYS: Final = 20
_RELEASE: Final = 5_000
# For a size of some seconds: where a call or its mark is at stake.
_FEW: Final = ("in_mark_tx", "after_mark", "after_first_byte", "in_live_tx")


@dataclasses.dataclass(frozen=True)
class Strike:
    """One round: where, by what, and on which engine."""

    engine: str
    place: str
    blow: str

    def __str__(self) -> str:
        return f"{self.engine} {self.place}:{self.blow}"

    @property
    def freezes(self) -> bool:
        """Whether the worker stands still, and goes on later."""
        return self.blow == "stop"

    @property
    def unsent(self) -> bool:
        """Whether its worker made a mark that nobody may send for."""
        late = (self.place == "in_mark_tx") and self.freezes
        return late or ((self.place in _UNSENT) and (self.blow != "term"))


def campaign(size: outcomes.Size, seed: int) -> outcomes.Outcome:
    """Every failpoint, by each blow, on both engines; or a few of them."""
    chance = random.Random(seed)
    again = f"CHAOS={size} ATR_CHAOS_SEED={seed} python -m tests.chaos T6"
    strikes = rounds(size)
    chance.shuffle(strikes)
    with grounds.grounds(sorted({strike.engine for strike in strikes})) as places:
        struck = asyncio.run(_all(places, strikes, fleet.work))
    fired = [strike for strike, one in struck if one.fired]
    missing = collections.Counter(map(_where, strikes)) - collections.Counter(map(_where, fired))
    violations = [
        *(f"{strike}: {sentence}. {again}" for strike, one in struck for sentence in one.wrong),
        *(f"{engine} {place} was not reached {times} times. {again}" for (engine, place), times in missing.items()),
    ]
    blows = collections.Counter(strike.blow for strike in fired)
    where = collections.Counter(map(_where, fired))
    seen = (
        (
            f"fired: {', '.join(f'{blow} {times}' for blow, times in sorted(blows.items()))}; "
            f"{len(where)} places of an engine, each {min(where.values(), default=0)} times or more; "
            f"{sum(one.calls for _, one in struck)} calls reached the platform"
        ),
    )
    return outcomes.Outcome(len(strikes), tuple(violations), seen)


def strike_with(strikes: Sequence[Strike], entry: fleet.Entry) -> list[str]:
    """These rounds with this worker: what is wrong, a sentence each. For trying the campaign itself."""
    with grounds.grounds(sorted({strike.engine for strike in strikes})) as places:
        struck = asyncio.run(_all(places, strikes, entry))
    return [f"{strike}: {sentence}" for strike, one in struck for sentence in one.wrong]


def rounds(size: outcomes.Size) -> list[Strike]:
    """Every failpoint by every blow on both engines, as often as the size has room; or a few of them."""
    engines = (grounds.SQLITE, grounds.POSTGRESQL)
    if size is outcomes.Size.SMALL:
        return [Strike(grounds.SQLITE, place, blow) for place, blow in zip(_FEW, ["kill", "stop"] * 2, strict=True)]
    once = [Strike(*one) for one in itertools.product(engines, PLACES, config.BLOWS)]
    return list(itertools.islice(itertools.cycle(once), len(once) if size is outcomes.Size.CI else _RELEASE))


async def _all(
    places: Mapping[str, grounds.Grounds], strikes: Sequence[Strike], entry: fleet.Entry
) -> list[tuple[Strike, "_Struck"]]:
    play = functools.partial(_strike, places, entry)
    return await fleet.side_by_side(_AT_ONCE, play, strikes)


@dataclasses.dataclass(frozen=True)
class _Struck:
    fired: bool
    calls: int
    wrong: Sequence[str]


async def _strike(places: Mapping[str, grounds.Grounds], entry: fleet.Entry, strike: Strike) -> _Struck:
    """Play a round. One whose freeze happened to leave SQLite locked is played again: nobody could take its row."""
    for _ in range(_PLAYS):
        struck = await _round(places, entry, strike)
        if struck is not None:
            return struck
    return _Struck(fired=False, calls=0, wrong=[f"each of {_PLAYS} freezes fell into a transaction"])


async def _round(places: Mapping[str, grounds.Grounds], entry: fleet.Entry, strike: Strike) -> _Struck | None:
    async with places[strike.engine].round() as here:
        with fleet.Fleet(here.directory).at_sea() as ships:
            await (here.drop() if strike.place in _DROPS else here.promote())
            settings = {**here.worker_settings, "failpoint": f"{strike.place}:{strike.blow}"}
            first = ships.start(entry, settings)
            fired = await fleet.until((here.directory / "failpoint-done").exists)
            if strike.freezes and (strike.place not in _OPEN) and here.is_locked():
                return None
            epoch = await here.epoch(drop=strike.place in _DROPS)
            wrong = [] if strike.freezes else await _ended(first, strike)
            second = ships.start(entry, here.worker_settings)
            if strike.freezes:
                await _frozen(here, strike, epoch)
                first.signal(signal.SIGCONT)
            wrong += await _fair_end(here, strike)
            if strike.freezes:
                # Whatever it still wants to send, it sends now.
                await asyncio.sleep(grounds.CALL_SECONDS)
                wrong += _unless(await first.stopped() == 0, f"the frozen worker did not stop well: {first.said}")
            # It may be so young that it does not listen yet, when the first one had everything done.
            well = await second.stopped() in {0, -signal.SIGTERM}
            wrong += _unless(well, f"the second worker did not stop well: {second.said}")
        wrong += await here.broken()
        wrong += await _counted(here, strike)
        return _Struck(fired, here.publish_calls, wrong)


async def _ended(first: fleet.Ship, strike: Strike) -> list[str]:
    code = await first.ended()
    wanted = -signal.SIGKILL if strike.blow == "kill" else 0
    return _unless(code == wanted, f"the worker ended with {code}: {first.said}")


async def _frozen(here: grounds.Round, strike: Strike, epoch: int) -> None:
    """Wait longer than the lease; where others can work meanwhile, until one has taken the row and is done with it."""
    await asyncio.sleep(1.25 * grounds.LEASE_SECONDS)
    if strike.place not in _OPEN:
        # However busy the machine is: woken before that, it would still own the row.
        await _wait_until(functools.partial(_was_taken, here, strike, epoch), fleet.PATIENCE)
        await _wait_until(functools.partial(_has_ended, here, strike), 4 * grounds.LEASE_SECONDS)


async def _fair_end(here: grounds.Round, strike: Strike) -> list[str]:
    await _wait_until(functools.partial(_has_ended, here, strike), fleet.PATIENCE)
    if await _has_ended(here, strike):
        return []
    row = await here.row()
    marks = [f"{one.kind} {one.answer} {one.sample} ({one.marked_at:%S.%f})" for one in await here.rows(tables.Attempt)]
    return [f"it is {row.state}, {row.deployment_state}: {row.reason} {row.next_note} {row.problem}; {marks}"]


async def _wait_until(holds: Callable[[], Awaitable[bool]], seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not await holds():
        await asyncio.sleep(0.2)
        if time.monotonic() > ends:
            return


async def _was_taken(here: grounds.Round, strike: Strike, epoch: int) -> bool:
    return await here.epoch(drop=strike.place in _DROPS) > epoch


async def _has_ended(here: grounds.Round, strike: Strike) -> bool:
    """As it must. A drop whose sender went before it sent is told as not done, and a person asks again."""
    promotion, deployment = await here.states()
    if strike.place in _DROPS:
        return deployment is (_DState.STAGED if strike.unsent else _DState.DROPPED)
    return promotion is states.State.LIVE


async def _counted(here: grounds.Round, strike: Strike) -> list[str]:
    """What the platform saw: one effect, and never a call for a mark whose sender was gone."""
    kind = tables.AttemptKind.DROP if strike.place in _DROPS else tables.AttemptKind.PUBLISH
    marks = [one for one in await here.rows(tables.Attempt) if one.kind is kind]
    calls, effects = (here.platform.traffic.requests[kind.value], here.platform.traffic.effects[kind.value])
    allowed = len(marks) - strike.unsent
    wanted = 0 if (strike.place in _DROPS) and strike.unsent else 1
    return [
        *_unless(effects == wanted, f"{effects} effects"),
        *_unless(calls <= allowed, f"{calls} calls for {len(marks)} marks, of which {allowed} might be sent for"),
    ]


def _unless(good: bool, sentence: str) -> list[str]:  # noqa: FBT001  (it is what the line says)
    return [] if good else [sentence]


def _where(strike: Strike) -> tuple[str, str]:
    return strike.engine, strike.place
