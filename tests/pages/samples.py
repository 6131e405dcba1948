# SPDX-License-Identifier: Apache-2.0
"""Views as the readers make them, one function each; every field can be replaced by keyword."""

import dataclasses
import datetime
import hashlib
from collections.abc import Mapping
from typing import Any, Final, TypeVar, cast

import atr.models.paging as paging
import atr.models.sessions as signed_in
import atr.pages.distributions as distributions
import atr.pages.finish as finish_page
import atr.pages.not_public as not_public_page
import atr.pages.readiness as readiness
import atr.pages.releases as releases_page
import atr.pages.repository as repository
import atr.pages.searches as searches_page
import atr.pages.views as views
import atr.promotion.states as states
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms

_T = TypeVar("_T")

NOW: Final = datetime.datetime(2026, 9, 17, 21, 31, 21, tzinfo=datetime.UTC)
MAVEN: Final = distribution.DistributionPlatform.MAVEN
PORTAL: Final = mechanisms.Mechanism.CENTRAL_PORTAL

# What a person could write into any field that takes text.
HOSTILE: Final = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7*7 }}"
LONG: Final = ("a-very-long-name-without-a-single-place-to-break/" * 8)[:300]

# Fields whose words choose a class, a route or a platform: ours, never free text.
_CLASSES: Final = frozenset(
    {"css", "group", "result", "staged_link", "public_link", "platform_name", "phase_word", "platform", "staged_css"}
)
# Words for programs, by who has them: a template asks for them, or they name a row of a table.
_CODES: Final[Mapping[type, frozenset[str]]] = {views.Act: frozenset({"name"}), reasons.Reason: frozenset({"code"})}


def ago(minutes: float) -> datetime.datetime:
    return NOW - datetime.timedelta(minutes=minutes)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def side(text: str = "voted", **changes: Any) -> views.Side:
    return dataclasses.replace(views.Side(files=18, size=6_400_000, digest=digest(text), at=ago(30)), **changes)


def proof(**changes: Any) -> views.Proof:
    """Staged equals voted, nothing public yet."""
    sample = views.Proof(voted=side(), staged=side(), public=None, staged_link="equal", public_link="pending")
    return dataclasses.replace(sample, **changes)


def standing(css: str = "ready", **changes: Any) -> views.Standing:
    sentence = "Verified; waiting for a committee member."
    sample = views.Standing(css=css, word="Ready", sentence=sentence, who="a committee member", since=ago(9))
    return dataclasses.replace(sample, **changes)


def standing_of(state: states.State) -> views.Standing:
    words = states.WORDS[state]
    return views.Standing(css=state.value, word=words.word, sentence=words.sentence, who=words.who, since=ago(9))


def packages(*names: str) -> tuple[distribution.Coordinates, ...]:
    names = names or ("widgets-parent", "widgets-core", "widgets-cli")
    return tuple(distribution.Coordinates("MAVEN", "org.apache.example", name, "2.4.0") for name in names)


def act(name: str = "verify", label: str = "Verify now", **changes: Any) -> views.Act:
    return dataclasses.replace(views.Act(name=name, label=label), **changes)


PROMOTE: Final = act("promote", "Promote to Maven Central…", primary=True)


def row(**changes: Any) -> views.DeploymentView:
    """A staged deployment that a committee member may promote now."""
    sample = views.DeploymentView(
        deployment_id=4,
        promotion_id=None,
        release_key="example-widgets-2.4.0",
        project_key="example-widgets",
        project_name="Example Widgets",
        version_key="2.4.0",
        platform=MAVEN,
        external_id="6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6aa",
        packages=packages(),
        packages_line="org.apache.example:widgets-*:2.4.0",
        standing=standing(),
        deployment_state=states.DeploymentState.STAGED,
        state=None,
        proof=proof(),
        progress="",
        done=0,
        total=0,
        next_sentence="It waits for a committee member.",
        next_note="",
        needs_you=True,
        needs_person="a committee member",
        elapsed=None,
        next_look=None,
        last_look=ago(2),
        reason="",
        problem="",
        blockers=(),
        acts=(PROMOTE, act()),
        by_hand=False,
        out_of_band=False,
        staged_by="release-manager",
        staged_at=ago(5000),
        revision_number="00003",
        requested_by="",
        requested_at=None,
        publish_calls=0,
        bytes_sent=0,
        platform_word="VALIDATED",
        public_urls=(),
        mechanism=PORTAL,
        evidence_digest=digest("evidence"),
        row_version=3,
        is_moving=False,
        etag="d4.3",
    )
    return dataclasses.replace(sample, **changes)


