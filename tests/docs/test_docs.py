# SPDX-License-Identifier: Apache-2.0
"""The pages say what the code has: links, paths, settings, platforms, commands, decisions, figures."""

import datetime
import functools
import itertools
import pathlib
import re
from typing import Final

import pytest

import atr.cli as cli
import atr.config as config
import atr.demo.faults as faults
import atr.platforms.registry as registry
import atr.promotion.gates as gates
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
from tests import databases
from tests.chaos import outcome

ROOT: Final = pathlib.Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"
PAGES: Final = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
ADRS: Final = sorted((DOCS / "adr").glob("*.md"))

LINK: Final = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
PICTURE: Final = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
# Bytes: whoever clones this gets all of them, in every version.
PICTURES_AT_MOST: Final = 3_000_000
CODE: Final = re.compile(r"`([^`\n]+)`")
OURS: Final = re.compile(r"(?:atr|tests|docs|migrations|templates)/[\w./-]*|\.ci/run|pyproject\.toml|Makefile")
DEFECTS: Final = "docs/defects-in-atr.md"
DEFECT: Final = re.compile(r"test_defect_\d\d\w*")

# Files of ATR's that the pages name and that this repository does not have.
ATRS: Final = frozenset(
    {
        "atr/tasks/checks/signature.py",
    }
)


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@functools.cache
def everything() -> str:
    return "\n".join(page.read_text("utf-8") for page in PAGES)


def named_paths(page: pathlib.Path) -> set[str]:
    return {word for word in CODE.findall(page.read_text("utf-8")) if OURS.fullmatch(word)}


