# SPDX-License-Identifier: Apache-2.0
"""How far an upload or a reading is, as numbers for a bar and in words."""

from typing import Final

import atr.models.promotion as tables
import atr.promotion.states as states

# Below so many bytes an upload is counted in kB.
_SMALL: Final = 10_000_000
_COUNTED: Final = frozenset({states.State.REQUESTED, states.State.CHECKING})


def of(deployment: tables.Deployment, promotion: tables.Promotion | None) -> tuple[int, int, str]:
    """How far it is: of how many, and in words; zeroes and nothing where there is nothing to count."""
    if (deployment.state is states.DeploymentState.UPLOADING) and deployment.send_total:
        done, total = min(deployment.sent_bytes, deployment.send_total), deployment.send_total
        return done, total, f"{_megabytes(done, total)} sent"
    row = promotion if (promotion is not None) and (promotion.state in _COUNTED) else None
    counted = row or (deployment if not deployment.file_set_digest else None)
    if (counted is None) or not counted.read_total:
        return 0, 0, ""
    return counted.read_done, counted.read_total, f"{counted.read_done:,} of {counted.read_total:,} files read"


def _megabytes(done: int, total: int) -> str:
    """Bytes in the unit that fits the whole: 412 of 1,030 MB."""
    unit, name = (1_000_000, "MB") if (total >= _SMALL) else (1_000, "kB")
    return f"{done / unit:,.0f} of {total / unit:,.0f} {name}"