def requested(**changes: Any) -> views.DeploymentView:
    """Asked for, and held by two gates."""
    sample = row(
        promotion_id=7,
        state=states.State.REQUESTED,
        standing=standing_of(states.State.REQUESTED),
        needs_you=False,
        next_sentence="Two things hold it.",
        requested_by="release-manager",
        requested_at=ago(20),
        acts=(
            act(
                "promote",
                "Promote to Maven Central…",
                why_not="The policy does not allow it. A release manager can change this.",
            ),
            act(
                "abort",
                "Stop it",
                needs_reason=True,
                note="Nothing was sent yet, so stopping it leaves everything as it is.",
            ),
        ),
        blockers=(
            reasons.of("policy", platform="Maven Central"),
            reasons.of("not-captured"),
        ),
        check_messages=(("warning", "The signature of widgets-cli-2.4.0.jar is by a key that expires in 9 days."),),
    )
    return dataclasses.replace(sample, **changes)


def moving(state: states.State = states.State.PUBLISHING, **changes: Any) -> views.DeploymentView:
    """After the call, with no end yet."""
    sample = row(
        promotion_id=7,
        state=state,
        standing=standing_of(state),
        needs_you=False,
        needs_person="",
        next_sentence="No action is needed. You can close this page.",
        elapsed=views.Elapsed(minutes=12, usual_from=10, usual_to=40, scale=60),
        next_look=ago(-1),
        acts=(act("look", "Check now"),),
        requested_by="committee-member",
        requested_at=ago(13),
        publish_calls=1,
        bytes_sent=912,
        platform_word="PUBLISHING",
        progress="9 of 18 public files read" if (state is states.State.CHECKING) else "",
        done=9 if (state is states.State.CHECKING) else 0,
        total=18 if (state is states.State.CHECKING) else 0,
        is_moving=True,
        etag="d4.5",
    )
    return dataclasses.replace(sample, **changes)


def live(**changes: Any) -> views.DeploymentView:
    """Public and equal."""
    sample = moving(
        states.State.LIVE,
        deployment_state=states.DeploymentState.PUBLISHED,
        proof=proof(public=side(), public_link="equal"),
        next_sentence="Nothing is left to do.",
        elapsed=None,
        next_look=ago(-60),
        acts=(),
        platform_word="PUBLISHED",
        public_urls=(("widgets-core", "https://central.example/org/apache/example/widgets-core/2.4.0/"),),
        is_moving=False,
        etag="d4.9",
    )
    return dataclasses.replace(sample, **changes)


def refused(**changes: Any) -> views.DeploymentView:
    """One staged file differs; nothing was sent."""
    sample = row(
        promotion_id=7,
        state=states.State.REFUSED,
        standing=standing_of(states.State.REFUSED),
        proof=proof(staged=side("other", size=6_399_100), staged_link="differs"),
        reason="1 of 18 staged files differs from the voted file: widgets-core-2.4.0.jar. Nothing was sent.",
        next_sentence="Restage the voted files; the vote stays valid, because the bytes are the voted ones.",
        acts=(
            act(
                "stage_automate",
                "Stage the voted files…",
                primary=True,
                note="We upload them from the voted revision and compare them again.",
            ),
            act(
                "drop",
                "Drop this deployment",
                needs_reason=True,
                note="Maven Central forgets these files. Nothing of them is public.",
            ),
        ),
        blockers=(reasons.of("not-on-ballot"),),
        requested_by="committee-member",
        requested_at=ago(13),
    )
    return dataclasses.replace(sample, **changes)


def diverged(**changes: Any) -> views.DeploymentView:
    """Public, and not what was voted on."""
    sample = live(
        state=states.State.DIVERGED,
        standing=standing_of(states.State.DIVERGED),
        proof=proof(public=side("altered", size=6_400_001), public_link="differs"),
        reason="1 of 18 public files differs from the voted file, seen in two complete reads.",
        needs_you=True,
        next_sentence="Find out who changed the file, and tell the users.",
        acts=(
            act(
                "recheck",
                "Compare again",
                needs_reason=True,
                primary=True,
                note="For when the platform serves the voted files again.",
            ),
        ),
    )
    return dataclasses.replace(sample, **changes)


