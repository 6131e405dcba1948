# SPDX-License-Identifier: Apache-2.0
"""Access of handlers to the running application."""

from typing import Final, cast

import quart

import atr.sandbox.world as worlds

WORLD: Final = "atr.sandbox.world"


def world() -> worlds.World:
    """Return the world of this application."""
    return cast("worlds.World", quart.current_app.extensions[WORLD])
