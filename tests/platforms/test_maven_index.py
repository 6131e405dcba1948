# SPDX-License-Identifier: Apache-2.0
"""Which files the index of a directory names, in every way in which servers write it."""

import pytest

import atr.errors as errors
import atr.platforms.central_portal.index as maven_index

HOME = "https://repo.example.org/maven2/org/example/app/1.0"


def page(*links: str) -> bytes:
    """A whole page with these links, each cut off in its text."""
    listed = "\n".join(f'<a href="{link}">app-1.0-so..&gt;</a>  2026-09-17 12:00  4.0K' for link in links)
    return f"<html><head><title>Index</title></head><body><pre>{listed}</pre></body></html>\n".encode()


@pytest.mark.parametrize(
    "link",
    [
        "app-1.0.jar",
        "./app-1.0.jar",
        "/maven2/org/example/app/1.0/app-1.0.jar",
        "https://repo.example.org/maven2/org/example/app/1.0/app-1.0.jar",
        "HTTPS://REPO.EXAMPLE.ORG/maven2/org/example/app/1.0/app-1.0.jar",
        "http://repo.example.org:8081/maven2/org/example/app/1.0/app-1.0.jar",
        "//repo.example.org/maven2/org/example/app/1.0/app-1.0.jar",
        "../1.0/app-1.0.jar",
        "app%2D1.0%2Ejar",
        "%61pp-1.0.jar",
        "/maven2/org/ex%61mple/app/1.0/app-1.0.jar",
        "app-1.0.jar#what",
        "  app-1.0.jar\n",
        "app&#45;1.0.jar",
    ],
)
def test_a_link_to_a_file_of_the_directory_names_it_however_it_is_written(link: str) -> None:
    assert maven_index.files(page(link), HOME) == {"app-1.0.jar"}


@pytest.mark.parametrize(
    "link",
    [
        "?C=N;O=D",
        "./?C=M;O=A",
        "app-1.0.jar?download",
        "../",
        "..",
        "./",
        "",
        "#top",
        "/",
        "/maven2/org/example/app/",
        "/maven2/org/example/app/1.1/app-1.1.jar",
        "sub/",
        "sub/app-1.0.jar",
        "%2e%2e",
        "%2e",
        "https://elsewhere.example.org/maven2/org/example/app/1.0/app-1.0.jar",
        "https://repo.example.org.evil.example/maven2/org/example/app/1.0/app-1.0.jar",
        "mailto:somebody@example.org",
        "javascript:sort()",
        "/other/org/example/app/1.0/app-1.0.jar",
    ],
)
def test_sort_links_parents_folders_and_other_places_name_nothing(link: str) -> None:
    assert maven_index.files(page(link, "app-1.0.pom"), HOME) == {"app-1.0.pom"}


def test_names_of_any_kind_are_read() -> None:
    """What is odd is still a file that somebody can download."""
    links = ("app%201.0.jar", "%C3%BCn%C3%AFcode.jar", "a+b.jar", "a%25b.jar", "~a.jar", ".hidden", "APP-1.0.JAR")
    assert maven_index.files(page(*links), HOME) == {
        "app 1.0.jar",
        "ünïcode.jar",
        "a+b.jar",
        "a%b.jar",
        "~a.jar",
        ".hidden",
        "APP-1.0.JAR",
    }


def test_only_the_href_of_a_link_is_read() -> None:
    body = b"""<HTML><BODY><!-- <a href="comment.jar"> --><script>var a = '<a href="script.jar">';</script>
    <img src="picture.jar"><link href="style.jar"><a name="anchor.jar">evil.jar</a><a href>x</a>
    <A CLASS=x HREF='app-1.0.jar'>another-name.jar</A></BODY></HTML>"""
    assert maven_index.files(body, HOME) == {"app-1.0.jar"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not whole"),
        (b"OK", "not whole"),
        (page("app-1.0.jar")[:-9], "not whole"),
        (page("app-1.0.jar")[:60], "not whole"),
        (b"<html></html><a href='app-1.0.jar'>", "not whole"),
        (b"\xff\xfe<html></html>", "no UTF-8"),
        (page("%FF.jar"), "no UTF-8"),
        (page("a%2Fb.jar"), "names no file"),
        (page("a%5Cb.jar"), "names no file"),
        (page("a%00b.jar"), "names no file"),
        (page("a%0Ab.jar"), "names no file"),
        (page("a%7Fb.jar"), "names no file"),
        (page("x" * 501), "names no file"),
        (page("http://[::1/app.jar"), "no address"),
        (page(*["app-1.0.jar"] * (maven_index.MAX_LINKS + 1)), "not read on"),
    ],
    ids=[
        "empty",
        "no page",
        "cut at the end",
        "cut in a link",
        "goes on behind the end",
        "not text",
        "name of other bytes",
        "slash",
        "backslash",
        "NUL",
        "line break",
        "delete",
        "long",
        "no address",
        "many links",
    ],
)
def test_a_page_that_leaves_a_doubt_does_not_count(body: bytes, said: str) -> None:
    with pytest.raises(errors.MalformedError, match=said):
        maven_index.files(body, HOME)


@pytest.mark.parametrize("path", ["org/example/app 1.0.jar", "org/ünï/a+b%.jar", "a"])
def test_an_odd_path_can_be_asked_for(path: str) -> None:
    assert maven_index.checked_path(path) == path


@pytest.mark.parametrize("path", ["", "/a", "a//b", "a/../b", "./a", "a/\x00", "a\\b", "a/"])
def test_a_path_that_is_more_than_a_path_cannot(path: str) -> None:
    with pytest.raises(errors.InputError):
        maven_index.checked_path(path)
