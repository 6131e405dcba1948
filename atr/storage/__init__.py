# SPDX-License-Identifier: Apache-2.0
"""Who may do what, and the only way to the rows.

`Storage.write` opens one transaction: committed on a clean exit, rolled back whole otherwise; writers never commit. The
roles are ATR's: general public, foundation committer, committee participant, release manager, committee member,
foundation admin. Each role is checked here, against the rows, at the moment it is used; a page decides nothing.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final, TypeVar

import atr.db.guards as guards
import atr.db.queries as queries
import atr.db.session as session
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sessions as signed_in
import atr.models.sql as sql
import atr.promotion.states as states
import atr.reasons as reasons
import atr.storage.changes as changes
import atr.storage.embargo as embargo
import atr.storage.files as files
import atr.storage.refusing as refusing
import atr.storage.rights as rights
import atr.storage.transaction as transaction
import atr.storage.writers.deployments as deployments
import atr.storage.writers.distributions as distributions
import atr.storage.writers.operations as operations
import atr.storage.writers.policy as policy
import atr.storage.writers.promotions as promotions
import atr.storage.writers.readiness as readiness
import atr.storage.writers.release as releases
import atr.storage.writers.resolution as resolution
import atr.storage.writers.revision as revision
import atr.storage.writers.sessions as sessions
import atr.storage.writers.vote as vote

_LOG = logging.getLogger("atr.storage.audit")


# Refusals that are recorded as events: they concern rights, gates or a race, unlike a mistyped value.
_REFUSALS: Final = (
    errors.AccessError,
    errors.BlockedError,
    errors.ConflictError,
    errors.NotFoundError,
    errors.UnsupportedError,
)

# States that need a person within minutes: a transition to one is also logged under the action `alert`.
_ALERTS: Final = {states.State.IN_DOUBT.value: logging.WARNING, states.State.DIVERGED.value: logging.ERROR}

# How many times a change is tried on top of the newest revision before it is refused.
_OVERTAKEN: Final = 5

_Service = TypeVar("_Service", bound="WriteAsSystemService")

# The actor of what a command does to the database.
OPERATOR: Final = "operator"


class Storage:
    """The database, and the files and settings that belong to it. The server, worker or demo builds one."""

    def __init__(self, database: session.Database, place: transaction.Place) -> None:
        self.database = database
        self.place = place
        self._refusals = refusing.Account()

    @contextlib.asynccontextmanager
    async def write(self, asf_uid: str) -> AsyncIterator["Write"]:
        """Open a transaction in which this person acts; empty for the general public. Raises AccessError."""
        if asf_uid == transaction.SYSTEM_SERVICE_UID:
            raise errors.AccessError(reasons.of("service-account", asf_uid=asf_uid))
        async with self._transaction(asf_uid) as write:
            yield write

    @contextlib.asynccontextmanager
    async def _transaction(self, asf_uid: str, *, is_system: bool = False) -> AsyncIterator["Write"]:
        write: Write | None = None
        try:
            async with self.database.write() as data:
                write = Write(self.place, data, await self.database.now(data), asf_uid, is_system=is_system)
                yield write
        except _REFUSALS as error:
            if write is not None:
                await self._note_refusal(write, error)
            raise
        _log(write.events)

    async def _note_refusal(self, write: transaction.Transaction, error: errors.AtrError) -> None:
        """Record a refused request as an event, in a transaction of its own: the request's one is rolled back."""
        if write.is_system or not write.asf_uid:
            # Anonymous requests could fill the log; the worker's conflicts are not decisions.
            return
        left_out = self._refusals.take(write.asf_uid, write.now)
        if left_out is None:
            return
        more = {"left_out": left_out} if left_out else {}
        async with self.database.write() as data:
            noted = transaction.Transaction(self.place, data, await self.database.now(data), write.asf_uid)
            subject = write.subject or f"project:{write.project_key}"
            told: dict[str, Any] = {"kind": type(error).__name__, "sentence": str(error), **more}
            await noted.event(write.chain, subject, "request_refused", **told)
        _log(noted.events)

    @contextlib.asynccontextmanager
    async def read(self, asf_uid: str = "") -> AsyncIterator[transaction.Transaction]:
        """Open a transaction that only reads, for this person."""
        async with self.database.read() as data:
            yield transaction.Transaction(self.place, data, await self.database.now(data), asf_uid)

    async def session(self, sid_hash: str) -> signed_in.Session | None:
        """The session of this secret, whether it still holds or not: asked before anybody knows who asks."""
        async with self.database.read_once() as data:
            row = await data.get(sql.UserSession, sid_hash)
        return signed_in.Session.of(row) if row else None

    @contextlib.asynccontextmanager
    async def draft(self, release_key: str) -> AsyncIterator[files.Draft]:
        """Yield a draft of the next revision, with the files of the newest one. No transaction is open meanwhile."""
        async with self.read() as read:
            begin = await files.parent(read, release_key)
        known = begin.files
        if (known is None) and (begin.directory is not None):
            known = await asyncio.to_thread(files.hashed, begin.directory)
        making = files.draft(self.place.state_dir, begin.directory, known or (), begin.number, checked=begin.checked)
        # In a thread: a release of 10,000 files needs as many links, which are deleted if it is not committed.
        draft = await asyncio.to_thread(making.__enter__)
        try:
            yield draft
        finally:
            await asyncio.to_thread(making.__exit__, None, None, None)

    async def revise(
        self, project_key: str, version: str, asf_uid: str, change: changes.Change, *, seen: str, description: str
    ) -> changes.Made:
        """Make a revision of this change on top of the newest revision. `seen` is the one that the person saw.

        Raises ConflictError if another person has changed the same paths, or the files must not change now; InputError
        for a change that cannot be applied; AccessError. In each case nothing has changed.
        """
        async with self.read(asf_uid) as read:
            release_key = await embargo.release_key(read, project_key, version)
        for _ in range(_OVERTAKEN):
            with files.no_room_said():
                made = await self._revise_once(project_key, release_key, asf_uid, change, seen, description)
            if made is not None:
                return made
        raise errors.ConflictError(reasons.of("moved"))

    async def _revise_once(
        self, project_key: str, release_key: str, asf_uid: str, change: changes.Change, seen: str, description: str
    ) -> changes.Made | None:
        """Return the outcome; None if another revision was made in the meantime."""
        async with self.draft(release_key) as draft:
            begun = frozenset(draft.all)
            async with self.read(asf_uid) as read:
                wanted, among = await changes.resolve(read, release_key, change, seen, draft.parent)
            await asyncio.to_thread(wanted.apply, draft)
            if frozenset(draft.all) == begun:
                return changes.Made(draft.parent, is_new=False, files=len(begun))
            # Before the transaction: it may have to read every byte of the release.
            await draft.odd_checksums()
            await draft.sync()
            async with self.write_as_project_committee_participant(project_key, asf_uid) as participant:
                if await participant.revision.is_behind(release_key, draft):
                    return None
                number = await participant.revision.create(release_key, draft, description)
                return changes.Made(number, is_new=True, files=len(draft.all), among=among)

    @contextlib.asynccontextmanager
    async def write_as_project_committee_member(
        self, project_key: str, asf_uid: str
    ) -> AsyncIterator["WriteAsCommitteeMember"]:
        """As `write`, for a member of the committee that owns the project. Raises AccessError."""
        async with self.write(asf_uid) as write:
            yield await write.as_project_committee_member(project_key)

    @contextlib.asynccontextmanager
    async def write_as_project_release_manager(
        self, project_key: str, asf_uid: str
    ) -> AsyncIterator["WriteAsReleaseManager"]:
        """As `write`, for a release manager of the project. Raises AccessError."""
        async with self.write(asf_uid) as write:
            yield await write.as_project_release_manager(project_key)

    @contextlib.asynccontextmanager
    async def write_as_project_committee_participant(
        self, project_key: str, asf_uid: str
    ) -> AsyncIterator["WriteAsCommitteeParticipant"]:
        """As `write`, for a committer of the committee that owns the project. Raises AccessError."""
        async with self.write(asf_uid) as write:
            yield await write.as_project_committee_participant(project_key)

    @contextlib.asynccontextmanager
    async def write_as_foundation_admin(self, asf_uid: str) -> AsyncIterator["WriteAsFoundationAdmin"]:
        """As `write`, for a foundation admin. Raises AccessError."""
        async with self.write(asf_uid) as write:
            yield await write.as_foundation_admin()

    @contextlib.asynccontextmanager
    async def write_as_system(self, service: type[_Service]) -> AsyncIterator[_Service]:
        """As `write`, for a service: it records what platforms did, which needs no membership."""
        async with self._transaction(transaction.SYSTEM_SERVICE_UID, is_system=True) as write:
            yield service(write)

    @contextlib.asynccontextmanager
    async def write_as_operator(self) -> AsyncIterator["WriteAsOperator"]:
        """As `write`, for a person with access to the database itself, who runs a command on it."""
        async with self.write(OPERATOR) as write:
            yield WriteAsOperator(write)


