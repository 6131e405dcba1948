# SPDX-License-Identifier: Apache-2.0
"""The pages of a vote, in every variant, as the readers make their views."""

import dataclasses
from typing import Any, Final

import atr.pages.ballot as ballot
import atr.pages.letters as letters
import atr.pages.releases as releases
import atr.pages.resolution as resolution
import atr.pages.views as views
import atr.pages.vote as vote_page
import atr.pages.voting as voting_page
import atr.promotion.states as states
import atr.reasons as reasons
from tests.pages import samples

PAGE: Final = "https://releases.example/vote/example-widgets/2.4.0"


def address(*, digest: str) -> str:
    return f"https://releases.example/repository/{digest}/"


def head(word: str = "Compose") -> views.ReleaseHead:
    return views.ReleaseHead("example-widgets", "Example Widgets", "Example", "2.4.0", "example-widgets-2.4.0", word)


def lines(*, staged: tuple[str, str] = ("live", "Equal")) -> tuple[ballot.BallotLine, ...]:
    css, word = staged
    return (
        ballot.BallotLine(
            "revision", "Revision 00003", "All files of the release", 22, 8_400_000, samples.digest("all")
        ),
        ballot.BallotLine(
            "mapped",
            "Maven Central, from the revision",
            "Files mapped by the policy",
            18,
            6_400_000,
            samples.digest("voted"),
        ),
        ballot.BallotLine(
            "deployment",
            "Maven Central, staged",
            "org.apache.example:widgets-*:2.4.0 in deployment 6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6aa",
            18,
            6_400_000,
            samples.digest("voted"),
            row_key="d4",
            staged_css=css,
            staged_word=word,
            staged_at=samples.ago(30),
        ),
    )


PAST: Final = vote_page.PastVote(
    1, "failed", "refused", samples.ago(9_000), "release-manager", "The NOTICE names another project."
)


def choice(standing: str = "on", **changes: Any) -> voting_page.DeploymentChoice:
    row = samples.row(acts=(), needs_you=False)
    sample = voting_page.DeploymentChoice(
        row, standing, "passed", "On the ballot", "Its files were captured and are on the ballot."
    )
    return dataclasses.replace(sample, **changes)


def off(number: int = 5, **changes: Any) -> voting_page.DeploymentChoice:
    row = samples.row(deployment_id=number, acts=(), needs_you=False, etag=f"d{number}.1")
    reason = "It was staged for candidate 1, whose vote failed."
    sample = voting_page.DeploymentChoice(
        row, "off", "by-hand", "Not on the ballot", reason, "release-manager", samples.ago(9_000)
    )
    return dataclasses.replace(sample, **changes)


def waiting() -> voting_page.DeploymentChoice:
    row = samples.row(
        deployment_id=6, acts=(), is_moving=True, progress="7 of 18 files read", problem="It answered 503."
    )
    return voting_page.DeploymentChoice(row, "waiting", "staged", "Waited for", "The staged files are being captured.")


def voting(**changes: Any) -> voting_page.VotingView:
    sample = voting_page.VotingView(
        head=head(),
        sentence="Nothing holds the vote on candidate 2: it would be about 3 file sets of revision 00003.",
        css="ready",
        candidate=2,
        revision_number="00003",
        ballot_digest=samples.digest("ballot"),
        digest_lines=tuple(f"{line.kind} MAVEN {line.digest}" for line in lines()),
        lines=lines(staged=("live", "Read")),
        choices=(choice(), off()),
        blockers=(),
        warnings=(),
        min_hours=72,
        open_why_not="",
        change_why_not="",
        drop_why_not="",
        past=(PAST,),
        readiness=samples.panel(),
    )
    return dataclasses.replace(sample, **changes)


def papers() -> tuple[vote_page.Paper, ...]:
    return (
        vote_page.Paper("release-manager", "+1", "", samples.ago(3_000), is_binding=True, before=0),
        vote_page.Paper(
            "committee-member", "+1", "Built it.\nRead the NOTICE.", samples.ago(900), is_binding=True, before=1
        ),
        vote_page.Paper("second-member", "-1", "No LICENSE.", samples.ago(800), is_binding=True, before=3),
        vote_page.Paper("a-committer", "0", "", samples.ago(700), is_binding=False, before=0),
    )


