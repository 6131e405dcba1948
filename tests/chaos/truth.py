# SPDX-License-Identifier: Apache-2.0
"""What is true, read from the stand-in's disk: which files are public, by whose doing, and whether they were voted on.

The public tree is walked and hashed here, the ledger beside it says who did what, and which bytes were put to the vote
is what the campaign itself made. Nothing of `atr/` helps, and no row is asked: what the program believes is the one
thing that may be wrong. So this module imports the standard library only, and its rule for checksums is its own.
"""

import dataclasses
import hashlib
import json
import math
import os
import pathlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

# The account whose token ATR has.
OURS: Final = "atr"
# With the length of their digests in hexadecimal.
_ALGORITHMS: Final = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
_MAX_CHECKSUM: Final = 4096
_BARE: Final = re.compile(r"([0-9A-Fa-f]+)")
_COREUTILS: Final = re.compile(r"([0-9A-Fa-f]+)[ \t]+\*?(\S+)")
_BSD: Final = re.compile(r"[A-Za-z0-9-]+ ?\((\S+)\) ?= ?([0-9A-Fa-f]+)")


@dataclasses.dataclass(frozen=True)
class Vote:
    """File sets of which any may become public, sha256 by path, from when the vote passed until it was taken back."""

    sets: tuple[Mapping[str, str], ...]
    passed: float
    ended: float = math.inf

    def holds(self, when: float) -> bool:
        """Whether it had passed then, and still counted."""
        return self.passed <= when < self.ended


@dataclasses.dataclass(frozen=True)
class File:
    """A file of the public tree, with how it came there."""

    path: str
    sha256: str
    # The deployment that brought it; empty for one that was put there past all deployments.
    deployment: str = ""
    since: float = -math.inf
    # The platform changed it on its way to the public; or somebody did behind everybody's back, later.
    altered: bool = False
    touched: bool = False


@dataclasses.dataclass(frozen=True)
class Effect:
    """A deployment was set on its way: when, and by what."""

    deployment: str
    when: float
    # "token", "hand" or "automatic".
    by: str
    account: str

    @property
    def ours(self) -> bool:
        """Whether a request with our credential did it."""
        return (self.by == "token") and (self.account == OURS)


@dataclasses.dataclass(frozen=True)
class Now:
    """What is public now, and everything that set a deployment on its way so far."""

    files: Mapping[str, File] = dataclasses.field(default_factory=dict)
    effects: tuple[Effect, ...] = ()
    # Deployments whose publishing has ended well, and since when; those that were given up.
    public: Mapping[str, float] = dataclasses.field(default_factory=dict)
    failed: frozenset[str] = frozenset()
    forgotten: frozenset[str] = frozenset()
    # Paths that the platform never showed though it published them, and those that somebody took away.
    missing: frozenset[str] = frozenset()
    withdrawn: frozenset[str] = frozenset()

    def is_public(self, deployment: str) -> bool:
        """Whether its files are public."""
        return deployment in self.public

    def may_come(self, effect: Effect) -> bool:
        """Whether what was set on its way has neither arrived nor failed, nor was forgotten half way."""
        return effect.deployment not in {*self.public, *self.failed, *self.forgotten}


