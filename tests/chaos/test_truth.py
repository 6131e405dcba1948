# SPDX-License-Identifier: Apache-2.0
"""The judge of the campaigns: what it takes for voted on, for a checksum, and for nobody's fault."""

import ast
import hashlib
import json
import pathlib
import sys
from typing import Any

import pytest

import tests.chaos.truth as truth

JAR = "org/example/tool/1.0/tool-1.0.jar"
DIGEST = hashlib.sha512(b"jar").hexdigest()


class Disk:
    """A public tree and its ledger, written as the stand-in writes them."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.judge = truth.Truth(root)

    def line(self, when: float, what: str, **facts: Any) -> None:
        with (self.root / "ledger.jsonl").open("a") as ledger:
            ledger.write(json.dumps({"when": when, "what": what, **facts}) + "\n")

    def published(self, files: dict[str, bytes], *, by: str = "token", account: str = "atr") -> truth.Effect:
        self.line(5.0, "publish", deployment="d", account=account, by=by)
        for path, data in files.items():
            target = self.root / "public" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        self.line(6.0, "public", deployment="d", paths=list(files), altered=[], withheld=[])
        return self.judge.look().effects[-1]


@pytest.fixture
def disk(tmp_path: pathlib.Path) -> Disk:
    return Disk(tmp_path)


def test_what_was_voted_on_may_become_public_while_the_vote_counts(disk: Disk) -> None:
    disk.judge.passed([{JAR: b"jar"}], 1.0)
    effect = disk.published({JAR: b"jar"})
    assert effect.ours
    assert disk.judge.unvoted(effect) == []
    disk.judge.taken_back(4.0)
    assert disk.judge.unvoted(effect) == [f"{JAR} became public and was not voted on"]


@pytest.mark.parametrize(
    "files", [{JAR: b"other"}, {f"{JAR}.asc": b"signature"}, {"org/foreign/maven-metadata.xml": b""}]
)
def test_other_bytes_and_other_files_were_not_voted_on(disk: Disk, files: dict[str, bytes]) -> None:
    disk.judge.passed([{JAR: b"jar"}], 1.0)
    (path,) = files
    assert disk.judge.unvoted(disk.published(files)) == [f"{path} became public and was not voted on"]


def test_what_lies_outside_of_the_projects_names_is_never_right(disk: Disk) -> None:
    disk.judge.roots = ("org/example/",)
    disk.judge.passed([{"org/foreign/a/1/a-1.jar": b"jar"}], 1.0)
    (said,) = disk.judge.unvoted(disk.published({"org/foreign/a/1/a-1.jar": b"jar"}))
    assert said.endswith("is not this project's")


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (DIGEST, True),
        (f"{DIGEST}\n", True),
        (DIGEST.upper(), True),
        (f"{DIGEST}  tool-1.0.jar\n", True),
        (f"{DIGEST} *target/tool-1.0.jar\n", True),
        (f"SHA512 (tool-1.0.jar) = {DIGEST}\n", True),
        (hashlib.sha512(b"other").hexdigest(), False),
        (f"{DIGEST}  another.jar\n", False),
        (f"{DIGEST}  tool-1.0.jar\nand more\n", False),
        (DIGEST + "\n" * 5000, False),
        ("", False),
    ],
)
def test_a_checksum_is_the_digest_of_public_bytes_and_nothing_else(disk: Disk, text: str, *, right: bool) -> None:
    disk.judge.passed([{JAR: b"jar"}], 1.0)
    effect = disk.published({JAR: b"jar", f"{JAR}.sha512": text.encode()})
    assert (disk.judge.unvoted(effect) == []) is right


def test_a_checksum_of_a_checksum_counts_and_an_orphan_does_not(disk: Disk) -> None:
    disk.judge.passed([{JAR: b"jar"}], 1.0)
    nested = hashlib.md5(DIGEST.encode(), usedforsecurity=False).hexdigest().encode()
    effect = disk.published({JAR: b"jar", f"{JAR}.sha512": DIGEST.encode(), f"{JAR}.sha512.md5": nested})
    assert disk.judge.unvoted(effect) == []
    assert truth.members({f"{JAR}.sha512": DIGEST.encode()}) == {f"{JAR}.sha512"}


def test_a_hand_on_the_page_and_another_account_are_not_ours(disk: Disk) -> None:
    assert not disk.published({JAR: b"jar"}, by="hand").ours
    assert not disk.published({JAR: b"jar"}, account="another").ours


def test_what_the_platform_changed_behind_our_back_is_not_our_doing_and_is_no_longer_right(disk: Disk) -> None:
    voted = {JAR: hashlib.sha256(b"jar").hexdigest()}
    disk.judge.passed([{JAR: b"jar"}], 1.0)
    effect = disk.published({JAR: b"jar"})
    assert disk.judge.differs(voted) == []
    (disk.root / "public" / JAR).write_bytes(b"altered")
    disk.line(7.0, "alter", paths=[JAR])
    assert disk.judge.unvoted(effect) == []


def test_what_stands_beside_is_seen_if_it_came_with_it_or_early_enough(disk: Disk) -> None:
    voted = {JAR: hashlib.sha256(b"jar").hexdigest()}
    extra = JAR.replace(".jar", "-all.jar")
    disk.judge.passed([{JAR: b"jar"}], 1.0)
    disk.published({JAR: b"jar", extra: b"all"}, by="hand")
    assert disk.judge.differs(voted, before=0.0) == [f"{extra} stands beside and was not voted on"]
    late = JAR.replace(".jar", ".module")
    (disk.root / "public" / late).write_bytes(b"module")
    disk.line(9.0, "put", paths=[late])
    assert len(disk.judge.differs(voted, before=8.0)) == 1
    assert len(disk.judge.differs(voted, before=9.0)) == 2


def test_a_file_that_no_line_explains_is_told(disk: Disk) -> None:
    disk.published({JAR: b"jar"})
    (disk.root / "public" / "stray").write_bytes(b"")
    disk.line(9.0, "forgotten", deployment="d")
    assert disk.judge.nowhere() == ["nobody knows how stray became public"]


def test_it_is_helped_by_the_standard_library_only() -> None:
    tree = ast.parse(pathlib.Path(truth.__file__).read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names