def anchors(page: pathlib.Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: pathlib.Path) -> None:
    broken = []
    for target in LINK.findall(page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        if path.startswith(("https://", "http://", "mailto:")):
            continue
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_exists(page: pathlib.Path) -> None:
    assert [path for path in sorted(named_paths(page) - ATRS) if not (ROOT / path).exists()] == []


def test_the_paths_of_atr_are_named_and_not_ours() -> None:
    named = set().union(*(named_paths(page) for page in PAGES))
    assert named >= ATRS
    assert [path for path in ATRS if (ROOT / path).exists()] == []


def test_every_setting_is_described_with_its_default() -> None:
    operators = text("docs/operators.md")
    rows = dict(re.findall(r"^\| `(ATR_\w+)` \| ([^|]+) \|", operators, re.MULTILINE))
    described = config.described(config.WebSettings) | config.described(registry.WorkerSettings)
    assert rows.keys() == described.keys()
    wrong = {name: said for name, said in rows.items() if said.strip("` ") != in_words(described[name])}
    assert wrong == {}


def in_words(default: object) -> str:
    """A default as the page writes it."""
    if default is None:
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return str(default) or "empty"


def test_no_page_names_a_setting_that_does_not_exist() -> None:
    known = config.described(config.WebSettings) | config.described(registry.WorkerSettings)
    named = set(re.findall(r"\bATR_[A-Z_]*[A-Z]\b", everything()))
    # Those of the tests are in tests/, and are read nowhere else.
    of_tests = {databases.CHOICE, outcome.SEED}
    assert named - known.keys() - of_tests == set()


def test_every_platform_and_mechanism_has_its_row() -> None:
    platforms = text("docs/platforms.md")
    for platform in distribution.DistributionPlatform:
        row = next(line for line in platforms.splitlines() if line.startswith(f"| `{platform.name}` |"))
        assert f"| {platform.display_name} | `{platform.gh_slug}`" in row
        assert ("| **yes** |" in row) == platform.supports_remote_promotion
    for mechanism in mechanisms.Mechanism:
        facts = (
            "yes" if fact else "no" for fact in (mechanism.repeatable, mechanism.content_pinned, mechanism.needs_code)
        )
        assert f"| `{mechanism.name}` | {' | '.join(facts)} |" in platforms


def test_every_command_and_option_of_the_demo_is_described() -> None:
    pages = everything()
    assert [name for name in cli.cli.commands if f"`atr {name}" not in pages] == []
    readme = text("README.md")
    options = [option for parameter in cli.demo.params for option in parameter.opts]
    assert [option for option in options if option not in readme] == []


def test_no_page_names_a_command_that_does_not_exist() -> None:
    named = set(re.findall(r"`atr ([a-z]+(?:-[a-z]+)*)", everything()))
    assert named - set(cli.cli.commands) == set()


def test_every_fault_of_the_demo_has_its_row_and_its_end() -> None:
    testing = text("docs/testing.md")
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| ([A-Z_]+, \d) \|$", testing, re.MULTILINE))
    assert rows == {name: f"{fault.ends.name}, {fault.publish_calls}" for name, fault in faults.FAULTS.items()}


def test_every_folder_of_tests_has_its_row() -> None:
    testing = text("docs/testing.md")
    folders = {path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")}
    assert [folder for folder in sorted(folders) if f"| `{folder}/` |" not in testing] == []


def test_everything_that_is_covered_whole_has_its_row() -> None:
    wanted = re.search(r"FULLY_COVERED=\(([^)]*)\)", text(".ci/run"))
    assert wanted is not None
    coverage = text("docs/testing.md").partition("## Coverage")[2]
    assert [name for name in re.findall(r"'([^'*]+)\*?'", wanted.group(1)) if f"`{name}`" not in coverage] == []


def test_every_gate_has_its_row_in_order() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", text("docs/how-it-works.md"), re.MULTILINE)
    assert rows == [gate.code for gate in gates.GATES]


def test_the_figures_are_those_of_the_code() -> None:
    page = text("docs/how-it-works.md")
    (timing,) = steps.TIMINGS.values()
    moving, checking = (
        "the platform's state, while something is in progress or was not found by the last poll",
        "the public repository: in CHECKING, for what is only tracked, and while a refused request waits for a person",
    )
    assert polling_rows(moving, timing.asking) in page
    assert polling_rows(checking, timing.probing) in page
    assert f"| IN_DOUBT | always | every {spoken(timing.doubting)} |" in page
    assert f"| a staged deployment with nothing in progress | always | every {spoken(timing.resting)} |" in page
    looks = itertools.accumulate(interval for _, interval in timing.caring)
    weekly = spoken(timing.caring[-1][1])
    assert f"after {', '.join(spoken(at, one='1 ') for at in looks)}, then every {weekly} |" in page
    assert f"after {spoken(timing.probing[0][1])}, then twice as long each time, up to a day" in page
    assert f"Polling is never faster than the table's first interval, {spoken(timing.asking[0][1])}." in page
    assert f"that second reading comes {spoken(timing.probing[0][1])} later" in page
    assert f"Two publish requests are at least {spoken(timing.settling)} apart" in page
    assert f"still staged {spoken(timing.settling)} after the mark" in page
    assert f"{timing.looks} polls over at least {spoken(timing.vanishing)} mean that it is gone" in page
    assert f"not found for {spoken(timing.vanishing)} in {timing.looks} polls" in page
    assert f"{timing.looks} polls over at least {spoken(timing.vanishing)} mean IN_DOUBT" in page
    assert timing.deadline == datetime.timedelta(days=1).total_seconds()
    assert "24 hours from the mark of the first publish request" in page
    assert f"to expect {timing.usual[0] / 60:g} to {timing.usual[1] / 60:g} minutes" in page


def polling_rows(what: str, table: tuple[tuple[float, float], ...]) -> str:
    """The rows of the page for one table of (up to this age, interval)."""
    ages = [f"up to {spoken(until)}" for until, _ in table[:-1]] + ["later"]
    rows = zip([what, *[""] * (len(table) - 1)], ages, (interval for _, interval in table), strict=True)
    return "\n".join(
        f"| {first} | {age} | every {spoken(interval)} |".replace("|  |", "| |") for first, age, interval in rows
    )


def spoken(seconds: float, *, one: str = "") -> str:
    """A duration as the page says it."""
    for unit, size in (("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = seconds / size
        if count == 1 and unit != "minute":
            return f"{one}{unit}"
        if count.is_integer() and count > 1:
            return f"{count:g} {unit}s"
    return f"{seconds:g} s"


def test_every_decision_is_listed_by_its_title() -> None:
    index = text("docs/index.md")
    assert [adr.name[:4] for adr in ADRS] == [f"{number:04}" for number in range(len(ADRS))]
    for adr in ADRS:
        title = adr.read_text("utf-8").splitlines()[0].removeprefix(f"# {adr.name[:4]}: ")
        assert f"| [{adr.name[:4]}](adr/{adr.name}) | {title} |" in index


@pytest.mark.parametrize("adr", ADRS, ids=lambda adr: adr.stem)
def test_a_decision_has_context_decision_consequences(adr: pathlib.Path) -> None:
    headings = re.findall(r"^## (.+)$", adr.read_text("utf-8"), re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences"]


def test_every_page_is_listed() -> None:
    index = text("docs/index.md")
    assert [page.name for page in DOCS.glob("*.md") if page.name != "index.md" and f"]({page.name})" not in index] == []


def test_every_picture_is_there_is_shown_and_is_made_by_a_test() -> None:
    shown = {
        (page.parent / target).resolve() for page in PAGES for _, target in PICTURE.findall(page.read_text("utf-8"))
    }
    there = set((DOCS / "pictures").iterdir())
    assert {path.name for path in shown} == {path.name for path in there}
    assert shown == there
    maker = text("tests/browser/test_pictures.py")
    assert [path.name for path in sorted(there) if f'"{path.stem}"' not in maker] == []
    assert sum(path.stat().st_size for path in there) < PICTURES_AT_MOST


def test_every_picture_is_told_in_words() -> None:
    assert [target for page in PAGES for words, target in PICTURE.findall(page.read_text("utf-8")) if not words] == []


def test_every_test_of_a_defect_has_its_row_and_every_one_named_exists() -> None:
    tests = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"def (test_defect_\d\d\w*)", tests))
    named = DEFECT.findall(everything())
    assert [name for name in named if not any(test.startswith(name) for test in there)] == []
    rows = re.findall(r"^\| (\d\d) \|.*\| `test_defect_(\d\d)\w*` \|$", text(DEFECTS), re.MULTILINE)
    assert [row for row in rows if row[0] != row[1]] == []
    assert {number for number, _ in rows} == {test[len("test_defect_") :][:2] for test in there}
    assert len(rows) == len(re.findall(r"^\| \d\d \|", text(DEFECTS), re.MULTILINE))


def test_headings_never_say_bare_distribution_or_promotion() -> None:
    """The words mean something else in ATR: what Apache itself distributes, and a change of phase."""
    bare = re.compile(r"(?<!third-party )distribution|(?<!remote )promotion", re.IGNORECASE)
    # The states are rendered from the code's own words.
    written = (page.read_text("utf-8") for page in PAGES if page.name != "states.md")
    headings = re.findall(r"^#+ .+$", "\n".join(written), re.MULTILINE)
    assert [heading for heading in headings if bare.search(re.sub(r"`[^`]*`", "", heading))] == []
