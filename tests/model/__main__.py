# SPDX-License-Identifier: Apache-2.0
"""`make model`: search every world, and see that every rule taken away is missed. One line each; exit 1 if not.

MODEL=ci (the default) searches three worlds, MODEL=release three larger ones besides.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence

import tests.model.search as search
import tests.model.settings as settings


def main(size: str, tell: Callable[[str], None] = print) -> int:
    """Run one size, and answer the exit code."""
    if size not in settings.SIZES:
        tell(f"MODEL is {size!r}; it is one of: {', '.join(settings.SIZES)}.")
        return 2
    return 0 if campaign(settings.SIZES[size], settings.REMOVALS, tell) else 1


def campaign(
    worlds: Sequence[settings.Setting], removals: Sequence[settings.Removal], tell: Callable[[str], None]
) -> bool:
    """Whether nothing breaks or gets stuck with every rule, and something does without each."""
    # Both are run to the end, whatever the first of them says.
    held = [_holds(setting, tell) for setting in worlds]
    caught = [_caught(removal, tell) for removal in removals]
    return all(held) and all(caught)


def _holds(setting: settings.Setting, tell: Callable[[str], None]) -> bool:
    began = time.monotonic()
    found = search.explore(setting)
    way = f" first={found.code} ({' > '.join(found.trace)})" if found.code else ""
    tell(
        f"T2 config={setting.name} states={found.states} violations={found.violations} stuck={found.stuck} "
        f"seconds={time.monotonic() - began:.0f}{way}"
    )
    return not found.code


def _caught(removal: settings.Removal, tell: Callable[[str], None]) -> bool:
    trace = search.shortest(removal.setting, removal.breaks)
    caught = removal.breaks if trace else "nothing"
    tell(f"T2 removed={removal.setting.name} caught={caught} steps={len(trace)} ({' > '.join(trace)})")
    return bool(trace)


if __name__ == "__main__":
    sys.exit(main(os.environ.get("MODEL") or "ci"))