def in_doubt(**changes: Any) -> views.DeploymentView:
    """Sent, and no definite word since."""
    sample = moving(
        states.State.IN_DOUBT,
        needs_you=True,
        needs_person="a committee member",
        problem="Maven Central gave no definite answer in 41 looks over 24 hours.",
        next_sentence="Search Maven Central for the upload, then enter the result here.",
        elapsed=None,
        acts=(
            act("look", "Check now", note="We go on looking by ourselves; this makes it now."),
            act(
                "send-again",
                "Send it once more",
                needs_reason=True,
                note="Only if the deployment is still staged on the platform's page.",
            ),
            act(
                "not-published",
                "It was not published",
                why_not="Possible after 24 hours in which nothing of it was public, on Fri 18 Sep, 21:05.",
            ),
        ),
    )
    return dataclasses.replace(sample, **changes)


def aborted(**changes: Any) -> views.DeploymentView:
    """Stopped by a person before anything became public."""
    sample = row(
        promotion_id=7,
        state=states.State.ABORTED,
        standing=standing_of(states.State.ABORTED),
        needs_you=False,
        reason="Stopped by release-manager: the release notes name the wrong version.",
        next_sentence="It can be requested again.",
    )
    return dataclasses.replace(sample, **changes)


def by_hand(**changes: Any) -> views.DeploymentView:
    """Only tracked: recorded as uploaded by a person."""
    sample = requested(
        deployment_id=None,
        promotion_id=7,
        deployment_state=None,
        external_id="",
        standing=standing(
            "by-hand",
            word="By hand",
            sentence="Somebody uploads it; we prove it the same way.",
            who="the release manager",
        ),
        proof=proof(staged=None, staged_link="pending"),
        next_sentence="We look for it in public until it is there.",
        acts=(act("abort", "Stop tracking", needs_reason=True),),
        blockers=(),
        check_messages=(),
        by_hand=True,
        revision_number="",
        platform_word="",
        etag="p7.2",
    )
    return dataclasses.replace(sample, **changes)


def unread(**changes: Any) -> views.DeploymentView:
    """Recorded a moment ago: nothing is read and nothing is voted."""
    words = states.DEPLOYMENT_WORDS[states.DeploymentState.VALIDATING]
    sample = row(
        standing=standing("validating", word=words.word, sentence=words.sentence, who=words.who),
        deployment_state=states.DeploymentState.VALIDATING,
        proof=views.Proof(None, None, None, "pending", "pending"),
        progress="312 of 3,000 files read",
        done=312,
        total=3000,
        packages=(),
        packages_line="",
        needs_you=False,
        needs_person="",
        next_sentence="",
        acts=(),
        last_look=None,
        is_moving=True,
        etag="d4.1",
    )
    return dataclasses.replace(sample, **changes)


def verified(**changes: Any) -> views.Verified:
    """Verify now that found every file equal."""
    sample = views.Verified(
        asked_by="release-manager", asked_at=ago(4), at=ago(3), done=18, total=18, digest=digest("staged"), problem=""
    )
    return dataclasses.replace(sample, **changes)


def waiting(**changes: Any) -> views.DeploymentView:
    """Asked for behind another one that was refused."""
    stopped = reasons.of("stopped", ending="org.apache.example:widgets-core:2.4.0 on Maven Central is refused")
    sample = requested(
        standing=dataclasses.replace(standing_of(states.State.REQUESTED), sentence=stopped.sentence, who=stopped.who),
        needs_you=True,
        next_sentence=stopped.sentence,
        acts=(
            act(
                "go_on",
                "Continue anyway",
                needs_reason=True,
                primary=True,
                note="org.apache.example:widgets-core:2.4.0 on Maven Central is refused. See its page for the reason.",
            ),
            act("abort", "Stop it", needs_reason=True),
        ),
        blockers=(stopped,),
    )
    return dataclasses.replace(sample, **changes)


