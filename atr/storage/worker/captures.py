# SPDX-License-Identifier: Apache-2.0
"""What the worker records about the files that it read: captures, Verify now, and the results of checks."""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.models.work as work
import atr.promotion.ballot as ballots
import atr.promotion.fileset as fileset
import atr.promotion.gates as gates
import atr.promotion.states as states
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.storage.candidates as candidates
import atr.storage.eligibility as eligibility
import atr.storage.leased_rows as leased_rows
import atr.storage.names as names
import atr.storage.observations as observations
import atr.storage.preconditions as preconditions
import atr.storage.transaction as transaction
import atr.storage.transitions as transitions
import atr.storage.worker.copies as copies
import atr.storage.worker.deployments as deployments
import atr.storage.writers.readiness as readiness
import atr.storage.writers.requests as requests


class Captures(transaction.Writer):
    """What the worker records about a capture. Every write is fenced by the epoch of the claim."""

    async def progress(
        self, claimed: work.Deployment, side: tables.Side, done: Sequence[work.Read], count: int, total: int
    ) -> None:
        """Store files that were read, and the progress."""
        row = await leased_rows.deployment(self._write, claimed)
        await observations.keep_reads(self._write, row.subject, side, 1, done)
        row.read_done, row.read_total = count, total

    async def captured(
        self,
        claimed: work.Deployment,
        files: fileset.FileSet,
        problems: Sequence[str],
        *,
        remarks: Sequence[str] = (),
        listed: tuple[int, int] = (0, 0),
        copy_problem: str = "",
    ) -> None:
        """Store what is staged: its file set, its packages and a staging row for each; then enqueue the checks.

        The capture is refused, with a problem on the row, if a package is outside the project's PlatformTarget.
        `problems` block a promotion, `remarks` are only shown. `listed` counts the files and bytes with their
        checksums, as the platform counts them towards its limits. The copy is stored too if the project keeps copies;
        `copy_problem` says why its bytes could not be kept.
        """
        write = self._write
        row = await leased_rows.deployment(self._write, claimed)
        row.lease_until = None
        packages = sorted(ballots.packages(files, write.data.built.of(claimed.mechanism)))
        release = await queries.demand_release(write.data, row.release_key)
        beyond = await names.blocker(write.data, release.project_key, packages)
        if beyond is not None:
            others = await names.of_others(write.data, release.project_key, packages)
            await self._refuse(row, beyond.sentence, give_up=len(others) == len(packages))
            return
        row.file_set_digest = await queries.store_file_set(write.data, files, write.now)
        row.captured_at, row.problem = write.now, ""
        row.side_problems, row.remarks = list(problems), list(remarks)
        row.read_done = row.read_total = len(files.files)
        row.listed_files, row.listed_bytes = listed
        await observations.forget_reads(write, row.subject)
        row.version += 1
        await self._forget_packages(row, packages)
        for package in packages:
            await write.data.merge(
                tables.DeploymentPackage(deployment_id=transaction.row_id(row.id), **package.columns)
            )
            await self._staging_row(row, package)
        await write.event_of(
            row,
            "deployment_captured",
            digest=files.digest,
            files=len(files.files),
            size=files.size,
            packages=[str(package) for package in packages],
            side_problems=list(problems)[:20],
            remarks=list(remarks)[:20],
        )
        await write.data.flush()
        await copies.keep(write, row, files, copy_problem)
        await readiness.queue_staged(write, row)
        await readiness.queue_check(write, row.release_key)

    async def _refuse(self, row: tables.Deployment, why: str, *, give_up: bool) -> None:
        """Refuse a capture outside the project's namespaces; `give_up` if another project owns all of its packages."""
        write = self._write
        if give_up:
            # A deployment belongs to the release that records it first: here that was the wrong one.
            external_id, row.external_id = row.external_id, None
            problem = f"{why} They belong to another project, which can now record deployment {external_id}."
            await transitions.deployment(write, row, states.DeploymentState.GONE, problem, external_id=external_id)
            return
        problem = f"{why} It is not captured."
        if problem != row.problem:
            row.problem, row.version = problem, row.version + 1
            await write.event_of(row, "capture_refused", problem=problem)

    async def _forget_packages(self, row: tables.Deployment, packages: Sequence[distribution.Coordinates]) -> None:
        """Delete the packages that an earlier capture found and this one did not, with the rows that it made.

        A staging row is kept if a person recorded it, if another deployment of the release has its package, or if a
        publish request was or may be sent for it.
        """
        data = self._write.data
        gone = {one.purl: one for one in await queries.packages(data, row)}
        for package in packages:
            gone.pop(package.purl, None)
        if not gone:
            return
        held, event = tables.DeploymentPackage, tables.Event
        release = await queries.deployments(data, row.release_key)
        every = await data.exec(sqlmodel.select(held).where(col(held.deployment_id).in_([one.id for one in release])))
        elsewhere = set()
        for one in every.all():
            where = distribution.Coordinates(row.platform, one.owner_namespace, one.package, one.version)
            if one.deployment_id != row.id:
                elsewhere.add(where.purl)
            elif where.purl in gone:
                await data.delete(one)
        said = await data.exec(
            sqlmodel.select(event).where(event.chain == row.release_key, event.what == "distribution_recorded")
        )
        stays = elsewhere | {one.data.get("purl") for one in said.all()}
        stays |= set(await preconditions.deletions(self._write, row.release_key))
        for purl, where in gone.items():
            there = await data.get(sql.Distribution, requests.recorded_key(row.release_key, where))
            if (there is None) or (not there.staging) or there.pending or (purl in stays):
                continue
            # A row that is older than the deployment was not made by its captures.
            if (there.created is not None) and (there.created >= row.created):
                await data.delete(there)

    async def _staging_row(self, row: tables.Deployment, package: distribution.Coordinates) -> None:
        key = requests.recorded_key(row.release_key, package)
        there = await self._write.data.get(sql.Distribution, key)
        if there is None:
            requests.listed(
                self._write, row.release_key, package, staging=True, pending=False, created_by=row.created_by
            )
        elif there.staging:
            there.pending, there.due_at = False, None


