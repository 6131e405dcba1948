# SPDX-License-Identifier: Apache-2.0
"""The revisions of a release, and two of them compared."""

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Final

import atr.pages.distributions as distributions
import atr.promotion.fileset as fileset
import atr.shared.words as words
import atr.storage.readers.release_rows as release_rows
import atr.storage.readers.revisions as rows
import atr.storage.transaction as transaction

# The most revisions and differing files that one page lists; it also shows the totals.
LINES: Final = 200


@dataclasses.dataclass(frozen=True)
class RevisionLine:
    """One revision: who made it, when and why, and its files."""

    number: str
    who: str
    at: datetime.datetime
    why: str
    phase_word: str
    files: int
    size: int
    # Empty for a revision that is older than this module's record of files.
    digest: str


@dataclasses.dataclass(frozen=True)
class Changed:
    """One line of a comparison. `result` is differs, moved, added or removed; the digest of an absent file is empty."""

    result: str
    path: str
    before: str
    after: str
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two revisions, and the first of the files in which they differ."""

    earlier: RevisionLine
    later: RevisionLine
    # ("added", 2), ("removed", 0), ... including zeroes.
    tally: tuple[tuple[str, int], ...]
    lines: tuple[Changed, ...]
    differing: int


@dataclasses.dataclass(frozen=True)
class RevisionsView:
    """The revisions of a release, the newest first, and two of them compared."""

    project_key: str
    project_name: str
    version_key: str
    phase_word: str
    sentence: str
    lines: tuple[RevisionLine, ...]
    total: int
    comparison: Comparison | None


async def page(read: transaction.Transaction, release_key: str, *, earlier: str = "", later: str = "") -> RevisionsView:
    """Return the revisions, the newest first; with two numbers also what changed between them. Raises NotFoundError."""
    release, project = await release_rows.one(read, release_key)
    found = await rows.page(read, release_key, LINES)
    lines = tuple(map(line, found))
    comparison = _compared(*await rows.pair(read, release_key, earlier, later)) if earlier or later else None
    return RevisionsView(
        project_key=project.key,
        project_name=project.name,
        version_key=release.version,
        phase_word=distributions.PHASE_WORDS[release.phase],
        sentence=_sentence(lines, comparison),
        lines=lines,
        total=found[0].row.seq if found else 0,
        comparison=comparison,
    )


def line(listed: rows.Listed) -> RevisionLine:
    """Return the line of one revision."""
    row, files = listed.row, listed.files
    return RevisionLine(
        number=row.number,
        who=row.asfuid,
        at=row.created,
        why=row.description,
        phase_word=distributions.PHASE_WORDS[row.phase],
        files=files.files if files else 0,
        size=files.size if files else 0,
        digest=files.digest if files else "",
    )


def _compared(pair: Sequence[rows.Listed], before: fileset.FileSet, after: fileset.FileSet) -> Comparison:
    found = fileset.compare(before, after)
    old, new = before.by_path, after.by_path
    every = [
        *(Changed("differs", path, old[path].sha256, new[path].sha256) for path in found.changed),
        *(Changed("moved", to, old[path].sha256, new[to].sha256, note=f"was {path}") for path, to in found.renamed),
        *(Changed("added", path, "", new[path].sha256) for path in found.extra),
        *(Changed("removed", path, old[path].sha256, "") for path in found.missing),
    ]
    return Comparison(
        earlier=line(pair[0]),
        later=line(pair[1]),
        tally=(
            ("changed", len(found.changed)),
            ("renamed", len(found.renamed)),
            ("added", len(found.extra)),
            ("removed", len(found.missing)),
            ("equal", found.equal),
        ),
        lines=tuple(every[:LINES]),
        differing=len(every),
    )


def _sentence(lines: Sequence[RevisionLine], comparison: Comparison | None) -> str:
    if comparison is not None:
        pair = f"revision {comparison.earlier.number} to {comparison.later.number}"
        if not comparison.differing:
            return f"No files differ from {pair}."
        return f"From {pair} {words.count(comparison.differing, 'file')} changed."
    if not lines:
        return "There are no revisions yet. Each upload creates one."
    newest = lines[0]
    return f"Revision {newest.number} is the latest, created by {newest.who}."