def promote_all(**changes: Any) -> finish_page.PromoteAllView:
    """Two that are ready, and one that is left out."""
    sample = finish_page.PromoteAllView(
        head=views.ReleaseHead(
            "example-widgets", "Example Widgets", "Example", "2.4.0", "example-widgets-2.4.0", "Finish"
        ),
        rows=(row(deployment_id=4), row(deployment_id=5, packages_line="org.apache.example:widgets-cli:2.4.0")),
        left_out=(("org.apache.example:old-*:2.4.0 on Maven Central", "d3", "It is not staged; it is gone."),),
        why_not="",
        undo=(PORTAL.undo,),
    )
    return dataclasses.replace(sample, **changes)


def candidate(**changes: Any) -> searches_page.CandidateView:
    """A deployment that holds what is looked for."""
    sample = searches_page.CandidateView(
        external_id="6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6aa",
        name="Deployment",
        word="VALIDATED",
        packages=packages(),
        packages_line="org.apache.example:widgets-*:2.4.0",
        created=ago(90),
        row_key="",
        why_not="",
    )
    return dataclasses.replace(sample, **changes)


def searches() -> dict[str, searches_page.SearchView]:
    """A search in each of its situations."""
    asked = searches_page.SearchView(
        head=promote_all().head,
        number=3,
        coordinates=packages("widgets-core")[0],
        asked_by="committee-member",
        asked_at=ago(2),
        answered_at=ago(1),
        problem="",
        candidates=(),
        etag="3.answered",
    )
    other = "It contains packages outside the project's namespaces, so it is not listed."
    found = (
        candidate(),
        candidate(external_id="6f2a9c54-0000", row_key="d4", why_not="It is already recorded for this release."),
        candidate(external_id="6f2a9c54-0001", name="", word="", packages=(), created=None, why_not=other),
    )
    return {
        "waiting": dataclasses.replace(asked, answered_at=None, etag="3.waiting"),
        "nothing": asked,
        "found": dataclasses.replace(asked, candidates=found),
        "down": dataclasses.replace(asked, problem="Central's portal gave no complete answer. It will be retried."),
    }


def several() -> tuple[views.DeploymentView, ...]:
    """Two that are ready: the page's first button is for both."""
    plain = (dataclasses.replace(PROMOTE, primary=False), act())
    return (row(deployment_id=4, acts=plain), row(deployment_id=5, acts=plain))


def rows() -> dict[str, views.DeploymentView]:
    """One row in each state it can be in."""
    return {
        "ready": row(),
        "requested": requested(),
        "sending": moving(states.State.SENDING),
        "publishing": moving(),
        "checking": moving(states.State.CHECKING),
        "live": live(),
        "aborting": moving(states.State.ABORTING, elapsed=None),
        "aborted": aborted(),
        "refused": refused(),
        "in-doubt": in_doubt(),
        "diverged": diverged(),
        "by-hand": by_hand(),
        "unread": unread(),
        "out-of-band": live(out_of_band=True, publish_calls=0, bytes_sent=0),
        "waiting": waiting(),
        "verifying": row(verified=verified(at=None, done=7, digest=""), is_moving=True),
        "verified": row(verified=verified()),
        "verified-differs": row(verified=verified(problem="1 staged file differs: widgets-core-2.4.0.jar.")),
        "not-verified": row(verified=verified(digest="", problem="Central's portal gave no complete answer.")),
        "sent": unread(progress="412 of 1,030 MB sent", done=412_000_000, total=1_030_000_000),
        "slow": moving(elapsed=views.Elapsed(minutes=200, usual_from=0.1, usual_to=40, scale=120)),
        **{
            state.value: row(
                standing=views.Standing(state.value, words.word, words.sentence, words.who, ago(3)),
                deployment_state=state,
                acts=(),
                needs_you=False,
            )
            for state, words in states.DEPLOYMENT_WORDS.items()
        },
    }


def file(name: str = "widgets-core-2.4.0.jar", result: str = "equal", **changes: Any) -> views.FileRow:
    directory = "org/apache/example/widgets-core/2.4.0/"
    same = digest(name)
    sample = views.FileRow(
        path=directory + name,
        directory=directory,
        name=name,
        size=1_900_000,
        result=result,
        voted=same,
        staged=same,
        public=same,
    )
    return dataclasses.replace(sample, **changes)


