# SPDX-License-Identifier: Apache-2.0
"""`python -m atr` is `atr`."""

import atr.cli as cli

if __name__ == "__main__":
    cli.main()
