# SPDX-License-Identifier: Apache-2.0
"""Ports for programs that are told where to listen."""

import socket


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
