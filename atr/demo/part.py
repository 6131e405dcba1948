# SPDX-License-Identifier: Apache-2.0
"""`python -m atr.demo.part worker`: a part of `atr run` that ends with the process that started it.

Nobody stops the parts of an `atr run` that was killed, or whose terminal was closed. So each holds the reading end of a
pipe as its standard input, whose other end closes with the process that started it, however that ends.
"""

import os
import runpy
import signal
import sys
import threading


def main() -> None:
    """Run the command line with these arguments until it ends or the pipe closes."""
    threading.Thread(target=_stop_when_left, daemon=True).start()
    runpy.run_module("atr", run_name="__main__", alter_sys=True)


def _stop_when_left() -> None:
    # Nothing is ever written to the pipe: a read returns when it is closed.
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
