# SPDX-License-Identifier: Apache-2.0
"""The file table: voted, staged and public, file by file."""

from collections.abc import Mapping
from typing import Final

import atr.pages.views as views
import atr.promotion.fileset as fileset
import atr.storage.readers.ballots as ballots
import atr.storage.transaction as transaction

# The most files that a page shows. Files that differ are chosen first, so that they are not cut off.
SHOWN: Final = 1_000
_ORDER: Final = ("differs", "missing", "extra", "renamed", "pending", "equal")
_TALLY: Final = {"equal": "equal", "differs": "differ", "missing": "missing", "extra": "extra", "renamed": "renamed"}


async def files(
    read: transaction.Transaction, voted: str, staged: str, public: str
) -> tuple[tuple[views.FileRow, ...], tuple[tuple[str, int], ...], int]:
    """Return the rows (at most SHOWN), the tally over all files, and the number of files. Digests may be empty."""
    fetched = await ballots.files(read, {digest for digest in (voted, staged, public) if digest})
    sides = [fetched[digest].by_path if digest else None for digest in (voted, staged, public)]
    rows = [_row(path, *sides) for path in sorted({path for side in sides if side for path in side})]
    rows = _renamed(rows)
    counts = {result: sum(1 for row in rows if row.result == result) for result in _TALLY}
    rows.sort(key=lambda row: (_ORDER.index(row.result), row.path))
    shown = sorted(rows[:SHOWN], key=lambda row: row.path)
    return tuple(shown), tuple((_TALLY[result], count) for result, count in counts.items()), len(rows)


def _row(
    path: str,
    voted: Mapping[str, fileset.File] | None,
    staged: Mapping[str, fileset.File] | None,
    public: Mapping[str, fileset.File] | None,
) -> views.FileRow:
    there = [side[path] for side in (voted, staged, public) if side and (path in side)]
    directory, _, name = path.rpartition("/")
    others = [side for side in (staged, public) if side is not None]
    if voted is None:
        result = "pending"
    elif path not in voted:
        result = "extra"
    elif any(path not in side for side in others):
        result = "missing"
    elif any(side[path].sha256 != voted[path].sha256 for side in others):
        result = "differs"
    else:
        result = "equal" if others else "pending"
    return views.FileRow(
        path=path,
        directory=f"{directory}/" if directory else "",
        name=name,
        size=there[0].size,
        result=result,
        voted=_digest(voted, path),
        staged=_digest(staged, path),
        public=_digest(public, path),
    )


def _digest(side: Mapping[str, fileset.File] | None, path: str) -> str | None:
    if side is None:
        return None
    return side[path].sha256 if path in side else ""


def _renamed(rows: list[views.FileRow]) -> list[views.FileRow]:
    """Mark a missing file as renamed if an extra file has the same bytes under another path."""
    extras = {row.staged or row.public: row for row in rows if row.result == "extra"}
    answer = []
    for row in rows:
        twin = extras.get(row.voted) if row.result == "missing" else None
        if twin is None:
            answer.append(row)
            continue
        note = f"exists as {twin.path}; the path is part of what was voted on"
        answer.append(views.FileRow(**{**vars(row), "result": "renamed", "note": note}))
    return answer
