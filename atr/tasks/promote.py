# SPDX-License-Identifier: Apache-2.0
"""One step of a promotion: verify and send, poll, or check the public files. The rules are in promotion/steps.py.

The order is the promise. Nothing is sent that was not verified in the same step; nothing is sent before its mark is on
disk; the reply is only a hint; the platform's later status is only believed together with the public files.
"""

import dataclasses
import functools

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.work as work
import atr.platforms.contract as contract
import atr.promotion.fileset as fileset
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.tasks.beside as looking
import atr.tasks.context as contexts
import atr.tasks.leased as leased
import atr.tasks.reading as reading

Do = steps.Do
Seen = steps.Seen
Look = steps.Look
_NOT_FOUND = "The platform has no such deployment at the moment. This is not conclusive; it is checked again."


async def advance(context: contexts.Context, claimed: work.Promotion) -> None:
    """Take the step that is due for this promotion. Raises AtrError; the scan records it on the row."""
    context.failpoint("after_claim")
    promoter = context.promoter(claimed.mechanism)
    async with leased.PromotionLease(context, claimed).alive():
        match steps.plan(claimed.view):
            case Do.VERIFY | Do.ASK:
                # A probe only reads: a deployment that it finds staged is verified and sent by a later check.
                await _ask(context, promoter, claimed, may_send=not claimed.probe)
            case Do.CHECK:
                await _check(context, promoter, claimed)
            case Do.LOOK_AGAIN:
                await _look_again(context, promoter, claimed)
            case Do.NOTHING:
                await _settle(context, claimed, work.Learnt(steps.Decision(None)))


async def _look_again(context: contexts.Context, promoter: contract.Promoter, claimed: work.Promotion) -> None:
    """Check an ended promotion: its state by id, the platform's records, and if those have it the public repository."""
    observation = contract.Observation(Seen.UNKNOWN)
    if claimed.external_id:
        observation = await promoter.observe(leased.target(claimed))
    version = steps.Version.NOT_ASKED
    if observation.seen not in {Seen.PUBLIC, Seen.WORKING}:
        version = await reading.version(promoter, claimed.packages)
    async with context.service() as service:
        await service.findings.looked_again(claimed, observation, version)


async def failed_look(context: contexts.Context, claimed: work.Promotion, error: errors.AtrError) -> None:
    """Record on the row that the platform could not be read; its state stays, and it is checked again.

    Raises ConflictError if another worker has the row.

    After its deadline a promotion goes to IN_DOUBT, for a person, even if the platform never answers.
    """
    decision = steps.Decision(None)
    if claimed.view.state in {states.State.SENDING, states.State.PUBLISHING, states.State.ABORTING}:
        decision = steps.after_ask(claimed.view, Seen.UNKNOWN)
    elif claimed.view.state is states.State.CHECKING:
        decision = steps.after_check(claimed.view, complete=False, equal=False, twice=False, difference="")
    learnt = work.Learnt(decision, blocker=str(error), retry_after=error.retry_after)
    await _settle(context, claimed, learnt)


async def _ask(
    context: contexts.Context,
    promoter: contract.Promoter,
    claimed: work.Promotion,
    *,
    may_send: bool = True,
) -> None:
    """Read the platform's state and decide. Without `may_send` nothing is verified or sent, whatever the state is."""
    observation = await _observe(promoter, claimed)
    context.failpoint("after_status")
    view = _counted(claimed.view, observation.seen)
    look = Look.NOT_LOOKED
    if steps.needs_public_look(view, observation.seen):
        look = await _look(context, promoter, claimed, thorough=observation.seen is Seen.FAILED)
    decision = steps.after_ask(view, observation.seen, look)
    if (decision.then is Do.VERIFY) and may_send:
        await _verify(context, promoter, claimed, observation)
        return
    if (decision.then is Do.DROP) and may_send:
        await _drop(context, promoter, claimed)
        return
    if (decision.to is states.State.ABORTED) and (observation.seen is Seen.GONE):
        # A missing id proves less than a final status: each file is probed once before the promotion counts as stopped.
        look = await _look(context, promoter, claimed, thorough=True)
        decision = steps.after_ask(view, observation.seen, look)
    if (view.state is states.State.IN_DOUBT) and view.overdue and (decision.to is states.State.CHECKING):
        voted = await _voted(context, claimed)
        public = await _read_public(context, promoter, claimed, voted)
        if public.absent and not public.differs(voted):
            decision = steps.Decision(None)
    unclear = {Seen.UNKNOWN: observation.detail, Seen.GONE: _NOT_FOUND}.get(observation.seen, "")
    await _settle(
        context,
        claimed,
        work.Learnt(
            dataclasses.replace(decision, then=Do.NOTHING),
            seen=observation.seen,
            look=look,
            word=observation.word,
            blocker=_held_up(view, decision, unclear),
        ),
    )


