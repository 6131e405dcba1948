# SPDX-License-Identifier: Apache-2.0
"""Events as text for people; consecutive equal ones are combined."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import atr.pages.views as views
import atr.promotion.states as states
import atr.storage.readers.events as events
import atr.storage.transaction as transaction

_LIMIT: Final = 500
_ANSWERS: Final = {
    "taken": "It answered {status}.",
    "refused": "It refused the request with {status}.",
    "limited": "It answered {status}: too many requests.",
    "unclear": "The outcome is unclear{status_text}.",
}


def _requested(data: Mapping[str, Any]) -> str:
    if data.get("found"):
        # No person requested it: the worker found the version public.
        return f"Found published; compared with the voted files: {', '.join(data['packages'][:3])}."
    after = f" Queued behind {data['after']}." if data.get("after") else ""
    return f"Requested, for {', '.join(data['packages'][:3])}.{after}"


def _moved(data: Mapping[str, Any]) -> str:
    words = states.WORDS[states.State(data["to"])]
    return f"{words.word}. {data['reason']}"


def _deployment_moved(data: Mapping[str, Any]) -> str:
    words = states.DEPLOYMENT_WORDS[states.DeploymentState(data["to"])]
    more = data.get("problem") or data.get("reason") or ""
    return f"{words.word}. {more or words.sentence}"


def _answered(data: Mapping[str, Any]) -> str:
    status = data["status"]
    text = _ANSWERS[data["answer"]].format(status=status, status_text=f" ({status})" if status else "")
    return f"Sent once: {data['kind']}, {data['bytes_sent']:,} bytes. {text}"


def _looked(data: Mapping[str, Any]) -> str:
    if data["public_digest"] and not data["difference"]:
        # Events that are older than the search for extra files do not have this key.
        beside = f" Extra files were not checked. {data['not_looked']}" if data.get("not_looked") else ""
        return f"Checked: {data['public_files']:,} public files read; all identical to the voted files.{beside}"
    # A difference that blocks the promotion is also its blocker, and is shown once.
    said = dict.fromkeys(text for text in (_said(data["word"]), data["blocker"], data["difference"]) if text)
    return " ".join(said) or "Looked."


def _accepted(data: Mapping[str, Any]) -> str:
    files = ", ".join(f"{file['path']} ({file['size']:,} bytes, sha256 {file['sha256']})" for file in data["files"])
    return f"Extra files accepted: {files}. {data['reason']}"


def _said(word: str) -> str:
    return f"Platform state: {word}." if word else ""


def _captured(data: Mapping[str, Any]) -> str:
    return f"Captured: {data['files']:,} staged files read and hashed."


def _read(data: Mapping[str, Any]) -> str:
    end = "all identical to the voted files" if data["equal"] else "they differ from the voted files"
    return f"Verified: {data['files']:,} staged files read again; {end}."


def _verified(data: Mapping[str, Any]) -> str:
    end = data["difference"] or f"all identical to the {data['against']} files."
    return f"Verified: {data['files']:,} staged files read again; {end}"


def _marked(data: Mapping[str, Any]) -> str:
    what = "publish request" if data["kind"] == "publish" else data["kind"]
    return f"Mark written: {data['kind']} number {data['number']}. From here on, the {what} may have been sent."


def _refused(data: Mapping[str, Any]) -> str:
    count = data.get("left_out", 0)
    more = f" {count:,} more of their refusals before it were not recorded." if count else ""
    return f"Refused: {data['sentence']}{more}"


def _checked(data: Mapping[str, Any]) -> str:
    return "Checked the staged files. " + " ".join(message for _, message in data["results"])


# One row for each kind of event of a deployment or a promotion; a test compares it with the writers.
_TEXTS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "request_refused": _refused,
    "promotion_requested": _requested,
    "promotion_asked_twice": lambda _: "The form was submitted again; nothing changed.",
    "promotion_asked_again": lambda _: "Requested again after the refusal.",
    "promotion_moved": _moved,
    "promotion_looked": _looked,
    "extra_files_accepted": _accepted,
    "public_not_voted": lambda data: (
        "Published, but not verified." if data.get("voted") else "Published, but not voted on."
    ),
    "promotion_held": lambda data: str(data["reason"]),
    "promotion_stopped": lambda data: f"Stopped while queued: {data['by']}.",
    "promotion_went_on": lambda data: f"Continued, although {data['without']}: {data['reason']}",
    "promotion_extended": lambda data: f"Deadline extended: {data['reason']}",
    "promotion_stop_again": lambda data: f"Drop requested again: {data['reason']}",
    "promotion_not_sent": lambda data: f"Not sent: {data['reason']}",
    "packages_freed": lambda data: (
        f"Reservation released: {', '.join(data['purls'][:3])}. The namespaces do not belong to this project."
    ),
    "promotion_send_again": lambda data: f"Another publish request was requested: {data['reason']}",
    "staged_files_read": _read,
    "attempt_marked": _marked,
    "attempt_answered": _answered,
    "distribution_recorded": lambda data: f"Recorded: {data['purl']}.",
    "distribution_automated": lambda data: f"Upload requested, from revision {data['revision']}.",
    "distribution_staged_again": lambda data: f"Restaging the voted files, from {data['source']}.",
    "deployment_moved": _deployment_moved,
    "deployment_looked": lambda data: str(data["problem"]),
    "deployment_off_ballot": lambda data: f"Removed from the ballot: {data['reason']}",
    "deployment_on_ballot": lambda _: "Added to the ballot again.",
    "deployment_captured": _captured,
    "verify_asked": lambda _: "Verification requested.",
    "verify_ended": _verified,
    "verify_failed": lambda data: f"Not verified: {data['problem']}",
    "capture_refused": lambda data: str(data["problem"]),
    "staged_files_checked": _checked,
    "copy_asked": lambda _: "Copy of the staged files requested.",
    "copy_kept": lambda data: f"Copied: {data['files']:,} files, {data['size']:,} bytes.",
    "copy_not_kept": lambda data: str(data["problem"]),
    "copy_forgotten": lambda data: f"Copy deleted: {data['reason']}",
}


async def of(read: transaction.Transaction, subjects: Sequence[str]) -> tuple[views.TimelineEntry, ...]:
    """Return the events of these subjects, the oldest first; consecutive equal entries are one, with a count."""
    entries: list[views.TimelineEntry] = []
    for event in await events.of_subjects(read, subjects, limit=_LIMIT):
        text = _TEXTS[event.what](event.data)
        if entries and (entries[-1].text == text):
            last = entries.pop()
            entries.append(views.TimelineEntry(last.at, last.actor, text, repeats=last.repeats + 1))
            continue
        entries.append(
            views.TimelineEntry(
                event.at,
                # An event of the worker shows no name.
                "" if event.actor == transaction.SYSTEM_SERVICE_UID else event.actor,
                text,
                no_return=(event.what == "attempt_marked") and (event.data["kind"] == "publish"),
                is_end=(event.what == "promotion_moved") and (event.data["to"] == states.State.LIVE.value),
            )
        )
    return tuple(entries)
