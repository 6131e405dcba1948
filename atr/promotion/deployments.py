# SPDX-License-Identifier: Apache-2.0
"""What the answer of a platform means for a deployment without a promotion in progress. Pure."""

import dataclasses
import datetime
import typing
from typing import Final

import atr.promotion.states as states
import atr.promotion.steps as steps

_State = states.DeploymentState


@dataclasses.dataclass(frozen=True)
class View:
    """What the rules know about a deployment."""

    state: _State
    now: datetime.datetime
    entered: datetime.datetime
    timing: steps.Timing
    # How many checks in a row, this one included, the platform had nothing under this id, and since when.
    gone_looks: int = 0
    gone_since: datetime.datetime | None = None
    # The answer to ATR's request to drop it; NONE before there is one.
    drop_answer: steps.Answer = steps.Answer.NONE
    # Whether the platform has ever answered that it accepted a drop.
    drop_taken: bool = False
    # Since when the platform has been publishing it; None if it is not.
    publishing_since: datetime.datetime | None = None
    # The database was restored after it was created: a request may have been sent that no row records.
    unsure: bool = False
    # The status of that answer and the platform's own words, as “(403): …”; empty if there were none.
    drop_said: str = ""
    # The wait after a 429 to the last upload or drop, while it is too early for the next request.
    limit: steps.Wait | None = None
    # It was answered 429 for as long as ATR retries.
    given_up: bool = False
    # When the upload whose answer was lost was marked; before there is a mark, when the upload was requested.
    marked: datetime.datetime | None = None

    def counted(self, seen: steps.Seen) -> "View":
        """Return the view with this check counted."""
        gone, working = seen is steps.Seen.GONE, seen is steps.Seen.WORKING
        return dataclasses.replace(
            self,
            gone_looks=self.gone_looks + 1 if gone else 0,
            gone_since=(self.gone_since or self.now) if gone else None,
            publishing_since=(self.publishing_since or self.now) if working else None,
        )


@dataclasses.dataclass(frozen=True)
class Decision:
    """The new state of the row (None: unchanged), and what is wrong, for people."""

    to: _State | None
    problem: str = ""


_STAY: Final = Decision(None)
_FORGOTTEN: Final = Decision(
    _State.PUBLISHED,
    "The platform no longer shows the deployment and this version is public, so it counts as published.",
)
_RECORDED: Final = Decision(
    None,
    "The platform no longer shows the deployment, but its records list this version. Waiting for the public files.",
)
_LOOK_THERE: Final = "Check the platform: enter its id if the deployment exists, or confirm that it never arrived."


def asks_records(view: View, seen: steps.Seen) -> bool:
    """Return whether this answer, counted, is believed only together with the platform's records of the version."""
    if view.state in states.DEPLOYMENT_ENDED:
        return seen not in {steps.Seen.PUBLIC, steps.Seen.WORKING}
    return (seen is steps.Seen.GONE) and (view.unsure or (_after_patience(view) and not _is_dropped(view)))


def is_elsewhere(view: View, seen: steps.Seen, version: steps.Version) -> bool:
    """Return whether the version is public and was certainly not published from this deployment."""
    return (version is steps.Version.PUBLIC) and ((seen is not steps.Seen.GONE) or not _may_be_forgotten(view))


def after_look(
    view: View,
    seen: steps.Seen,
    detail: str,
    *,
    version: steps.Version = steps.Version.NOT_ASKED,
    held_by: str = "",
) -> Decision:
    """Return what the platform's answer, counted, means for a deployment.

    `version` is the answer of the records if `asks_records`; `held_by` is another deployment with the same coordinates.
    """
    match seen:
        case steps.Seen.PUBLIC:
            return _STAY if view.state is _State.PUBLISHED else Decision(_State.PUBLISHED)
        case steps.Seen.GONE:
            return _gone(view, version)
        case steps.Seen.FAILED:
            return _failed(view, detail, held_by)
        case steps.Seen.STAGED:
            return _staged(view)
        case steps.Seen.WAITING | steps.Seen.WORKING | steps.Seen.UNKNOWN:
            # A deployment that is being published is not public yet: publishing may fail.
            return _STAY
        case _:
            typing.assert_never(seen)


def next_look(view: View, *, retry_after: float | None = None, jitter: float = 0.0) -> datetime.datetime | None:
    """Return when the row is due again, or None if it is not checked any more.

    A row is checked often while its state is about to change, rarely while it is staged, a few times after its end.
    """
    if retry_after is not None:
        return steps.told(view.now, retry_after, view.timing)
    if view.limit is not None:
        # A person may drop or publish it meanwhile; the request itself is sent again at `until`, not earlier.
        return min(view.limit.until, view.now + datetime.timedelta(seconds=view.timing.resting))
    if view.state is _State.PUBLISHED:
        return None
    since = view.publishing_since or view.entered
    if view.publishing_since or (view.state in {_State.VALIDATING, _State.DROPPING, _State.UPLOADING}):
        seconds = steps.interval(view.timing.asking, (view.now - since).total_seconds())
    elif view.state in states.DEPLOYMENT_ENDED:
        return steps.again(view.entered, view.now, view.timing)
    elif view.gone_looks:
        seconds = steps.interval(view.timing.asking, (view.now - since).total_seconds())
    else:
        seconds = view.timing.resting
    return view.now + datetime.timedelta(seconds=seconds * (1 + jitter / 10))


