# SPDX-License-Identifier: Apache-2.0
"""The soak: what is flat passes, and a process that loses memory and descriptors fails it."""

import asyncio
import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

import atr.config as config
import atr.server as server
import tests.chaos.outcome as outcomes
import tests.chaos.soaking as soaking

_MIB = 1024**2


def _watched(resident: Sequence[int], descriptors: Sequence[int]) -> soaking.Watched:
    both = enumerate(zip(resident, descriptors, strict=True))
    return soaking.Watched("web", [soaking.Sample(float(at), *used) for at, used in both])


def test_what_grows_while_it_warms_up_is_flat() -> None:
    watched = _watched([50 * _MIB, 80 * _MIB, *([90 * _MIB] * 7)], [10, 20, *([25] * 7)])
    assert soaking.judged([watched], outcomes.Size.RELEASE) == []


def test_what_grows_afterwards_is_told() -> None:
    watched = _watched([_MIB * n for n in range(9)], range(0, 90, 10))
    assert soaking.judged([watched], outcomes.Size.CI) == [
        "the web grows by 3600 MiB an hour",
        "the web has 30 more descriptors in the end",
    ]


def leaking(settings: Mapping[str, Any], listener: socket.socket) -> None:
    """A web process that loses memory and descriptors."""
    asyncio.run(_leak(config.WebSettings.model_validate({**settings, "listen_fd": listener.fileno()})))


async def _leak(settings: config.WebSettings) -> None:
    serving = asyncio.create_task(server.serve(settings))
    lost: list[tuple[bytes, int]] = []
    while not serving.done():
        lost.append((os.urandom(_MIB), os.dup(0)))
        await asyncio.sleep(0.1)


@pytest.mark.slow
@pytest.mark.sqlite
def test_a_process_that_leaks_fails() -> None:
    wrong = soaking.judged(soaking.soak(6.0, leaking), outcomes.Size.CI)
    assert any(sentence.startswith("the web grows") for sentence in wrong)
    assert any(sentence.startswith("the web has") for sentence in wrong)
