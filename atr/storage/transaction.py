# SPDX-License-Identifier: Apache-2.0
"""What every reader and writer gets: one open transaction with its instant and its actor, and small checks.

ATR's release key joins project and version by a hyphen, and both may have hyphens: "a-b-1.0" is version "1.0" of "a-b"
and could be read as version "b-1.0" of "a". So a key alone never says which project a release belongs to.
"""

import dataclasses
import datetime
import enum
import pathlib
from collections.abc import Mapping
from typing import Any, Final

import atr.db.guards as guards
import atr.db.queries as queries
import atr.db.queue as queue
import atr.db.session as session
import atr.disk as disk
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.budget as budget
import atr.promotion.fileset as fileset
import atr.promotion.steps as steps
import atr.promotion.usage as usage
import atr.reasons as reasons
import atr.shared.mechanisms as mechanisms
import atr.storage.audit as audit

# The actor when the worker records what a platform did, by ATR's name for it.
SYSTEM_SERVICE_UID: Final = "system"


@dataclasses.dataclass(frozen=True)
class Place:
    """The location of the files, and the settings for how often platforms are polled."""

    # Revisions are in `unfinished/<project>/<version>/<number>`.
    state_dir: pathlib.Path
    timings: Mapping[mechanisms.Mechanism, steps.Timing] = dataclasses.field(default_factory=lambda: steps.TIMINGS)
    # How many bytes of copies each project may keep.
    copies_quota: int = 10_000_000_000
    # For rows that are only checked in public.
    plain: steps.Timing = dataclasses.field(default_factory=steps.Timing)
    # The rate limits of a platform, by what is reached.
    limits: Mapping[budget.Reach, budget.Limits] = dataclasses.field(default_factory=lambda: budget.LIMITS)

    # How much may be published on Maven Central in a calendar month.
    monthly: usage.Usage = dataclasses.field(default_factory=usage.Usage)

    def timing(self, mechanism: str) -> steps.Timing:
        """Return how often a mechanism is polled, given its name as rows store it."""
        return self.timings[mechanisms.Mechanism[mechanism]]

    @property
    def blobs(self) -> disk.Blobs:
        """The store of the copies of captured files."""
        return disk.Blobs(self.state_dir / "copies")

    def revision_dir(self, project_key: str, version: str, number: str) -> pathlib.Path:
        """Return the directory of a revision's files."""
        return self.state_dir / "unfinished" / project_key / version / number

    def of_revision(self, project_key: str, version: str, number: str, file: fileset.File) -> disk.Recorded:
        """Return a file of a revision, which can be read only as it was recorded."""
        path = f"unfinished/{project_key}/{version}/{number}/{file.path}"
        return disk.Recorded(self.state_dir, path, file.size, file.sha256)


class Transaction:
    """One open transaction. `now` was read once, when it opened."""

    def __init__(
        self, place: Place, data: session.Session, now: datetime.datetime, asf_uid: str, *, is_system: bool = False
    ) -> None:
        self.place = place
        self.data = data
        # Present though empty: from here on rows are changed under guards (db/guards.py).
        data.info.setdefault(guards.HELD, set())
        self.now = now
        self.asf_uid = asf_uid
        # Whether a service acts and not a person. It does not depend on the name that a person signs in with.
        self.is_system = is_system
        # The project for which a role was granted; empty for a service.
        self.project_key = ""
        # Whether the person is a member of that project's committee, regardless of the role that was granted.
        self.is_committee_member = False
        # The chain and subject of the event of a refusal: set as soon as the rows are known.
        self.chain = audit.SITE
        self.subject = ""
        self.events: list[tables.Event] = []

    def ensure_system(self) -> None:
        """Raise AccessError unless a service acts."""
        if not self.is_system:
            raise errors.AccessError(reasons.of("service-only"))

    async def event(self, chain: str, subject: str, what: str, *, actor: str = "", **facts: Any) -> None:
        """Add an event in this transaction. `chain` is the release's key or audit.SITE."""
        self.events.append(
            await audit.append(
                self.data,
                self.now,
                chain=chain,
                actor=actor or self.asf_uid,
                subject=subject,
                what=what,
                facts=facts,
            )
        )

    async def enqueue(
        self,
        task_type: operating.TaskType,
        args: dict[str, Any],
        *,
        asf_uid: str = "",
        release: sql.Release | None = None,
        scheduled: datetime.datetime | None = None,
    ) -> None:
        """Enqueue this task, once, in the name of `asf_uid` or of the actor. `scheduled`: not before."""
        await queue.enqueue(
            self.data,
            task_type,
            args,
            self.now,
            asf_uid=asf_uid or self.asf_uid,
            project_key=release.project_key if release else None,
            version_key=release.version if release else None,
            scheduled=scheduled,
        )

    async def event_of(
        self,
        row: tables.Promotion | tables.Deployment | tables.DeploymentSearch,
        what: str,
        *,
        actor: str = "",
        **facts: Any,
    ) -> None:
        """Add an event about this row, in the chain of its release."""
        await self.event(row.release_key, row.subject, what, actor=actor, **facts)


