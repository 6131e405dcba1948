# SPDX-License-Identifier: Apache-2.0
"""What a promotion's row keeps of the files beside the voted ones, as values, and what may be said of it."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import atr.models.promotion as tables
import atr.promotion.beside as beside
import atr.promotion.fileset as fileset


def memory(row: tables.Promotion) -> beside.Memory:
    """What earlier looks left."""
    return beside.Memory(files(row.extra_files), files(row.accepted_files), row.beside_asked_at, row.beside_problem)


def accepted(row: tables.Promotion) -> tuple[beside.Accepted, ...]:
    """The extra files that committee members accepted, oldest first."""
    return tuple(
        beside.Accepted(file, one["reason"], one["by"], datetime.datetime.fromisoformat(one["at"]))
        for file, one in zip(files(row.accepted_files), row.accepted_files, strict=True)
    )


def sentence(row: tables.Promotion) -> str:
    """What may be said of a live promotion."""
    return beside.sentence(row.beside_at, row.beside_problem, accepted(row))


def as_json(file: fileset.File) -> dict[str, Any]:
    """A file as a row or an event keeps it."""
    return {"path": file.path, "size": file.size, "sha256": file.sha256}


def files(kept: Sequence[Mapping[str, Any]]) -> tuple[fileset.File, ...]:
    """The files that a row keeps."""
    return tuple(fileset.File(one["path"], one["size"], one["sha256"]) for one in kept)
