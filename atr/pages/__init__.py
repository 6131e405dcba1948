# SPDX-License-Identifier: Apache-2.0
"""What a page says: one module a page, with its view and its wording. It reads, and never writes."""
