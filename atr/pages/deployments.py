# SPDX-License-Identifier: Apache-2.0
"""A deployment with its newest promotion, as one row of a page: its state, its evidence and its actions."""

import dataclasses
import datetime
import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import atr.models.paging as paging
import atr.models.promotion as tables
import atr.pages.acts as acts
import atr.pages.evidence as evidence
import atr.pages.standings as standings
import atr.pages.timeline as timeline
import atr.pages.views as views
import atr.promotion.gates as gates
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.storage.eligibility as eligibility
import atr.storage.lanes as lanes
import atr.storage.observations as observations
import atr.storage.readers.deployment_rows as deployment_rows
import atr.storage.rights as rights
import atr.storage.transaction as transaction

_State = states.State
_ETAG: Final = 16
_NEXT_BY_HAND: Final = {
    _State.REQUESTED: "The platform is checked for it; its files are compared once it is published.",
    _State.ABORTED: "Record it as published again to have its files compared.",
}
_Deployment = states.DeploymentState


async def all_of(read: transaction.Transaction, release_key: str) -> tuple[views.DeploymentView, ...]:
    """Return all deployments of a release, and those tracked by hand, oldest first. Raises NotFoundError."""
    release = await eligibility.release(read.data, release_key)
    return shown(read, await deployment_rows.of_releases(read, {release_key: release})).get(release_key, ())


async def one(read: transaction.Transaction, release_key: str, row_key: str) -> views.DeploymentView:
    """Return one row: "d4" is a deployment, "p7" a promotion that is tracked by hand. Raises NotFoundError."""
    return shown(read, await deployment_rows.of_row(read, release_key, row_key))[release_key][0]


def cut(
    rows: Sequence[views.DeploymentView], asked: paging.Asked
) -> tuple[tuple[views.DeploymentView, ...], paging.Part]:
    """Return the rows of one page. A search finds them by packages, platform and the platform's id."""
    return asked.cut(rows, _name)


def _name(row: views.DeploymentView) -> str:
    return " ".join([row.platform.display_name, row.external_id, *map(str, row.packages)])


def shown(read: transaction.Transaction, rows: deployment_rows.Rows) -> Mapping[str, tuple[views.DeploymentView, ...]]:
    """Return the rows of each release: deployments first, the oldest first."""
    found: dict[str, list[views.DeploymentView]] = {}
    for view in (
        *(_view(read, rows, case) for case in rows.cases.values()),
        *(_by_hand(read, rows, one) for one in rows.tracked),
    ):
        found.setdefault(view.release_key, []).append(view)
    return {key: tuple(these) for key, these in found.items()}


async def detail(read: transaction.Transaction, release_key: str, row_key: str) -> views.DeploymentDetail:
    """Return one row with its files and its timeline."""
    known = await deployment_rows.of_row(read, release_key, row_key)
    row = shown(read, known)[release_key][0]
    sides = [side.digest if side else "" for side in (row.proof.voted, row.proof.staged, row.proof.public)]
    newer = row.verified is not None and row.verified.differs and row.verified.is_newer_than(row.proof.staged)
    if newer and row.verified:
        sides[1] = row.verified.digest
    files, tally, total = await evidence.files(read, *sides)
    promotions = [*known.tracked, *(promotion for case in known.cases.values() for promotion in case.promotions)]
    subjects = [f"deployment:{number}" for number in known.cases]
    subjects += [f"promotion:{promotion.id}" for promotion in promotions]
    return views.DeploymentDetail(
        row=row,
        files=files,
        tally=tally,
        files_cut=total > len(files),
        files_total=total,
        staged_read_at=row.verified.at if newer and row.verified else None,
        timeline=await timeline.of(read, subjects),
    )


