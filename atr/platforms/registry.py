# SPDX-License-Identifier: Apache-2.0
"""Which adapter speaks to which platform. A test ties these names to the enum's `supports_remote_promotion`."""

from collections.abc import Collection, Mapping
from typing import Final, Protocol

import atr.platforms.contract as contract
import atr.platforms.maven_central as maven_central
import atr.shared.distribution as distribution


class Adapter(contract.Promoter, Protocol):
    """A Promoter that holds connections: close it with `aclose`, or by `contextlib.aclosing`."""

    async def aclose(self) -> None:
        """Close the connections."""


class Builder(Protocol):
    """Makes an adapter from the operator's settings. Raises SettingsError for settings that cannot work."""

    def __call__(  # noqa: PLR0913  (the operator's settings, each by its name)
        self,
        *,
        portal_url: str,
        repository_url: str,
        token_name: str,
        token_password: str,
        redirect_hosts: Collection[str],
        call_timeout: float,
        pace: float,
        user_agent: str,
    ) -> Adapter:
        """The adapter, ready to use in the event loop that will run it."""


PROMOTERS: Final[Mapping[distribution.DistributionPlatform, Builder]] = {
    distribution.DistributionPlatform.MAVEN: maven_central.build,
}
