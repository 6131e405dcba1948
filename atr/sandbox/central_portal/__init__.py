# SPDX-License-Identifier: Apache-2.0
"""The simulated Central Portal: its publisher API, its pages for people and its public repository."""
