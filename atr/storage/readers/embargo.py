# SPDX-License-Identifier: Apache-2.0
"""The page on which the embargo of a release is lifted."""

import atr.db.queries as queries
import atr.models.finish_views as finish_views
import atr.storage.embargo as embargo
import atr.storage.readers.releases as releases
import atr.storage.transaction as transaction


async def page(read: transaction.Transaction, project_key: str, version_key: str) -> finish_views.EmbargoView:
    """The embargo as it is now. Raises NotFoundError, for one under embargo for all but members of the committee."""
    head = await releases.head(read, project_key, version_key)
    release = await queries.demand_release(read.data, head.release_key)
    return finish_views.EmbargoView(head, holds=await embargo.holds(read.data, release))
