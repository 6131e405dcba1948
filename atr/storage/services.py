# SPDX-License-Identifier: Apache-2.0
"""What the worker acts as: a service with just its methods, opened by `Storage.write_as_system`.

The web never imports this module (a contract in pyproject.toml), so no request can claim a row, make a mark or say
what a platform did.
"""

import atr.storage as storage
import atr.storage.writers.accounts as accounts
import atr.storage.writers.captures as captures
import atr.storage.writers.checks as checks
import atr.storage.writers.copies as copies
import atr.storage.writers.deployments as deployments
import atr.storage.writers.distributions as distributions
import atr.storage.writers.findings as findings
import atr.storage.writers.heads as heads
import atr.storage.writers.pending as pending
import atr.storage.writers.promotions as promotions
import atr.storage.writers.searches as searches
import atr.storage.writers.stops as stops
import atr.storage.writers.tasks as tasks
import atr.storage.writers.transfers as transfers
import atr.storage.writers.verification as verification
import atr.storage.writers.walls as walls


class PromotionService(storage.WriteAsSystemService):
    """What the worker notes: claims, marks, answers and what it saw. Nothing here is decided for a person."""

    def __init__(self, write: storage.Write) -> None:
        super().__init__(write)
        self.accounts = accounts.SystemService(write)
        self.deployments = deployments.SystemService(write)
        self.captures = captures.SystemService(write)
        self.copies = copies.SystemService(write)
        self.distributions = distributions.SystemService(write)
        self.promotions = promotions.SystemService(write)
        self.stops = stops.SystemService(write)
        self.findings = findings.SystemService(write)
        self.pending = pending.SystemService(write)
        self.checks = checks.SystemService(write)
        self.verification = verification.SystemService(write)
        self.searches = searches.SystemService(write)
        self.tasks = tasks.SystemService(write)
        self.transfers = transfers.SystemService(write)
        self.heads = heads.SystemService(write)
        self.walls = walls.SystemService(write)
