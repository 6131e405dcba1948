# SPDX-License-Identifier: Apache-2.0
"""The actions that the reader can take on a row now, or why not. Only for the controls: the writers check again."""

import dataclasses
from collections.abc import Sequence
from typing import Final

import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.views as views
import atr.promotion.fileset as fileset
import atr.promotion.gates as gates
import atr.promotion.states as states
import atr.reasons as reasons
import atr.shared.words as words
import atr.storage.eligibility as eligibility
import atr.storage.observations as observations
import atr.storage.preconditions as preconditions
import atr.storage.rights as rights
import atr.storage.transaction as transaction

_State = states.State
_Deployment = states.DeploymentState
_STOP_NOTE = (
    "A publish request has been sent, so it may be too late to stop it. The platform is asked to drop the "
    "deployment. Either it does, and the staged files are deleted permanently, or publishing has already begun, and "
    "this page shows it."
)
_MEMBERS_ONLY: Final = reasons.of("members-only", what="do this").sentence
_MANAGERS_ONLY: Final = reasons.of("managers-only", what="do this").sentence


def of(
    read: transaction.Transaction,
    case: eligibility.Case,
    why_not: preconditions.Deployment,
    promotion: tables.Promotion | None,
    blockers: tuple[reasons.Reason, ...],
) -> tuple[views.Act, ...]:
    """Return the actions for a deployment and its newest promotion."""
    committee = case.of.committee
    if not rights.is_participant(committee, read.asf_uid):
        return ()
    member = rights.is_member(committee, read.asf_uid)
    acts = []
    if _may_ask(case, promotion):
        acts.append(_promote(case, promotion, blockers))
    if case.facts.stopped_by:
        acts.append(_go_on(case, member=member))
    if promotion is not None:
        acts.extend(_stop(promotion, blockers, member=member))
        acts.extend(by_hand(read, promotion, member=member))
    acts.extend(_of_deployment(read, case, why_not, promotion, member=member))
    if (promotion is None) and (case.deployment.due_at is not None):
        acts.append(views.Act("look", "Check now"))
    return tuple(acts)


def _of_deployment(
    read: transaction.Transaction,
    case: eligibility.Case,
    why_not: preconditions.Deployment,
    promotion: tables.Promotion | None,
    *,
    member: bool,
) -> list[views.Act]:
    acts = []
    if case.deployment.state is _Deployment.LOST:
        acts.append(_managers_act(read, case, "settle_lost", "Resolve the lost upload", needs_reason=True))
    if (promotion is None or promotion.state not in states.HOLDING) and (
        case.deployment.state is _Deployment.PUBLISHED
    ):
        act = _act("prove_published", "Compare the public files", member=member, primary=True)
        acts.append(dataclasses.replace(act, why_not=act.why_not or reasons.sentence(why_not.prove_published)))
    if not why_not.drop:
        acts.append(_act("drop", "Drop the deployment", member=member, needs_reason=True))
    if (case.deployment.state is _Deployment.FAILED) and (case.release.phase is not sql.ReleasePhase.RELEASE):
        # It may have failed because another deployment contains its packages.
        acts.append(_managers_act(read, case, "stage_record", "Search for another deployment…"))
    acts.extend(_of_copy(read, case, why_not, member=member))
    if not why_not.verify:
        acts.append(views.Act("verify", "Verify now"))
    return acts


def _of_copy(
    read: transaction.Transaction, case: eligibility.Case, why_not: preconditions.Deployment, *, member: bool
) -> list[views.Act]:
    """Return the actions for ATR's copy of the files: keep a copy, delete it, restage the files."""
    row, acts = case.deployment, []
    if not why_not.keep_copy:
        acts.append(_act("keep_copy", "Keep a copy", member=member))
    if why_not.is_kept:
        act = _act("forget_copy", "Delete the copy", member=member, needs_reason=True)
        acts.append(dataclasses.replace(act, why_not=act.why_not or reasons.sentence(why_not.forget_copy)))
    if why_not.is_worth_staging_again:
        act = _managers_act(read, case, "stage_again", "Restage the voted files…")
        digest = row.file_set_digest or row.stage_digest or ""
        may_not = act.why_not or reasons.sentence(why_not.stage_again)
        acts.append(dataclasses.replace(act, target=digest, why_not=may_not))
    return acts


def is_ready(row: views.DeploymentView) -> bool:
    """Return whether the reader may promote it now, and it has no promotion yet."""
    may = any((act.name == "promote") and not act.why_not for act in row.acts)
    return may and ((row.state is None) or (row.state not in states.HOLDING))


def beside_one_another(rows: Sequence[views.DeploymentView]) -> tuple[views.DeploymentView, ...]:
    """Return the rows as one page shows them: if several are ready, the page's primary button promotes all of them."""
    if sum(1 for row in rows if is_ready(row)) <= 1:
        return tuple(rows)
    return tuple(dataclasses.replace(row, acts=tuple(_plain(act) for act in row.acts)) for row in rows)


