# SPDX-License-Identifier: Apache-2.0
"""Render docs/states.md again: python -m tests.promotion.render_states."""

import pathlib
from typing import Final

import tests.promotion.rendered as rendered

PAGE: Final = pathlib.Path(__file__).resolve().parents[2] / "docs" / "states.md"
COMMAND: Final = "python -m tests.promotion.render_states"

if __name__ == "__main__":
    PAGE.write_text(rendered.states_page(), "utf-8")
