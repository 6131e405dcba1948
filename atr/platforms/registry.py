# SPDX-License-Identifier: Apache-2.0
"""The adapter of each platform: literal tables, which tests compare with the layouts and the enum of platforms."""

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
    """All settings of the worker: the common ones, and those of each platform."""


# Each creates an adapter from the worker's settings, for the event loop that will run it; None if the operator has
# configured no address. Raises SettingsError for invalid settings. The trace follows its irreversible requests.
PROMOTERS: Final[Mapping[mechanisms.Mechanism, Callable[[WorkerSettings, wire.Trace], contract.Promoter | None]]] = {
    mechanisms.Mechanism.CENTRAL_PORTAL: central_portal.opened,
}
# A promoter looks versions up too, so its platform is not in this table.
CATALOGUES: Final[Mapping[distribution.DistributionPlatform, Callable[[WorkerSettings], contract.Catalogue | None]]] = {
    distribution.DistributionPlatform.ARTIFACT_HUB: artifact_hub.opened,
    distribution.DistributionPlatform.DOCKER_HUB: docker_hub.opened,
    distribution.DistributionPlatform.NPM: npm.opened,
    distribution.DistributionPlatform.NPM_SCOPED: npm.opened_scoped,
    distribution.DistributionPlatform.PYPI: pypi.opened,
}
