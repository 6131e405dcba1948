# SPDX-License-Identifier: Apache-2.0
"""What handlers need of the running application."""

from typing import Final, cast

import quart

from atr.sandbox.world import World

WORLD: Final = "atr.sandbox.world"


def world() -> World:
    """The world that this application shows."""
    return cast("World", quart.current_app.extensions[WORLD])
