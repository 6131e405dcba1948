# SPDX-License-Identifier: Apache-2.0
"""The program `atr`, which is also `python -m atr`."""

import atexit
import gc
import os
import signal
from types import FrameType


def main() -> None:
    """Run the command line."""
    # Importing the command line takes a while, and a KeyboardInterrupt in the middle of an import is a traceback, or is
    # lost in code that catches everything. A shell that starts us in the background has Ctrl-C ignored; that stays.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    # The collector would look at what is imported again and again; at the end, it would take it apart object by object.
    gc.disable()
    atexit.register(gc.freeze)
    import atr.cli as cli

    cli.main()


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End at once: nothing has begun that would have to be cleaned up."""
    # What a shell reports of a command that Ctrl-C ended.
    os._exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
