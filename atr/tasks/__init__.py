# SPDX-License-Identifier: Apache-2.0
"""What each kind of task runs. What polls is no task: see `distribution.status_check`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import atr.models.sql as sql
import atr.tasks.capture as capture
import atr.tasks.checks.readiness as readiness
import atr.tasks.checks.staged as staged
import atr.tasks.context as context
import atr.tasks.copies as copies
import atr.tasks.find as find
import atr.tasks.stage as stage
import atr.tasks.verify as verify

Handler = Callable[[context.Context, Mapping[str, Any]], Awaitable[None]]

HANDLERS: Final[Mapping[sql.TaskType, Handler]] = {
    sql.TaskType.DISTRIBUTION_STAGE: stage.stage,
    sql.TaskType.DISTRIBUTION_CAPTURE: capture.capture,
    sql.TaskType.DISTRIBUTION_FIND: find.find,
    sql.TaskType.DISTRIBUTION_VERIFY: verify.verify,
    sql.TaskType.STAGED_FILES_CHECK: staged.check,
    sql.TaskType.COPY_KEEP: copies.keep,
    sql.TaskType.COPY_SWEEP: copies.sweep,
    sql.TaskType.READINESS_CHECK: readiness.check,
}
