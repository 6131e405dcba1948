# SPDX-License-Identifier: Apache-2.0
"""The page on which a vote is opened: the ballot as it would be frozen now, and what blocks the vote."""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Final

import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.ballot as lines
import atr.pages.deployments as deployments
import atr.pages.readiness as readiness
import atr.pages.repository as repository
import atr.pages.views as views
import atr.pages.vote as votes_page
import atr.promotion.ballot as rules
import atr.promotion.states as states
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.words as words
import atr.storage.ballots as ballots
import atr.storage.candidates as candidates
import atr.storage.readers.deployment_rows as deployment_rows
import atr.storage.readers.events as events
import atr.storage.transaction as transaction

# A deployment that no longer exists is not a choice.
_NO_CHOICE: Final = frozenset({states.DeploymentState.GONE, states.DeploymentState.DROPPED})


@dataclasses.dataclass(frozen=True)
class DeploymentChoice:
    """A deployment before the vote. `standing` is "on" (the ballot), "waiting" (for its capture) or "off"."""

    row: views.DeploymentView
    standing: str
    css: str
    word: str
    sentence: str
    off_by: str = ""
    off_at: datetime.datetime | None = None
    # Empty if it can be dropped now.
    drop_why_not: str = ""


@dataclasses.dataclass(frozen=True)
class VotingView:
    """The page before a vote: the ballot as it would be frozen now."""

    head: views.ReleaseHead
    sentence: str
    css: str
    candidate: int
    revision_number: str
    ballot_digest: str
    digest_lines: tuple[str, ...]
    lines: tuple[lines.BallotLine, ...]
    choices: tuple[DeploymentChoice, ...]
    blockers: tuple[reasons.Reason, ...]
    warnings: tuple[str, ...]
    min_hours: int
    # Empty if the reader may open the vote; blockers are listed separately.
    open_why_not: str
    # Empty if the reader may exclude deployments from the ballot and add them; and if they may drop one.
    change_why_not: str
    drop_why_not: str
    past: tuple[votes_page.PastVote, ...]
    readiness: readiness.Panel

    @property
    def is_moving(self) -> bool:
        """Return whether the state of a deployment is about to change."""
        return any(choice.row.is_moving for choice in self.choices)

    @property
    def droppable(self) -> tuple[DeploymentChoice, ...]:
        """Return the deployments that are off the ballot and can be dropped."""
        return tuple(choice for choice in self.choices if (choice.standing == "off") and not choice.drop_why_not)


async def voting(read: transaction.Transaction, release_key: str) -> VotingView:
    """Return the ballot as it would be frozen now, what blocks the vote, and what can be done about it."""
    of = await votes_page.reader(read, release_key)
    proposal = await ballots.proposed(read.data, of.of)
    number = proposal.revision.number if proposal.revision else ""
    composing = of.release.phase is sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT
    candidate = of.release.current_vote_seq + composing
    known = await deployment_rows.of_releases(read, {release_key: of.of})
    rows = {row.deployment_id: row for row in deployments.shown(read, known).get(release_key, ())}
    mapped = {part.platform: part.digest for part in proposal.parts if part.mapped is not None}
    shown = [lines.proposed(part, number, rows, mapped) for part in proposal.parts]
    shown += [
        lines.BallotLine("mapped", platform.display_name, "Files mapped by the policy", 0, 0, "", problem=sentence)
        for platform, sentence in proposal.unreadable
    ]
    choices = await _choices(read, known, rows)
    if composing:
        css, sentence = _before(candidate, number, len(proposal.parts), len(proposal.blockers))
    else:
        css, sentence = _not_composing(of.release)
    return VotingView(
        head=of.head,
        sentence=sentence,
        css=css,
        candidate=candidate,
        revision_number=number,
        ballot_digest=proposal.digest if proposal.parts else "",
        digest_lines=rules.lines(part.entry for part in proposal.parts),
        lines=tuple(shown),
        choices=choices,
        blockers=proposal.blockers if composing else (),
        warnings=(
            *_warnings(proposal),
            *await repository.warnings(read, of.of, [case.deployment for case in known.cases.values()]),
        )
        if composing
        else (),
        min_hours=of.of.policy.min_hours,
        open_why_not=of.why_not(of.is_manager, "managers-only", "open a vote")
        if composing
        else "A vote can be opened only in Compose.",
        change_why_not=of.why_not(of.is_manager, "managers-only", "change the ballot")
        if composing
        else reasons.of("ballot-fixed").sentence,
        drop_why_not=of.why_not(of.is_member, "members-only", "drop a deployment"),
        past=await votes_page.past(read, release_key),
        readiness=await readiness.panel(read, of.of, known.cases),
    )


