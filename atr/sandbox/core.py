# SPDX-License-Identifier: Apache-2.0
"""The state that all platforms of one sandbox share: settings, a clock, faults, counters and the ledger."""

import abc
import dataclasses
import pathlib
import time
from collections.abc import Callable

import atr.sandbox.faults as faults
import atr.sandbox.ledger as ledger
import atr.sandbox.settings as behaviour
import atr.sandbox.traffic as traffic


@dataclasses.dataclass(eq=False)
class Core(abc.ABC):
    """The shared state of one sandbox. Only it uses `directory`; a test may pass a clock and set it."""

    directory: pathlib.Path
    _: dataclasses.KW_ONLY
    settings: behaviour.Settings = dataclasses.field(default_factory=behaviour.Settings)
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self.now = self.clock
        self.faults = faults.Faults()
        self.traffic = traffic.Traffic()
        self.ledger = ledger.Ledger(self.directory)
        # Whether the next `save` must write something.
        self.dirty = False

    @abc.abstractmethod
    def save(self) -> None:
        """Write the state of every platform to disk, if it changed. Code that changes it from outside sets `dirty`."""
