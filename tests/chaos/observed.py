# SPDX-License-Identifier: Apache-2.0
"""What rows and events say, and what is true (tests/chaos/truth.py), as the World of tests/model/invariants.py."""

import collections
import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.demo.people as people
import atr.models.promotion as tables
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.storage.transaction as transaction
import tests.chaos.acts as acts
import tests.chaos.simulated as simulated
import tests.chaos.truth as truth
import tests.model.invariants as invariants

# What a person's asking is called.
_ASKED: Final = frozenset({"promotion_requested", "promotion_asked_again", "promotion_send_again"})
# So long may a comparison of the public files take: what was put beside them meanwhile is found by the next one.
_LOOKING: Final = 900.0
# The names that the foundation gave to this project.
_OURS: Final = "org.example"
_PERSONS: Final = {
    (frm, to) for frm, many in states.PERSONS_ARROWS.items() for to in many if to not in states.ARROWS[frm]
}


def _columns(table: Any, *names: str, where: Callable[[Any], Any] | None = None) -> sqlalchemy.Select[Any]:
    columns = table.__table__.c
    made = sqlalchemy.select(*(columns[name] for name in names))
    return made.where(where(columns)) if where else made


# The columns that are looked at and no more, past the session: after each step of T4 all of it is read.
_PROMOTIONS: Final = _columns(tables.Promotion, "id", "state", "deployment_id", "release_key", "beside_at")
_TARGETS: Final = _columns(tables.PromotionTarget, "promotion_id", "purl", "owner_namespace", "holding")
_ATTEMPTS: Final = _columns(
    tables.Attempt,
    *("promotion_id", "deployment_id", "number", "answer"),
    where=lambda columns: columns.kind == tables.AttemptKind.PUBLISH,
)
_DEPLOYMENTS: Final = _columns(tables.Deployment, "id", "external_id")
_NEWEST: Final = sqlalchemy.select(sqlalchemy.func.max(_columns(tables.Event, "seq").selected_columns.seq))


class _Rows(NamedTuple):
    """What was read, and after which write."""

    written: int = -1
    promotions: Sequence[Any] = ()
    targets: Sequence[Any] = ()
    attempts: Sequence[Any] = ()
    deployments: Sequence[Any] = ()


