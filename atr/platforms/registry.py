# SPDX-License-Identifier: Apache-2.0
"""Which adapter speaks to which platform: literal tables, tied by tests to the layouts and to the enum of platforms."""

from collections.abc import Callable, Collection, Mapping
from typing import Final, Protocol

import atr.platforms.artifact_hub as artifact_hub
import atr.platforms.contract as contract
import atr.platforms.docker_hub as docker_hub
import atr.platforms.http as http
import atr.platforms.maven_central as maven_central
import atr.platforms.npm as npm
import atr.platforms.pypi as pypi
import atr.platforms.wire as wire
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms


class Lookup(contract.Catalogue, Protocol):
    """A Catalogue that holds connections: close it with `aclose`, or by `contextlib.aclosing`."""

    async def aclose(self) -> None:
        """Close the connections."""


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
        trace: wire.Trace = wire.untraced,
    ) -> Adapter:
        """The adapter, ready to use in the event loop that will run it. `trace` follows its irreversible requests."""


PROMOTERS: Final[Mapping[mechanisms.Mechanism, Builder]] = {
    mechanisms.Mechanism.CENTRAL_PORTAL: maven_central.build,
}
# A promoter looks versions up too, so its platform does not stand here.
CATALOGUES: Final[Mapping[distribution.DistributionPlatform, Callable[[http.Reading], Lookup]]] = {
    distribution.DistributionPlatform.ARTIFACT_HUB: artifact_hub.build,
    distribution.DistributionPlatform.DOCKER_HUB: docker_hub.build,
    distribution.DistributionPlatform.NPM: npm.build,
    distribution.DistributionPlatform.NPM_SCOPED: npm.build_scoped,
    distribution.DistributionPlatform.PYPI: pypi.build,
}
