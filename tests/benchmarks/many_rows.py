# SPDX-License-Identifier: Apache-2.0
"""Many deployments of one release, and many releases, put beside what the writers made: for counting statements."""

import dataclasses
import datetime
import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import sqlmodel
from sqlmodel import col

import atr.demo.people as people
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.shared.maven as maven
import atr.storage as storage
import tests.benchmarks.many_files as many_files

_MAVEN: Final = distribution.DistributionPlatform.MAVEN
_NAMES: Final = uuid.UUID("6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6aa")
_Deployment = states.DeploymentState
_State = states.State
_AGO: Final = datetime.timedelta(days=2)


@dataclasses.dataclass(frozen=True)
class Kind:
    """A way in which a deployment may stand: its state, that of its promotion if it has one, and what else is known."""

    deployment: _Deployment = _Deployment.STAGED
    promotion: _State | None = None
    captured: bool = True
    # Not what the vote was about.
    voted: bool = True
    without_deployment: bool = False
    columns: Mapping[str, Any] = dataclasses.field(default_factory=dict)


READY: Final = Kind()
# Before a vote.
STAGED: Final[tuple[Kind, ...]] = (
    READY,
    Kind(captured=False),
    Kind(_Deployment.UPLOADING, captured=False),
    Kind(_Deployment.VALIDATING, captured=False),
    Kind(_Deployment.LOST, captured=False),
    Kind(_Deployment.FAILED),
    Kind(_Deployment.GONE),
    Kind(_Deployment.DROPPED),
    Kind(_Deployment.DROPPING),
    Kind(columns={"off_ballot": "Not this one."}),
    Kind(columns={"verify_asked_by": "alice", "verify_asked_at": datetime.datetime(2026, 9, 1, tzinfo=datetime.UTC)}),
)
# After it.
EVERY: Final[tuple[Kind, ...]] = (
    *STAGED,
    # What is asked for after it waits for it.
    Kind(promotion=_State.PUBLISHING),
    *(Kind(promotion=state) for state in _State),
    Kind(_Deployment.PUBLISHED),
    Kind(_Deployment.PUBLISHED, captured=False),
    Kind(_Deployment.PUBLISHED, voted=False),
    Kind(_Deployment.PUBLISHED, promotion=_State.LIVE, voted=False),
    Kind(_Deployment.GONE, promotion=_State.ABORTED, columns={"found_at": datetime.datetime.now(datetime.UTC)}),
    Kind(promotion=_State.LIVE, without_deployment=True),
    Kind(promotion=_State.IN_DOUBT, without_deployment=True),
    Kind(promotion=_State.ABORTED, without_deployment=True),
)


async def put(store: storage.Storage, release_key: str, kinds: Sequence[Kind]) -> None:
    """A deployment of each of these kinds, with what the vote on the release, if any, was about."""
    async with store.database.write() as data:
        release = await data.get(sql.Release, release_key)
        if release is None:
            raise SystemExit(f"There is no {release_key}.")
        now = await store.database.now(data)
        newest = (
            await data.exec(sqlmodel.select(tables.Deployment.id).order_by(col(tables.Deployment.id).desc()))
        ).first()
        first = (newest or 0) + 1
        rows: list[Any] = []
        before: int | None = None
        for number, kind in enumerate(kinds, first):
            made = _Made(number, kind, release, now)
            rows += made.rows(before)
            before = number if kind.promotion is not None else before
        for table in _ORDER:
            data.add_all(row for row in rows if isinstance(row, table))
            await data.flush()


async def put_releases(store: storage.Storage, count: int, kinds: Sequence[Kind] = (READY,)) -> None:
    """So many more releases, in every phase, each with deployments of these kinds."""
    async with store.database.write() as data:
        now = await store.database.now(data)
        keys = []
        for number in range(count):
            phase = list(sql.ReleasePhase)[number % len(sql.ReleasePhase)]
            is_draft = phase is sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT
            is_over = phase in {sql.ReleasePhase.RELEASE_PREVIEW, sql.ReleasePhase.RELEASE}
            version = f"2.{number}"
            keys.append(sql.release_key(people.PROJECT, version))
            data.add(
                sql.Release(
                    key=keys[-1],
                    phase=phase,
                    created=now - 2 * _AGO,
                    project_key=people.PROJECT,
                    version=version,
                    current_vote_seq=0 if is_draft else 1,
                    vote_started=None if is_draft else now - _AGO,
                    vote_resolved=now - _AGO if is_over else None,
                )
            )
    for key in keys:
        await put(store, key, kinds)


_ORDER: Final = (
    tables.FileSetRow,
    tables.FileSetFile,
    tables.Deployment,
    tables.DeploymentPackage,
    tables.BallotEntry,
    sql.CheckResult,
    sql.Distribution,
    tables.Promotion,
    tables.PromotionTarget,
    tables.Attempt,
)


