# SPDX-License-Identifier: Apache-2.0
"""What rows and pages say of a version, held against what is true. Looked at once every look that is due was made."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import atr.models.promotion as tables
import atr.models.views as views
import atr.promotion.states as states
import atr.storage.readers.releases as releases
import tests.chaos.truth as truth
from tests import world as worlds
from tests.model import invariants

_DState: Final = states.DeploymentState
_NOT_PUBLIC: Final = frozenset({_DState.STAGED, _DState.DROPPED, _DState.GONE, _DState.FAILED, _DState.VALIDATING})
# Words that say of a version that nobody has it.
DENIED: Final = re.compile(
    r"before anything became public|nothing of it (was|became)|can be promoted again", re.IGNORECASE
)


async def wrong(world: worlds.World, judge: truth.Truth, release_key: str, voted: Mapping[str, str]) -> list[str]:
    """A sentence for everything that is said of a release and is not so. `voted`: what it has, sha256 by path."""
    world.platform.advance()
    now = judge.look()
    deployments = [row for row in await world.rows(tables.Deployment) if row.release_key == release_key]
    promotions = [row for row in await world.rows(tables.Promotion) if row.release_key == release_key]
    async with world.store.read(worlds.MEMBER) as read:
        page = await releases.finish(read, release_key)
    found = [
        *judge.nowhere(),
        *_of_deployments(deployments, now),
        *_of_promotions(deployments, promotions, now),
        *_of_page(page, now, missing=bool(judge.missing(voted))),
    ]
    return [f"S17: {sentence}" for sentence in found]


def _of_deployments(rows: Sequence[tables.Deployment], now: truth.Now) -> Iterator[str]:
    for row in rows:
        public = now.is_public(row.external_id or "")
        if public and (row.state in _NOT_PUBLIC):
            yield f"deployment {row.id} is said to be {row.state.value}, and it is public"
        coming = any((one.deployment == row.external_id) and now.may_come(one) for one in now.effects)
        if (row.state is _DState.PUBLISHED) and not (public or coming):
            yield f"deployment {row.id} is said to be published, and it is not"


def _of_promotions(
    deployments: Sequence[tables.Deployment], rows: Sequence[tables.Promotion], now: truth.Now
) -> Iterator[str]:
    """One that ended without effect may be outranked; then another one holds what is public."""
    external = {row.id: row.external_id for row in deployments}
    held = any((row.state in states.HOLDING) and (row.state is not states.State.REQUESTED) for row in rows)
    for row in rows:
        public = now.is_public(external.get(row.deployment_id) or "")
        if (row.state in invariants.NEGATIVE) and public and not held:
            yield f"promotion {row.id} is {row.state.value}, its deployment is public, and nothing holds that"


def _of_page(page: views.FinishView, now: truth.Now, *, missing: bool) -> Iterator[str]:
    if page.rows and (not page.missing) and missing:
        yield "the finish page says that nothing is missing, and not all that was voted on is public"
    if page.vote_passed_at and missing and not (page.announce_why_not or page.announce_needs_reason):
        yield "it could be announced without a word, and not all that was voted on is public"
    for row in page.rows:
        said = f"{row.standing.sentence} {row.reason} {row.next_sentence} {row.next_note}"
        if now.is_public(row.external_id) and (denied := DENIED.search(said)):
            yield f"the page says “{denied[0]}” of {row.external_id}, and it is public"