def _held_up(view: steps.View, decision: steps.Decision, unclear: str) -> str:
    """Return what the row waits for after this check, as a sentence; empty if its state changes."""
    if decision.to is None:
        return unclear or decision.reason
    again = (decision.to is states.State.REQUESTED) and view.limit
    return again.sentence("publish request") if again else ""


async def _observe(promoter: contract.Promoter, claimed: work.Promotion) -> contract.Observation:
    if claimed.external_id:
        return await promoter.observe(leased.target(claimed))
    # Tracked by hand: there is no deployment to poll, only the public repository.
    found = [await promoter.lookup(where) for where in claimed.packages]
    return contract.Observation(Seen.PUBLIC if all(found) else Seen.WAITING)


async def _look(
    context: contexts.Context, promoter: contract.Promoter, claimed: work.Promotion, *, thorough: bool
) -> Look:
    """Return whether any of it is public: by one lookup, in doubt one per package, if `thorough` also one per file."""
    doubted = claimed.view.state is states.State.IN_DOUBT
    for where in claimed.packages if (thorough or doubted) else claimed.packages[:1]:
        if await promoter.lookup(where) is not None:
            return Look.SOME
    if thorough:
        for file in (await _voted(context, claimed)).files:
            if await promoter.probe(leased.target(claimed), file.path):
                return Look.SOME
    return Look.NONE


async def _verify(
    context: contexts.Context, promoter: contract.Promoter, claimed: work.Promotion, observation: contract.Observation
) -> None:
    """Verify the staged files; then mark and send, in the same step."""
    voted = await _voted(context, claimed)
    lease = leased.PromotionLease(context, claimed, tables.Side.STAGED)
    found = await reading.staged(
        promoter,
        leased.target(claimed),
        await lease.kept(),
        lease.keep,
        named=observation.coordinates,
        layout=context.layout(claimed.mechanism),
        each=functools.partial(context.failpoint, "mid_download"),
        keep_all=False,
    )
    text = found.difference(voted)
    if text:
        await _settle(context, claimed, dataclasses.replace(_differs(claimed, observation, text), staged=found.files))
        return
    # The last read before the mark, once per request and package (docs/adr/0015-ask-the-records-before-the-call).
    if await reading.taken(promoter, claimed.packages):
        await _already_public(context, promoter, claimed, voted, observation)
        return
    async with context.service() as service:
        await service.promotions.verified(claimed, found.files)
    await promoter.prepare(leased.target(claimed, found.files.digest))
    await _send(context, promoter, claimed, found.files.digest)


async def _send(
    context: contexts.Context, promoter: contract.Promoter, claimed: work.Promotion, staged_digest: str
) -> None:
    """Write the mark, send once, then poll. Only the process that saw the mark's commit succeed sends its request."""
    context.failpoint("after_verify")
    before = context.monotonic()
    async with context.service() as service:
        permit = await service.marks.publish(claimed, staged_digest, seconds=context.lease)
        context.failpoint("in_mark_tx")
    if permit is None:
        return
    context.failpoint("after_mark")
    context.demand_fresh(before)
    reply = await promoter.promote(leased.target(claimed, staged_digest, permit))
    context.failpoint("after_reply")
    async with context.service() as service:
        after = await service.promotions.answered(claimed, permit, reply)
        context.failpoint("before_result_commit")
    context.failpoint("after_result_commit")
    await leased.hear(context, claimed.mechanism, reply)
    if reply.answer is steps.Answer.UNCLEAR:
        await _settle(context, after, work.Learnt(steps.Decision(None), blocker=_unclear(reply)))
        return
    await _ask(context, promoter, after, may_send=False)


async def _drop(context: contexts.Context, promoter: contract.Promoter, claimed: work.Promotion) -> None:
    """Mark a drop, send it once, then poll. As in `_send`, only the process that saw the commit succeed sends it."""
    before = context.monotonic()
    async with context.service() as service:
        permit = await service.marks.drop(claimed, seconds=context.lease)
    if permit is None:
        return
    reply = await leased.drop(context, promoter, leased.target(claimed), before)
    async with context.service() as service:
        after = await service.promotions.answered(claimed, permit, reply)
    await leased.hear(context, claimed.mechanism, reply)
    if reply.answer is steps.Answer.UNCLEAR:
        await _settle(context, after, work.Learnt(steps.Decision(None), blocker=_unclear(reply, "drop")))
        return
    await _ask(context, promoter, after, may_send=False)


