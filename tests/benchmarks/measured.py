# SPDX-License-Identifier: Apache-2.0
"""The processes that are measured: `python -m tests.benchmarks.measured worker|reupload`. Figures as JSON at the end.

`worker` is the real worker, as `atr worker` starts it. `reupload` does with the same hands what a release manager does
without promotion. What they write is what the adapters' own meter counted, heads of requests included.
"""

import asyncio
import dataclasses
import json
import os
import pathlib
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import atr.disk as disk
import atr.log as log
import atr.models.work as work
import atr.platforms.contract as contract
import atr.platforms.registry as registry
import atr.platforms.wire as wire
import atr.promotion.fileset as fileset
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.tasks.reading as reading
import atr.worker as workers

# Not ATR_: the worker's settings know no such names.
FIGURES: Final = "BENCHMARK_FIGURES"
TASK: Final = "BENCHMARK_TASK"
_MAVEN: Final = distribution.DistributionPlatform.MAVEN
_NAME: Final = "the voted files, again"


@dataclasses.dataclass(frozen=True)
class Task:
    """What is uploaded again: where each voted file lies, and the packages."""

    root: str
    voted: tuple[fileset.File, ...]
    packages: tuple[tuple[str, str, str], ...]

    @classmethod
    def read(cls, path: pathlib.Path) -> "Task":
        """The task that `write` wrote."""
        given = json.loads(path.read_text())
        return cls(
            given["root"],
            tuple(fileset.File(**file) for file in given["voted"]),
            tuple((group, name, version) for group, name, version in given["packages"]),
        )

    def write(self, path: pathlib.Path) -> None:
        """Put it on disk, for the other process."""
        path.write_text(json.dumps(dataclasses.asdict(self)))


def peak_memory() -> int:
    """The most memory this process has held, in bytes.

    Linux hands the parent's figure down to a child's `ru_maxrss`, so /proc is asked where it is there.
    """
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def main() -> None:
    """Do it, and write the figures at the end, whatever it was."""
    told: Mapping[str, Any] = {}
    settings = registry.WorkerSettings.from_environ(os.environ)
    log.configure(settings.log_level)
    if sys.argv[1] == "worker":
        asyncio.run(workers.run(settings))
    else:
        told = asyncio.run(_upload_again(settings, Task.read(pathlib.Path(os.environ[TASK]))))
    figures = {"written": wire.Meter.everything, "peak": peak_memory(), "cpu": time.process_time(), **told}
    pathlib.Path(os.environ[FIGURES]).write_text(json.dumps(figures))


async def _upload_again(settings: registry.WorkerSettings, task: Task) -> Mapping[str, Any]:
    async with workers.context(settings) as hands:
        promoter = hands.promoters[mechanisms.Mechanism.CENTRAL_PORTAL]
        timing = workers.timings(settings)[promoter.mechanism]
        # As often as the worker asks: it looks for what is due at every tick.
        every = max(steps.interval(timing.asking, 0), settings.tick)
        uploads = [
            contract.Upload(file.path, disk.Recorded(pathlib.Path(task.root), file.path, file.size, file.sha256))
            for file in task.voted
        ]
        began = time.time()
        reply = await promoter.stage(_NAME, uploads, hands.scratch)
        if not reply.external_id:
            raise SystemExit(f"The upload was refused: {reply.sample}")
        await _until(promoter, reply.external_id, steps.Seen.STAGED, every)
        await promoter.promote(contract.Target(reply.external_id))
        await _until(promoter, reply.external_id, steps.Seen.PUBLIC, every)
        # From here on as the worker checks what it has promoted.
        await asyncio.sleep(steps.interval(timing.probing, 0))
        for where in task.packages:
            await promoter.lookup(distribution.coordinates(_MAVEN, *where))
        public = await reading.public(
            promoter, contract.Target(reply.external_id), fileset.FileSet.of(task.voted), (), _keep
        )
        digest = fileset.FileSet.of(public.found).digest
        return {"began": began, "ended": time.time(), "digest": digest}


async def _until(promoter: contract.Promoter, external_id: str, seen: steps.Seen, every: float) -> None:
    while (observation := await promoter.observe(contract.Target(external_id))).seen is not seen:
        if observation.seen is steps.Seen.FAILED:
            raise SystemExit(f"The platform refused it: {observation.detail}")
        await asyncio.sleep(every)


async def _keep(_done: Sequence[work.Read], _count: int, _total: int) -> None:
    """A release manager keeps no progress."""


if __name__ == "__main__":
    main()