def _view(read: transaction.Transaction, rows: deployment_rows.Rows, case: eligibility.Case) -> views.DeploymentView:
    deployment, number = case.deployment, case.deployment.id
    blockers = gates.blockers(case.facts)
    promotion = case.promotions[-1] if case.promotions else None
    if (promotion is not None) and (promotion.state in states.ENDED) and (deployment.state is _Deployment.PUBLISHED):
        # The published deployment takes precedence over the ended promotion, which the timeline still shows.
        promotion = None
    elsewhere = number in rows.public_elsewhere
    over = standings.overruling(deployment, promotion, rows.incident.get(number), elsewhere=elsewhere)
    row = _shared(read, rows, case.of, deployment, promotion, case.packages)
    staged = (promotion.verified_digest if promotion else None) or deployment.file_set_digest
    staged_at = (promotion.verified_at if promotion else None) or deployment.captured_at
    voted = promotion.voted_digest if promotion else case.voted_digest
    turn = standings.holds_up(promotion, blockers)
    standing = standings.standing(deployment, promotion, blockers, turn)
    said_first = over or turn
    offered = acts.of(read, case, rows.preconditions[number], promotion, blockers)
    verified = standings.verified(deployment, rows.file_sets, rows.files_verified.get(number, 0))
    done, total, said = standings.progress(deployment, promotion)
    waits, next_look = lanes.next_look(rows.shut, promotion, deployment)
    attempts = rows.attempts[promotion.id] if promotion else ()
    member = rights.is_member(case.of.committee, read.asf_uid)
    return _stamped(
        dataclasses.replace(
            row,
            deployment_id=number,
            external_id=deployment.external_id or "",
            standing=over or standing,
            deployment_state=deployment.state,
            proof=_proof(rows, voted, staged, staged_at, promotion, case.release.vote_started),
            progress=said,
            done=done,
            total=total,
            next_sentence=said_first.sentence
            if said_first
            else standings.next_sentence(case, promotion, blockers, member, attempts),
            needs_you=any(act.primary and not act.why_not for act in offered),
            needs_person=_who(over) if over else standings.needs_person(promotion, blockers, turn),
            problem=deployment.problem,
            blockers=standings.shown(promotion, blockers, turn),
            acts=offered,
            staged_by=deployment.created_by,
            staged_at=deployment.created,
            revision_number=deployment.revision_number or "",
            platform_word=(promotion.platform_word if promotion else "") or deployment.platform_word,
            evidence_digest=case.evidence_digest,
            row_version=deployment.version,
            is_moving=standings.is_moving(deployment, promotion, verified) and not case.facts.stopped_by,
            check_messages=tuple((result.status.value, result.message) for result in case.results),
            off_ballot=deployment.off_ballot,
            drop_reason=deployment.drop_reason,
            # Says why no copy is kept although the project wants one.
            copy_sentence="ATR keeps a copy of its files."
            if rows.preconditions[number].is_kept
            else deployment.copy_problem,
            verified=verified,
            last_look=(promotion.last_look if promotion else None) or deployment.last_look,
            next_look=next_look,
            next_note=waits or row.next_note,
        )
    )


def _by_hand(
    read: transaction.Transaction, rows: deployment_rows.Rows, promotion: tables.Promotion
) -> views.DeploymentView:
    release = rows.releases[promotion.release_key]
    committee = release.committee
    row = _shared(read, rows, release, promotion, promotion, rows.packages[promotion.id])
    waits, next_look = lanes.next_look(rows.shut, promotion, None)
    return _stamped(
        dataclasses.replace(
            row,
            next_look=next_look,
            next_note=waits or row.next_note,
            standing=_standing_by_hand(rows, promotion),
            proof=_proof(rows, promotion.voted_digest, None, None, promotion, release.row.vote_started),
            next_sentence=_NEXT_BY_HAND.get(promotion.state, standings.NEXT[promotion.state]),
            needs_person=standings.needs_person(promotion, (), None),
            acts=acts.by_hand(read, promotion, member=rights.is_member(committee, read.asf_uid))
            if rights.is_participant(committee, read.asf_uid)
            else (),
            staged_by=promotion.requested_by,
            staged_at=promotion.requested_at,
        )
    )


def _standing_by_hand(rows: deployment_rows.Rows, promotion: tables.Promotion) -> views.Standing:
    standing = standings.of_promotion(promotion)
    if incident := rows.tracked_incident.get(promotion.id):
        return standings.of_incident(incident, promotion.found_at or promotion.entered_at)
    if (promotion.state in states.ENDED) and (promotion.id in rows.tracked_elsewhere):
        return dataclasses.replace(standing, sentence="This version is published and verified in another row.")
    return standing


