# SPDX-License-Identifier: Apache-2.0
"""Views, facts and files to start a test from; each keyword is a thing that a test changes."""

import datetime
import hashlib
from collections.abc import Sequence
from typing import Final

import atr.promotion.deployments as deployments
import atr.promotion.fileset as fileset
import atr.promotion.gates as gates
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.promotion.timing as timing
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms

NOW: Final = datetime.datetime(2026, 5, 4, 12, 0, tzinfo=datetime.UTC)
TIMING: Final = steps.Timing()
PORTAL: Final = mechanisms.Mechanism.CENTRAL_PORTAL


def ago(seconds: float) -> datetime.datetime:
    """That many seconds before NOW; negative is after."""
    return NOW - datetime.timedelta(seconds=seconds)


def view(
    state: states.State,
    *,
    answers: Sequence[steps.Answer] = (),
    mechanism: mechanisms.Mechanism = PORTAL,
    age: float = 0,
    marked: float | None = None,
    overdue: bool = False,
    by_hand: bool = False,
    held: bool = False,
    resend: bool = False,
    waits: bool = False,
    unsure: bool = False,
    gone_looks: int = 0,
    gone_for: float | None = None,
    off: bool = False,
    drops: Sequence[steps.Answer] = (),
    drop_marked: float | None = None,
    drop_taken: bool = False,
    limit: timing.Wait | None = None,
    drop_limit: timing.Wait | None = None,
) -> steps.View:
    """A promotion; ages in seconds before NOW."""
    return steps.View(
        state=state,
        now=NOW,
        mechanism=mechanism,
        entered=ago(age),
        timing=TIMING,
        answers=tuple(answers),
        marked=None if marked is None else ago(marked),
        deadline=ago(0 if overdue else -1) if (answers or overdue) else None,
        by_hand=by_hand,
        held=held,
        resend=resend,
        waits=waits,
        unsure=unsure,
        gone_looks=gone_looks,
        gone_since=None if gone_for is None else ago(gone_for),
        off=off,
        drops=tuple(drops),
        drop_marked=None if drop_marked is None else ago(drop_marked),
        drop_taken=drop_taken,
        limit=limit,
        drop_limit=drop_limit,
    )


def deployment(
    state: states.DeploymentState,
    *,
    age: float = 0,
    gone_looks: int = 0,
    gone_for: float | None = None,
    drop_answer: steps.Answer = steps.Answer.NONE,
    drop_taken: bool = False,
    publishing_for: float | None = None,
    unsure: bool = False,
    drop_said: str = "",
    limit: timing.Wait | None = None,
    marked: float | None = None,
) -> deployments.View:
    """A deployment; ages in seconds before NOW."""
    return deployments.View(
        state=state,
        now=NOW,
        entered=ago(age),
        timing=TIMING,
        gone_looks=gone_looks,
        gone_since=None if gone_for is None else ago(gone_for),
        drop_answer=drop_answer,
        drop_taken=drop_taken,
        publishing_since=None if publishing_for is None else ago(publishing_for),
        unsure=unsure,
        drop_said=drop_said,
        limit=limit,
        marked=None if marked is None else ago(marked),
    )


def limit(seconds: float) -> timing.Wait:
    """A 429 that is waited for, so many seconds from NOW on."""
    return timing.Wait(ago(-seconds), is_over=False, words="Limit reached")


def file(path: str, content: str = "") -> fileset.File:
    """A file with this text in it, by default its own path."""
    data = (content or path).encode()
    return fileset.File(path, len(data), hashlib.sha256(data).hexdigest())


def files(*paths: str, **contents: str) -> fileset.FileSet:
    """A set of files that hold their own paths, and of files by name with a given content."""
    return fileset.FileSet.of([*map(file, paths), *(file(path, text) for path, text in contents.items())])


def facts(
    *,
    platform: distribution.DistributionPlatform = distribution.DistributionPlatform.MAVEN,
    project_active: bool = True,
    phase: str = gates.RELEASE_PREVIEW,
    vote_passed: bool = True,
    deployment_state: str = gates.STAGED,
    staged_digest: str = "d1",
    ballot: frozenset[str] = frozenset({"d1", "d2"}),
    has_ballot: bool = True,
    has_target: bool = True,
    outside: tuple[str, ...] = (),
    policy_allows: bool = True,
    asf_uid: str = "ada",
    is_committee_member: bool = True,
    checked: bool = True,
    check_blockers: tuple[str, ...] = (),
    waits_for: str = "",
    stopped_by: str = "",
    restored: reasons.Reason | None = None,
    silence: reasons.Reason | None = None,
    embargoed: bool = False,
    switched_off: reasons.Reason | None = None,
    freed: tuple[str, ...] = (),
    newer_revision: str = "",
    newer_difference: str = "",
) -> gates.Facts:
    """Facts in which every gate holds."""
    return gates.Facts(
        platform=platform,
        is_built=platform.supports_remote_promotion,
        project_active=project_active,
        phase=phase,
        vote_passed=vote_passed,
        deployment_state=deployment_state,
        staged_digest=staged_digest,
        ballot=ballot,
        has_ballot=has_ballot,
        has_target=has_target,
        outside=outside,
        policy_allows=policy_allows,
        asf_uid=asf_uid,
        is_committee_member=is_committee_member,
        checked=checked,
        check_blockers=check_blockers,
        waits_for=waits_for,
        stopped_by=stopped_by,
        restored=restored,
        silence=silence,
        embargoed=embargoed,
        switched_off=switched_off,
        freed=freed,
        newer_revision=newer_revision,
        newer_difference=newer_difference,
    )