@dataclasses.dataclass
class Eyes:
    """Looks at one world again and again; what it has read of the events it need not read again."""

    world: simulated.Simulated
    seen: int = 0
    events: list[tables.Event] = dataclasses.field(default_factory=list)
    rows: _Rows = dataclasses.field(default_factory=_Rows)

    async def look(self) -> invariants.World:
        """The world as it stands."""
        world, written = self.world, self.world.written()
        if self.rows.written != written:
            self.rows = await self._read(written)
        _, promotions, targets, attempts, deployments = self.rows
        if not promotions:
            return invariants.World()
        world.platform.portal.advance()
        now = world.truth.look()
        external = {one.id: one.external_id for one in deployments}
        asked = collections.Counter(one.subject for one in self.events if one.what in _ASKED)
        marks = collections.Counter(one.promotion_id for one in attempts if one.answer not in steps.CERTAIN_NO)
        senders = {(external[one.deployment_id], one.number): one.promotion_id for one in attempts if one.promotion_id}
        allowed = self._allowed()
        purls = collections.defaultdict(list)
        foreign = set()
        strangers = {row.id for row in promotions if row.release_key.startswith(acts.STRANGERS)}
        for target in targets:
            purls[target.promotion_id].append(target.purl)
            if target.holding and (target.promotion_id in strangers) and target.owner_namespace.startswith(_OURS):
                foreign.add((target.promotion_id, target.purl))
        # The last one that was marked of a deployment is the one whose request took effect.
        owner: Mapping[str | None, int | None] = {
            external[one.deployment_id]: one.promotion_id for one in sorted(attempts, key=lambda one: one.number)
        }
        return invariants.World(
            promotions=tuple(
                invariants.Promotion(
                    row.id or 0,
                    purl,
                    row.state,
                    approvals=asked[f"promotion:{row.id}"],
                    marks=marks[row.id],
                    foreign=(row.id, purl) in foreign,
                    right=(row.state is not states.State.LIVE) or self._is_right(row, external, purls[row.id]),
                )
                for row in promotions
                for purl in purls[row.id or 0]
            ),
            sends=tuple(
                invariants.Send(
                    senders.get((one.external_id, one.number)) or 0,
                    one.number,
                    marked=one.number > 0,
                    allowed=allowed.get((senders.get((one.external_id, one.number)), one.number), False),
                )
                for one in world.sent
            ),
            effects=tuple(
                invariants.Effect(
                    purl,
                    owner.get(one.deployment, 0) if one.ours else None,
                    right=not world.truth.unvoted(one),
                )
                for one in now.effects
                if now.is_public(one.deployment)
                for purl in purls[owner.get(one.deployment)] or [one.deployment]
            ),
            coming=frozenset(
                owner.get(one.deployment) or 0 for one in now.effects if one.ours and self._is_coming(now, one)
            ),
            moves=(*self._moves(), *world.moves),
        )

    async def _read(self, written: int) -> "_Rows":
        async with self.world.store.read() as read:
            wire = await read.data.connection()
            if ((await wire.execute(_NEWEST)).scalar_one() or 0) > self.seen:
                fresh = sqlmodel.select(tables.Event).where(col(tables.Event.seq) > self.seen)
                self.events += (await read.data.exec(fresh.order_by(col(tables.Event.seq)))).all()
                self.seen = self.events[-1].seq or 0
            promotions = (await wire.execute(_PROMOTIONS)).all()
            if not promotions:
                return _Rows(written)
            rest = [(await wire.execute(one)).all() for one in (_TARGETS, _ATTEMPTS, _DEPLOYMENTS)]
            return _Rows(written, promotions, *rest)

    def arrows(self, subject: str) -> list[tuple[str, str]]:
        """The arrows that were drawn for what is called so ("promotion", "deployment"), by the events."""
        return [(one.data["from"], one.data["to"]) for one in self.events if one.what == f"{subject}_moved"]

    def _moves(self) -> Iterable[invariants.Move]:
        for one in self.events:
            if one.what != "promotion_moved":
                continue
            frm, to = states.State(one.data["from"]), states.State(one.data["to"])
            # The worker draws a person's arrow to SENDING, on that person's asking.
            by_person = (one.actor != transaction.SYSTEM_SERVICE_UID) or (
                (frm, to) in _PERSONS and self._was_asked(one)
            )
            yield invariants.Move(int(one.subject.partition(":")[2]), frm, to, by_person=by_person)

    def _was_asked(self, move: tables.Event) -> bool:
        before = [one.what for one in self.events if one.subject == move.subject and (one.seq or 0) < (move.seq or 0)]
        since = before[len(before) - before[::-1].index("promotion_moved") :] if "promotion_moved" in before else before
        return "promotion_send_again" in since

    def _allowed(self) -> dict[tuple[int | None, int], bool]:
        """For each mark, by promotion and number: whether the gates that this world closes were open then."""
        members, off, policy, passed, voted, newest = set(people.MEMBERS), set[str](), True, True, "", ""
        found: dict[tuple[int | None, int], bool] = {}
        for one in itertools.filterfalse(_is_strangers, self.events):
            match one.what:
                case "committee_set" if one.subject == "committee:example":
                    members = set(one.data["members"])
                case "policy_edited":
                    policy = all(one.data["after"]["remote_promotion"].values())
                case "switched_off":
                    off.add(one.subject)
                case "switched_on":
                    off.discard(one.subject)
                case "vote_passed":
                    passed = True
                case "candidate_abandoned" | "vote_failed" | "vote_opened":
                    passed, voted = False, _voted_revision(one) or voted
                case "revision_made":
                    newest = one.data["digest"]
                case "attempt_marked" if one.data["kind"] == "publish":
                    number = int(one.subject.partition(":")[2])
                    key = (number, one.data["number"])
                    found[key] = policy and passed and (newest == voted) and (not off) and (one.actor in members)
        return found

    def _is_coming(self, now: truth.Now, one: truth.Effect) -> bool:
        there = self.world.platform.portal.deployments.get(one.deployment)
        return now.may_come(one) and not ((there is not None) and there.twists.failing)

    def _is_right(self, row: Any, external: Mapping[int, str], purls: Sequence[str]) -> bool:
        """Whether all of its packages is public as voted on; and nothing else, if it says that somebody looked."""
        directories = {_directory(purl) for purl in purls}
        every = self.world.voted_files(external.get(row.deployment_id, ""))
        voted = {path: sha256 for path, sha256 in every.items() if path.rpartition("/")[0] in directories}
        judge, seen_until = self.world.truth, self.world.lived.get(row.id, math.inf) - _LOOKING
        return not (judge.differs(voted, before=seen_until) if row.beside_at else judge.changed(voted))


def _voted_revision(event: tables.Event) -> str:
    """The digest of the revision that a vote is about, when one opens."""
    return next((digest for kind, _, digest in event.data.get("ballot", ()) if kind == "revision"), "")


def _is_strangers(event: tables.Event) -> bool:
    """Another committee's facts open and close no gate of ours."""
    return event.chain.startswith(acts.STRANGERS) or event.subject.endswith(acts.STRANGERS)


def _directory(purl: str) -> str:
    """Where the files of pkg:maven/org.example/name@1.0 stand."""
    group, name = purl.removeprefix("pkg:maven/").split("/")
    artifact, _, version = name.partition("@")
    return f"{group.replace('.', '/')}/{artifact}/{version}"