class _Made:
    """The rows of one deployment."""

    def __init__(self, number: int, kind: Kind, release: sql.Release, now: datetime.datetime) -> None:
        self.number, self.kind, self.release, self.now = number, kind, release, now
        self.where = distribution.coordinates(_MAVEN, many_files.GROUP, f"other-{number:05}", release.version)
        self.files = self._set("jar")

    def _set(self, word: str) -> fileset.FileSet:
        path = f"{maven.directory(self.where)}/{self.where.package}-{self.where.version}.{word}"
        return fileset.FileSet.of([fileset.File(path, 1, hashlib.sha256(path.encode()).hexdigest())])

    def rows(self, before: int | None) -> Iterable[Any]:
        """All of them; `before` is a promotion that this one waits for."""
        voted = self.files if self.kind.voted else self._set("pom")
        yield from self._stored(self.files)
        if not self.kind.voted:
            yield from self._stored(voted)
        if not self.kind.without_deployment:
            yield from self._deployment()
        if self.release.vote_started is not None:
            yield tables.BallotEntry(
                release_key=self.release.key,
                vote_seq=self.release.current_vote_seq,
                kind=tables.BallotKind.DEPLOYMENT,
                platform=_MAVEN.name,
                deployment_id=None if self.kind.without_deployment else self.number,
                file_set_digest=voted.digest,
                opened=self.release.vote_started,
            )
        yield sql.Distribution(
            release_key=self.release.key,
            platform=_MAVEN.name,
            owner_namespace=self.where.owner_namespace,
            package=self.where.package,
            version=self.where.version,
            staging=self.kind.promotion is not _State.LIVE,
            pending=False,
            web_url="http://127.0.0.1/" if self.kind.promotion is _State.LIVE else None,
            created_by=people.MEMBERS[0],
            created=self.now,
        )
        if self.kind.promotion is not None:
            yield from self._promotion(self.kind.promotion, before)

    def _stored(self, files: fileset.FileSet) -> Iterable[Any]:
        yield tables.FileSetRow(digest=files.digest, files=len(files.files), size=files.size, created=self.now)
        for one in files.files:
            yield tables.FileSetFile(digest=files.digest, path=one.path, size=one.size, sha256=one.sha256)

    def _deployment(self) -> Iterable[Any]:
        yield tables.Deployment(
            id=self.number,
            release_key=self.release.key,
            platform=_MAVEN.name,
            mechanism="CENTRAL_PORTAL",
            external_id=str(uuid.uuid5(_NAMES, str(self.where))),
            state=self.kind.deployment,
            entered_at=self.now - _AGO,
            created_by=people.MEMBERS[0],
            created=self.now - _AGO,
            file_set_digest=self.files.digest if self.kind.captured else None,
            captured_at=self.now - _AGO if self.kind.captured else None,
            due_at=self.now - _AGO,
            **self.kind.columns,
        )
        yield tables.DeploymentPackage(
            deployment_id=self.number,
            owner_namespace=self.where.owner_namespace,
            package=self.where.package,
            version=self.where.version,
        )
        yield sql.CheckResult(
            release_key=self.release.key,
            revision_number="00001",
            checker="atr.tasks.checks.staged.check",
            checker_version="1",
            primary_rel_path=f"deployment:{self.number}",
            created=self.now,
            status=sql.CheckResultStatus.NOTE,
            message="All files are equal.",
        )

    def _promotion(self, state: _State, before: int | None) -> Iterable[Any]:
        public = state in {_State.LIVE, _State.DIVERGED}
        yield tables.Promotion(
            id=self.number,
            release_key=self.release.key,
            platform=_MAVEN.name,
            mechanism="CENTRAL_PORTAL",
            deployment_id=None if self.kind.without_deployment else self.number,
            by_hand=self.kind.without_deployment,
            state=state,
            entered_at=self.now - _AGO,
            requested_by=people.MEMBERS[0],
            requested_at=self.now - _AGO,
            evidence_digest=self.files.digest,
            voted_digest=self.files.digest,
            verified_digest=self.files.digest,
            public_digest=self.files.digest if public else None,
            public_at=self.now if public else None,
            after_id=before if state is _State.REQUESTED else None,
            found_at=self.now if self.kind.columns.get("found_at") else None,
            due_at=self.now - _AGO,
        )
        yield tables.PromotionTarget(
            promotion_id=self.number,
            purl=self.where.purl,
            owner_namespace=self.where.owner_namespace,
            package=self.where.package,
            version=self.where.version,
            holding=state in states.HOLDING,
        )
        if not self.kind.without_deployment:
            yield tables.Attempt(
                promotion_id=self.number,
                deployment_id=self.number,
                kind=tables.AttemptKind.PUBLISH,
                number=1,
                lease_epoch=1,
                marked_at=self.now - _AGO,
                marked_for=people.MEMBERS[0],
                answered_at=self.now,
                answer=steps.Answer.TAKEN,
                status=204,
            )