async def own(read: transaction.Transaction, release_key: str, numbers: Sequence[int]) -> Sequence[int]:
    """Return these numbers of deployments if all belong to this release. Raises NotFoundError if one does not."""
    mine = {row.id for row in await deployment_rows.of_release(read, release_key)}
    strange = [number for number in numbers if number not in mine]
    if strange:
        raise errors.NotFoundError(f"This release has no deployment {strange[0]}.")
    return numbers


def _before(candidate: int, revision: str, parts: int, blockers: int) -> tuple[str, str]:
    if blockers:
        return "held", f"The vote on candidate {candidate} is blocked by {words.count(blockers, 'condition')}."
    sets = words.count(parts, "file set")
    return "ready", f"The vote on candidate {candidate} can be opened: {sets} of revision {revision}."


def _not_composing(release: sql.Release) -> tuple[str, str]:
    match release.phase:
        case sql.ReleasePhase.RELEASE_CANDIDATE:
            return "open", f"The vote on candidate {release.current_vote_seq} is open, so its ballot is fixed."
        case sql.ReleasePhase.RELEASE_PREVIEW:
            return "passed", f"The vote on candidate {release.current_vote_seq} has passed, so no other can be opened."
        case _:
            return "live", "This release was announced, so there is nothing to vote on."


def _warnings(proposal: ballots.Proposal) -> tuple[str, ...]:
    """Return what does not block the vote but should be known before it opens."""
    staged = {part.platform for part in proposal.parts if part.kind is tables.BallotKind.DEPLOYMENT}
    mapped = {part.platform for part in proposal.parts if part.kind is tables.BallotKind.MAPPED}
    warnings = []
    for name in sorted(mapped - staged):
        where = distribution.DistributionPlatform[name].display_name
        warnings.append(
            f"No deployment on {where} is on the ballot. Anything staged there after the vote is compared with the "
            "files mapped by the policy."
        )
    if proposal.parts and not (mapped | staged):
        warnings.append("The ballot contains only the revision, so this vote allows no promotion to a platform.")
    return tuple(warnings)


async def _choices(
    read: transaction.Transaction, known: deployment_rows.Rows, rows: Mapping[int | None, views.DeploymentView]
) -> tuple[DeploymentChoice, ...]:
    found = [case.deployment for case in known.cases.values() if _is_choice(case.deployment)]
    taken_off = [f"deployment:{row.id}" for row in found if row.off_ballot]
    every = await events.of_subjects(read, taken_off, "deployment_off_ballot") if taken_off else ()
    off = {event.subject: event for event in every}
    choices = []
    for row in found:
        standing, css, word, sentence = _choice(row, rows[row.id])
        event = off.get(f"deployment:{row.id}")
        choices.append(
            DeploymentChoice(
                row=rows[row.id],
                standing=standing,
                css=css,
                word=word,
                sentence=sentence,
                off_by=event.actor if event else "",
                off_at=event.at if event else None,
                drop_why_not=reasons.sentence(known.preconditions[row.id].drop),
            )
        )
    return tuple(choices)


def _is_choice(row: tables.Deployment) -> bool:
    return row.state not in _NO_CHOICE


def _choice(row: tables.Deployment, shown: views.DeploymentView) -> tuple[str, str, str, str]:
    if row.state in candidates.OUT:
        return "off", shown.standing.css, shown.standing.word, f"{shown.standing.sentence} It is not on the ballot."
    if row.off_ballot:
        return "off", "by-hand", "Not on the ballot", row.off_ballot
    if row.file_set_digest:
        return "on", "passed", "On the ballot", "Its files were captured and are on the ballot."
    return "waiting", shown.standing.css, "Waited for", shown.next_sentence or "The staged files are being captured."
