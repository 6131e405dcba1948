# SPDX-License-Identifier: Apache-2.0
"""The score of `make mutants`: which changes of the rules their tests noticed. Fails below nine of ten."""

import collections
import json
import pathlib
import sys
from typing import Final

import mutmut.stats as stats

WANTED: Final = 90
# A mutant that never ends, or takes the interpreter with it, was noticed.
NOTICED: Final = frozenset({"killed", "timeout", "segfault"})
UNDECIDED: Final = frozenset({"not checked", "check was interrupted by user"})


def judged(directory: pathlib.Path) -> dict[str, str]:
    """What became of each mutant that was tried, by its name."""
    found: dict[str, str] = {}
    for file in sorted(directory.rglob("*.meta")):
        for name, code in json.loads(file.read_text("utf-8"))["exit_code_by_key"].items():
            found[name] = stats.status_by_exit_code[code]
    return {name: status for name, status in found.items() if status not in UNDECIDED}


def main() -> int:
    """Say the score and name each survivor; `mutmut show NAME` shows it."""
    mutants = judged(pathlib.Path("mutants/atr"))
    if not mutants:
        print("No mutant was tried.")
        return 1
    survivors = [name for name, status in mutants.items() if status not in NOTICED]
    for name in survivors:
        print(f"{mutants[name]}: {name}")
    counts = collections.Counter(mutants.values())
    killed = len(mutants) - len(survivors)
    print(f"{killed} of {len(mutants)} mutants noticed ({100 * killed / len(mutants):.1f} %): {dict(counts)}")
    return int(killed * 100 < WANTED * len(mutants))


if __name__ == "__main__":
    sys.exit(main())
