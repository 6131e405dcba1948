# SPDX-License-Identifier: Apache-2.0
"""The writers of the worker, in a service of its own that `Storage.write_as_system` opens.

The web process never imports this package (a contract in pyproject.toml), so no request of a person can claim a row,
make a mark or record what a platform did.
"""

import atr.storage as storage
import atr.storage.worker.captures as captures
import atr.storage.worker.copies as copies
import atr.storage.worker.deployments as deployments
import atr.storage.worker.findings as findings
import atr.storage.worker.marks as marks
import atr.storage.worker.promotions as promotions
import atr.storage.worker.rate_limits as rate_limits
import atr.storage.worker.tasks as tasks


class PromotionService(storage.WriteAsSystemService):
    """What the worker writes: claims, marks, replies and observations. It makes no decision that is a person's."""

    def __init__(self, write: storage.Write) -> None:
        super().__init__(write)
        self.rate_limits = rate_limits.RateLimits(write)
        self.deployments = deployments.Deployments(write)
        self.captures = captures.Captures(write)
        self.copies = copies.Copies(write)
        self.distributions = promotions.Distributions(write)
        self.promotions = promotions.Promotions(write)
        self.marks = marks.Marks(write)
        self.findings = findings.Findings(write)
        self.pending = promotions.Pending(write)
        self.checks = captures.Checks(write)
        self.verification = captures.Verification(write)
        self.searches = deployments.Searches(write)
        self.tasks = tasks.Tasks(write)
        self.heads = tasks.Heads(write)
        self.walls = promotions.Walls(write)
