# SPDX-License-Identifier: Apache-2.0
"""Why something cannot be done now: a code with its facts for programs, a sentence and who can clear it for people.

Rules and writers give the code and the facts. Every sentence stands here, in one table; pages, logs and events render
it. To add a reason, add a row and give it where it arises; to add a gate, also add it to promotion/gates.py.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Final

# By who can clear it, and by code: the sentence, a template for str.format.
_SENTENCES: Final[Mapping[str, Mapping[str, str]]] = {
    # Only time can, or nothing.
    "nobody": {
        "unsupported": "{why}",
        "not-captured": "The staged files have not been captured yet.",
        "not-checked": "The check of the staged files has not run yet.",
        "turn": "It is queued behind {promotion}.",
        "silent": "{platform} failed to respond {faults} times within {within}. Nothing is sent until it responds.",
        "no-packages": "The deployment has no packages, so there is nothing to promote.",
        "release-deleted": "The release was deleted.",
        "cannot-stage": "ATR cannot stage on {platform}. {why}",
        "staged-already": "{deployment} already has these files; it is {state}.",
        "ballot-clash": "The ballot has conflicting files for {package}.",
        "vote-is-open": "The vote is open.",
        "vote-has-passed": "The vote has passed.",
        "too-early": "The vote is open until at least {until} UTC.",
        "files-announced": "This release was announced, so its files can no longer be changed.",
        "no-candidate": "The release is in Compose, so there is no candidate to abandon.",
        "announced-for-good": "This release was announced, so it cannot be withdrawn.",
        "request-sent": "A publish request was sent; it cannot be withdrawn. If it is faulty, release a new version.",
        "maybe-public": "Some of it may be public, so it cannot be withdrawn. If it is faulty, release a new version.",
        "published-there": (
            "Deployment {deployment} was published on the platform, so it cannot be withdrawn. If it is faulty, "
            "release a new version."
        ),
        "publishing-there": (
            "The platform is publishing deployment {deployment}, so it can be withdrawn only if that fails. It is "
            "polled until it is published or has failed."
        ),
        "asked-too-soon": "The database was restored, and the platform must be queried first. Try again soon.",
        "record-kept": "A publish request was sent, so the record is kept.",
        "by-hand": "It was published by hand and is only tracked: ATR sends no publish request for it.",
        "being-stopped": "A stop is already in progress.",
        "not-stoppable": "It is {state}, so it can no longer be stopped.",
        "nothing-to-drop": "It is {state}, so there is nothing to drop.",
        "publishing-not-droppable": (
            "The platform is publishing it and cannot drop it. It is polled until it is published or has failed."
        ),
        "asked-before-change": (
            "It has changed since the platform was queried, so the platform is queried again before anything is "
            "dropped."
        ),
        "not-dropped": "The {what} is {state}, so nothing is dropped.",
        "nothing-staged": "It is {state}, so there are no staged files to read.",
        "compared-when-public": "It is being published; its public files are compared as soon as they appear.",
        "not-published": "The platform does not report it as published.",
        "not-copyable": "A copy can be made only while it is staged and captured.",
        "held-already": "ATR already has its files, in {holder}.",
        "no-copy": "There is no copy of it.",
        "copy-in-use": "It is being restaged from the copy.",
        "announced": "The release has already been announced.",
        "on-its-way": "A promotion to {name} is in progress. Announce the release once every promotion has ended.",
        "read-again": "The last comparison of the public files found a difference; they are being read again: {name}",
        "not-verified": "The verified files are not the files that would be published.",
        "nothing-sent": "It is {state}, so nothing is sent.",
        "already-sent": "This request was already sent; its outcome is being determined instead.",
        "answered-already": "This attempt already has a reply.",
        "worker-busy": "Another worker is processing it.",
        "service-only": "Only the service can record what a platform did.",
        "may-be-sent": (
            "A publish request may have been sent, so it can be marked as cancelled only after 24 hours in which no "
            "check found published files."
        ),
        "no-deployment": "There is no such deployment.",
        "no-promotion": "No promotion of it has been requested.",
        "nothing-ready": "No deployment is ready to be promoted.",
        "no-extra-files": "No extra file is waiting to be accepted.",
        "not-blocked": "No failure of another promotion blocks it.",
        "no-embargo": "This release is not under embargo.",
        "no-open-vote": "No vote on this release is open, so nothing was recorded.",
        "ballot-fixed": "The ballot is fixed once the vote is open.",
        "deployment-ended": "Deployment {deployment} is {state}.{problem}",
        "recorded-already": "Deployment {deployment} is already recorded, so it cannot be this one.",
        "recorded-elsewhere": "Deployment {deployment} is recorded for another release.",
        "promoted-already": "{asf_uid} already promoted it at {at} UTC; it is {state}.",
        "package-held": ("{package} is already being promoted, requested by {asf_uid} for {release}; it is {state}."),
        "package-held-outside": (
            "{package} is already being promoted, requested by {asf_uid} for {release}; it is {state}. It is "
            "outside that project's namespaces and is released within a minute: try again."
        ),
        "vote-opened": "The vote on candidate {vote} is already open{by}. No second vote was opened.",
    },
    # By looking again, by asking for something else, or under another name.
    "the person who asked": {
        "moved": "It has changed in the meantime, so nothing was done. Reload the page and try again.",
        "not-in-state": "It is {state}, and this can be done only while it is {needed}. Reload the page.",
        "stale": "{what} changed since you opened the page, so nothing was done. Review the page and try again.",
        "touched": (
            "{asf_uid} changed {names} in revision {revision}, on {when} UTC, after you opened the page (it showed "
            "{saw}). Nothing was saved. Review the changes; to apply yours anyway, submit them again from this "
            "page."
        ),
        "overtaken": (
            "{asf_uid} made revision {revision} at {when} UTC, after this change was started from {begun}. Nothing "
            "was changed; submit it again."
        ),
        "other-candidate": (
            "The page showed another candidate than the current one, which is candidate {vote}. Nothing was "
            "recorded; review it first."
        ),
        "votes-changed": "The votes have changed to {plus} binding +1 and {minus} binding -1. Review them again.",
        "newer-than-seen": (
            "The ballot has changed: it was on revision {revision}, and revision {newest} is the newest. No vote "
            "was opened; review the current ballot."
        ),
        "old-ballot": (
            "An older release of this version was deleted, and the ballot of vote {vote} on it stays in the record. "
            "Choose another version."
        ),
        "version-exists": "{release} already exists, with the key {key}. Open it, or choose another version.",
        "version-taken": "{version} cannot be used: its key, {key}, is taken. Choose another version.",
        "version-of-another": "This could be mistaken for a release of the project {project}. Choose another version.",
        "path-taken": "There is already a {kind} {taken}, so no file can be put at {path}.",
        "no-files-left": "A revision needs at least one file. Upload other files first, then remove these.",
        "needs-code": "Promote by itself what may need a one-time code: {packages}.",
        "service-account": "“{asf_uid}” is a service account. Sign in under your own name.",
        "sign-in": "Sign in first: only {rung} the {committee} committee can do this.",
        "signed-out": "Sign in first.",
        "not-permitted": "{asf_uid} may not do this: only {rung} the {committee} committee may. Ask one of them.",
    },
    "the operators": {
        "damaged": "The stored file {path} {damage}. Tell the operators.",
        "no-address": "No address is configured for {platform}, so nothing is read or sent.",
    },
    "a foundation admin": {
        "project-inactive": "The project is not active, so nothing can be changed or published.",
        "no-target": "This project has no namespaces on {platform}. A foundation admin can set them.",
        "outside-target": "Outside the project's namespaces: {packages}.",
        "switched-off": "{why}",
        "would-be-outside": (
            "{version}, deployment {deployment}: {packages} would be outside and could not be promoted."
        ),
        "admins-only": "Only foundation admins can {what}.",
        "overlaps": (
            "{name} overlaps with {theirs}, which belongs to {project} of the {committee} committee. Namespaces of "
            "different committees must not overlap."
        ),
    },
    "the committee": {
        "vote": "No vote on this release has passed.",
        "no-ballot": (
            "The vote was opened without a ballot, so there is no record of the files that the committee voted on. A "
            "promotion needs a vote with a ballot."
        ),
        "not-voted-on": "Only files on the ballot of an open or passed vote can be restaged.",
        "too-few-votes": (
            "There are {plus} binding +1 and {minus} binding -1; a release needs at least {needed} binding +1 and more "
            "binding +1 than -1."
        ),
        "nothing-to-compare-with": "There is no passed vote to compare it with.",
        "differed": (
            "Its files differed from the voted files when it was captured, so it can never become live. Its page lists "
            "the differences; tell the committee."
        ),
        "packages-not-voted-on": "The platform lists packages in it that were not voted on, so it cannot become live.",
        "not-in-finish": "The release can be announced in Finish, once the vote has passed.",
        "diverged": "Published files on {name} differ from the voted files. Resolve the incident first.",
        "incident": "{name}",
    },
    "a committee member": {
        "embargo": (
            "The release is under embargo: it cannot be staged, searched for, served or promoted. A committee member "
            "can lift the embargo, giving a reason."
        ),
        "freed": (
            "The reservation of {packages} was released because the namespaces temporarily did not belong to this "
            "project. Promote again."
        ),
        "restored": "The database was restored{backup}; check the platform's state, then {then}.",
        "stopped": "{ending}, so nothing was sent.",
        "rights": "{asf_uid} may not promote: only committee members may.",
        "promotion-requested": "A promotion of it is requested. Stop the promotion first.",
        "owner-unknown": "Its files have not been captured, so its owner is unknown. Drop it on the platform itself.",
        "promotion-open": "A promotion of it is open. Stop the promotion first.",
        "stop-disowned": "{asf_uid} requested the stop and is no longer a committee member. Request it again.",
        "packages-unknown": "The platform does not list its packages, and none is recorded. Check the platform itself.",
        "requested": "A promotion to {name} is still requested. Stop it, or wait for it to end.",
        "not-public": "{name} was voted on but is not published.",
        "missing": "The policy maps files to {name}, but nothing of this release is published there.",
        "may-be-waived": "A committee member can announce the release without it, giving a reason.",
        "members-only": "Only committee members can {what}.",
    },
    "the release manager": {
        "phase": "The release is not in the Finish phase. It enters Finish when its vote passes.",
        "not-staged": "It is not staged on {platform}; it is {state}.",
        "not-on-ballot": "The staged files differ from the files that the committee voted on.",
        "check": "{finding}",
        "newer-revision": (
            "Revision {revision} was created after the vote, and its files for {platform} differ from the voted files: "
            "{difference}"
        ),
        "no-bytes": (
            "ATR has no copy of the voted files, so it cannot upload them. Stage the same files from where they were "
            "built, and record that deployment: the vote remains valid."
        ),
    },
    "a release manager": {
        "policy": "The project's policy does not allow remote promotion to {platform}.",
        "no-mapping": "The policy maps no files to {platform}. Add a mapping for “{tag}” to the project's policy.",
        "mapping": "{problem}",
        "too-large": (
            "The upload would be at least {least:,} bytes, including checksums, but {mechanism} accepts at most "
            "{most:,}. Map fewer files to it, or stage the release in several deployments."
        ),
        "unread": (
            "{deployment} on {platform} has not been captured yet. Wait for it, or remove it from the ballot with a "
            "reason."
        ),
        "unreadable": (
            "{deployment} on {platform} could not be captured: {problem} Fix this, or remove it from the ballot with a "
            "reason."
        ),
        "unread-published": (
            "{deployment} on {platform} was published before it could be captured. Remove it from the ballot with a "
            "reason; its public files are compared after the vote."
        ),
        "checksum": (
            "{deployment} on {platform} cannot be promoted: {problems} Drop the deployment and stage it again, or "
            "remove it from the ballot with a reason."
        ),
        "clash": (
            "{one} and {other} both contain {packages}, but with different files: {difference} Either could be "
            "promoted as the voted one. Drop one of them, or remove it from the ballot."
        ),
        "clash-with-mapped": (
            "{one} and {other} both contain {packages}, but with different files: {difference} It would be unclear "
            "which were voted on. Drop {other} or remove it from the ballot; or, if its files are the ones to release, "
            "put them into the revision."
        ),
        "files-on-vote": "A vote on this release is open, so its files cannot be changed.",
        "files-voted-on": (
            "The vote on this release has passed, so its files cannot be changed. To change them, abandon the "
            "candidate first."
        ),
        "on-open-ballot": "It is on the ballot of an open vote.",
        "copies-off": "The project's policy does not keep copies. A release manager can enable them.",
        "copy-on-open-ballot": "It is on the ballot of an open vote, and voters download the files from here.",
        "unproved": "{name} is published but not verified against the vote.",
        "may-be-vouched-for": "A release manager can vouch for it, giving a reason.",
        "managers-only": "Only release managers and committee members can {what}.",
    },
    "a committer of the committee": {
        "no-files": "The release has no files yet.",
        "no-digests": (
            "Revision {revision} was created before file digests were recorded, so its files are unknown. Upload them "
            "all again."
        ),
        "nothing-to-vote-on": "The vote can be started once the release has files.",
        "committers-only": "Only committers of the {committee} committee can {what}.",
    },
}
REASONS: Final[Mapping[str, tuple[str, str]]] = {
    code: (sentence, who) for who, said in _SENTENCES.items() for code, sentence in said.items()
}


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why not. Raises KeyError for a code that the table does not have, or without a fact that its sentence needs."""

    code: str
    facts: Mapping[str, str | int]
    # What it is said of, where several things are answered at once; empty else.
    subject: str = ""

    def __post_init__(self) -> None:
        # Here, so that it fails where it is given and not where it is shown.
        str(self)

    def __str__(self) -> str:
        return self.sentence

    @property
    def sentence(self) -> str:
        """For people."""
        said = REASONS[self.code][0].format_map(self.facts)
        return f"{self.subject}: {said}" if self.subject else said

    @property
    def who(self) -> str:
        """Who can clear it; "nobody" where only time can, or nothing."""
        return REASONS[self.code][1]

    def about(self, subject: str) -> "Reason":
        """The same, said of this."""
        return dataclasses.replace(self, subject=subject)


def of(code: str, /, **facts: str | int) -> Reason:
    """The reason with this code and these facts."""
    return Reason(code, facts)


def facts(reason: Reason | None) -> Mapping[str, str | int]:
    """Its facts; none where there is no reason."""
    return reason.facts if reason else {}


def sentence(reason: Reason | None) -> str:
    """Its sentence; empty where there is no reason."""
    return reason.sentence if reason else ""


def sentences(found: Iterable[Reason]) -> str:
    """The sentences of several, one after the other."""
    return " ".join(reason.sentence for reason in found)
