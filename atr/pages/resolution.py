# SPDX-License-Identifier: Apache-2.0
"""The pages that end a candidate: resolve, abandon and announce."""

import dataclasses

import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.deployments as deployments
import atr.pages.not_public as not_public
import atr.pages.views as views
import atr.pages.vote as votes
import atr.promotion.announcing as announcing
import atr.promotion.mapping as mapping
import atr.promotion.states as states
import atr.promotion.voted as voted
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.words as words
import atr.storage.announcing as rule_facts
import atr.storage.ballots as ballots
import atr.storage.candidates as candidates
import atr.storage.preconditions as preconditions
import atr.storage.readers.deployment_rows as deployment_rows
import atr.storage.transaction as transaction

_Phase = sql.ReleasePhase


@dataclasses.dataclass(frozen=True)
class ResolveView:
    """The page on which an open vote is resolved: the vote, and the deployments staged for it."""

    vote: votes.VoteView
    staged: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class AbandonView:
    """The page on which a candidate is abandoned, with all consequences."""

    head: views.ReleaseHead
    candidate: int
    consequences: tuple[str, ...]
    # What does not change, and what can be done about it afterwards.
    stays: tuple[str, ...]
    why_not: str


@dataclasses.dataclass(frozen=True)
class AnnounceView:
    """The page on which a release is marked as announced."""

    head: views.ReleaseHead
    sentence: str
    css: str
    ballot_digest: str
    # For each live deployment: the platform, and (label, address) of each package.
    live: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    # None until it is announced.
    announced: not_public.Announced | None
    # The voted file sets that are not public; a sentence for each platform of the policy on which nothing is public;
    # and one digest of all that is missing, or empty.
    not_public: tuple[not_public.NotPublic, ...]
    missing: tuple[str, ...]
    lacking_digest: str
    # (purl, name) of each published and unverified package, for which a release manager must vouch.
    unproved: tuple[tuple[str, str], ...]
    # A sentence for each voted file set that ATR cannot verify.
    unprovable: tuple[str, ...]
    # The tags of the policy that name no platform; they do not block the announcement.
    unknown_tags: tuple[str, ...]
    # For each deployment without a voted file set that is not live: the platform and its next step.
    others: tuple[tuple[str, str], ...]
    why_not: str


async def resolve(read: transaction.Transaction, release_key: str) -> ResolveView:
    """Return the page on which the open vote is resolved."""
    rows = await deployment_rows.of_release(read, release_key)
    staged = tuple(ballots.name(row) for row in rows if row.state not in candidates.OUT)
    return ResolveView(vote=await votes.newest(read, release_key), staged=staged)


async def abandon(read: transaction.Transaction, release_key: str) -> AbandonView:
    """Return the consequences of abandoning the candidate, or why it cannot be abandoned."""
    of = await votes.reader(read, release_key)
    waiting = await deployment_rows.requested(read, release_key)
    staged = [row for row in await deployment_rows.of_release(read, release_key) if ballots.is_meant(row)]
    consequences = [
        "The release returns to Compose, where its files can be changed.",
        "The open vote ends; votes already cast no longer count."
        if of.release.phase is _Phase.RELEASE_CANDIDATE
        else "The vote that passed no longer applies; the next candidate needs a new vote.",
        *(
            f"The promotion to {distribution.DistributionPlatform[row.platform].display_name} requested by "
            f"{row.requested_by} is stopped before anything is sent."
            for row in waiting
        ),
        *(
            f"{words.upper(ballots.name(row))} is excluded from the next ballot until it is added again or dropped."
            for row in staged
        ),
    ]
    return AbandonView(
        head=of.head,
        candidate=of.release.current_vote_seq,
        consequences=tuple(consequences),
        stays=(
            "Revisions, votes and the event log are kept.",
            *(["Staged deployments stay on the platform; you can drop them afterwards."] if staged else []),
            *map(_last_asked, staged),
        ),
        why_not=reasons.sentence(await preconditions.abandon(read, of.release))
        or of.why_not(of.is_manager, "managers-only", "abandon a candidate"),
    )


def _last_asked(row: tables.Deployment) -> str:
    """Return what the last check showed, and when: somebody may publish the deployment on the platform's own page."""
    called = ballots.name(row)
    if row.last_look is None:
        return f"The state of {called} on the platform has not been checked yet. It is checked immediately."
    return (
        f"{words.upper(called)} was last checked at {row.last_look:%H:%M} UTC on "
        f"{row.last_look:%d %b %Y}, when it was {row.state.value}. It is checked again immediately; its row shows "
        "whether it has been published meanwhile."
    )


async def announce(read: transaction.Transaction, release_key: str) -> AnnounceView:
    """Return what is public, what is not, and what blocks the announcement, by the same rule as the writer."""
    of = await votes.reader(read, release_key)
    known = await deployment_rows.of_releases(read, {release_key: of.of})
    rows = deployments.shown(read, known).get(release_key, ())
    measure = await candidates.measure(read.data, release_key)
    facts = await rule_facts.facts(read.data, of.of, measure, known.incident_sentences)
    found = announcing.standing(facts)
    lacking = not_public.told(measure, rows, of.release)
    why_not = _announce_why_not(of, found)
    return AnnounceView(
        head=of.head,
        sentence=_sentence(of.release, why_not, measure, found),
        css=_css(of.release, why_not, found),
        ballot_digest=ballots.digest(of.of.ballot),
        live=tuple(
            (row.platform.display_name, row.public_urls or tuple((str(one), "") for one in row.packages))
            for row in rows
            if row.state is states.State.LIVE
        ),
        not_public=lacking,
        missing=tuple(one.sentence for one in found if one.code == "missing"),
        lacking_digest=announcing.digest(facts),
        unproved=tuple((str(one.facts["key"]), str(one.facts["name"])) for one in announcing.unvouched(found)),
        unprovable=not_public.unprovable(measure),
        unknown_tags=mapping.unknown_tags(facts.file_tag_mappings),
        others=tuple((row.platform.display_name, row.next_sentence) for row in not_public.of_no_vote(rows, lacking)),
        why_not=why_not,
        announced=await not_public.announced(read, of.release),
    )


def _css(release: sql.Release, why_not: str, found: tuple[reasons.Reason, ...]) -> str:
    if release.phase is _Phase.RELEASE:
        return "live"
    return "held" if why_not or found else "ready"


def _sentence(release: sql.Release, why_not: str, measure: voted.Measure, found: tuple[reasons.Reason, ...]) -> str:
    if release.phase is _Phase.RELEASE:
        return "This release was announced."
    if measure.not_public:
        names = "; ".join(one.name for one in measure.not_public)
        return f"{measure.count}; not published: {names}."
    if why_not:
        return "The release cannot be announced now."
    if found:
        return found[0].sentence
    if not measure.sets:
        return "Nothing blocks the announcement. The ballot has no files for a platform."
    return f"The release can be announced: {measure.count}."


def _announce_why_not(of: votes.Reader, found: tuple[reasons.Reason, ...]) -> str:
    """Return the blockers that nobody can waive, else who may announce; empty if the reader may."""
    if held := announcing.held(found):
        return reasons.sentences(held)
    if announcing.lacking(found):
        return of.why_not(of.is_member, "members-only", "announce a release without something that was voted on")
    return of.why_not(of.is_manager, "managers-only", "announce a release")
