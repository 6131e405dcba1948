# SPDX-License-Identifier: Apache-2.0
"""What the mark of an irreversible call holds: every scope in which a fact may change that its gates look at."""

from typing import Final

import atr.db.guards as guards
import atr.db.queries as queries
import atr.storage.transaction as transaction

# Of what a host has deleted together with its release.
DELETED: Final = "The release was deleted."


async def hold(write: transaction.Transaction, release_key: str, mechanism: str) -> None:
    """Hold the site, the mechanism, the committee and the release. Read the facts after this, never before."""
    scopes = [guards.SITE, guards.mechanism(mechanism), guards.release(release_key)]
    release = await queries.get_release(write.data, release_key)
    if release is not None:
        project = await queries.demand_project(write.data, release.project_key)
        scopes.append(guards.committee(project.committee_key))
    await guards.hold(write.data, *scopes)
    # What was read to find the scopes may have changed while we waited for them.
    write.data.expire_all()
