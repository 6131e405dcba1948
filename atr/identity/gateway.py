# SPDX-License-Identifier: Apache-2.0
"""Sign-in by the ASF's OAuth gateway, which speaks a protocol of its own.

https://github.com/apache/infrastructure-asfquart/blob/main/src/asfquart/generics.py: the browser goes to `/auth-oidc`
with a state and our address, and comes back with a code; `/token-oidc` tells once whose it is. Nothing is signed, and
nothing says when somebody proved who they are: what counts is TLS to the gateway, and when the code was told.
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
        """Where to sign in. The gateway cannot be asked to have somebody sign in again."""
        state = contract.random()
        # It leads back to just this address and adds the code.
        asked = {"state": state, "redirect_uri": f"{back}?{urllib.parse.urlencode({'state': state})}"}
        kept = {"state": state, "again": "yes" if again else ""}
        return contract.Begun(f"{self._url}/auth-oidc?{urllib.parse.urlencode(asked)}", kept)

    async def finish(self, back: str, answer: Mapping[str, str], kept: Mapping[str, str]) -> contract.Proven:
        """Who came back."""
        del back
        code = contract.code_of(answer, kept)
        address = f"{self._url}/token-oidc?{urllib.parse.urlencode({'code': code})}"
        told = await http.object_of("GET", address, f"The answer of {self.name} to the code", headers={})
        return contract.Proven(contract.checked_uid(told.get("uid")), self._clock())