def files() -> tuple[views.FileRow, ...]:
    """One file of each result, in two directories."""
    other = {"directory": "org/apache/example/widgets-cli/2.4.0/"}
    return (
        file("widgets-core-2.4.0.pom", size=3_400),
        file("widgets-core-2.4.0.jar", "differs", public=digest("altered")),
        file("widgets-core-2.4.0-sources.jar", "missing", public=""),
        file("widgets-core-2.4.0-tests.jar", "extra", voted="", staged=""),
        file("widgets-cli-2.4.0.pom", "equal", size=2_800, **other),
        file("widgets-cli-2.4.0-bin.zip", "renamed", voted="", note="voted as widgets-cli-2.4.0-rc2-bin.zip", **other),
        file("widgets-cli-2.4.0.jar", "pending", public=None, **other),
    )


def entry(text: str = "Requested the remote promotion.", **changes: Any) -> views.TimelineEntry:
    sample = views.TimelineEntry(at=ago(27), actor="committee-member", text=text)
    return dataclasses.replace(sample, **changes)


def timeline() -> tuple[views.TimelineEntry, ...]:
    return (
        entry("18 staged files read and hashed.", at=ago(5000), actor=""),
        entry(at=ago(30)),
        entry("18 staged files read again; all identical to the voted files.", at=ago(29), actor=""),
        entry(
            "Mark written. From here on the publish request may have been sent, and is never sent blindly again.",
            at=ago(28),
            actor="",
            no_return=True,
        ),
        entry("Sent once. It answered 204.", at=ago(28), actor=""),
        entry("Maven Central says PUBLISHING.", at=ago(20), actor="", repeats=12),
        entry("18 public files read; all identical to the voted files.", at=ago(1), actor=""),
        entry("Live.", at=NOW, actor="", is_end=True),
    )


def detail(**changes: Any) -> views.DeploymentDetail:
    sample = views.DeploymentDetail(
        row=live(),
        files=tuple(file(name, size=833) for name in ("a.pom", "b.jar", "c.jar.asc")),
        tally=(("equal", 18), ("differ", 0), ("missing", 0), ("extra", 0), ("renamed", 0)),
        files_cut=False,
        files_total=18,
        staged_read_at=None,
        timeline=timeline(),
    )
    return dataclasses.replace(sample, **changes)


def third_party(**changes: Any) -> distributions.DistributionView:
    sample = distributions.DistributionView(
        platform=distribution.DistributionPlatform.PYPI,
        coordinates=distribution.Coordinates("PYPI", "", "apache-example-widgets", "2.4.0"),
        staging=False,
        pending=False,
        proof=distribution.Proof.UNPROVED,
        word="unproved",
        sentence="We cannot read what is public there, so nothing is claimed about it.",
        upload_date=None,
        api_url="",
        web_url="",
        created_by="release-manager",
        created=ago(700),
        delete_why_not="",
        deployment_id=None,
    )
    return dataclasses.replace(sample, **changes)


def missing(**changes: Any) -> finish_page.Missing:
    sample = finish_page.Missing(
        css="ready", what="Maven Central waits for the click.", who="you", since=ago(9), you=True, anchor="d4"
    )
    return dataclasses.replace(sample, **changes)


_READINESS: Final = (
    ("credential", "Credentials work", "passed", "Yes", "Maven Central knows our credential.", ""),
    ("right", "Permission to publish", "passed", "Yes", "The account may publish as org.apache.example.", ""),
    ("free", "Version not published yet", "passed", "Yes", "All 3 packages are free in this version.", ""),
    ("names", "Within the project's namespaces", "passed", "Yes", "All lie inside org.apache.example.", ""),
    ("policy", "Allowed by the policy", "passed", "Yes", "Remote promotion to Maven Central is on.", ""),
    ("mapping", "Staged files match the mapped files", "passed", "Yes", "All 18 files that are mapped are staged.", ""),
    ("lasts", "Staged deployment still exists", "unproved", "Not known", "It is staged since 17 Sep.", "nobody"),
    ("finish", "Conditions for promotion", "passed", "Yes", "All conditions are met.", ""),
)


