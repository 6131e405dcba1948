# SPDX-License-Identifier: Apache-2.0
"""`make chaos`: every campaign, one line each, exit 1 at any violation.

python -m tests.chaos             all of them, some at once
python -m tests.chaos T5 T6       some of them
CHAOS=small|ci|release            how long; ci is the default
ATR_CHAOS_SEED=4711               the same chance again
"""

import concurrent.futures
import importlib
import logging
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import tests.chaos.outcome as outcomes

# In the order in which they are told; what each does is said at its module's top.
CAMPAIGNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "T1": "tests.chaos.table",
        "T3": "tests.chaos.conformance",
        "T4": "tests.chaos.stateful",
        "T5": "tests.chaos.simulation",
        "T6": "tests.chaos.killing",
        "T7": "tests.chaos.racing",
        "T8": "tests.chaos.hostile_answers",
        "T13": "tests.chaos.tampering",
        "T14": "tests.chaos.restoring",
        "T15": "tests.chaos.migrating",
        "T16": "tests.chaos.cut_connections",
        "T17": "tests.chaos.broken_files",
        "T23": "tests.chaos.soaking",
        "T25": "tests.chaos.elsewhere",
        "T26": "tests.chaos.power",
    }
)
# What takes longest begins first, so that nothing is left to run alone.
_LONG: Final = ("T5", "T4", "T23", "T7", "T6", "T8")
_ROOT: Final = pathlib.Path(__file__).resolve().parents[2]
# A campaign runs in a process of its own, which this asks for.
_ALONE: Final = "--alone"


def main(words: Sequence[str]) -> int:
    """Run these campaigns, or all; the exit code."""
    try:
        size = outcomes.Size(os.environ.get("CHAOS") or "ci")
    except ValueError:
        print(f"CHAOS is one of: {', '.join(outcomes.Size)}.", file=sys.stderr)
        return 2
    unknown = [word for word in words if word not in {*CAMPAIGNS, _ALONE}]
    if unknown:
        print(f"There is no campaign {unknown[0]}; there are: {', '.join(CAMPAIGNS)}.", file=sys.stderr)
        return 2
    codes = [word for word in words if word != _ALONE] or list(CAMPAIGNS)
    if _ALONE in words:
        return _run(codes[0], size)
    seed = str(outcomes.seed())
    environment = {**os.environ, outcomes.SEED: seed}
    # One more than there are processors: each waits at times, the soak most of its time.
    with concurrent.futures.ThreadPoolExecutor((os.cpu_count() or 1) + 1) as pool:
        begun = {code: pool.submit(_started, code, environment) for code in sorted(codes, key=_longest_first)}
        results = [begun[code] for code in codes]
        for result in results:
            sys.stdout.write(result.result().stdout)
            sys.stdout.flush()
    # What is wrong stands last: whoever has only the end of a log sees it.
    for result in results:
        sys.stderr.write(result.result().stderr)
    failed = any(result.result().returncode for result in results)
    if failed:
        print(f"The chance of this run: {outcomes.SEED}={seed}", file=sys.stderr)
    return 1 if failed else 0


def _longest_first(code: str) -> int:
    return _LONG.index(code) if code in _LONG else len(_LONG)


def _started(code: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.chaos", code, _ALONE]
    return subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=False)


def _run(code: str, size: outcomes.Size) -> int:
    began = time.monotonic()
    # What the application says of itself while it is beaten is not what people came for.
    logging.getLogger().addHandler(logging.NullHandler())
    outcome: outcomes.Outcome = importlib.import_module(CAMPAIGNS[code]).campaign(size, outcomes.seed())
    for line in outcome.seen:
        print(f"{code} {line}")
    for line in outcome.violations:
        print(f"{code} {line}", file=sys.stderr)
    seconds = time.monotonic() - began
    print(f"{code} rounds={outcome.rounds} violations={len(outcome.violations)} seconds={seconds:.0f}")
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
