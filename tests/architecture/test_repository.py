# SPDX-License-Identifier: Apache-2.0
"""What holds for every file of the repository, whoever writes it."""

import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import pytest

ROOT: Final = pathlib.Path(__file__).resolve().parents[2]

LICENCE_LINE: Final = "SPDX-License-Identifier: Apache-2.0"
LICENSED_SUFFIXES: Final = frozenset({".py", ".html", ".css", ".js", ".mjs", ".sh", ".toml"})
LICENSED_NAMES: Final = frozenset({"Makefile", ".ci/run"})
# Replies kept as their platforms sent them: not written by us.
RECORDED: Final = "tests/recorded/"

# Each name is in two pieces, so that this file does not contain what it looks for.
REGISTRY_HOSTS: Final = tuple(
    f"{head}{tail}"
    for head, tail in (
        ("npm", "js.org"),
        ("npm", "js.com"),
        ("py", "pi.org"),
        ("python", "hosted.org"),
        ("deb", ".debian.org"),
        ("repo", ".maven."),
        ("repo1", ".maven."),
        ("proxy", ".golang.org"),
        ("crates", ".io"),
    )
)

REGISTRY: Final = re.compile("|".join(map(re.escape, REGISTRY_HOSTS)).encode(), re.IGNORECASE)

LONGEST_MODULE: Final = 400
# Names that say nothing about what is inside, so anything ends up there.
NAMELESS: Final = frozenset({"utils", "util", "helpers", "helper", "common"})


def files() -> Iterator[tuple[str, pathlib.Path]]:
    """Every file that is, or would be, committed: its path from the top, and where it is."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in sorted(set(listed.stdout.split("\0")) - {""}):
        path = ROOT / name
        # Deleted but not committed yet is still listed.
        if path.is_file():
            yield name, path


def test_the_listing_sees_the_repository() -> None:
    names = {name for name, _ in files()}
    assert {"pyproject.toml", "Makefile", "tests/architecture/test_repository.py"} <= names


def test_every_file_of_ours_names_its_licence() -> None:
    unlicensed = [
        name
        for name, path in files()
        if (path.suffix in LICENSED_SUFFIXES or name in LICENSED_NAMES) and not name.startswith(RECORDED)
        # The first line, or the second after an interpreter's.
        if not any(LICENCE_LINE in line for line in path.read_text("utf-8").splitlines()[:2])
    ]
    assert unlicensed == []


def test_no_file_names_a_public_registry() -> None:
    found = [
        f"{name}:{number}"
        for name, path in files()
        for number, line in enumerate(path.read_bytes().splitlines(), start=1)
        if REGISTRY.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("host", REGISTRY_HOSTS)
def test_a_registry_would_be_noticed(host: str) -> None:
    assert REGISTRY.search(f"see https://{host}example/simple".encode())


def test_locks_pin_every_package_by_hash() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text("utf-8")
        requirements = [entry for entry in re.split(r"\n(?=[a-z])", text) if not entry.startswith("#")]
        assert requirements, name
        unpinned = [entry.splitlines()[0] for entry in requirements if "==" not in entry or "--hash=" not in entry]
        assert unpinned == [], name
        assert "://" not in text, name


def test_no_handler_names_what_only_the_service_may_do() -> None:
    names = re.compile(r"\b(?:settle|record_from_data|write_as_system)\b")
    web = [name for name, _ in files() if re.match(r"atr/(?:get|post|api)/|atr/(?:web|server)\.py$", name)]
    assert len(web) > 20
    assert [name for name in web if names.search((ROOT / name).read_text("utf-8"))] == []


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    long = {
        name: lines
        for name, path in files()
        if name.startswith("atr/") and path.suffix == ".py"
        if (lines := len(path.read_text("utf-8").splitlines())) > LONGEST_MODULE
    }
    assert long == {}


def test_every_module_is_named_after_what_it_holds() -> None:
    nameless = [
        name
        for name, path in files()
        if path.suffix == ".py" and NAMELESS & {path.stem, *pathlib.PurePath(name).parts[:-1]}
    ]
    assert nameless == []


def test_import_contracts_hold() -> None:
    linter = pathlib.Path(sys.executable).with_name("lint-imports")
    checked = subprocess.run([linter, "--no-cache", "--no-logo"], cwd=ROOT, check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
