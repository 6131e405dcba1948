# SPDX-License-Identifier: Apache-2.0
"""Sign-in by the ASF's OAuth gateway, which has its own protocol.

https://github.com/apache/infrastructure-asfquart/blob/main/src/asfquart/generics.py: the browser goes to `/auth-oidc`
with a state and our address, and comes back with a code, which `/token-oidc` exchanges once for the user id. No reply
is signed or says when the person signed in: ATR relies on TLS to the gateway, and on the time of its reply.
"""

import datetime
import urllib.parse
from collections.abc import Callable, Mapping

import atr.identity.contract as contract
import atr.identity.http as http


class Gateway:
    """The gateway at one address."""

    def __init__(self, url: str, clock: Callable[[], datetime.datetime]) -> None:
        self.name = urllib.parse.urlsplit(url).netloc
        self._url = url.rstrip("/")
        self._clock = clock

    async def begin(self, back: str, *, again: bool) -> contract.Begun:
        """Return where to sign in. The gateway cannot be asked to have a person sign in again."""
        state = contract.random()
        # The gateway redirects to exactly this address and adds the code.
        asked = {"state": state, "redirect_uri": f"{back}?{urllib.parse.urlencode({'state': state})}"}
        kept = {"state": state, "again": "yes" if again else ""}
        return contract.Begun(f"{self._url}/auth-oidc?{urllib.parse.urlencode(asked)}", kept)

    async def finish(self, back: str, answer: Mapping[str, str], kept: Mapping[str, str]) -> contract.Proven:
        """Return the person who came back."""
        del back
        code = contract.code_of(answer, kept)
        address = f"{self._url}/token-oidc?{urllib.parse.urlencode({'code': code})}"
        told = await http.object_of("GET", address, f"The answer of {self.name} to the code", headers={})
        return contract.Proven(contract.checked_uid(told.get("uid")), self._clock())
