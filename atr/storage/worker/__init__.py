# SPDX-License-Identifier: Apache-2.0
"""What the worker may note, its own facade: `services.PromotionService`. The web side never imports this package."""
