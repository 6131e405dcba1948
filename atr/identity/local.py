# SPDX-License-Identifier: Apache-2.0
"""Local accounts: whoever sits at this machine may be anybody. Sandbox mode only."""

from collections.abc import Mapping, Sequence

import atr.errors as errors
import atr.identity.contract as contract


class LocalAccounts:
    """The accounts are the people whom the committees name; choosing one is signing in."""

    async def choices(self, people: Sequence[contract.Account]) -> Sequence[contract.Account]:
        """Everybody may be chosen."""
        return people

    async def who(self, form: Mapping[str, str], people: Sequence[contract.Account]) -> str:
        """The person chosen. Raises AccessError for somebody who is not there."""
        asf_uid = form.get("asf_uid", "")
        if asf_uid not in {account.asf_uid for account in people}:
            raise errors.AccessError("There is no such account here. Choose a value from the list.")
        return asf_uid
