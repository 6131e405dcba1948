# SPDX-License-Identifier: Apache-2.0
"""Pages for those who run the site: an operator is a foundation admin here (docs/adr/0031)."""

import atr.errors as errors
import atr.models.sql as sql
import atr.storage.transaction as transaction


async def demand(read: transaction.Transaction) -> None:
    """Raise AccessError unless a foundation admin reads."""
    if (not read.asf_uid) or (await read.data.get(sql.FoundationAdmin, read.asf_uid) is None):
        raise errors.AccessError("Only foundation admins can see this page.")