class Truth:
    """The stand-in's disk, and what the campaign put to the vote. `directory` is the stand-in's own."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._tree = directory / "public"
        self._ledger = directory / "ledger.jsonl"
        # Directories outside of which nothing of ours may become public; none given: everywhere.
        self.roots: tuple[str, ...] = ()
        # Directories that belong to the project now; None: all that are in `roots`.
        self.owned: tuple[str, ...] | None = None
        self.votes: list[Vote] = []
        self._seen = -1
        self._now = Now()

    def passed(self, sets: Sequence[Mapping[str, Any]], when: float = -math.inf) -> None:
        """A vote over these files has passed."""
        self.votes.append(Vote(tuple(hashed(one) for one in sets), when))

    def taken_back(self, when: float) -> None:
        """Whatever was voted on counts no more."""
        self.votes = [dataclasses.replace(one, ended=min(one.ended, when)) for one in self.votes]

    def look(self) -> Now:
        """Walk the tree, unless nothing happened since the last walk."""
        size = self._ledger.stat().st_size if self._ledger.exists() else 0
        if size != self._seen:
            self._now, self._seen = self._walk(), size
        return self._now

    def unvoted(self, effect: Effect) -> list[str]:
        """What this effect made public that nobody voted on: a sentence for each file."""
        now = self.look()
        wrong = []
        for file in now.files.values():
            if (file.deployment != effect.deployment) or file.altered or file.touched:
                continue
            if not (self._was_voted(file.path, file.sha256, effect.when) or self._is_checksum(file.path)):
                wrong.append(f"{file.path} became public and was not voted on")
            elif self.roots and not file.path.startswith(self.roots):
                wrong.append(f"{file.path} became public and is not this project's")
        return wrong

    def counts(self, when: float) -> bool:
        """Whether some vote has passed and counts at this instant."""
        return any(vote.holds(when) for vote in self.votes)

    def was_voted(self, deployment: str, when: float) -> bool:
        """Whether all that a deployment brought was voted on, by votes that count at this instant.

        What was changed on its way or later is the platform's doing: its path must have been voted on.
        """
        return all(
            self._was_voted(file.path, None if (file.altered or file.touched) else file.sha256, when)
            or self._is_checksum(file.path)
            for file in self._brought(deployment)
        )

    def is_owned(self, deployment: str) -> bool:
        """Whether all that a deployment brought lies where the project's names are now."""
        owned = self.roots if (self.owned is None) else self.owned
        return (not owned) or all(file.path.startswith(owned) for file in self._brought(deployment))

    def _brought(self, deployment: str) -> list[File]:
        return [file for file in self.look().files.values() if file.deployment == deployment]

    def differs(self, voted: Mapping[str, str], *, before: float = math.inf) -> list[str]:
        """How the public versions of these files differ from them: missing, other and further ones.

        What somebody changed after it had become public, or put there later than `before`, is no fault of who looked.
        """
        return self.changed(voted) + self.beside(voted, before=before)

    def changed(self, voted: Mapping[str, str]) -> list[str]:
        """Those of these files that are not public, or with different content."""
        now = self.look()
        wrong = self.missing(voted)
        for path, sha256 in voted.items():
            file = now.files.get(path)
            if (file is not None) and (file.sha256 != sha256) and not file.touched:
                wrong.append(f"{path} is public with different content")
        return wrong

    def missing(self, voted: Mapping[str, str]) -> list[str]:
        """Those that are not public, but for what somebody took away."""
        now = self.look()
        return [f"{path} is not published" for path in voted if path not in {*now.files, *now.withdrawn}]

    def beside(self, voted: Mapping[str, str], *, before: float = math.inf) -> list[str]:
        """What else stands in the directories of these files: brought with them, or put there before."""
        now = self.look()
        versions = {path.rpartition("/")[0] for path in voted}
        brought = {now.files[path].deployment for path in voted if path in now.files} - {""}
        wrong = []
        for file in now.files.values():
            if (file.path in voted) or (file.path.rpartition("/")[0] not in versions):
                continue
            early = (file.since <= before) or (file.deployment in brought)
            if early and not (self._known(file.path) or self._is_checksum(file.path)):
                wrong.append(f"{file.path} stands beside and was not voted on")
        return wrong

    def nowhere(self) -> list[str]:
        """Files on the disk that no line of the ledger explains: then this judge itself cannot be trusted."""
        return [f"nobody knows how {one.path} became public" for one in self.look().files.values() if not one.since]

    def _was_voted(self, path: str, sha256: str | None, when: float) -> bool:
        """With these bytes; None: with any."""
        held = [one[path] for vote in self.votes if vote.holds(when) for one in vote.sets if path in one]
        return bool(held) if (sha256 is None) else (sha256 in held)

    def _known(self, path: str) -> bool:
        return any(path in one for vote in self.votes for one in vote.sets)

    def _is_checksum(self, path: str) -> bool:
        """A digest of the public bytes of the file that its name names, and nothing else."""
        now = self.look()
        data = (self._tree / path).read_bytes()
        if not _is_about(path, data, {*now.files, *now.missing}):
            return False
        stem, _, algorithm = path.rpartition(".")
        about, said = now.files.get(stem), _digest_in(data, stem.rpartition("/")[2])
        # Of bytes that somebody changed or took away it cannot be held against anything.
        if (about is None) or about.altered or about.touched:
            return True
        return (said or "").lower() == hashlib.new(
            algorithm, (self._tree / stem).read_bytes(), usedforsecurity=False
        ).hexdigest()

    def _lines(self) -> Iterator[dict[str, Any]]:
        if self._ledger.exists():
            yield from map(json.loads, self._ledger.read_text(encoding="utf-8").splitlines())

    def _walk(self) -> Now:
        found = {path: File(path, _sha256(data), since=0.0) for path, data in files(self._tree)}
        effects, public, failed, forgotten = [], {}, set(), set()
        withheld, withdrawn = set(), set()
        for line in self._lines():
            match line["what"]:
                case "publish":
                    effects.append(Effect(line["deployment"], line["when"], line["by"], line["account"]))
                    # One that failed may be published again.
                    failed.discard(line["deployment"])
                case "public":
                    public[line["deployment"]] = line["when"]
                    withheld.update(line["withheld"])
                case "failed":
                    failed.add(line["deployment"])
                case "withdraw":
                    withdrawn.update(line["paths"])
                case "forgotten":
                    forgotten.add(line["deployment"])
            for path in line.get("paths", ()):
                if path in found:
                    found[path] = _after(found[path], line)
        return Now(
            found,
            tuple(effects),
            public,
            frozenset(failed),
            frozenset(forgotten),
            frozenset({*withheld, *withdrawn}),
            frozenset(withdrawn),
        )


