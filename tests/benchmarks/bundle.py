# SPDX-License-Identifier: Apache-2.0
"""Something of about a given size to release: the demo's tree with larger jars, on disk, never in memory."""

import hashlib
import pathlib
import random
from collections.abc import Iterable, Iterator
from typing import Final

import atr.demo.tree as trees
import atr.promotion.fileset as fileset

_CHUNK: Final = 1_000_000
# What the jar, its sources and its documentation have of the whole, in tenths.
_TENTHS: Final = {"-sources.jar": 2, "-javadoc.jar": 2, ".jar": 6}


def make(root: pathlib.Path, size: int) -> tuple[trees.Tree, fileset.FileSet]:
    """The tree, its files below `root`, with their file set. The same size makes the same bytes at every run."""
    example = trees.example(0)
    files: dict[str, bytes | pathlib.Path] = {}
    members = []
    for path, content in example.files.items():
        assert isinstance(content, bytes)
        tenths = next((share for end, share in _TENTHS.items() if path.endswith(end)), 0)
        # What is not a jar is small and stays as it is.
        members.append(_write(root, path, _noise(path, size * tenths // 10) if tenths else [content]))
        files[path] = root / path
    return trees.Tree(files, example.packages), fileset.FileSet.of(members)


def _write(root: pathlib.Path, path: str, chunks: Iterable[bytes]) -> fileset.File:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("wb") as file:
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
    return fileset.File(path, target.stat().st_size, digest.hexdigest())


def _noise(seed: str, size: int) -> Iterator[bytes]:
    """Bytes that do not compress."""
    source = random.Random(seed)
    for begin in range(0, size, _CHUNK):
        yield source.randbytes(min(_CHUNK, size - begin))
