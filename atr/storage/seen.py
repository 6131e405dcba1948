# SPDX-License-Identifier: Apache-2.0
"""What a form showed, as a digest that it carries back: when that moved, somebody else was faster."""

import hashlib
import json
from typing import Any

import atr.models.promotion as tables
import atr.models.sql as sql


def policy(row: sql.ReleasePolicy) -> str:
    """Of a policy."""
    return _digest([*policy_facts(row).items()])


def policy_facts(row: sql.ReleasePolicy) -> dict[str, Any]:
    """What a policy says, as its event keeps it before and after a change."""
    return {
        "min_hours": row.min_hours,
        "file_tag_mappings": row.file_tag_mappings,
        "remote_promotion": row.remote_promotion,
        "keep_copies": row.keep_copies,
    }


def target(row: tables.PlatformTarget | None) -> str:
    """Of the names that belong to a project on a platform, or of nobody having set them."""
    return _digest(target_facts(row))


def target_facts(row: tables.PlatformTarget | None) -> dict[str, Any]:
    """The same, as its event keeps it."""
    if row is None:
        return {}
    return {"namespaces": row.namespaces, "source": row.source, "target": row.target}


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
