# SPDX-License-Identifier: Apache-2.0
"""Publishing by Central's Portal."""
