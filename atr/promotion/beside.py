# SPDX-License-Identifier: Apache-2.0
"""Extra files: public files under a voted version that were not voted on. Pure."""

import dataclasses
import datetime
from collections.abc import Collection, Iterable, Sequence
from typing import Final

import atr.promotion.checksums as checksums
import atr.promotion.fileset as fileset
import atr.promotion.timing as timing
import atr.shared.words as words

# The statements about a live version: EVERYTHING is true only after a check for extra files that counted.
EVERYTHING: Final = "Every public file of these packages was voted on"
VOTED: Final = "Every voted file is public and identical"
NOT_LOOKED: Final = "Extra files were not checked"
NOT_AGAIN: Final = "Extra files could not be checked again"


@dataclasses.dataclass(frozen=True)
class Accepted:
    """An extra file that a person accepted: it counts as known while its bytes stay the same."""

    file: fileset.File
    reason: str
    by: str
    at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Memory:
    """The result of earlier checks: the extra files, the accepted ones, and when an index was last requested."""

    extras: tuple[fileset.File, ...] = ()
    accepted: tuple[fileset.File, ...] = ()
    asked_at: datetime.datetime | None = None
    # Why the newest check did not count; empty if it did.
    problem: str = ""

    def is_due(self, entered: datetime.datetime, now: datetime.datetime, at: timing.Timing) -> bool:
        """Return whether to request the index now. After a failure, that is a new state or `without_index` seconds."""
        if (self.asked_at is None) or (self.asked_at < entered) or not self.problem:
            return True
        return (now - self.asked_at).total_seconds() >= at.without_index


@dataclasses.dataclass(frozen=True)
class Looked:
    """The result of one check. `problem`: why it did not count, or empty; `asked`: whether an index was requested."""

    extras: tuple[fileset.File, ...]
    problem: str = ""
    asked: bool = True

    @property
    def difference(self) -> str:
        """The files that were neither voted on nor accepted, in words; empty if there are none."""
        if not self.extras:
            return ""
        return fileset.Difference(extra=tuple(sorted(file.path for file in self.extras))).described("public")


def unknown(named: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    """Return the paths that are neither known nor named like the checksum of a known path.

    A checksum of a checksum is one too. The bytes of a checksum are not read here: each file has two to four of them
    (docs/adr/0039-look-beside-the-voted-files.md).
    """
    found = set(known)
    extra = []
    # The name of a checksum is longer than that of its file, so the file comes first.
    for path in sorted(set(named), key=lambda path: (len(path), path)):
        spoken_of = checksums.named_by(path)
        if (path in found) or ((spoken_of is not None) and (spoken_of[0] in found)):
            found.add(path)
        else:
            extra.append(path)
    return tuple(sorted(extra))


def left_out(voted: Iterable[str], named: Collection[str]) -> str:
    """Return a sentence if an index is stale because it leaves out voted files; empty if it lists them all."""
    missing = sorted(path for path in voted if path not in named)
    return f"The index does not list every voted file, so it is stale: {words.some(missing)}." if missing else ""


def sentence(looked_at: datetime.datetime | None, problem: str, accepted: Sequence[Accepted]) -> str:
    """Return the statement about a live version, by when a check last counted and why the newest one did not."""
    if (looked_at is None) or problem:
        return f"{VOTED}. {NOT_AGAIN if looked_at else NOT_LOOKED}. {problem}".strip()
    if not accepted:
        return f"{EVERYTHING}."
    names = words.some([one.file.path for one in accepted])
    return f"{EVERYTHING}, except {names}, which {words.either(len(accepted), 'was', 'were')} accepted."