def vote(**changes: Any) -> vote_page.VoteView:
    sample = vote_page.VoteView(
        head=head("Vote"),
        sentence="The vote is open until Sat 19 Sep, 14:00 at least; it has 2 of 3 binding +1; you voted +1.",
        css="open",
        word="open",
        candidate=2,
        revision_number="00003",
        opened_at=samples.ago(4_000),
        opened_by="release-manager",
        until=samples.ago(-320),
        min_hours=72,
        needed=3,
        ballot_digest=samples.digest("ballot"),
        digest_lines=tuple(f"{line.kind} MAVEN {line.digest}" for line in lines()),
        lines=lines(),
        plus=2,
        minus=1,
        papers=papers(),
        mine=papers()[1],
        is_binding=True,
        cast_why_not="",
        resolve_why_not="",
        passed_why_not=(reasons.of("too-few-votes", plus=2, minus=1, needed=3),),
        ended=None,
        past=(PAST,),
        etag="abc",
        entries=samples.voter_entries(),
        readiness=samples.panel(),
    )
    return dataclasses.replace(sample, **changes)


def over(word: str = "failed", css: str = "refused", phase: str = "Compose", **changes: Any) -> vote_page.VoteView:
    ended = vote_page.PastVote(2, word, css, samples.ago(10), "release-manager", "No LICENSE.")
    why_not = {"cast_why_not": "The vote is over.", "resolve_why_not": "The vote is over.", "passed_why_not": ()}
    sentence = f"Candidate 2 has {word}, with 2 binding +1 and 1 binding -1."
    return vote(head=head(phase), word=word, css=css, sentence=sentence, ended=ended, **{**why_not, **changes})


_HELD = dataclasses.replace(head("Compose"), embargo="The release is under embargo, so nothing of it leaves ATR.")


def abandoning(**changes: Any) -> resolution.AbandonView:
    sample = resolution.AbandonView(
        head=head("Finish"),
        candidate=2,
        consequences=(
            "The release returns to Compose, where its files can be changed.",
            "The promotion to Maven Central requested by committee-member is stopped before anything is sent.",
        ),
        stays=("Staged deployments stay on the platform; you can drop them afterwards.",),
        why_not="",
    )
    return dataclasses.replace(sample, **changes)


def announcing(**changes: Any) -> resolution.AnnounceView:
    sample = resolution.AnnounceView(
        head=head("Finish"),
        sentence="Nothing blocks the announcement: 1 of 1 voted file set is live.",
        css="ready",
        ballot_digest=samples.digest("ballot"),
        live=(("Maven Central", samples.live().public_urls),),
        not_public=(),
        missing=(),
        lacking_digest="",
        unproved=(),
        unknown_tags=("docs",),
        unprovable=("npm: 3 files were voted on. Nobody can prove from here that they are public.",),
        others=(("Maven Central", "These staged files are differ from the files that the committee voted on."),),
        why_not="",
        announced=None,
    )
    return dataclasses.replace(sample, **changes)


def _voting(view: voting_page.VotingView, **more: Any) -> tuple[str, dict[str, Any]]:
    letter = letters.call_for_votes(view, page=PAGE)
    return "voting.html", {"view": view, "letter": letter, "values": {}, "field_errors": {}, **more}


def _vote(view: vote_page.VoteView, **more: Any) -> tuple[str, dict[str, Any]]:
    letter = letters.for_vote(view, page=PAGE, address=address)
    return "vote.html", {"view": view, "letter": letter, "values": {}, "field_errors": {}, **more}


def _resolve(view: vote_page.VoteView, **more: Any) -> tuple[str, dict[str, Any]]:
    shown = resolution.ResolveView(view, ("deployment 6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6aa",))
    letter = letters.result(view, page=PAGE)
    return "resolve.html", {"view": shown, "letter": letter, "values": {}, "field_errors": {}, **more}


def _announce(view: resolution.AnnounceView, **more: Any) -> tuple[str, dict[str, Any]]:
    letter = letters.announcement(view, page=PAGE)
    return "announce.html", {"view": view, "letter": letter, "values": {}, "field_errors": {}, **more}