def panel(**changes: Any) -> readiness.Panel:
    """Nothing would stop it."""
    sample = readiness.Panel(
        project_key="example-widgets",
        version_key="2.4.0",
        css="passed",
        sentence="All checks passed.",
        platforms=("Maven Central",),
        checks=tuple(
            readiness.Check(code, title, (cell(css, word, sentence, who),))
            for code, title, css, word, sentence, who in _READINESS
        ),
        asked_at=ago(9),
        is_asking=False,
        ask_why_not="",
        etag="r1",
    )
    return dataclasses.replace(sample, **changes)


def cell(css: str, word: str, sentence: str, who: str, *, asked: bool = True) -> readiness.Cell:
    return readiness.Cell(css, word, (readiness.Line(sentence, who),), ago(9) if asked else None)


def panels() -> dict[str, readiness.Panel]:
    """Where the panel can stand."""
    no = cell("refused", "No", "The token was refused with 401.", "an operator")
    doubt = cell("warning", "No", "Of 18 files: 1 mapped and not staged (a.jar).", "the release manager")
    blockers = readiness.Cell(
        "refused",
        "No",
        tuple(
            readiness.Line(f"Reason {number} that a gate gives, in a sentence of some length.", who)
            for number, who in enumerate(("a foundation admin", "a committee member", "nobody"))
        ),
    )
    answers = (no, cell("unproved", "Not known", "Not checked.", "nobody"), doubt, blockers)
    return {
        "no": panel(
            css="refused",
            sentence="The promotion would be refused: 2 checks of 4 failed.",
            checks=tuple(
                readiness.Check(str(number), f"Check {number}", (one, one)) for number, one in enumerate(answers)
            ),
            platforms=("Maven Central", "Another platform"),
        ),
        "asking": panel(is_asking=True, asked_at=None, css="warning", sentence="8 answers of 8 are open."),
        "stranger": panel(ask_why_not="Only committers of the Example committee can run the checks.", asked_at=None),
        "nothing": panel(platforms=(), checks=(), asked_at=None, css="draft", sentence="There is nothing to check."),
    }


def finish(**changes: Any) -> finish_page.FinishView:
    """One live, one to click, one moving, one by hand."""
    sample = finish_page.FinishView(
        project_key="example-widgets",
        project_name="Apache Example Widgets",
        committee_name="Apache Example committee",
        version_key="2.4.0",
        release_key="example-widgets-2.4.0",
        phase_word="Finish",
        sentence="1 of 4 voted file sets are live; one is waiting for you, one is publishing, one is by hand.",
        css="ready",
        promote_all=False,
        vote_passed_at=ago(700),
        binding_plus=5,
        binding_minus=0,
        voted_revision="00004",
        ballot_digest=digest("ballot"),
        rows=(
            live(deployment_id=2, etag="d2.9"),
            row(packages=packages("widgets-extras"), packages_line="org.apache.example:widgets-extras:2.4.0"),
            moving(deployment_id=5, etag="d5.5"),
            by_hand(promotion_id=8, etag="p8.2"),
        ),
        missing=(
            missing(),
            missing(
                css="publishing",
                what="Maven Central does not show the tools yet.",
                who="nobody",
                you=False,
                anchor="d5",
            ),
            missing(
                css="by-hand",
                what="Nothing of widgets-legacy is public.",
                who="the release manager",
                you=False,
                anchor="p8",
            ),
        ),
        nothing_missing="Nothing is missing. Everything voted on for a platform is published.",
        others=(third_party(),),
        announce_why_not="A promotion is on its way. It opens when every promotion has ended.",
        announce_note="",
        announce_needs_reason=False,
        announced=None,
        record_why_not="",
        readiness=panel(),
    )
    return dataclasses.replace(sample, **changes)


def not_public(**changes: Any) -> not_public_page.NotPublic:
    sample = not_public_page.NotPublic(
        platform=distribution.DistributionPlatform.MAVEN,
        packages_line="org.apache.example:widgets-extras:2.4.0",
        files=12,
        name="org.apache.example:widgets-extras:2.4.0 on Maven Central (12 files)",
        sentence="The platform no longer shows the deployment. Restage the voted files.",
        since=ago(30),
        anchor="d4",
        has_row=False,
    )
    return dataclasses.replace(sample, **changes)


