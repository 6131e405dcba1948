# SPDX-License-Identifier: Apache-2.0
"""The people of the sandbox, and what they do, through the same writers as everybody."""

import asyncio
import pathlib
from collections.abc import AsyncIterator, Sequence
from typing import Final

import atr.demo.tree as trees
import atr.models.sql as sql
import atr.shared.distribution as distribution
import atr.storage as storage

PROJECT: Final = "example-widgets"
MEMBERS: Final = ("alice", "bob", "carol")
COMMITTER: Final = "dave"
ADMIN: Final = "erin"
STRANGER: Final = "mallory"
_CHUNK: Final = 1024 * 1024
_PLATFORM: Final = distribution.DistributionPlatform.MAVEN


async def settle_in(store: storage.Storage, namespaces: Sequence[str]) -> None:
    """Create two committees, a project, its policy and its namespaces."""
    async with store.database.write() as data:
        if await data.get(sql.FoundationAdmin, ADMIN) is None:
            data.add(sql.FoundationAdmin(asf_uid=ADMIN))
    async with store.write_as_foundation_admin(ADMIN) as admin:
        await admin.policy.set_committee(
            "example",
            "Example",
            committee_members=MEMBERS,
            committers=(*MEMBERS, COMMITTER),
            release_managers=(COMMITTER,),
        )
        await admin.policy.set_committee("elsewhere", "Elsewhere", committee_members=(STRANGER,))
        await admin.policy.set_project(PROJECT, "Example Widgets", "example")
        await admin.policy.set_target(
            PROJECT, _PLATFORM, namespaces=namespaces, source="the simulated portal", target="the simulated repository"
        )
    async with store.write_as_project_committee_member(PROJECT, MEMBERS[0]) as member:
        await member.policy.edit(
            PROJECT,
            file_tag_mappings={_PLATFORM.gh_slug: ["maven/**"]},
            remote_promotion={_PLATFORM: True},
            # A demo cannot wait three days.
            min_hours=0,
        )


async def compose(store: storage.Storage, tree: trees.Tree) -> str:
    """Start a release and put the tree into its first revision, below maven/. Returns the release's key."""
    async with store.write_as_project_committee_participant(PROJECT, COMMITTER) as participant:
        release_key = await participant.release.start(PROJECT, tree.version)
    async with store.draft(release_key) as draft:
        await draft.add(f"apache-{PROJECT}-{tree.version}-source-release.zip", _chunks(b"the source release"))
        for path, content in tree.files.items():
            await draft.add(f"maven/{path}", _chunks(content))
        async with store.write_as_project_committee_participant(PROJECT, COMMITTER) as participant:
            await participant.revision.create(release_key, draft, "The first candidate")
    return release_key


async def stage(store: storage.Storage, release_key: str) -> int:
    """Request the upload, and return ATR's number of the deployment."""
    async with store.write_as_project_committee_member(PROJECT, MEMBERS[0]) as member:
        return await member.distributions.automate(release_key, _PLATFORM, staging=True)


async def vote(store: storage.Storage, release_key: str) -> None:
    """Open a vote, cast three binding +1, and resolve it, so that the release is in Finish."""
    async with store.write_as_project_release_manager(PROJECT, COMMITTER) as manager:
        await manager.vote.open_vote(release_key)
    for asf_uid in MEMBERS:
        async with store.write_as_project_committee_participant(PROJECT, asf_uid) as participant:
            await participant.vote.cast(release_key, sql.VoteChoice.YES)
    async with store.write_as_project_release_manager(PROJECT, COMMITTER) as manager:
        await manager.vote_resolution.resolve_passed(release_key)


async def _chunks(content: bytes | pathlib.Path) -> AsyncIterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
