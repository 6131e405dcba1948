# SPDX-License-Identifier: Apache-2.0
"""`python -m atr.demo.part worker`: a part of `atr run` that ends with the process that started it.

If `atr run` is killed or its terminal is closed, nothing stops its parts. So the standard input of each part is a pipe,
whose other end closes when the process that started the part ends for any reason.
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