def announced(**changes: Any) -> not_public_page.Announced:
    return dataclasses.replace(not_public_page.Announced("release-manager", ago(10), "", (), (), ()), **changes)


def announced_without() -> not_public_page.Announced:
    return announced(
        by="committee-member",
        reason="The portal lost it; 2.4.1 follows.",
        without=(not_public().name,),
        waived=("npm",),
        vouched=("apache-example-widgets:2.4.0 on PyPI",),
    )


def release_line(**changes: Any) -> releases_page.ReleaseLine:
    sample = releases_page.ReleaseLine(
        project_key="example-widgets",
        project_name="Example Widgets",
        version_key="2.4.0",
        phase_word="Finish",
        thirds=3,
        group="you",
        todo="Maven Central is waiting for you since 21:22.",
        where=(("live", "Maven Central", "live"), ("ready", "Maven Central", "ready"), ("by-hand", "PyPI", "by hand")),
    )
    return dataclasses.replace(sample, **changes)


def releases(**changes: Any) -> releases_page.ReleaseList:
    sample = releases_page.ReleaseList(
        sentence="2 of 6 releases need you; one of them is an incident.",
        css="diverged",
        lines=(
            release_line(
                project_name="Example Gizmos",
                version_key="3.1.0",
                where=(("diverged", "Maven Central", "diverged"),),
                todo="Maven Central serves files that nobody voted on, since 20:15.",
            ),
            release_line(),
            release_line(
                group="others",
                version_key="4.0.0-beta.2",
                where=(("in-doubt", "Maven Central", "in doubt"),),
                todo="Maven Central gave no answer to the call. An operator is looking.",
            ),
            release_line(
                group="others",
                version_key="1.9.2",
                phase_word="Vote",
                thirds=2,
                where=(("staged", "Maven Central", "staged"),),
                todo="The vote is open.",
            ),
            release_line(
                group="others",
                project_name="Sample Ledger",
                version_key="0.12.0",
                phase_word="Compose",
                thirds=1,
                where=(),
                todo="Nothing is staged.",
            ),
            release_line(
                group="itself",
                version_key="5.0.0-M2",
                where=(("checking", "Maven Central", "checking"),),
                todo="9 of 24 public files compared.",
            ),
        ),
    )
    return dataclasses.replace(sample, **changes)


def upload(count: int, **changes: Any) -> distributions.Upload:
    """So many packages of a POM and a jar each, none of which has its checksums yet."""
    names = ["widgets-core", *(f"widgets-module-{number}" for number in range(1, count))]
    sample = distributions.Upload(
        files=2 * count,
        made=4 * count,
        size=640_144 * count,
        packages=count,
        limit=PORTAL.largest_upload,
        may_be_too_large=False,
        listed=tuple(
            distributions.Package(
                name=f"org.apache.example:{name}:2.4.0",
                files=2,
                size=640_000,
                lines=tuple(
                    distributions.Line(
                        f"{name}-2.4.0.{end}", f"maven/org/apache/example/{name}/2.4.0/{name}-2.4.0.{end}", size
                    )
                    for end, size in (("jar", 636_000), ("pom", 4_000))
                ),
            )
            for name in names
        ),
        page=1,
        pages=1,
    )
    return dataclasses.replace(sample, **changes)


def form(**changes: Any) -> distributions.RecordFormView:
    sample = distributions.RecordFormView(
        project_key="example-widgets",
        project_name="Apache Example Widgets",
        version_key="2.4.0",
        phase_word="Finish",
        platforms=(
            ("MAVEN", "Maven Central", "We read what is staged, prove it and can promote it."),
            ("NPM", "npm", distribution.DistributionPlatform.NPM.why_not),
            ("PYPI", "PyPI", distribution.DistributionPlatform.PYPI.why_not),
        ),
        upload=upload(1),
        why_not="",
        mapping=("maven/**",),
        target_namespaces=("org.apache.example",),
        revision_number="00004",
    )
    return dataclasses.replace(sample, **changes)