def hashed(files: Mapping[str, Any]) -> dict[str, str]:
    """Their sha256 by path. What is no bytes is passed over."""
    return {path: _sha256(data) for path, data in files.items() if isinstance(data, bytes)}


def members(files: Mapping[str, bytes]) -> set[str]:
    """The paths that are files in their own right: no checksum of another one that is held too."""
    return {path for path, data in files.items() if not _is_about(path, data, files)}


def _is_about(path: str, data: bytes, held: Collection[str]) -> bool:
    stem, _, algorithm = path.rpartition(".")
    if (algorithm not in _ALGORITHMS) or (stem not in held):
        return False
    return len(_digest_in(data, stem.rpartition("/")[2]) or "") == _ALGORITHMS[algorithm]


def _after(file: File, line: Mapping[str, Any]) -> File:
    match line["what"]:
        case "public":
            altered = file.path in line["altered"]
            return File(file.path, file.sha256, line["deployment"], line["when"], altered)
        case "put":
            return File(file.path, file.sha256, since=line["when"])
        case _:
            return dataclasses.replace(file, touched=True)


def files(root: pathlib.Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a directory, by its path there."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = pathlib.Path(folder) / name
            yield path.relative_to(root).as_posix(), path.read_bytes()


def _digest_in(data: bytes, name: str) -> str | None:
    """The digest, if the file holds nothing but one, bare or with this name in coreutils' or BSD's form."""
    if len(data) > _MAX_CHECKSUM:
        return None
    text = data.decode("ascii", "replace").strip()
    if bare := _BARE.fullmatch(text):
        return bare[1]
    if (listed := _COREUTILS.fullmatch(text)) and (listed[2].rpartition("/")[2] == name):
        return listed[1]
    if (tagged := _BSD.fullmatch(text)) and (tagged[1].rpartition("/")[2] == name):
        return tagged[2]
    return None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