async def _already_public(
    context: contexts.Context,
    promoter: contract.Promoter,
    claimed: work.Promotion,
    voted: fileset.FileSet,
    observation: contract.Observation,
) -> None:
    """Handle a version that the platform already has: identical files are a success, others are refused or in doubt."""
    public = await _read_public(context, promoter, claimed, voted)
    difference = public.difference(voted)
    if public.absent and not public.differs(voted):
        text = f"The platform reports this version as published, but {public.not_there_yet(voted)}"
        learnt = work.Learnt(steps.Decision(None), seen=observation.seen, word=observation.word, blocker=text)
    elif not difference:
        ours = not claimed.view.surely_unsent
        reason = "Its files are public." if ours else "The same files are already public; ATR did not publish them."
        decision = steps.Decision(states.State.CHECKING, reason, out_of_band=not ours)
        learnt = work.Learnt(decision, seen=observation.seen, word=observation.word)
    else:
        text = f"This version is already public with different files: {difference}"
        read = fileset.FileSet.of(public.found) if public.found else None
        learnt = dataclasses.replace(_differs(claimed, observation, text), public=read)
    await _settle(context, claimed, learnt)


def _differs(claimed: work.Promotion, observation: contract.Observation, text: str) -> work.Learnt:
    """Return the outcome for files that were read completely and differ from the voted ones."""
    decision = steps.after_verify(claimed.view, equal=False, twice=bool(claimed.difference), difference=text)
    return work.Learnt(
        decision,
        seen=observation.seen,
        word=observation.word,
        difference=text,
        blocker="" if decision.to else text,
        complete=True,
    )


async def _check(context: contexts.Context, promoter: contract.Promoter, claimed: work.Promotion) -> None:
    """Read the public files and compare them. One lookup shows whether they exist; then each is read once."""
    voted = await _voted(context, claimed)
    first = await promoter.lookup(claimed.packages[0])
    checking = claimed.view.state is states.State.CHECKING
    if checking and (first is None):
        await _settle(
            context,
            claimed,
            work.Learnt(
                _checked(claimed, complete=False),
                blocker=f"The public files of {claimed.packages[0]} are not there yet.",
            ),
        )
        return
    public = await _read_public(context, promoter, claimed, voted)
    if checking and public.absent and not public.differs(voted):
        text = public.not_there_yet(voted)
        await _settle(context, claimed, work.Learnt(_checked(claimed, complete=False), blocker=text))
        return
    difference = public.difference(voted)
    beside = None if difference else await looking.look(context, promoter, claimed, voted)
    if beside is not None:
        difference = beside.difference
    decision = steps.after_check(
        claimed.view,
        complete=True,
        equal=not difference,
        twice=bool(claimed.difference),
        difference=difference,
    )
    found = (*public.found, *(beside.extras if beside else ()))
    urls = await _addresses(promoter, claimed, first) if decision.to else ()
    await _settle(
        context,
        claimed,
        work.Learnt(
            decision,
            difference=difference,
            complete=True,
            public=fileset.FileSet.of(found) if found else None,
            urls=urls,
            looked_beside=beside,
        ),
    )


async def _addresses(
    promoter: contract.Promoter, claimed: work.Promotion, first: contract.Published | None
) -> tuple[contract.Published, ...]:
    rest = [await promoter.lookup(where) for where in claimed.packages[1:]]
    return tuple(one for one in (first, *rest) if one is not None)


async def _read_public(
    context: contexts.Context, promoter: contract.Promoter, claimed: work.Promotion, voted: fileset.FileSet
) -> reading.Public:
    lease = leased.PromotionLease(context, claimed, tables.Side.PUBLIC)
    each = functools.partial(context.failpoint, "mid_public_check")
    return await reading.public(promoter, leased.target(claimed), voted, await lease.kept(), lease.keep, each=each)


async def _voted(context: contexts.Context, claimed: work.Promotion) -> fileset.FileSet:
    async with context.storage.read() as read:
        return await queries.file_set(read.data, claimed.voted_digest)


async def _settle(context: contexts.Context, claimed: work.Promotion, learnt: work.Learnt) -> None:
    if (learnt.decision.to is None) and (learnt.seen is not steps.Seen.PUBLIC) and not learnt.complete:
        await context.looks.note(context.storage, claimed, learnt)
        return
    async with context.service() as service:
        await service.distributions.settle(claimed, learnt)
        if learnt.decision.to is states.State.LIVE:
            context.failpoint("in_live_tx")


def _checked(claimed: work.Promotion, *, complete: bool) -> steps.Decision:
    return steps.after_check(claimed.view, complete=complete, equal=False, twice=False, difference="")


def _counted(view: steps.View, seen: Seen) -> steps.View:
    """Return the view with this check counted."""
    if seen is not Seen.GONE:
        return view
    return dataclasses.replace(view, gone_looks=view.gone_looks + 1, gone_since=view.gone_since or view.now)


def _unclear(reply: contract.Reply, what: str = "publish request") -> str:
    answer = f"it replied {reply.status}" if reply.status else "there was no complete reply"
    return f"The {what} was sent once, and {answer}. The platform is being queried for the outcome."