def _who(standing: views.Standing) -> str:
    return "" if standing.who == "nobody" else standing.who


def _shared(
    read: transaction.Transaction,
    rows: deployment_rows.Rows,
    of: eligibility.Release,
    source: tables.Deployment | tables.Promotion,
    promotion: tables.Promotion | None,
    packages: tuple[distribution.Coordinates, ...],
) -> views.DeploymentView:
    """Return the part of a row that is the same with and without a deployment."""
    release, project = of.row, of.project
    attempts = rows.attempts[promotion.id] if promotion else ()
    return views.DeploymentView(
        promotion_id=promotion.id if promotion else None,
        release_key=release.key,
        project_key=project.key,
        project_name=project.name,
        version_key=release.version,
        platform=distribution.DistributionPlatform[source.platform],
        mechanism=mechanisms.Mechanism[source.mechanism],
        packages=packages,
        packages_line=distribution.in_one_line(packages),
        standing=standings.of_promotion(promotion)
        if promotion
        else views.Standing("staged", "", "", "", release.created),
        state=promotion.state if promotion else None,
        next_note=promotion.blocker if promotion else "",
        elapsed=_elapsed(read, promotion),
        next_look=promotion.due_at if promotion else None,
        last_look=promotion.last_look if promotion else None,
        reason=promotion.reason if promotion else "",
        by_hand=bool(promotion and promotion.by_hand),
        out_of_band=bool(promotion and promotion.out_of_band),
        staged_at=release.created,
        requested_by=promotion.requested_by if promotion else "",
        requested_at=promotion.requested_at if promotion else None,
        publish_calls=len(attempts),
        bytes_sent=sum(attempt.bytes_sent for attempt in attempts),
        platform_word=promotion.platform_word if promotion else "",
        public_urls=rows.public_urls(promotion, packages),
        is_moving=bool(promotion and promotion.state in standings.MOVING),
        accepted=observations.accepted(promotion) if promotion else (),
        looked_beside_at=promotion.beside_at if promotion else None,
        looked_beside=bool(promotion and promotion.beside_at and not promotion.beside_problem),
    )


def _stamped(row: views.DeploymentView) -> views.DeploymentView:
    """Return the row with an etag that changes when anything in it does, except the elapsed minutes."""
    shown = repr(dataclasses.replace(row, elapsed=None))
    return dataclasses.replace(row, etag=hashlib.sha256(shown.encode()).hexdigest()[:_ETAG])


def _elapsed(read: transaction.Transaction, promotion: tables.Promotion | None) -> views.Elapsed | None:
    if (promotion is None) or (promotion.state not in {_State.SENDING, _State.PUBLISHING, _State.CHECKING}):
        return None
    usual = read.place.timing(promotion.mechanism).usual
    minutes = (read.now - promotion.requested_at).total_seconds() / 60
    return views.Elapsed(minutes, usual[0] / 60, usual[1] / 60, max(minutes, usual[1] / 60 * 1.5))


def _side(rows: deployment_rows.Rows, digest: str | None, at: datetime.datetime | None) -> views.Side | None:
    row = rows.file_sets.get(digest or "")
    return views.Side(row.files, row.size, row.digest, at) if row else None


def _proof(
    rows: deployment_rows.Rows,
    voted: str,
    staged: str | None,
    staged_at: datetime.datetime | None,
    promotion: tables.Promotion | None,
    voted_at: datetime.datetime | None,
) -> views.Proof:
    public = promotion.public_digest if promotion else None
    return views.Proof(
        voted=_side(rows, voted, voted_at),
        staged=_side(rows, staged, staged_at),
        public=_side(rows, public, promotion.public_at if promotion else None),
        staged_link=_link(voted, staged),
        public_link=_link(voted, public),
    )


def _link(voted: str, other: str | None) -> str:
    if not (voted and other):
        return "pending"
    return "equal" if voted == other else "differs"
