# SPDX-License-Identifier: Apache-2.0
"""What stands beside the voted files: what is known by its name, when the index is asked, what may be said."""

import datetime

import pytest

import atr.promotion.beside as beside
import atr.promotion.fileset as fileset
import atr.promotion.timing as timing

NOW = datetime.datetime(2026, 9, 17, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
JAR = "org/example/app/1.0/app-1.0.jar"
ALL = "org/example/app/1.0/app-1.0-all.jar"


def file(path: str) -> fileset.File:
    return fileset.File(path, 3, "ab" * 32)


@pytest.mark.parametrize(
    ("named", "extra"),
    [
        ([JAR], []),
        ([JAR, f"{JAR}.md5", f"{JAR}.sha1", f"{JAR}.sha256", f"{JAR}.sha512"], []),
        ([f"{JAR}.sha512.md5", f"{JAR}.sha512"], []),
        # The checksum of a known file is known though the file itself is not named.
        ([f"{JAR}.sha1"], []),
        ([f"{JAR}.asc"], [f"{JAR}.asc"]),
        ([f"{JAR}.sha512", f"{JAR}.sha512.asc"], [f"{JAR}.sha512.asc"]),
        # A checksum of a checksum whose own file nobody knows.
        ([f"{JAR}.sha512.md5"], [f"{JAR}.sha512.md5"]),
        ([f"{JAR}.sha3"], [f"{JAR}.sha3"]),
        ([f"{JAR}.SHA1"], [f"{JAR}.SHA1"]),
        ([ALL, f"{ALL}.md5"], [ALL, f"{ALL}.md5"]),
        ([f"{ALL}.md5"], [f"{ALL}.md5"]),
        (["org/example/app/1.0/maven-metadata.xml"], ["org/example/app/1.0/maven-metadata.xml"]),
        (
            ["org/example/app/1.0/.md5", "org/example/app/1.0/md5"],
            ["org/example/app/1.0/.md5", "org/example/app/1.0/md5"],
        ),
    ],
)
def test_what_is_no_voted_path_and_no_checksum_of_one_is_extra(named: list[str], extra: list[str]) -> None:
    assert beside.unknown(named, {JAR}) == tuple(sorted(extra))


def test_an_index_that_leaves_a_voted_file_out_is_an_old_one() -> None:
    assert beside.left_out([JAR], {JAR, ALL}) == ""
    assert JAR in beside.left_out([ALL, JAR], {ALL})


@pytest.mark.parametrize(
    ("memory", "due"),
    [
        (beside.Memory(), True),
        (beside.Memory(asked_at=NOW), True),
        (beside.Memory(asked_at=NOW, problem="404"), False),
        (beside.Memory(asked_at=NOW - DAY, problem="404"), True),
        (beside.Memory(asked_at=NOW - DAY / 2, problem="404"), False),
        # Before the row came to where it stands: a person had it compared again.
        (beside.Memory(asked_at=NOW - DAY * 2, problem="404"), True),
    ],
)
def test_an_index_that_was_not_to_be_had_is_left_alone_for_a_day(memory: beside.Memory, due: bool) -> None:  # noqa: FBT001
    assert memory.is_due(NOW - DAY, NOW, timing.Timing()) is due


def test_a_faster_table_waits_shorter() -> None:
    assert timing.Timing().faster(100).without_index == 864


def test_what_was_found_is_said_with_its_names() -> None:
    assert beside.Looked(()).difference == ""
    assert beside.Looked((file(ALL),)).difference == f"1 public file was not voted on ({ALL})."


def test_every_public_file_is_said_only_after_a_look_that_counted() -> None:
    assert beside.sentence(None, "", ()) == f"{beside.VOTED}. {beside.NOT_LOOKED}."
    assert beside.sentence(None, "No index.", ()) == f"{beside.VOTED}. {beside.NOT_LOOKED}. No index."
    assert beside.sentence(NOW, "", ()) == f"{beside.EVERYTHING}."
    assert beside.sentence(NOW, "No index now.", ()) == f"{beside.VOTED}. {beside.NOT_AGAIN}. No index now."
    one, two = (beside.Accepted(file(path), "known", "alice", NOW) for path in (ALL, JAR))
    assert beside.sentence(NOW, "", (one,)).endswith(f"except {ALL}, which was accepted.")
    assert "which were accepted" in beside.sentence(NOW, "", (one, two))
