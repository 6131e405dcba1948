# SPDX-License-Identifier: Apache-2.0
"""The page on which the embargo of a release is lifted."""

import atr.models.finish_views as finish_views
import atr.storage.eligibility as eligibility
import atr.storage.embargo as embargo
import atr.storage.readers.releases as releases
import atr.storage.transaction as transaction


async def page(read: transaction.Transaction, project_key: str, version_key: str) -> finish_views.EmbargoView:
    """The embargo as it is now. Raises NotFoundError, for one under embargo for all but members of the committee."""
    of = await eligibility.release(read.data, await embargo.release_key(read, project_key, version_key))
    return finish_views.EmbargoView(releases.heading(of), holds=of.is_embargoed)