def pages() -> dict[str, tuple[str, dict[str, Any]]]:
    """Every page of a vote in every variant."""
    blockers = (
        reasons.of("mapping", problem="“maven/x.jar” is not a path of a Maven repository."),
        reasons.of("unread", deployment="Deployment 6f2a", platform="Maven Central"),
    )
    unreadable = ballot.BallotLine("mapped", "Maven Central", "Files mapped by the policy", 0, 0, "", "No layout.")
    dropping = samples.row(deployment_id=8, deployment_state=states.DeploymentState.DROPPING, acts=(), is_moving=True)
    form = {"values": {"reason": "x" * 20}, "field_errors": {"reason": "Enter a reason of at most 500 characters."}}
    return {
        "voting": _voting(voting()),
        "voting-held": _voting(
            voting(
                css="held",
                sentence="The vote on candidate 2 is blocked by 2 conditions.",
                blockers=blockers,
                lines=(*lines(), unreadable),
                choices=(choice(), off(), off(7), waiting()),
                warnings=("No deployment on Maven Central is on the ballot.",),
            ),
            field_errors={"form": "The ballot is changed since you opened the page. No vote was opened."},
        ),
        "voting-empty": _voting(
            voting(lines=(), choices=(), ballot_digest="", digest_lines=(), past=(), blockers=blockers[:1])
        ),
        "voting-reader": _voting(
            voting(
                open_why_not="Only release managers and members of the Example committee can open a vote.",
                change_why_not="Only release managers and members of the committee can change the ballot.",
                choices=(off(8, row=dropping, drop_why_not="It is dropping, so there is nothing to drop."),),
            )
        ),
        "voting-open": _voting(
            voting(head=head("Vote"), css="open", open_why_not="A vote can be opened only in Compose.")
        ),
        "vote": _vote(vote()),
        "vote-first": _vote(vote(papers=(), mine=None, plus=0, minus=0, past=(), is_binding=False)),
        "vote-wrong": _vote(
            vote(mine=None, passed_why_not=()),
            values={"choice": "+1", "comment": "x" * 50},
            field_errors={"comment": "This is too long.", "choice": "Choose a value from the list."},
        ),
        "vote-reader": _vote(
            vote(
                mine=None,
                cast_why_not="Only committers of the Example committee can vote here.",
                resolve_why_not="Only release managers of the Example committee can resolve the vote.",
                lines=lines(staged=("refused", "Differs")),
            ),
            session_user="",
        ),
        "vote-none": _vote(vote(head=head(), word="none", candidate=0, lines=(), ended=None, papers=())),
        "vote-failed": _vote(over(), values={"comment": "Read it all."}, field_errors={"form": "The vote is over."}),
        "vote-passed": _vote(over("passed", "passed", "Finish")),
        "vote-abandoned": _vote(over("abandoned", "aborted", "Announced", lines=lines(staged=("dropped", "Dropped")))),
        "count-open": ("vote/count.html", {"view": vote()}),
        "resolve": _resolve(vote()),
        "resolve-passing": _resolve(vote(passed_why_not=(), plus=3)),
        "resolve-wrong": _resolve(vote(), **form),
        "resolve-over": _resolve(over()),
        "resolve-reader": _resolve(vote(resolve_why_not="Only release managers of the Example committee can.")),
        "embargo": (
            "embargo.html",
            {"view": releases.EmbargoView(_HELD, holds=True), "values": {}, "field_errors": {}},
        ),
        "embargo-wrong": ("embargo.html", {"view": releases.EmbargoView(_HELD, holds=True), **form}),
        "embargo-lifted": (
            "embargo.html",
            {"view": releases.EmbargoView(_HELD, holds=False), "values": {}, "field_errors": {}},
        ),
        "abandon": ("abandon.html", {"view": abandoning(), "values": {}, "field_errors": {}}),
        "abandon-wrong": ("abandon.html", {"view": abandoning(head=head("Vote")), **form}),
        "abandon-late": (
            "abandon.html",
            {
                "view": abandoning(why_not="A publish request was sent."),
                "values": {},
                "field_errors": {"form": "No."},
            },
        ),
        "announce": _announce(announcing()),
        "announce-wrong": _announce(
            announcing(live=(), unprovable=(), others=()),
            values={"version": "2.4"},
            field_errors={"version": "The version does not match. Type 2.4.0."},
        ),
        "announce-without": _announce(
            announcing(
                sentence="0 of 1 voted file set is live.",
                css="held",
                live=(),
                not_public=(samples.not_public(), samples.not_public(anchor="", has_row=False)),
                missing=("The policy maps files to npm, and no third-party distribution is public there.",),
                lacking_digest="ab" * 32,
            ),
            values={"version": "2.4.0", "reason": ""},
            field_errors={"reason": "Enter a reason of at most 500 characters."},
        ),
        "announce-unproved": _announce(
            announcing(
                css="held",
                unproved=(
                    ("pkg:pypi/widgets@2.4.0", "widgets:2.4.0 on PyPI"),
                    ("pkg:npm/widgets@2.4.0", "widgets on npm"),
                ),
            ),
            values={"version": "2.4.0", "vouch:pkg:pypi/widgets@2.4.0": "on", "reason": ""},
            field_errors={"reason": "Enter a reason of at most 500 characters."},
        ),
        "announce-over": _announce(
            announcing(why_not="The release has already been announced.", announced=samples.announced_without())
        ),
        "announce-held": _announce(announcing(css="held", why_not="A promotion is on its way.")),
    }