def listing(**changes: Any) -> distributions.DistributionList:
    maven = third_party(
        platform=MAVEN,
        coordinates=packages()[1],
        pending=False,
        proof=distribution.Proof.PROVED,
        word="public",
        sentence="Public, and equal to what was voted on.",
        upload_date=ago(60),
        api_url="https://central.example/maven-metadata",
        web_url="https://central.example/widgets-core",
        delete_why_not="a publish call was made for it, so the record stays.",
        deployment_id=4,
    )
    sample = distributions.DistributionList(
        project_key="example-widgets",
        project_name="Apache Example Widgets",
        committee_name="Apache Example committee",
        version_key="2.4.0",
        release_key="example-widgets-2.4.0",
        phase_word="Finish",
        not_public=(not_public(),),
        part=paging.Part(2, 5, 204),
        distributions=(
            maven,
            dataclasses.replace(
                maven,
                word="staged",
                sentence="Staged on Maven Central.",
                staging=True,
                web_url="",
                proof=distribution.Proof.UNPROVED,
            ),
            dataclasses.replace(
                maven,
                word="pending",
                proof=distribution.Proof.UNPROVED,
                sentence="Not public yet; it is checked again at 21:40.",
                pending=True,
                delete_why_not="",
            ),
            third_party(),
        ),
        deployments=(live(), moving(deployment_id=5, etag="d5.5")),
        change_why_not="",
    )
    return dataclasses.replace(sample, **changes)


def spoilt(value: _T, text: str) -> _T:
    """The same view with `text` in every field that holds free text; words that choose a class stay."""
    changed: Any = value
    if isinstance(value, str):
        changed = text
    elif isinstance(value, tuple):
        changed = tuple(spoilt(item, text) for item in value)
    elif isinstance(value, list):
        changed = [spoilt(item, text) for item in value]
    elif isinstance(value, dict):
        changed = {name: spoilt(item, text) for name, item in value.items()}
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = _CLASSES | _CODES.get(type(value), frozenset())
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        free = {name: item for name, item in fields.items() if (name not in kept) and (item != "")}
        changed = dataclasses.replace(value, **{name: spoilt(item, text) for name, item in free.items()})
    return cast("_T", changed)


def voter_entries() -> tuple[repository.VoterEntry, ...]:
    """What a voter can get: the revision, a deployment of which a copy is kept, and one without."""
    revision = repository.VoterEntry(
        "revision", "The revision's files", "example-widgets", "2.4.0", digest("voted"), 22, 7_200_000, ""
    )
    kept = dataclasses.replace(
        revision,
        kind="deployment",
        title="Deployment 6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6aa on Maven Central",
        repository_id="example-widgets-2.4.0-3f2a9c5481be",
        example="org.example.widgets:widgets-core:2.4.0",
    )
    without = dataclasses.replace(
        kept,
        why_not="Maven Central shows its files only to the account that staged them, and ATR keeps no copy. A "
        "release manager can enable copies in the project's policy.",
    )
    return revision, kept, without


def folder(**changes: Any) -> repository.ServedFolder:
    """A folder of a candidate, with a folder and a file."""
    path = "org/example/"
    made = repository.ServedFolder(
        project_key="example-widgets",
        project_name="Example Widgets",
        version_key="2.4.0",
        digest=digest("voted"),
        path=path,
        lines=(
            repository.FolderLine("widgets-core/", f"{path}widgets-core/"),
            repository.FolderLine("widgets-core-2.4.0.jar", f"{path}widgets-core-2.4.0.jar", 6_400_000, digest("core")),
        ),
        total=2,
        opened=NOW,
    )
    return dataclasses.replace(made, **changes)


def again(**changes: Any) -> repository.AgainView:
    """Voted files that would be staged once more."""
    made = repository.AgainView(
        project_key="example-widgets",
        project_name="Example Widgets",
        committee_name="Example",
        version_key="2.4.0",
        release_key="example-widgets-2.4.0",
        phase_word="Finish",
        platform_name="Maven Central",
        digest=digest("voted"),
        source="the kept copy",
        lines=folder().lines[1:],
        files=1,
        size=6_400_000,
        why_not="",
    )
    return dataclasses.replace(made, **changes)


def sessions() -> tuple[signed_in.Session, ...]:
    """Three browsers of one person."""
    return tuple(
        signed_in.Session(str(number) * 64, "committee-member", "192.0.2.7", ago(60 * number), ago(number), ago(9))
        for number in (1, 2, 3)
    )
