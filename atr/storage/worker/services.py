# SPDX-License-Identifier: Apache-2.0
"""What the worker acts as: a service with just its methods, opened by `Storage.write_as_system`.

The web never imports this module (a contract in pyproject.toml), so no request can claim a row, make a mark or say
what a platform did.
"""

import atr.storage as storage
import atr.storage.worker.captures as captures
import atr.storage.worker.checks as checks
import atr.storage.worker.copies as copies
import atr.storage.worker.deployments as deployments
import atr.storage.worker.findings as findings
import atr.storage.worker.heads as heads
import atr.storage.worker.pending as pending
import atr.storage.worker.promotions as promotions
import atr.storage.worker.rate_limits as rate_limits
import atr.storage.worker.searches as searches
import atr.storage.worker.stops as stops
import atr.storage.worker.tasks as tasks
import atr.storage.worker.transfers as transfers
import atr.storage.worker.verification as verification
import atr.storage.worker.walls as walls
import atr.storage.writers.distributions as distributions


class PromotionService(storage.WriteAsSystemService):
    """What the worker notes: claims, marks, answers and what it saw. Nothing here is decided for a person."""

    def __init__(self, write: storage.Write) -> None:
        super().__init__(write)
        self.rate_limits = rate_limits.SystemService(write)
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