_MAX_REASON: Final = 500


class Writer:
    """Changes rows in one open transaction. It never commits."""

    def __init__(self, write: Transaction) -> None:
        self._write = write


def checked_reason(reason: str) -> str:
    """Return a reason that a person gave, on one line. Raises InputError if it is empty or too long."""
    text = " ".join(reason.split())
    if (not text) or (len(text) > _MAX_REASON):
        raise errors.InputError(f"Enter a reason of at most {_MAX_REASON} characters.", field="reason")
    return text


def demand(why_not: reasons.Reason | None) -> None:
    """Raise ConflictError with this reason, if there is one."""
    if why_not:
        raise errors.ConflictError(why_not)


def not_in(state: enum.StrEnum, *needed: enum.StrEnum) -> reasons.Reason:
    """Why something cannot be done to a row in this state: it must be in one of those."""
    return reasons.of("not-in-state", state=state.value, needed=" or ".join(needed))


def demand_free(*why_not: reasons.Reason | None) -> None:
    """Raise BlockedError with those of these reasons that are not None, if any."""
    if found := [one for one in why_not if one is not None]:
        raise errors.BlockedError(*found)


def row_id(value: int | None) -> int:
    """Return the id of a row that was flushed."""
    if value is None:
        raise RuntimeError("The row was not flushed.")
    return value


async def load_project(write: Transaction, project_key: str) -> sql.Project:
    """Return the project. Raises NotFoundError if the role was granted for another one."""
    if write.project_key and (project_key != write.project_key):
        raise errors.NotFoundError(f"The rights are for {write.project_key}, not for “{project_key[:60]}”.")
    return await queries.demand_project(write.data, project_key)


async def load_release_for_update(write: Transaction, release_key: str) -> sql.Release:
    """Return the release. Raises NotFoundError for another project's, or for one under embargo if no member acts."""
    row = await _release(write, release_key)
    return row or await queries.demand_release(write.data, release_key)


async def load_active_release(write: Transaction, release_key: str) -> tuple[sql.Release, sql.Project]:
    """Return the release and its project. Raises also AccessError unless the project is active."""
    release = await load_release_for_update(write, release_key)
    project = await queries.demand_project(write.data, release.project_key)
    ensure_active(project)
    return release, project


def ensure_active(project: sql.Project) -> None:
    """Raise AccessError unless the project is active."""
    if project.status is not sql.ProjectStatus.ACTIVE:
        raise errors.AccessError(reasons.of("project-inactive"))


async def load_deployment_for_update(write: Transaction, deployment_id: int) -> tables.Deployment:
    """Return the deployment. Raises NotFoundError for one of another project.

    The worker, which acts for no project, gets it even if a host application has deleted its release.
    """
    row = await queries.demand_deployment(write.data, deployment_id)
    write.subject = row.subject
    await _release(write, row.release_key)
    return await queries.demand_deployment(write.data, deployment_id, fresh=True)


async def load_promotion_for_update(write: Transaction, promotion_id: int) -> tables.Promotion:
    """Return the promotion; as `load_deployment_for_update`."""
    row = await queries.demand_promotion(write.data, promotion_id)
    write.subject = row.subject
    await _release(write, row.release_key)
    return await queries.demand_promotion(write.data, promotion_id, fresh=True)


async def _release(write: Transaction, release_key: str) -> sql.Release | None:
    await guards.hold(write.data, guards.release(release_key))
    row = await queries.get_release(write.data, release_key, fresh=True)
    if write.project_key and ((row is None) or (row.project_key != write.project_key)):
        raise errors.NotFoundError(f"{write.project_key} has no release “{release_key[:80]}”.")
    if write.project_key and row and row.is_embargoed and not write.is_committee_member:
        raise queries.no_release(release_key)
    write.chain, write.subject = release_key, write.subject or "release"
    return row
