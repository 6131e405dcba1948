# SPDX-License-Identifier: Apache-2.0
"""What the worker notes of third-party distributions and at the end of a promotion, and nothing that people decide."""

import atr.storage as storage
import atr.storage.writers.distributions as distributions


class Distributions:
    """The two methods of `writers/distributions.py` that raise unless the service acts."""

    def __init__(self, write: storage.Write) -> None:
        member = distributions.CommitteeMember(write)
        self.record_from_data = member.record_from_data
        self.settle = member.settle
