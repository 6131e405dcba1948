# SPDX-License-Identifier: Apache-2.0
"""Captures: what was read of a deployment, its packages, and what follows from them."""

from collections.abc import Sequence

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
import atr.shared.distribution as distribution
import atr.storage.eligibility as eligibility
import atr.storage.leased_rows as leased_rows
import atr.storage.names as names
import atr.storage.preconditions as preconditions
import atr.storage.reads as reads
import atr.storage.recorded as recorded
import atr.storage.transaction as transaction
import atr.storage.transitions as transitions
import atr.storage.worker.copies as copies
import atr.storage.worker.deployments as deployments
import atr.storage.writer as writers
import atr.storage.writers.readiness as readiness
import atr.storage.writers.requests as requests
import atr.storage.writers.revision as revisions


class Captures(writers.Writer):
    """What the worker notes of a capture. Every write is fenced by the epoch under which the row was claimed."""

    async def progress(
        self, claimed: work.Deployment, side: tables.Side, done: Sequence[work.Read], count: int, total: int
    ) -> None:
        """Keep files that were read, and how far we are."""
        row = await leased_rows.deployment(self._write, claimed)
        await reads.keep(self._write, f"deployment:{row.id}", side, 1, done)
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
        """Store what is staged: its file set, its packages, a staging row for each; then the check, and what follows.

        A package outside the project's PlatformTarget refuses the capture, in words on the row. `problems` bar a
        promotion, `remarks` are only shown. `listed` counts the files and bytes with their checksums, as the platform
        counts them towards its limits. The copy is stored with it where the project wants one; `copy_problem` says why
        its bytes could not be kept.
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
        await reads.forget(write, f"deployment:{row.id}")
        row.version += 1
        await self._forget_packages(row, packages)
        for package in packages:
            await write.data.merge(
                tables.DeploymentPackage(
                    deployment_id=writers.row_id(row.id),
                    owner_namespace=package.owner_namespace,
                    package=package.package,
                    version=package.version,
                )
            )
            await self._staging_row(row, package)
        await write.event(
            row.release_key,
            f"deployment:{row.id}",
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
        await revisions.queue_check(write, row)
        await readiness.queue_check(write, row.release_key)

    async def _refuse(self, row: tables.Deployment, why: str, *, give_up: bool) -> None:
        """Capture nothing that lies outside the project's names. What is all another project's is given up to it."""
        write = self._write
        if give_up:
            # A deployment belongs to one release, whoever records it first: here that was the wrong one.
            external_id, row.external_id = row.external_id, None
            problem = f"{why} They belong to another project, which can now record deployment {external_id}."
            await transitions.deployment(write, row, states.DeploymentState.GONE, problem, external_id=external_id)
            return
        problem = f"{why} It is not captured."
        if problem != row.problem:
            row.problem, row.version = problem, row.version + 1
            await write.event(row.release_key, f"deployment:{row.id}", "capture_refused", problem=problem)

    async def _forget_packages(self, row: tables.Deployment, packages: Sequence[distribution.Coordinates]) -> None:
        """Take away the packages that an earlier capture found and this one did not, with the rows that it made.

        A staging row stays where somebody recorded it, where another deployment of the release holds its package, and
        where a call was made or may be made for it.
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
            there = await data.get(sql.Distribution, recorded.key(row.release_key, where))
            if (there is None) or (not there.staging) or there.pending or (purl in stays):
                continue
            # One from before the deployment is not of its captures.
            if (there.created is not None) and (there.created >= row.created):
                await data.delete(there)

    async def _staging_row(self, row: tables.Deployment, package: distribution.Coordinates) -> None:
        key = recorded.key(row.release_key, package)
        there = await self._write.data.get(sql.Distribution, key)
        if there is None:
            there = sql.Distribution(
                release_key=row.release_key,
                platform=row.platform,
                owner_namespace=package.owner_namespace,
                package=package.package,
                version=package.version,
                staging=True,
                pending=False,
                created_by=row.created_by,
                created=self._write.now,
            )
            self._write.data.add(there)
        elif there.staging:
            there.pending, there.due_at = False, None


async def then_promote(write: transaction.Transaction, row: tables.Deployment) -> None:
    """What was uploaded to be promoted is, once it is checked: by the same gates, asked for by the same person."""
    if not row.then_promote:
        return
    row.then_promote = False
    case = await eligibility.one(write.data, row, row.created_by)
    blockers = gates.blockers(case.facts)
    if blockers:
        sentences = " ".join(blocker.sentence for blocker in blockers)
        await deployments.note_problem(write, row, f"It is staged but was not promoted: {sentences}")
        return
    try:
        await requests.open_promotion(write, case, requested_by=row.created_by, asked_in=row.asked_in)
    except errors.ConflictError as error:
        await deployments.note_problem(write, row, f"It is staged but was not promoted: {error}")
