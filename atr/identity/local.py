# SPDX-License-Identifier: Apache-2.0
"""Local accounts, in sandbox mode only: anyone at this machine can sign in as anybody."""

from collections.abc import Mapping, Sequence

import atr.errors as errors
import atr.identity.contract as contract


class LocalAccounts:
    """The accounts are the people whom the committees name; choosing one is enough to sign in."""

    async def choices(self, people: Sequence[contract.Account]) -> Sequence[contract.Account]:
        """Return all accounts."""
        return people

    async def who(self, form: Mapping[str, str], people: Sequence[contract.Account]) -> str:
        """Return the chosen person. Raises AccessError for somebody who is not in the list."""
        asf_uid = form.get("asf_uid", "")
        if asf_uid not in {account.asf_uid for account in people}:
            raise errors.AccessError("There is no such account here. Choose a value from the list.")
        return asf_uid
