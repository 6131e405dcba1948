# SPDX-License-Identifier: Apache-2.0
"""`atr demo` as real processes: every fault ends as the table says, every bundle is taken or refused in a sentence."""

import hashlib
import json
import pathlib
import re
import subprocess
from typing import Any, Final

import pytest

import atr.demo.faults as faults
import atr.demo.tree as trees
from tests.demo import starting

pytestmark = pytest.mark.slow

REAL_TREE: Final = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "commons-cli-1.9.0"
KEYS: Final = [
    "state",
    "voted_sha256",
    "staged_sha256",
    "public_sha256",
    "files",
    "publish_calls",
    "bytes_sent",
    "seconds",
    "url",
]
# DESIGN.md, section 6, written out once more: the code's own table is what is tested.
ENDS: Final = {
    "none": ("LIVE", 1),
    "lost-reply": ("LIVE", 1),
    "server-error": ("LIVE", 1),
    "slow": ("LIVE", 1),
    "rate-limited": ("LIVE", 1),
    "killed-before-send": ("LIVE", 1),
    "killed-after-send": ("LIVE", 1),
    "double-click": ("LIVE", 1),
    "published-by-hand": ("LIVE", 0),
    "tampered": ("REFUSED", 0),
    "extra-file": ("REFUSED", 0),
    "missing-file": ("REFUSED", 0),
    "dropped": ("REFUSED", 0),
    "diverged": ("DIVERGED", 1),
}
# What needs real processes: the death of one, two browsers; and once each way in which the demo asks the stand-in for
# a fault (a request, a setting, a knob) and each way in which a story ends. How the others end is played in process, by
# the same table: tests/journeys/test_faults.py.
PLAYED: Final = ("killed-before-send", "killed-after-send", "double-click", "slow", "tampered", "diverged")
DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def lines(ran: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """One object a line, and nothing else."""
    return [json.loads(line) for line in ran.stdout.splitlines()]


def assert_one_sentence(ran: subprocess.CompletedProcess[str]) -> None:
    """It failed, and said why to a person."""
    assert ran.returncode not in {0, 1}, ran.stdout
    assert "Traceback" not in ran.stderr
    assert re.fullmatch(r"atr: \S.*\.\n", ran.stderr), ran.stderr


@pytest.fixture
def state_dir(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "state"


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> pathlib.Path:
    """A good Maven repository tree of two packages on disk."""
    return write(tmp_path / "tree", trees.example(2_000))


def write(root: pathlib.Path, tree: trees.Tree, rename: str = "") -> pathlib.Path:
    """Put a tree on disk; `rename` takes the place of `widgets` in every artifactId."""
    for path, content in tree.files.items():
        assert isinstance(content, bytes)
        there = root / re.sub(r"(?<=[/-])widgets(?=-)", rename or "widgets", path)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(content.replace(b"<artifactId>widgets-", f"<artifactId>{rename or 'widgets'}-".encode()))
    return root


def test_the_table_is_the_design_s() -> None:
    assert {name: (fault.ends.name, fault.publish_calls) for name, fault in faults.FAULTS.items()} == ENDS


def test_a_demo_goes_live_and_a_second_one_over_the_same_state_says_what_to_do(state_dir: pathlib.Path) -> None:
    """The second one's release is there already: a sentence, not a trace."""
    assert_ends(starting.atr(state_dir, "demo", "--json", "--fault", "none"), "none")
    assert_one_sentence(starting.atr(state_dir, "demo", "--json"))


@pytest.mark.parametrize("fault", PLAYED)
def test_a_fault_ends_as_the_table_says(fault: str, state_dir: pathlib.Path) -> None:
    assert_ends(starting.atr(state_dir, "demo", "--json", "--fault", fault), fault)


def assert_ends(ran: subprocess.CompletedProcess[str], fault: str) -> None:
    """The state and the calls are the table's, and the summary says the same."""
    assert (ran.returncode, ran.stderr) == (0, "")
    *steps, summary = lines(ran)
    assert list(summary) == KEYS
    assert (summary["state"], summary["publish_calls"]) == ENDS[fault]
    assert [step["step"] for step in steps][:5] == ["started", "composed", "staged", "voted", "promote clicked"]
    assert summary["files"] == 10
    assert DIGEST.fullmatch(summary["voted_sha256"])
    match summary["state"]:
        case "LIVE":
            assert summary["voted_sha256"] == summary["staged_sha256"] == summary["public_sha256"]
            assert summary["url"].startswith("http://127.0.0.1:")
        case "REFUSED":
            assert (summary["public_sha256"], summary["url"], summary["bytes_sent"]) == ("", "", 0)
        case "DIVERGED":
            assert summary["staged_sha256"] == summary["voted_sha256"] != summary["public_sha256"]
    # Promoting sends no files: all of them together are far larger.
    assert summary["bytes_sent"] < 2_000


@pytest.mark.shared
@pytest.mark.skipif(not REAL_TREE.is_dir(), reason="the team's folder shared/ with a real Maven tree is not here")
def test_a_real_tree_goes_live(state_dir: pathlib.Path) -> None:
    ran = starting.atr(state_dir, "demo", "--json", "--bundle", str(REAL_TREE))
    assert (ran.returncode, ran.stderr) == (0, "")
    summary = lines(ran)[-1]
    assert (summary["state"], summary["publish_calls"]) == ("LIVE", 1)
    assert summary["files"] == sum(path.suffix != ".sha1" for path in REAL_TREE.rglob("*") if path.is_file())


def test_a_tree_of_many_packages_and_odd_names_goes_live_whole(tmp_path: pathlib.Path, state_dir: pathlib.Path) -> None:
    """A plus stands in the version, so in addresses of pages; an artifact is named like a server's metadata."""
    tree = trees.example(500, version="2.4.0+build.7")
    root = tmp_path / "tree"
    for number in range(12):
        write(root, tree, f"gadgets{number}")
    write(root, tree, "maven-metadata")
    # Checksums with checksums of their own, as a build makes them, hold nothing up.
    jar = next(root.rglob("maven-metadata-core-2.4.0+build.7.jar"))
    stated = hashlib.sha512(jar.read_bytes()).hexdigest()
    jar.with_name(f"{jar.name}.sha512").write_text(stated)
    jar.with_name(f"{jar.name}.sha512.sha512").write_text(hashlib.sha512(stated.encode()).hexdigest())
    # What a client's local repository keeps beside the files is no part of it.
    core = root / "org/example/widgets/gadgets0-core"
    for kept in (
        "maven-metadata-local.xml",
        "maven-metadata.xml.sha1",
        "resolver-status.properties",
        "2.4.0+build.7/_remote.repositories",
        "2.4.0+build.7/gadgets0-core-2.4.0+build.7-tests.jar.lastUpdated",
    ):
        (core / kept).write_text("kept by a client")
    ran = starting.atr(state_dir, "demo", "--json", "--bundle", str(root))
    assert (ran.returncode, ran.stderr) == (0, "")
    summary = lines(ran)[-1]
    assert (summary["state"], summary["publish_calls"], summary["files"]) == ("LIVE", 1, 130)


def test_the_story_is_told_to_people_too(state_dir: pathlib.Path) -> None:
    ran = starting.atr(state_dir, "demo", "--fault", "tampered")
    assert (ran.returncode, ran.stderr) == (0, "")
    told = [line.split()[0] for line in ran.stdout.splitlines()]
    assert told[0] == "started"
    assert told[-2:] == ["refused", "end"]


def test_it_leaves_nothing_behind_where_no_directory_is_named(tmp_path: pathlib.Path) -> None:
    """Without ATR_STATE_DIR the demo's own directory is gone afterwards."""
    environment = starting.limited(tmp_path) | {"TMPDIR": str(tmp_path)}
    del environment["ATR_STATE_DIR"]
    ran = starting.atr(tmp_path / "unused", "demo", "--json", environment=environment)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("atr-")] == []


def test_a_missing_signature_is_told_in_the_platform_s_words(state_dir: pathlib.Path, tree: pathlib.Path) -> None:
    next(tree.rglob("widgets-core-2.4.0.jar.asc")).unlink()
    ran = starting.atr(state_dir, "demo", "--json", "--bundle", str(tree))
    assert_one_sentence(ran)
    assert "Missing signature for file: widgets-core-2.4.0.jar" in ran.stderr


@pytest.mark.parametrize("wrong", ["nothing there", "a file", "empty", "not a tree", "stray file"])
def test_what_is_no_maven_tree_is_refused(
    wrong: str, tmp_path: pathlib.Path, state_dir: pathlib.Path, tree: pathlib.Path
) -> None:
    given = tmp_path / "given"
    match wrong:
        case "a file":
            given.write_text("not a directory")
        case "empty":
            given.mkdir()
        case "not a tree":
            given.mkdir()
            (given / "README.txt").write_text("Hello")
        case "stray file":
            given = tree
            (tree / "org/example/notes.txt").write_text("Hello")
    ran = starting.atr(state_dir, "demo", "--json", "--bundle", str(given))
    assert_one_sentence(ran)
    # Found out before anything was started.
    assert ran.stdout == ""


def test_an_unknown_fault_is_a_usage_error_that_names_the_faults(state_dir: pathlib.Path) -> None:
    ran = starting.atr(state_dir, "demo", "--fault", "gremlins")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("Usage: ")
    assert ", ".join(ENDS) in " ".join(ran.stderr.split())
