# SPDX-License-Identifier: Apache-2.0
"""Which adapter speaks to which platform: literal tables, tied by tests to the layouts and to the enum of platforms."""

from collections.abc import Callable, Mapping
from typing import Final

import atr.platforms.artifact_hub as artifact_hub
import atr.platforms.central_portal.adapter as central_portal
import atr.platforms.central_portal.settings as central_portal_settings
import atr.platforms.contract as contract
import atr.platforms.docker_hub as docker_hub
import atr.platforms.npm as npm
import atr.platforms.pypi as pypi
import atr.platforms.wire as wire
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms


class WorkerSettings(
    central_portal_settings.Settings, artifact_hub.Settings, docker_hub.Settings, npm.Settings, pypi.Settings
):
    """All that the worker knows: what every worker has, and each platform's settings."""


# Each makes an adapter from the worker's settings, for the event loop that will run it; None where the operator has
# named no address. Raises SettingsError for settings that cannot work. A trace follows its irreversible requests.
PROMOTERS: Final[Mapping[mechanisms.Mechanism, Callable[[WorkerSettings, wire.Trace], contract.Promoter | None]]] = {
    mechanisms.Mechanism.CENTRAL_PORTAL: central_portal.opened,
}
# A promoter looks versions up too, so its platform does not stand here.
CATALOGUES: Final[Mapping[distribution.DistributionPlatform, Callable[[WorkerSettings], contract.Catalogue | None]]] = {
    distribution.DistributionPlatform.ARTIFACT_HUB: artifact_hub.opened,
    distribution.DistributionPlatform.DOCKER_HUB: docker_hub.opened,
    distribution.DistributionPlatform.NPM: npm.opened,
    distribution.DistributionPlatform.NPM_SCOPED: npm.opened_scoped,
    distribution.DistributionPlatform.PYPI: pypi.opened,
}
