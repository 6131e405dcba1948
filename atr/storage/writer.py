# SPDX-License-Identifier: Apache-2.0
"""What every writer has: its transaction, and the small checks that all of them make."""

from typing import Final

import atr.errors as errors
import atr.storage.transaction as transaction

_MAX_REASON: Final = 500


class Writer:
    """Changes rows in one open transaction. It never commits."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write


def checked_reason(reason: str) -> str:
    """A reason that a person gave. Raises InputError when there is none."""
    text = " ".join(reason.split())
    if (not text) or (len(text) > _MAX_REASON):
        raise errors.InputError(f"Enter a reason of at most {_MAX_REASON} characters.", field="reason")
    return text


def row_id(value: int | None) -> int:
    """The number of a row that was flushed."""
    if value is None:
        raise RuntimeError("The row was not flushed.")
    return value
