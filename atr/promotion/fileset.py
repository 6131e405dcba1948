# SPDX-License-Identifier: Apache-2.0
"""File sets (voted, staged or public), and how two of them differ. Pure."""

import collections
import dataclasses
import enum
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Final, Self

import atr.errors as errors
import atr.promotion.checksums as checksums
import atr.shared.words as words

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Odd(enum.StrEnum):
    """The problem of a file that is named like a checksum."""

    # Its text is not just a digest and a name: it is not a checksum but a file like any other.
    TEXT = "text"
    # It does not state the digest of the file that it names.
    DIGEST = "digest"


@dataclasses.dataclass(frozen=True, order=True)
class File:
    """One file: its path in the platform's own layout, its size in bytes, and the sha256 of the bytes that ATR read.

    `odd` is known only for the files of a revision that ATR hashed. It follows from the bytes, so it is neither
    compared nor part of a digest.
    """

    path: str
    size: int
    sha256: str
    odd: Odd | None = dataclasses.field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Refuse what would make a digest ambiguous: a path with a line break or not UTF-8, a malformed sha256."""
        path_is_fit = bool(self.path) and ("\n" not in self.path) and _is_utf8(self.path)
        if (not path_is_fit) or (self.size < 0) or not _SHA256.fullmatch(self.sha256):
            raise errors.InputError(f"{self.path!r} with size {self.size} and sha256 {self.sha256!r} is not a file.")


@dataclasses.dataclass(frozen=True)
class FileSet:
    """An immutable set of files with different paths, in the order of their UTF-8 paths. Make it with `of`."""

    files: tuple[File, ...]
    digest: str

    @classmethod
    def of(cls, files: Iterable[File]) -> Self:
        """Return the set of these files. Raises InputError for an empty set or a path that is listed twice.

        Nothing to compare is a failure, so there is no empty set. The digest is the sha256 of the lines
        `<sha256> <size> <path>` in path order, each of which ends with a line feed.
        """
        ordered = tuple(sorted(files, key=_utf8_path))
        if not ordered:
            raise errors.InputError("There are no files to compare.")
        paths = collections.Counter(file.path for file in ordered)
        twice = [path for path, count in paths.items() if count > 1]
        if twice:
            raise errors.InputError(f"{words.some(twice)} is listed twice.")
        lines = hashlib.sha256()
        for file in ordered:
            lines.update(f"{file.sha256} {file.size} {file.path}\n".encode())
        return cls(ordered, lines.hexdigest())

    @property
    def by_path(self) -> Mapping[str, File]:
        """The files by their paths."""
        return {file.path: file for file in self.files}

    @property
    def size(self) -> int:
        """The number of bytes of all files."""
        return sum(file.size for file in self.files)


def by_digest(digests: Iterable[str], rows: Iterable[tuple[str, str, int, str]]) -> Mapping[str, FileSet]:
    """The sets of these digests, of rows of a digest, a path, a size and a sha256."""
    found: dict[str, list[File]] = {digest: [] for digest in digests}
    for digest, path, size, sha256 in rows:
        found[digest].append(File(path, size, sha256))
    return {digest: FileSet.of(files) for digest, files in found.items()}


@dataclasses.dataclass(frozen=True)
class Difference:
    """The paths by which another set differs from the voted one. All are empty if the sets are identical.

    `renamed` has pairs (voted path, other path) with the same bytes; in a platform's layout the path is the
    coordinate, so renamed is as wrong as changed.
    """

    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    equal: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether the sets are identical."""
        return not (self.missing or self.extra or self.changed or self.renamed)

    def described(self, kind: str, *, voted: bool = True) -> str:
        """Return a sentence on what differs, with the first names. `kind` is the kind of files, like "staged".

        `voted` is whether the other side was voted on; before a vote, it is the set that a vote would be about.
        """
        if self.is_empty:
            return f"All {self.equal:,} {kind} files are identical to the voted files."
        renamed = tuple(f"{old} as {new}" for old, new in self.renamed)
        parts = (
            (self.changed, "differs", "differ"),
            (self.missing, "is missing", "are missing"),
            (self.extra, "was not voted on", "were not voted on")
            if voted
            else (self.extra, "is not among them", "are not among them"),
            (renamed, "has another path", "have another path"),
        )
        said = [
            f"{words.count(len(paths), f'{kind} file')} {words.either(len(paths), one, many)} ({words.some(paths)})"
            for paths, one, many in parts
            if paths
        ]
        return f"{'; '.join(said)}."


def checksums_of(files: Iterable[File]) -> dict[str, checksums.Named]:
    """Return the paths of the checksums among these files, with what each names: they are not members."""
    every = tuple(files)
    odd = {file.path for file in every if file.odd is Odd.TEXT}
    found = checksums.candidates({file.path: file.size for file in every})
    return {path: named for path, named in found.items() if path not in odd}


def compare(voted: FileSet, other: FileSet) -> Difference:
    """Return how `other` differs from `voted`. Capture, check, verification and after-care all use this comparison."""
    if voted.digest == other.digest:
        return Difference(equal=len(voted.files))
    old, new = voted.by_path, other.by_path
    changed = tuple(path for path in old if (path in new) and _content(old[path]) != _content(new[path]))
    equal = sum(1 for path in old if (path in new) and _content(old[path]) == _content(new[path]))
    missing = [path for path in old if path not in new]
    extra = [path for path in new if path not in old]
    renamed = []
    by_content = collections.defaultdict(list)
    for path in extra:
        by_content[_content(new[path])].append(path)
    for path in list(missing):
        twins = by_content[_content(old[path])]
        if twins:
            twin = twins.pop(0)
            renamed.append((path, twin))
            missing.remove(path)
            extra.remove(twin)
    return Difference(tuple(missing), tuple(extra), changed, tuple(renamed), equal)


def closest(wanted: FileSet, candidates: Iterable[FileSet]) -> FileSet | None:
    """Return the candidate that shares most files with `wanted`, to explain a difference; None without candidates."""
    return max(candidates, key=lambda candidate: len(set(candidate.files) & set(wanted.files)), default=None)


def evidence_digest(deployment_id: str, target: str, purls: Iterable[str], voted: str, staged: str) -> str:
    """Return one digest over what a person saw when they clicked: any change makes the click void."""
    lines = [deployment_id, target, *sorted(purls), f"voted {voted}", f"staged {staged}"]
    return hashlib.sha256("".join(f"{len(line)} {line}\n" for line in lines).encode()).hexdigest()


def _content(file: File) -> tuple[int, str]:
    return file.size, file.sha256


def _is_utf8(text: str) -> bool:
    """Return whether the text can be encoded: Python reads malformed file names as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _utf8_path(file: File) -> bytes:
    return file.path.encode()
