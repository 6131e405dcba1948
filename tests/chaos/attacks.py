# SPDX-License-Identifier: Apache-2.0
"""Ways in which something else than what was voted on became public, or was said to be: each a story, kept.

They were found by people and not by chance, so they are told whatever the seed is. What must not break is named.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import atr.promotion.states as states
import tests.chaos.candidates as candidates
import tests.chaos.conformance as conformance
import tests.chaos.rivals as rivals
import tests.chaos.situations as now

_MINUTE: Final = 60.0
_HOUR: Final = 3_600.0
_DAY: Final = 86_400.0
# After-care looks for the last time after 30 days.
_LONG: Final = 40 * _DAY
Fault = conformance.Fault
_DState: Final = states.DeploymentState
_FOUND: Final = (states.State.CHECKING, states.State.DIVERGED)
# Nobody need ask before what is published is public.
_AT_ONCE: Final = conformance.Settings({"publishing_polls": 0})


class Attack(NamedTuple):
    """What happens, and the invariant that fell, or the finding that is back (F1, H4, ...)."""

    steps: Sequence[conformance.Step]
    broke: str
    # How it must end now, as an arrow, where an end that only says less would break nothing.
    ends: tuple[states.State, states.State] | None = None
    # Seconds between two requests to one place, as an operator sets them.
    pace: float = 0.0


ATTACKS: Final[Mapping[str, Attack]] = {
    "a foreign artifact that is named like a server's metadata": Attack(("look-alike added", "promote", _DAY), "S2"),
    "a file beside the version, published by hand": Attack(("published with more", "promote", _DAY), "S5", _FOUND),
    "a file beside the version, recorded as public": Attack(
        (_AT_ONCE, "published with more", _HOUR, "recorded as public", _DAY), "S5", _FOUND
    ),
    "published by hand after a stop": Attack(
        (_AT_ONCE, "promote and stop", "abort", "look now", _HOUR, "published by hand", _LONG), "S17"
    ),
    "published by hand after a drop that did nothing": Attack(
        (
            _AT_ONCE,
            Fault("drop", {"status": 503, "times": None}),
            Fault("status", {"status": 404, "skip": 0, "times": 6}),
            "drop",
            2 * _DAY,
            "published by hand",
            _LONG,
        ),
        "S17",
    ),
    "published by hand after it seemed to be gone": Attack(
        (
            _AT_ONCE,
            Fault("drop", {"status": 503, "times": None}),
            Fault("status", {"status": 404, "times": None}),
            "drop",
            2 * _DAY,
            now.is_now("H3", _DState.DROPPED),
            "faults end",
            "published by hand",
            _LONG,
        ),
        "S17",
    ),
    "the names move, and then it is published by hand": Attack(
        (_AT_ONCE, "promote and stop", "target elsewhere", "look now", _HOUR, "published by hand", _LONG), "S17"
    ),
    "refused since a file is gone, and then it is published by hand": Attack(
        (_AT_ONCE, "file removed", "promote", _DAY, "published by hand", _LONG), "S17"
    ),
    "published by hand, and then it failed": Attack(
        ("stuck", "published by hand", _DAY, "publishing fails", "not stuck", _LONG), "S17"
    ),
    "the only deployment is gone": Attack(("vanished", _LONG), "S17"),
    "another committee holds these names": Attack(("strangers vote", "strangers record", _HOUR), "S15"),
    "stopped, and another deployment of it is published by hand": Attack(
        (
            _AT_ONCE,
            "promote and stop",
            "abort",
            "look now",
            _HOUR,
            rivals.another_published,
            3 * _DAY,
            rivals.said_to_be_public,
        ),
        "H2",
    ),
    "a drop that did nothing, and an outage after it": Attack(
        (
            Fault("drop", {"status": 503}),
            Fault("status", {"status": 404, "skip": 1, "times": 4}),
            "drop",
            2 * _DAY,
            now.never_said_to_be_dropped,
        ),
        "H3",
    ),
    "a file of the revision becomes a link to a secret": Attack(
        (now.upload, now.linked, now.work, _HOUR, now.nothing_was_sent), "H4"
    ),
    "a file of the revision becomes a link to the same bytes": Attack(
        (now.upload, now.linked_to_the_same, now.work, _HOUR, now.nothing_was_sent), "H4"
    ),
    "a file of the revision has other bytes": Attack(
        (now.upload, now.rewritten, now.work, _HOUR, now.nothing_was_sent), "H4"
    ),
    "abandoned after it was published by hand": Attack(
        (
            _AT_ONCE,
            "published by hand",
            _MINUTE,
            now.nobody_denies,
            "vote abandoned",
            10 * _MINUTE,
            now.seen_at_once,
        ),
        "M1",
    ),
    "a package is gone when it is captured again": Attack(
        (now.less_staged, "promote", 3 * _DAY, now.only_what_is_staged), "M2"
    ),
    "published by hand, and then recorded by its id": Attack(
        (rivals.another_published, _HOUR, rivals.recorded, 2 * _DAY, rivals.only_what_is_known), "M3"
    ),
    "429 without a word": Attack(
        (
            Fault("publish", {"status": 429, "body": now.WORDS, "times": None}),
            "promote",
            5 * _DAY,
            now.sent_ever_more_rarely,
        ),
        "F1",
    ),
    "429 without a word to an upload": Attack(
        (
            Fault("upload", {"status": 429, "body": now.WORDS, "times": None}),
            now.upload,
            now.work,
            5 * _DAY,
            now.uploaded_ever_more_rarely,
            now.is_now("F1", _DState.FAILED, now.WORDS),
        ),
        "F1",
    ),
    "429, and come back in twenty days": Attack(
        (
            Fault("publish", {"status": 429, "headers": {"Retry-After": str(20 * 86_400)}}),
            "promote",
            10.0,
            # For an hour nothing at all is asked of this platform; so nobody need try.
            now.away,
            2 * _HOUR,
            now.work,
            19 * _DAY,
            now.obeyed,
        ),
        "F1",
    ),
    "an upload that was refused is dropped": Attack(
        (
            Fault("upload", {"status": 403}),
            now.upload,
            now.not_settled_early,
            now.work,
            _HOUR,
            now.drop,
            _HOUR,
            now.is_now("F2", _DState.DROPPED),
            now.never_asked_for_nothing,
        ),
        "F2",
    ),
    "every few downloads fail": Attack(
        (
            *(Fault("download", {"status": 503, "skip": skip}) for skip in (1, 2, 3)),
            now.upload,
            now.work,
            _DAY,
            now.each_read_once,
            now.is_now("F4", _DState.STAGED),
        ),
        "F4",
    ),
    "a final answer to an upload": Attack(
        (
            Fault("upload", {"status": 413, "body": "Not like this."}),
            now.upload,
            now.work,
            _HOUR,
            now.is_now("F5", _DState.FAILED, "Not like this."),
        ),
        "F5",
    ),
    "a lost upload in an account of thousands": Attack(
        (
            Fault("upload", {"effect": True, "cut": True}),
            now.crowded,
            now.upload,
            now.work,
            2 * _HOUR,
            now.is_now("F6", _DState.STAGED),
        ),
        "F6",
    ),
    "a lost upload, and a list that says nothing": Attack(
        (
            Fault("upload", {"cut": True}),
            Fault("files", {"status": 200, "body": {"deployments": [{"deploymentId": "x"}]}, "times": None}),
            now.upload,
            now.work,
            10 * _HOUR,
            now.is_now("F6", _DState.LOST),
        ),
        "F6",
    ),
    "a package that the platform names and does not list": Attack(
        (
            candidates.staged(candidates.plain()),
            candidates.half_listed,
            candidates.recorded,
            candidates.refused_before_the_vote("C1", "widgets-parent"),
        ),
        "C1",
    ),
    "a package that the platform names and does not list any more": Attack((now.hidden, "promote", _DAY), "S2"),
    "a package that the platform lists and does not name": Attack(
        (
            candidates.staged(candidates.plain()),
            candidates.not_named,
            candidates.recorded,
            candidates.is_remarked("C1", "widgets-parent"),
            candidates.becomes_live("C1"),
        ),
        "C1",
    ),
    "an index that leaves voted files out": Attack(
        (
            conformance.Settings({"index_twist": "stale"}),
            candidates.staged(candidates.with_a_late_file()),
            candidates.beside,
            _HOUR,
            candidates.recorded,
            candidates.becomes_live("H1"),
        ),
        "S5",
    ),
    "an index that ends behind the last voted file": Attack(
        (
            conformance.Settings({"index_twist": "cut", "index_shape": "apache"}),
            candidates.staged(candidates.plain()),
            candidates.beside,
            _HOUR,
            candidates.recorded,
            candidates.becomes_live("H1"),
        ),
        "S5",
    ),
    "packages of two versions": Attack(
        (
            candidates.staged(candidates.of_two_versions()),
            candidates.recorded,
            candidates.said_with_each_version,
            candidates.becomes_live("F7"),
            candidates.still_said_with_each_version,
        ),
        "F7",
    ),
    "what Central takes without signature, jar or sources": Attack(
        (
            candidates.staged(candidates.as_central_takes_it()),
            candidates.recorded,
            candidates.becomes_live("F8"),
        ),
        "F8",
    ),
    "`atr demo` of odd names": Attack((now.demo_of_odd_names,), "F10"),
    "a module whose parent is nowhere": Attack(
        (
            candidates.staged(candidates.without_parent()),
            candidates.recorded,
            candidates.parent_is_named,
            candidates.parent_published,
            candidates.parent_is_found,
            candidates.becomes_live("N1"),
        ),
        "N1",
    ),
    "a voted file that does not become public": Attack(
        (now.withheld, "promote", _HOUR, now.names_what_is_missing), "N2"
    ),
    "questions about many packages": Attack(
        (
            candidates.staged(candidates.of_many_packages()),
            candidates.recorded,
            candidates.becomes_live("N4"),
            candidates.asked_once,
        ),
        "N4",
        pace=candidates.PACE,
    ),
    "our call is lost, and another deployment is published": Attack(
        (
            _AT_ONCE,
            rivals.another_staged,
            Fault("publish", {"cut": True}),
            "promote",
            10.0,
            rivals.the_other_published,
            _DAY,
            rivals.ours_is_still_there,
            "drop",
            _HOUR,
            rivals.dropped_there,
        ),
        "low",
    ),
    "somebody else's deployment holds the version": Attack(
        (now.upload, rivals.held_elsewhere, now.work, _HOUR, rivals.the_holder_is_pointed_to), "low"
    ),
}
