# SPDX-License-Identifier: Apache-2.0
"""What must last hangs on no row of the host's: ATR deletes every revision of a release that is announced."""

from typing import Final

import sqlalchemy
from sqlmodel import col

import atr.db.queries as queries
import atr.demo.people as people
import atr.models.sql as sql
import atr.pages.compose as compose
import atr.pages.deployments as deployments
import atr.pages.finish as finish
import atr.pages.resolution as resolution
import atr.pages.revisions as revisions
import atr.pages.vote as votes
import atr.promotion.states as states
import atr.storage.holdings as holdings
from tests import world as worlds

RELEASE: Final = f"{people.PROJECT}-2.4.0"


async def test_nothing_is_lost_with_the_revisions_of_an_announced_release(voted: worlds.World) -> None:
    """Every page stands, the voted files are served and staged from the disk, and after-care goes on."""
    await voted.promote(1)
    await voted.live(1)
    async with voted.manager() as manager:
        await manager.announce.announce(RELEASE)
    before = await voted.row(1)
    async with voted.by_hand() as data:
        await data.exec(sqlalchemy.delete(sql.Revision).where(col(sql.Revision.release_key) == RELEASE))
    assert (await voted.row(1)) == before
    async with voted.store.read(worlds.MEMBER) as read:
        assert (await finish.page(read, RELEASE)).voted_revision == "00001"
        vote = await votes.newest(read, RELEASE)
        assert vote.revision_number == "00001"
        assert vote.entries
        assert (await resolution.announce(read, RELEASE)).sentence == "This release was announced."
        assert (await compose.page(read, RELEASE)).revision is None
        assert (await revisions.page(read, RELEASE)).lines == ()
        detail = await deployments.detail(read, RELEASE, "d1")
        assert {line.result for line in detail.files} == {"equal"}
        release = await queries.demand_release(read.data, RELEASE)
        voted_digest = before.proof.voted.digest if before.proof.voted else ""
        held = await holdings.holder(read, release, voted_digest)
        assert held is not None
        for _, file in await holdings.sources(read, release, voted_digest, held):
            file.opened().close()
    await voted.pass_time(rounds=3, days=1)
    assert (await voted.row(1)).state is states.State.LIVE
