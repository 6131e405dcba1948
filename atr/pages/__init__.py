# SPDX-License-Identifier: Apache-2.0
"""The content of each page: one module per page, with its view and its wording. They read and never write."""