class Write(transaction.Transaction):
    """A transaction that writes. Each `as_` method checks a role, raises AccessError, or returns the role's writers."""

    def as_general_public(self) -> "WriteAsGeneralPublic":
        """For everybody."""
        return WriteAsGeneralPublic(self)

    def as_foundation_committer(self) -> "WriteAsFoundationCommitter":
        """What a signed-in person may do."""
        if not self.asf_uid:
            raise errors.AccessError(reasons.of("signed-out"))
        return WriteAsFoundationCommitter(self)

    async def as_project_committee_participant(self, project_key: str) -> "WriteAsCommitteeParticipant":
        """Return the writers of committers and members of the committee that owns the project."""
        committee = await self._committee(project_key)
        self._demand(rights.is_participant(committee, self.asf_uid), "committers of", committee)
        return WriteAsCommitteeParticipant(self)

    async def as_project_release_manager(self, project_key: str) -> "WriteAsReleaseManager":
        """Return the writers of members of the committee, and of committers that it has made release managers."""
        committee = await self._committee(project_key)
        self._demand(rights.is_release_manager(committee, self.asf_uid), "release managers of", committee)
        return WriteAsReleaseManager(self)

    async def as_project_committee_member(self, project_key: str) -> "WriteAsCommitteeMember":
        """Return the writers of members of the committee that owns the project."""
        committee = await self._committee(project_key)
        self._demand(self.is_committee_member, "members of", committee)
        return WriteAsCommitteeMember(self)

    async def as_foundation_admin(self) -> "WriteAsFoundationAdmin":
        """Return the writers of foundation admins."""
        await rights.demand_admin(self)
        return WriteAsFoundationAdmin(self)

    async def _committee(self, project_key: str) -> sql.Committee:
        project = await queries.demand_project(self.data, project_key)
        self.project_key = project.key
        # The lock keeps the rights as they are checked here until the transaction ends.
        await guards.hold(self.data, guards.committee(project.committee_key))
        await self.data.refresh(project)
        committee = await queries.demand_committee(self.data, project.committee_key)
        self.is_committee_member = rights.is_member(committee, self.asf_uid)
        return committee

    def _demand(self, allowed: bool, rung: str, committee: sql.Committee) -> None:  # noqa: FBT001
        if not allowed:
            raise rights.denied(self.asf_uid, rung, committee)


