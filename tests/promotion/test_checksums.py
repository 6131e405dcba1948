# SPDX-License-Identifier: Apache-2.0
"""Which files are checksums: by the list of all files and by the text of each, never by a name alone."""

import hashlib
import string
from collections.abc import Mapping
from typing import Final

import hypothesis
import pytest
from hypothesis import strategies

import atr.promotion.checksums as checksums

JAR: Final = "o/a/1/a-1.jar"
MD5: Final = "0123456789abcdef0123456789ABCDEF"
NAMED: Final = checksums.Named(JAR, "md5")


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (JAR, None),
        (f"{JAR}.asc", None),
        ("o/a-1.md5.jar", None),
        ("o/a-1.sha3", None),
        ("o/a-1.SHA1", None),
        ("o/sha1", None),
        ("o/.sha1", None),
        ("sha1", None),
        ("a.sha1/b", None),
        (f"{JAR}.md5", (JAR, "md5")),
        (f"{JAR}.sha1", (JAR, "sha1")),
        (f"{JAR}.sha256", (JAR, "sha256")),
        (f"{JAR}.sha512", (JAR, "sha512")),
        (f"{JAR}.asc.sha1", (f"{JAR}.asc", "sha1")),
        (f"{JAR}.sha512.md5", (f"{JAR}.sha512", "md5")),
        ("o/maven-metadata.xml.sha1", ("o/maven-metadata.xml", "sha1")),
    ],
)
def test_what_a_path_would_be_a_checksum_of(path: str, named: tuple[str, str] | None) -> None:
    assert checksums.named_by(path) == named


@pytest.mark.parametrize(
    ("sizes", "found"),
    [
        ({JAR: 9, f"{JAR}.md5": 32}, {f"{JAR}.md5"}),
        # Its file is not there.
        ({JAR: 9, f"{JAR}.asc.md5": 32}, set()),
        ({f"{JAR}.md5": 32}, set()),
        # A checksum of a checksum; and of one that is not there.
        ({JAR: 9, f"{JAR}.md5": 32, f"{JAR}.md5.sha1": 40}, {f"{JAR}.md5", f"{JAR}.md5.sha1"}),
        ({JAR: 9, f"{JAR}.md5.sha1": 40}, set()),
        # The signature of a checksum is a file like any other.
        ({JAR: 9, f"{JAR}.md5": 32, f"{JAR}.md5.asc": 800}, {f"{JAR}.md5"}),
        ({JAR: 9, f"{JAR}.md5": 4_096}, {f"{JAR}.md5"}),
        ({JAR: 9, f"{JAR}.md5": 4_097}, set()),
        # Nobody said how large it is.
        ({JAR: None, f"{JAR}.md5": None}, {f"{JAR}.md5"}),
    ],
)
def test_the_list_tells_which_texts_are_worth_reading(sizes: Mapping[str, int | None], found: set[str]) -> None:
    assert set(checksums.candidates(sizes)) == found


@pytest.mark.parametrize(
    "text",
    [
        MD5,
        f"{MD5}\n",
        f"{MD5}\r\n",
        f" {MD5} ",
        f"{MD5}  a-1.jar\n",
        f"{MD5} *a-1.jar\n",
        f"{MD5}\ta-1.jar",
        f"MD5 (a-1.jar) = {MD5}\n",
        f"md5 (a-1.jar) = {MD5.lower()}",
        f"{MD5:<4096}",
    ],
)
def test_three_forms_are_read(text: str) -> None:
    assert checksums.stated(text.encode(), NAMED) == MD5.lower()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        MD5[:-1],
        f"{MD5}0",
        f"{MD5}  b-1.jar",
        f"{MD5}  target/a-1.jar",
        f"{MD5}  a-1xjar",
        f"{MD5}  a-1.jar\n{MD5}  b-1.jar\n",
        f"{MD5} and more",
        f"a-1.jar: {MD5}",
        "a-1.jar: 01 23 45 67 89 AB CD EF 01 23 45 67 89 AB CD EF",
        f"\ufeff{MD5}",
        f"SHA1 (a-1.jar) = {MD5}",
        f"MD5 (b-1.jar) = {MD5}",
        f"{MD5}\x00",
        f"{MD5}\u2003",
        f"{MD5:<4097}",
    ],
)
def test_any_other_text_is_none(text: str) -> None:
    assert checksums.stated(text.encode(), NAMED) == ""


@hypothesis.given(
    strategies.binary(max_size=40),
    strategies.sampled_from(checksums.ALGORITHMS),
    strategies.sampled_from(["{0}", "{0}  {1}\n", "{0} *{1}\n", "{2} ({1}) = {0}\n"]),
    strategies.text(string.ascii_letters + "+.-_()[", min_size=1, max_size=9),
)
def test_what_tools_write_is_what_the_bytes_have(data: bytes, algorithm: str, form: str, name: str) -> None:
    named = checksums.Named(f"o/{name}", algorithm)
    digest = hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()
    text = form.format(digest, name, algorithm.upper()).encode()
    said = {algorithm: checksums.stated(text, named)}
    assert said == {algorithm: digest}
    assert checksums.wrong("o/a", said, {algorithm: digest}) == ""
    assert checksums.wrong("o/a", said, {algorithm: "another"}) == f"o/a.{algorithm} is not the {algorithm} of o/a."


def test_a_remark_says_why_a_member_is_no_checksum() -> None:
    held = {JAR, f"{JAR}.md5", f"{JAR}.md5.sha1", f"{JAR}.sha512", "o/b.md5"}
    members = {JAR: 9, f"{JAR}.md5.sha1": 40, f"{JAR}.sha512": 5_000, "o/b.md5": 32}
    own = "counts as a file of its own"
    assert checksums.remarks(members, held) == (
        f"{JAR}.md5.sha1 {own}: its content is not just a digest and the name of {JAR}.md5.",
        f"{JAR}.sha512 {own}: it is larger than 4,096 bytes, so it is not read as a checksum.",
        f"o/b.md5 {own}: o/b does not exist, so this is not known to be a checksum.",
    )
