# SPDX-License-Identifier: Apache-2.0
"""What handlers need of the running application."""

from typing import Final, cast

import quart

import atr.sandbox.world as worlds

WORLD: Final = "atr.sandbox.world"


def world() -> worlds.World:
    """The world that this application shows."""
    return cast("worlds.World", quart.current_app.extensions[WORLD])
