# SPDX-License-Identifier: Apache-2.0
"""The ASF's OAuth gateway as asfquart knows it: it leads back to the address it was given, and tells a code once."""

import secrets
import urllib.parse
from typing import Any

from tests.identity import provider as providers


class Gateway(providers.Provider):
    """Its two addresses."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.known: set[str] = set()

    def answer(self, method: str, path: str, asked: dict[str, str], headers: Any) -> tuple[int, Any]:
        """What is said there."""
        self.asked.append(path)
        if (method, path) == ("GET", "/auth-oidc"):
            code = secrets.token_hex(8)
            self.known.add(code)
            return 303, f"{asked['redirect_uri']}&{urllib.parse.urlencode({'code': code})}"
        if path == "/token-oidc" and asked["code"] in self.known:
            self.known.remove(asked["code"])
            return 200, {"uid": self.person, "fullname": "A Person", "isMember": True, "pmcs": ["everything"]}
        return 404, {}