def _plain(act: views.Act) -> views.Act:
    return dataclasses.replace(act, primary=act.primary and (act.name != "promote"))


def by_hand(read: transaction.Transaction, promotion: tables.Promotion, *, member: bool) -> tuple[views.Act, ...]:
    """Return the actions of a committer of the committee for a promotion, with or without a deployment."""
    acts = []
    match promotion.state:
        case _State.REQUESTED:
            acts.append(_act("abort", "Stop it", member=member, needs_reason=True))
        case _State.DIVERGED:
            acts.extend(_accept(promotion, member=member))
            acts.append(
                _act("check_again", "Compare the public files again", member=member, needs_reason=True, primary=True)
            )
        case _State.IN_DOUBT:
            acts.extend(_doubtful(read, promotion, member=member))
        case _:
            pass
    if promotion.state in states.OPEN:
        acts.append(views.Act("look", "Check now"))
    return tuple(acts)


def _accept(promotion: tables.Promotion, *, member: bool) -> tuple[views.Act, ...]:
    """Return the action that accepts the extra files, by name."""
    found = observations.files(promotion.extra_files)
    if not found:
        return ()
    act = _act(
        "accept_extras",
        f"Accept {words.either(len(found), 'this extra file', f'these {len(found):,} extra files')}",
        member=member,
        needs_reason=True,
    )
    names, they_are = ", ".join(file.path for file in found), words.either(len(found), "it is", "they are")
    note = (
        f"The committee did not vote on {names}. If it knows why {they_are} there, "
        "a member can accept the extra files; the acceptance stays on record. A missing or changed file cannot be "
        "accepted."
    )
    return (dataclasses.replace(act, note=note, target=fileset.FileSet.of(found).digest),)


def _stop(promotion: tables.Promotion, blockers: Sequence[reasons.Reason], *, member: bool) -> tuple[views.Act, ...]:
    """Return the action that tries to stop a promotion after its publish request, with the blockers since then."""
    if preconditions.stop(promotion):
        return ()
    again = promotion.state is _State.ABORTING
    act = _act("stop", "Request the drop again" if again else "Request a stop", member=member, needs_reason=True)
    since = [one.sentence for one in blockers if one.code not in {"rights", "not-staged", *gates.WAITING}]
    note = f"{' '.join(['Since the publish request:', *since]) if since else ''} {_STOP_NOTE}".strip()
    return (dataclasses.replace(act, note=note),)


def _may_ask(case: eligibility.Case, promotion: tables.Promotion | None) -> bool:
    if (case.deployment.state is not _Deployment.STAGED) or case.deployment.publishing_since:
        return False
    if (promotion is None) or (promotion.state not in states.HOLDING):
        return True
    return promotion.held and (promotion.state in {_State.REQUESTED, _State.SENDING})


def _promote(
    case: eligibility.Case, promotion: tables.Promotion | None, blockers: tuple[reasons.Reason, ...]
) -> views.Act:
    again = " again" if promotion is not None else ""
    why_not = reasons.sentences(blockers[:1])
    if blockers and (blockers[0].who != "nobody") and (blockers[0].code != "rights"):
        why_not = f"{why_not} {words.upper(blockers[0].who)} can change this."
    return views.Act("promote", f"Promote to {case.platform.display_name}{again}…", why_not=why_not, primary=True)


def _go_on(case: eligibility.Case, *, member: bool) -> views.Act:
    act = _act("go_on", "Continue anyway", member=member, needs_reason=True, primary=True)
    return dataclasses.replace(act, note=f"{case.facts.stopped_by}. See its page for the reason.")


def _doubtful(read: transaction.Transaction, promotion: tables.Promotion, *, member: bool) -> tuple[views.Act, ...]:
    may = preconditions.may_give_up(read, promotion)
    give_up = _act("give_up", "Mark as cancelled", member=member, needs_reason=True)
    if member and not may:
        why = reasons.of("may-be-sent").sentence
        give_up = views.Act("give_up", "Mark as cancelled", why_not=why, needs_reason=True)
    acts = [_act("extend", "Extend deadline by 24 hours", member=member, needs_reason=True), give_up]
    if not promotion.by_hand:
        acts.insert(0, _act("send_again", "Send the publish request again", member=member, needs_reason=True))
    return tuple(acts)


def _act(name: str, label: str, *, member: bool, needs_reason: bool = False, primary: bool = False) -> views.Act:
    return views.Act(name, label, why_not="" if member else _MEMBERS_ONLY, needs_reason=needs_reason, primary=primary)


def _managers_act(
    read: transaction.Transaction, case: eligibility.Case, name: str, label: str, *, needs_reason: bool = False
) -> views.Act:
    may = rights.is_release_manager(case.of.committee, read.asf_uid)
    return views.Act(name, label, why_not="" if may else _MANAGERS_ONLY, needs_reason=needs_reason)