class WriteAsGeneralPublic:
    """Sign in and out."""

    def __init__(self, write: Write) -> None:
        self.sessions = sessions.GeneralPublic(write)


class WriteAsFoundationCommitter:
    """Use and end sessions of one's own."""

    def __init__(self, write: Write) -> None:
        self.sessions = sessions.FoundationCommitter(write)


class WriteAsCommitteeParticipant:
    """Start a release, compose it, cast a vote."""

    def __init__(self, write: Write) -> None:
        self.release = releases.CommitteeParticipant(write)
        self.revision = revision.CommitteeParticipant(write)
        self.vote = vote.CommitteeParticipant(write)
        self.promotions = promotions.CommitteeParticipant(write)
        self.deployments = deployments.CommitteeParticipant(write)
        self.readiness = readiness.CommitteeParticipant(write)


class WriteAsReleaseManager(WriteAsCommitteeParticipant):
    """In addition: the policy, record, stage and delete, open and resolve a vote, abandon a candidate, announce."""

    vote: vote.ReleaseManager
    deployments: deployments.ReleaseManager

    def __init__(self, write: Write) -> None:
        super().__init__(write)
        self.vote = vote.ReleaseManager(write)
        self.vote_resolution = resolution.ReleaseManager(write)
        self.announce = releases.ReleaseManager(write)
        self.policy = policy.ReleaseManager(write)
        self.deployments = deployments.ReleaseManager(write)
        self.distributions = distributions.ReleaseManager(write)


class WriteAsCommitteeMember(WriteAsReleaseManager):
    """In addition: promote, stop, drop, send again, accept extra files, announce an incomplete release."""

    announce: releases.CommitteeMember
    deployments: deployments.CommitteeMember
    distributions: distributions.CommitteeMember
    promotions: promotions.CommitteeMember

    def __init__(self, write: Write) -> None:
        super().__init__(write)
        self.announce = releases.CommitteeMember(write)
        self.deployments = deployments.CommitteeMember(write)
        self.distributions = distributions.CommitteeMember(write)
        self.promotions = promotions.CommitteeMember(write)


class WriteAsFoundationAdmin:
    """Committees, projects, the namespaces of each project, and the switches."""

    def __init__(self, write: Write) -> None:
        self.policy = policy.FoundationAdmin(write)
        self.switches = operations.FoundationAdmin(write)


class WriteAsOperator:
    """Records what happened to the database as a whole: that it was restored."""

    def __init__(self, write: Write) -> None:
        self.restoring = operations.Operator(write)


class WriteAsSystemService:
    """A program that acts without a person. Each service is a subclass, with just the writers that it needs.

    The worker's is `worker.PromotionService`; this module does not import it, so the web process cannot reach it.
    """

    def __init__(self, write: Write) -> None:
        self.write = write


def _log(events: Iterable[tables.Event]) -> None:
    for event in events:
        extra = {"action": event.what, "actor": event.actor, "data": event.data}
        _LOG.info("%s %s", event.what, event.subject, extra=extra)
        level = _ALERTS.get(str(event.data.get("to"))) if (event.what == "promotion_moved") else None
        if level is not None:
            said = "%s of %s is %s and needs a person: %s"
            what = (event.subject, event.chain, event.data["to"], event.data["reason"])
            _LOG.log(level, said, *what, extra={**extra, "action": "alert"})