async def then_promote(write: transaction.Transaction, row: tables.Deployment) -> None:
    """Promote a checked deployment that was uploaded for this: with the same gates, in the name of the same person."""
    if not row.then_promote:
        return
    row.then_promote = False
    case = await eligibility.one(write.data, row, row.created_by)
    blockers = gates.blockers(case.facts)
    if blockers:
        await deployments.note_problem(write, row, f"It is staged but was not promoted: {reasons.sentences(blockers)}")
        return
    try:
        await requests.open_promotion(write, case, requested_by=row.created_by, asked_in=row.asked_in)
    except errors.ConflictError as error:
        await deployments.note_problem(write, row, f"It is staged but was not promoted: {error}")


class Verification(transaction.Writer):
    """What the worker records about Verify now. Every write is fenced by the epoch of the claim."""

    async def progress(self, claimed: work.Deployment, done: Sequence[work.Read]) -> None:
        """Store files that were read."""
        await leased_rows.deployment(self._write, claimed)
        await observations.keep_reads(
            self._write, observations.of_verification(claimed.id), tables.Side.STAGED, 1, done
        )

    async def verified(self, claimed: work.Deployment, files: fileset.FileSet, unfit: str = "") -> None:
        """Store a complete reading, and how it differs from the voted files; without these, from the capture.

        `unfit` is what else is wrong with it, in words.
        """
        write = self._write
        row = await leased_rows.deployment(write, claimed)
        case = await eligibility.one(write.data, row, write.asf_uid)
        against = case.voted_digest or row.file_set_digest or ""
        difference = fileset.compare(await queries.file_set(write.data, against), files)
        row.verified_digest = await queries.store_file_set(write.data, files, write.now)
        said = "" if difference.is_empty else difference.described("staged")
        row.verify_problem = f"{said} {unfit}".strip()
        await self._end(row)
        await write.event_of(
            row,
            "verify_ended",
            files=len(files.files),
            digest=files.digest,
            against="voted" if case.voted_digest else "captured",
            against_digest=against,
            difference=row.verify_problem,
        )

    async def held_up(self, claimed: work.Deployment, problem: str) -> None:
        """Record that the platform does not answer now: the reading continues later where it stopped."""
        row = await leased_rows.deployment(self._write, claimed)
        row.verify_problem, row.lease_until = problem.removesuffix(errors.ASKED_AGAIN), None

    async def failed(self, claimed: work.Deployment, problem: str) -> None:
        """Record that the files could not all be read, so nothing was compared; the reading does not continue."""
        row = await leased_rows.deployment(self._write, claimed)
        row.verify_problem = problem.removesuffix(errors.ASKED_AGAIN)
        await self._end(row)
        await self._write.event_of(row, "verify_failed", problem=row.verify_problem)

    async def _end(self, row: tables.Deployment) -> None:
        row.verified_at, row.lease_until = self._write.now, None
        await observations.forget_reads(self._write, observations.of_verification(transaction.row_id(row.id)))


@dataclasses.dataclass(frozen=True)
class Result:
    """One finding, before it is stored."""

    status: sql.CheckResultStatus
    message: str
    member_rel_path: str | None = None
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    # When it was found; None for now.
    created: datetime.datetime | None = None


class Checks(transaction.Writer):
    """What the worker records about checks."""

    async def record_staged(self, deployment_id: int, version: str, results: Sequence[Result]) -> None:
        """Replace the results of the check of a deployment's staged files."""
        write = self._write
        deployment = await transaction.load_deployment_for_update(write, deployment_id)
        subject = deployment.subject
        await write.data.exec(
            sqlalchemy.delete(sql.CheckResult).where(
                col(sql.CheckResult.checker) == candidates.STAGED_CHECK,
                col(sql.CheckResult.primary_rel_path) == subject,
            )
        )
        await self._add(deployment.release_key, candidates.STAGED_CHECK, version, subject, results)
        await write.event(
            deployment.release_key,
            subject,
            "staged_files_checked",
            results=[[result.status.value, result.message] for result in results[:20]],
        )
        await write.data.flush()
        await then_promote(write, deployment)

    async def record_readiness(
        self,
        release_key: str,
        platform: distribution.DistributionPlatform,
        version: str,
        results: Sequence[Result],
    ) -> None:
        """Replace the results of a platform's pre-flight checks of a release; changed results are an event."""
        write = self._write
        release = await transaction.load_release_for_update(write, release_key)
        before = (await candidates.readiness_results(write.data, release.key)).get(platform.name, ())
        news = [[result.status.value, result.message] for result in results]
        for row in before:
            await write.data.delete(row)
        await self._add(release.key, candidates.READINESS_CHECK, version, f"platform:{platform.name}", results)
        if news != [[row.status.value, row.message] for row in before]:
            await write.event(release.key, "release", "readiness_checked", platform=platform.name, results=news)

    async def _add(self, release_key: str, checker: str, version: str, subject: str, results: Sequence[Result]) -> None:
        revision = await queries.latest_revision(self._write.data, release_key)
        self._write.data.add_all(
            sql.CheckResult(
                release_key=release_key,
                revision_number=revision.number if revision else "",
                checker=checker,
                checker_version=version,
                primary_rel_path=subject,
                member_rel_path=result.member_rel_path,
                created=result.created or self._write.now,
                status=result.status,
                message=result.message,
                data=dict(result.data),
            )
            for result in results
        )
