# SPDX-License-Identifier: Apache-2.0
"""What the pages around Finish are shown beside its rows: promoting all. As frozen as the other views."""

import dataclasses

import atr.models.views as views


@dataclasses.dataclass(frozen=True)
class PromoteAllView:
    """What would be promoted, in order, and what is left out."""

    head: views.ReleaseHead
    # In the order that we propose: least undo last.
    rows: tuple[views.DeploymentView, ...]
    # What it is, where its page is ("d4"), and why it is left out.
    left_out: tuple[tuple[str, str, str], ...]
    # Why the reader cannot do it; empty if they can.
    why_not: str
    # What can be undone afterwards, each sentence once.
    undo: tuple[str, ...]
