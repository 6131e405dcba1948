# SPDX-License-Identifier: Apache-2.0
"""The handler of each type of task. Polling is not a task: see `distribution.status_check`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import atr.models.operating as operating
import atr.tasks.capture as capture
import atr.tasks.checks.readiness as readiness
import atr.tasks.checks.staged as staged
import atr.tasks.context as context
import atr.tasks.copies as copies
import atr.tasks.find as find
import atr.tasks.stage as stage

Handler = Callable[[context.Context, Mapping[str, Any]], Awaitable[None]]

HANDLERS: Final[Mapping[operating.TaskType, Handler]] = {
    operating.TaskType.DISTRIBUTION_STAGE: stage.stage,
    operating.TaskType.DISTRIBUTION_CAPTURE: capture.capture,
    operating.TaskType.DISTRIBUTION_FIND: find.find,
    operating.TaskType.DISTRIBUTION_VERIFY: capture.verify,
    operating.TaskType.STAGED_FILES_CHECK: staged.check,
    operating.TaskType.COPY_KEEP: copies.keep,
    operating.TaskType.COPY_SWEEP: copies.sweep,
    operating.TaskType.READINESS_CHECK: readiness.check,
}
