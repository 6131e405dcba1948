# SPDX-License-Identifier: Apache-2.0
"""What stands beside the voted files in public: which names are known, and what was found. Pure."""

import dataclasses
import datetime
from collections.abc import Collection, Iterable, Sequence
from typing import Final

import atr.promotion.checksums as checksums
import atr.promotion.fileset as fileset
import atr.promotion.timing as timing
import atr.shared.words as words

# What LIVE may say: of the voted files always, of everything only after a look that counted.
EVERYTHING: Final = "Every public file of these packages was voted on"
VOTED: Final = "Every voted file is public and identical"
NOT_LOOKED: Final = "Extra files were not checked"
NOT_AGAIN: Final = "Extra files could not be checked again"


@dataclasses.dataclass(frozen=True)
class Accepted:
    """An extra file that a person accepted: it is known from then on, as long as its bytes are these."""

    file: fileset.File
    reason: str
    by: str
    at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Memory:
    """What earlier looks left: the files found beside the voted ones, those accepted, and when an index was asked."""

    extras: tuple[fileset.File, ...] = ()
    accepted: tuple[fileset.File, ...] = ()
    asked_at: datetime.datetime | None = None
    # Why the newest look did not count; empty if it did.
    problem: str = ""

    def is_due(self, entered: datetime.datetime, now: datetime.datetime, at: timing.Timing) -> bool:
        """Whether the index is asked now. One that was not to be had is left alone, as long as the row stays put."""
        if (self.asked_at is None) or (self.asked_at < entered) or not self.problem:
            return True
        return (now - self.asked_at).total_seconds() >= at.without_index


@dataclasses.dataclass(frozen=True)
class Looked:
    """What one look found. `problem` is why it did not count; empty if it did. `asked`: whether an index was."""

    extras: tuple[fileset.File, ...]
    problem: str = ""
    asked: bool = True

    @property
    def difference(self) -> str:
        """The files that nobody voted on or accepted, in words; empty for none."""
        if not self.extras:
            return ""
        return fileset.Difference(extra=tuple(sorted(file.path for file in self.extras))).described("public")


def unknown(named: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    """The paths that are neither known nor a checksum of one that is, by their names.

    A checksum of a checksum is one too. The bytes of a checksum are not read here: for each file there are two to four
    (docs/adr/0039-look-beside-the-voted-files.md).
    """
    found = set(known)
    extra = []
    # A checksum's name is longer than that of its file, which so comes first.
    for path in sorted(set(named), key=lambda path: (len(path), path)):
        spoken_of = checksums.named_by(path)
        if (path in found) or ((spoken_of is not None) and (spoken_of[0] in found)):
            found.add(path)
        else:
            extra.append(path)
    return tuple(sorted(extra))


def left_out(voted: Iterable[str], named: Collection[str]) -> str:
    """Why an index is stale, in words: it leaves voted files out. Empty if it names them all."""
    missing = sorted(path for path in voted if path not in named)
    return f"The index does not list every voted file, so it is stale: {words.some(missing)}." if missing else ""


def sentence(looked_at: datetime.datetime | None, problem: str, accepted: Sequence[Accepted]) -> str:
    """What may be said of a live version, given when a look last counted and why the newest one did not."""
    if (looked_at is None) or problem:
        return f"{VOTED}. {NOT_AGAIN if looked_at else NOT_LOOKED}. {problem}".strip()
    if not accepted:
        return f"{EVERYTHING}."
    names = words.some([one.file.path for one in accepted])
    return f"{EVERYTHING}, except {names}, which {words.either(len(accepted), 'was', 'were')} accepted."
