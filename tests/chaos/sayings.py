# SPDX-License-Identifier: Apache-2.0
"""What rows and pages say of a version, held against what is true. Looked at once every look that is due was made."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import atr.models.promotion as tables
import atr.pages.finish as finish
import atr.promotion.states as states
import tests.chaos.truth as truth
from tests import world as worlds

_DState: Final = states.DeploymentState
_NOT_PUBLIC: Final = frozenset({_DState.STAGED, _DState.DROPPED, _DState.GONE, _DState.FAILED, _DState.VALIDATING})
# That what is public was not voted on, and that all is public that was.
UNVOTED: Final = "Published, but not voted on"
EVERYTHING: Final = "Nothing is outstanding"
# Words that say of a version that nobody has it.
DENIED: Final = re.compile(
    r"before anything became public|nothing of it (was|became)|none of its files|can be promoted again", re.IGNORECASE
)


async def wrong(world: worlds.World, judge: truth.Truth, release_key: str, voted: Mapping[str, str]) -> list[str]:
    """A sentence for everything that is said of a release and is not so. `voted`: what it has, sha256 by path."""
    world.platform.portal.advance()
    deployments = [row for row in await world.rows(tables.Deployment) if row.release_key == release_key]
    promotions = [row for row in await world.rows(tables.Promotion) if row.release_key == release_key]
    async with world.store.read(worlds.MEMBER) as read:
        page = await finish.page(read, release_key)
    seen = Seen(deployments, promotions, page, world.platform.now())
    return [f"S17: {sentence}" for sentence in (*judge.nowhere(), *judged(seen, judge, voted))]


@dataclasses.dataclass(frozen=True)
class Seen:
    """The rows of a release and its finish page, read at this instant of the platform's clock."""

    deployments: Sequence[tables.Deployment]
    promotions: Sequence[tables.Promotion]
    page: finish.FinishView
    when: float


def judged(seen: Seen, judge: truth.Truth, voted: Mapping[str, str]) -> list[str]:
    """What of this is not so."""
    return [
        *_of_deployments(seen.deployments, judge.look()),
        *_of_public(seen, judge),
        *_of_page(seen.page, judge, seen.when, missing=bool(judge.missing(voted))),
    ]


def _of_deployments(rows: Sequence[tables.Deployment], now: truth.Now) -> Iterator[str]:
    for row in rows:
        public = now.is_public(row.external_id or "")
        if public and (row.state in _NOT_PUBLIC):
            yield f"deployment {row.id} is said to be {row.state.value}, and it is public"
        coming = any((one.deployment == row.external_id) and now.may_come(one) for one in now.effects)
        if (row.state is _DState.PUBLISHED) and not (public or coming):
            yield f"deployment {row.id} is said to be published, and it is not"


def _of_public(seen: Seen, judge: truth.Truth) -> Iterator[str]:
    """A promotion compares what is public; what nothing may be compared with is shown, and bars the announcement."""
    if any((row.state in states.HOLDING) and (row.state is not states.State.REQUESTED) for row in seen.promotions):
        return
    now, shown = judge.look(), {row.external_id: row.standing for row in seen.page.rows}
    for row in seen.deployments:
        external_id = row.external_id or ""
        if not now.is_public(external_id):
            continue
        if judge.was_voted(external_id, seen.when) and judge.is_owned(external_id):
            yield f"deployment {row.id} is public as it was voted on, and nothing holds that"
            continue
        if (external_id not in shown) or (shown[external_id].css != "diverged"):
            yield f"deployment {row.id} is public, nothing holds that, and its row does not say it"
        if not seen.page.announce_why_not:
            yield f"deployment {row.id} is public, nothing holds that, and the release could be announced"


def _of_page(page: finish.FinishView, judge: truth.Truth, when: float, *, missing: bool) -> Iterator[str]:
    now, counts = judge.look(), judge.counts(when)
    if counts and missing and not page.missing:
        yield "the finish page says that nothing is missing, and not all that was voted on is public"
    if counts and missing and not (page.announce_why_not or page.announce_needs_reason):
        yield "it could be announced without a word, and not all that was voted on is public"
    if (not counts) and (page.vote_passed_at or not page.announce_why_not):
        yield "the finish page says that a vote has passed, and none counts"
    if (not counts) and (not page.missing) and (EVERYTHING in page.nothing_missing):
        yield "the finish page says that all is public that was voted on, and no vote counts"
    for row in page.rows:
        if (
            now.is_public(row.external_id)
            and (UNVOTED in row.standing.sentence)
            and counts
            and judge.was_voted(row.external_id, when)
        ):
            yield f"the page says of {row.external_id} that it was not voted on, and it was"
        said = f"{row.standing.sentence} {row.reason} {row.next_sentence} {row.next_note}"
        if now.is_public(row.external_id) and (denied := DENIED.search(said)):
            yield f"the page says “{denied[0]}” of {row.external_id}, and it is public"