def next_pending_look(
    now: datetime.datetime, looks: int, timing: steps.Timing, *, retry_after: float | None = None
) -> datetime.datetime:
    """Return when to check again for the public files of a version: after a growing wait of up to a day, endlessly."""
    if retry_after is not None:
        return steps.told(now, retry_after, timing)
    seconds = min(timing.probing[0][1] * 2 ** min(looks, 12), timing.deadline)
    return now + datetime.timedelta(seconds=seconds)


def after_search(view: View, *, found: bool, looks: int) -> Decision:
    """Return what a search by name means for an upload whose reply was lost. It is never uploaded again."""
    if found:
        return Decision(_State.VALIDATING)
    if _searched_for(view, view.timing.vanishing, looks):
        return Decision(
            _State.LOST,
            f"The upload got no reply, and the platform has no deployment of that name. {_LOOK_THERE}",
        )
    return _STAY


def after_failed_search(view: View, *, looks: int, trouble: str, is_outage: bool) -> Decision:
    """Return what a failed search means for an upload whose reply was lost: in the end a person must check.

    A list that cannot be used gets the patience of a list without the name. An outage gets a day, because the answer
    of the platform when it is back settles the upload.
    """
    if _searched_for(view, view.timing.deadline if is_outage else view.timing.vanishing, looks):
        return Decision(
            _State.LOST,
            f"The upload got no reply, and its outcome could not be determined. {trouble} {_LOOK_THERE}",
        )
    return _STAY


def _searched_for(view: View, patience: float, looks: int) -> bool:
    since = view.marked or view.entered
    return ((view.now - since).total_seconds() >= patience) and (looks >= view.timing.looks)


def _gone(view: View, version: steps.Version) -> Decision:
    if _is_dropped(view):
        return Decision(_State.DROPPED)
    if view.state is _State.PUBLISHED:
        return _STAY
    if _may_be_forgotten(view) and (version is steps.Version.PUBLIC):
        # A platform forgets the ids of published deployments.
        return _FORGOTTEN
    if (view.state in states.DEPLOYMENT_ENDED) or not _after_patience(view):
        # A new id may not be found at first, and a 404 may be an outage.
        return _STAY
    if version is steps.Version.RECORDED:
        return _RECORDED
    if version is steps.Version.NOT_ASKED:
        # The patience ended during this check: the next one asks the records.
        return _STAY
    if view.state is _State.DROPPING:
        return Decision(_State.DROPPED)
    return Decision(
        _State.GONE,
        "The platform does not show it to ATR's account: it was dropped, it expired, or another account staged it.",
    )


def _is_dropped(view: View) -> bool:
    """Return whether a missing id means that the drop was carried out: a complete reply accepted it."""
    return (view.state is _State.DROPPING) and (view.drop_answer is steps.Answer.TAKEN)


def _may_be_forgotten(view: View) -> bool:
    """Return whether a deployment with a missing id may have been published: not if it failed or was dropped."""
    return (view.state is not _State.FAILED) and not view.drop_taken


def _after_patience(view: View) -> bool:
    """Return whether the id has been missing for long enough to be believed."""
    since = view.gone_since or view.now
    return ((view.now - since).total_seconds() >= view.timing.vanishing) and (view.gone_looks >= view.timing.looks)


def _failed(view: View, detail: str, held_by: str) -> Decision:
    match view.state:
        case _State.DROPPING:
            return Decision(_State.FAILED, f"It was not dropped{_drop_said(view)}.") if _answered(view) else _STAY
        case _State.VALIDATING | _State.STAGED:
            said = detail or "The platform refused the files and gave no reason."
            if view.state is _State.STAGED:
                said = f"The platform reports that it failed. {detail}".strip()
            return Decision(_State.FAILED, f"{said}{_holder(held_by)}")
        case _:
            return _STAY


def _holder(held_by: str) -> str:
    if not held_by:
        return ""
    return (
        f" Deployment {held_by} contains these packages. If it belongs to this project, find it on the platform and "
        "record it here."
    )


def _staged(view: View) -> Decision:
    match view.state:
        case _State.VALIDATING:
            return Decision(_State.STAGED)
        case _State.GONE | _State.DROPPED:
            return Decision(_State.STAGED, "The platform lists it again, so it is still staged.")
        case _State.DROPPING if _answered(view):
            return Decision(_State.STAGED, f"The platform did not drop it{_drop_said(view)}.")
        case _:
            return _STAY


def _drop_said(view: View) -> str:
    return f" {view.drop_said}" if view.drop_said else ""


def _answered(view: View) -> bool:
    if view.limit is not None:
        # The drop is sent again after the wait.
        return False
    settled = (view.now - view.entered).total_seconds() >= view.timing.settling
    return (view.drop_answer in steps.CERTAIN_NO) or settled
