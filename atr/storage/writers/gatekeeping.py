# SPDX-License-Identifier: Apache-2.0
"""What the mark of an irreversible call holds: every scope in which a fact may change that its gates look at."""

import atr.db.guards as guards
import atr.db.queries as queries
import atr.shared.distribution as distribution
import atr.storage.transaction as transaction


async def hold(write: transaction.Transaction, release_key: str, platform: distribution.DistributionPlatform) -> None:
    """Hold the site, the platform, the committee and the release. Read the facts after this, never before."""
    release = await queries.demand_release(write.data, release_key)
    project = await queries.demand_project(write.data, release.project_key)
    await guards.hold(
        write.data,
        guards.SITE,
        guards.platform(platform),
        guards.committee(project.committee_key),
        guards.release(release_key),
    )
    # What was read to find the scopes may have changed while we waited for them.
    write.data.expire_all()
