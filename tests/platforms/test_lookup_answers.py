# SPDX-License-Identifier: Apache-2.0
"""What each registry's answers mean: the pure halves, with the traps that were seen, and whatever else may come."""

import contextlib
import datetime
import json
from collections.abc import Callable
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

import atr.errors as errors
import atr.platforms.answers as answers
import atr.platforms.artifact_hub as artifact_hub
import atr.platforms.contract as contract
import atr.platforms.docker_hub as docker_hub
import atr.platforms.http as http
import atr.platforms.npm as npm
import atr.platforms.pypi as pypi
import atr.platforms.registry as registry
import atr.shared.distribution as distribution
import tests.platforms.stub as stub

Platform = distribution.DistributionPlatform

SITE = http.Site("https://registry.example", "registry.example", loopback=False)
PAGES = http.Site("https://pages.example", "pages.example", loopback=False)
CHART = distribution.coordinates(Platform.ARTIFACT_HUB, "apache", "widgets", "2.4.0")
IMAGE = distribution.coordinates(Platform.DOCKER_HUB, "", "widgets", "2.4.0")
PACKAGE = distribution.coordinates(Platform.NPM, "", "widgets", "2.4.0")
SCOPED = distribution.coordinates(Platform.NPM_SCOPED, "apache", "widgets", "2.4.0")
WHEEL = distribution.coordinates(Platform.PYPI, "", "Apache_Widgets", "2.4.0")
DAY = datetime.datetime(2026, 11, 25, 8, 0, tzinfo=datetime.UTC)


def _answer(document: object, status: int = 200, **headers: str) -> answers.Answered:
    return answers.Answered(status, headers, json.dumps(document).encode())


def _image(answered: answers.Answered) -> contract.Published | None:
    return docker_hub.published(answered, IMAGE, SITE)


def _chart(answered: answers.Answered) -> contract.Published | None:
    return artifact_hub.published(answered, CHART, SITE)


def _wheel(answered: answers.Answered) -> contract.Published | None:
    return pypi.published(answered, WHEEL, SITE)


def _package(answered: answers.Answered) -> contract.Published | None:
    return contract.Published(PACKAGE, None, "", "") if npm.is_public(answered, PACKAGE) else None


def _dated(answered: answers.Answered) -> contract.Published | None:
    return contract.Published(PACKAGE, npm.published_at(answered, PACKAGE), "", "")


PARSERS = [_image, _chart, _wheel, _package, _dated]

# Whatever comes

_KEYS = (
    "name version widgets 2.4.0 apache info urls time ts repository normalized_name tag_last_pushed last_updated "
    "upload_time_iso_8601 2026-11-25T08:00:00Z 0001-01-01T00:00:00Z"
)
_WORDS = st.sampled_from(_KEYS.split())
_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | _WORDS | st.datetimes().map(str)
)
_DOCUMENTS = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=6), max_leaves=20
)
_STATUSES = st.sampled_from([200, 200, 200, 404, 301, 401, 429, 500, 599, 700])
_BODIES = st.binary(max_size=200) | _DOCUMENTS.map(lambda one: json.dumps(one).encode())
_HEADERS = st.dictionaries(st.sampled_from(["date", "retry-after", "x-retry-after"]), st.text(max_size=30), max_size=3)


@pytest.mark.parametrize("parser", PARSERS)
@hypothesis.given(status=_STATUSES, headers=_HEADERS, body=_BODIES)
def test_no_answer_brings_anything_but_an_answer_or_an_error_of_the_tree(
    parser: Callable[[answers.Answered], contract.Published | None],
    status: int,
    headers: dict[str, str],
    body: bytes,
) -> None:
    found = None
    with contextlib.suppress(errors.PlatformError):
        found = parser(answers.Answered(status, headers, body))
    assert (found is None) or (status == 200)
    if found and found.date:
        assert found.date.utcoffset() == datetime.timedelta(0)


@hypothesis.given(_LEAVES)
def test_a_date_is_in_utc_or_none(value: object) -> None:
    when = answers.instant(value)
    assert (when is None) or (when.utcoffset() == datetime.timedelta(0))


@pytest.mark.parametrize(
    ("value", "when"),
    [
        ("2026-11-25T08:00:00Z", DAY),
        ("2026-11-25T08:00:00.000000Z", DAY),
        ("2026-11-25T08:00:00.000000000Z", DAY),
        ("2026-11-25T09:30:00+01:30", DAY),
        (int(DAY.timestamp()), DAY),
        (DAY.timestamp(), DAY),
        # When was that? Nobody knows without a zone.
        ("2026-11-25T08:00:00", None),
        ("2026-11-25", None),
        # How Go writes "never".
        ("0001-01-01T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
        (0, None),
        (True, None),
        (10**20, None),
        (float("inf"), None),
        (None, None),
        ({}, None),
    ],
)
def test_dates_are_aware_or_nothing(value: object, when: datetime.datetime | None) -> None:
    assert answers.instant(value) == when


@pytest.mark.parametrize("parser", PARSERS[:4])
def test_only_the_platforms_own_404_says_no_such_version(
    parser: Callable[[answers.Answered], contract.Published | None],
) -> None:
    for own in ({"message": "Not Found"}, {"error": "Not found"}, "version not found: 2.4.0"):
        assert parser(_answer(own, 404)) is None
    for other in (b"<html>404</html>", b"", b"[]", b"404"):
        with pytest.raises(errors.MalformedError, match=r"404|no JSON"):
            parser(answers.Answered(404, {}, other))


@pytest.mark.parametrize("status", [401, 403])
def test_a_place_that_asks_for_a_credential_is_told_so(status: int) -> None:
    with pytest.raises(errors.RefusedError, match="without a credential") as caught:
        _image(_answer({"message": "access denied"}, status))
    assert caught.value.status == status
    assert "access denied" in str(caught.value)
    with pytest.raises(errors.RefusedError):
        _image(answers.Answered(status))


# Docker Hub


def test_a_tag_is_as_old_as_its_last_push() -> None:
    tag = {"name": "2.4.0", "tag_last_pushed": DAY.isoformat(), "last_updated": "2027-01-01T00:00:00Z", "images": None}
    found = _image(_answer(tag))
    assert found is not None
    assert found.date == DAY
    assert found.api_url == "https://registry.example/v2/namespaces/library/repositories/widgets/tags/2.4.0"
    assert found.web_url == "https://registry.example/_/widgets/tags?name=2.4.0"


def test_a_tag_without_its_last_push_has_its_last_update() -> None:
    found = _image(_answer({"name": "2.4.0", "tag_last_pushed": "0001-01-01T00:00:00Z", "last_updated": str(DAY)}))
    assert found is not None
    assert found.date == DAY


def test_a_tag_of_another_name_is_not_this_one() -> None:
    with pytest.raises(errors.MalformedError, match="latest"):
        _image(_answer({"name": "latest"}))


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"x-retry-after": f"{int(DAY.timestamp()) + 40}", "date": "Wed, 25 Nov 2026 08:00:00 GMT"}, 40.0),
        ({"x-retry-after": f"{int(DAY.timestamp()) - 40}", "date": "Wed, 25 Nov 2026 08:00:00 GMT"}, 0.0),
        ({"x-retry-after": "soon", "date": "Wed, 25 Nov 2026 08:00:00 GMT"}, None),
        ({"x-retry-after": f"{int(DAY.timestamp())}"}, None),
        ({"x-retry-after": "9", "retry-after": "7", "date": "Wed, 25 Nov 2026 08:00:00 GMT"}, 7.0),
    ],
)
def test_the_hub_says_a_moment_and_we_wait_seconds(headers: dict[str, str], wait: float | None) -> None:
    with pytest.raises(errors.UnavailableError) as caught:
        _image(answers.Answered(429, headers))
    assert caught.value.retry_after == wait


# Artifact Hub


def test_a_chart_has_the_date_of_its_own_version() -> None:
    chart = {
        "name": "Widgets",
        "normalized_name": "widgets",
        "version": "2.4.0",
        "ts": int(DAY.timestamp()),
        "available_versions": [{"version": "3.0.0", "ts": 1_800_000_000}, {"version": "2.4.0", "ts": 1}],
        "repository": {"name": "apache"},
    }
    found = _chart(_answer(chart))
    assert found is not None
    assert (found.date, found.web_url) == (DAY, "https://registry.example/packages/helm/apache/widgets/2.4.0")


@pytest.mark.parametrize(
    "change", [{"version": "2.4.1"}, {"name": "gadgets"}, {"repository": {"name": "mirror"}}, {"repository": "apache"}]
)
def test_another_chart_is_not_this_one(change: dict[str, Any]) -> None:
    chart = {"name": "widgets", "version": "2.4.0", "ts": 1, "repository": {"name": "apache"}, **change}
    with pytest.raises(errors.MalformedError, match="answered about"):
        _chart(_answer(chart))


# PyPI


def _release(**change: Any) -> dict[str, Any]:
    files = [
        {"upload_time": "2026-11-25T08:09:00", "upload_time_iso_8601": "2026-11-25T08:09:00.000000Z"},
        {"upload_time": "2026-11-25T08:00:00", "upload_time_iso_8601": "2026-11-25T08:00:00.000000Z"},
    ]
    return {"info": {"name": "apache.widgets", "version": "2.4"}, "urls": files, **change}


def test_a_release_is_public_since_its_first_file() -> None:
    found = _wheel(_answer(_release()))
    assert found is not None
    assert found.date == DAY
    assert found.api_url == "https://registry.example/pypi/apache-widgets/2.4.0/json"
    assert found.web_url == "https://registry.example/project/apache-widgets/2.4.0/"


def test_a_release_whose_dates_cannot_be_read_has_none() -> None:
    found = _wheel(_answer(_release(urls=[{"upload_time": "2026-11-25T08:00:00"}, 7])))
    assert found is not None
    assert found.date is None


def test_a_release_without_files_is_not_public() -> None:
    with pytest.raises(errors.UnavailableError, match="no file"):
        _wheel(_answer(_release(urls=[])))


@pytest.mark.parametrize(
    "change", [{"info": None}, {"info": {"name": "apache-widgets"}}, {"urls": None}, {"info": {"version": "2.4"}}]
)
def test_a_release_that_lacks_what_each_has_says_nothing(change: dict[str, Any]) -> None:
    with pytest.raises(errors.MalformedError, match="lacks"):
        _wheel(_answer(_release(**change)))


@pytest.mark.parametrize(("name", "version"), [("apache-gadgets", "2.4.0"), ("apache-widgets", "2.4.1")])
def test_another_release_is_not_this_one(name: str, version: str) -> None:
    with pytest.raises(errors.MalformedError, match="answered about"):
        _wheel(_answer(_release(info={"name": name, "version": version})))


@pytest.mark.parametrize(
    ("asked", "answered"),
    [("1.0", "1.0.0"), ("1.0.0RC1", "1rc1"), ("1!2.0", "1!2"), ("1.0-1", "1.0.0.post1"), ("abc", "abc")],
)
def test_a_release_may_be_spelt_otherwise(asked: str, answered: str) -> None:
    where = distribution.Coordinates("PYPI", "", "Apache_Widgets", asked)
    document = _release(info={"name": "apache.widgets", "version": answered})
    found = pypi.published(_answer(document), where, SITE)
    assert found is not None
    assert found.coordinates == where


# npm


def test_a_version_of_npm_is_named_whole() -> None:
    document = {"name": "@apache/widgets", "version": "2.4.0"}
    assert npm.is_public(_answer(document), SCOPED)
    for change in ({"name": "widgets"}, {"version": "2.4.1"}, {"version": ["2.4.0"]}):
        with pytest.raises(errors.MalformedError, match="answered about"):
            npm.is_public(_answer({**document, **change}), SCOPED)


@pytest.mark.parametrize(
    ("document", "date"),
    [
        ({"time": {"modified": "2027-01-01T00:00:00Z", "2.4.0": str(DAY)}}, DAY),
        ({"time": {"modified": "2027-01-01T00:00:00Z"}}, None),
        ({"time": {"2.4.0": "2026-11-25T08:00:00"}}, None),
        ({"time": "2026"}, None),
        # The abbreviated document.
        ({"modified": "2027-01-01T00:00:00Z"}, None),
    ],
)
def test_the_date_of_this_version_or_none(document: object, date: datetime.datetime | None) -> None:
    assert npm.published_at(_answer(document), PACKAGE) == date


def test_the_dates_of_a_package_that_is_not_there_are_asked_for_again() -> None:
    """The version's own document is there: an old 404 of a cache says nothing."""
    with pytest.raises(errors.UnavailableError):
        npm.published_at(_answer({"error": "Not found"}, 404), PACKAGE)


@pytest.mark.parametrize(
    ("where", "page"), [(PACKAGE, "/package/widgets/v/2.4.0"), (SCOPED, "/package/@apache/widgets/v/2.4.0")]
)
def test_the_page_of_a_package(where: distribution.Coordinates, page: str) -> None:
    assert npm.page(PAGES, where) == f"{PAGES.url}{page}"
    assert npm.page(None, where) == ""


def _npm(
    url: str, pages_url: str = "", opened: Callable[[registry.WorkerSettings], npm.Npm | None] = npm.opened
) -> npm.Npm:
    catalogue = opened(registry.WorkerSettings(npm_url=url, npm_pages_url=pages_url))
    assert catalogue is not None
    return catalogue


async def test_a_scope_travels_in_one_segment_and_nobody_is_told_a_secret() -> None:
    version = stub.answer(200, json.dumps({"name": "@apache/widgets", "version": "2.4.0"}).encode())
    package = stub.answer(200, json.dumps({"time": {"2.4.0": str(DAY)}}).encode())
    async with stub.Stub(version, package) as place:
        catalogue = _npm(f"{place.url}/registry", opened=npm.opened_scoped)
        found = await catalogue.lookup(SCOPED)
        await catalogue.aclose()
    assert found is not None
    assert (found.date, found.web_url) == (DAY, "")
    assert found.api_url == f"{place.url}/registry/@apache%2Fwidgets/2.4.0"
    assert [one.line for one in place.seen] == [
        "GET /registry/@apache%2Fwidgets/2.4.0 HTTP/1.1",
        "GET /registry/@apache%2Fwidgets HTTP/1.1",
    ]
    assert all(not {"authorization", "cookie"} & set(one.headers) for one in place.seen)


async def test_a_package_with_too_many_versions_has_no_date() -> None:
    """The version is there for certain; megabytes more are not read for its date."""
    version = stub.answer(200, json.dumps({"name": "widgets", "version": "2.4.0"}).encode())
    huge = stub.answer(200, b'{"readme": "' + b"x" * npm.PACKAGE_LIMIT + b'"}')
    async with stub.Stub(version, huge) as place:
        catalogue = _npm(f"{place.url}/registry", PAGES.url)
        found = await catalogue.lookup(PACKAGE)
        await catalogue.aclose()
    assert found == contract.Published(
        PACKAGE, None, f"{place.url}/registry/widgets/2.4.0", f"{PAGES.url}/package/widgets/v/2.4.0"
    )


async def test_a_body_that_packs_more_than_it_shows_is_refused() -> None:
    async with stub.Stub(stub.answer(200, b"{}", Content_Encoding="gzip")) as place:
        catalogue = _npm(f"{place.url}/registry")
        with pytest.raises(errors.MalformedError, match="encoded"):
            await catalogue.lookup(PACKAGE)
        await catalogue.aclose()


@pytest.mark.parametrize("opened", [npm.opened, npm.opened_scoped])
def test_bad_addresses_stop_the_start(opened: Callable[[registry.WorkerSettings], npm.Npm | None]) -> None:
    with pytest.raises(errors.SettingsError, match="address of npm"):
        _npm("ftp://127.0.0.1", opened=opened)
    with pytest.raises(errors.SettingsError, match="address of npm's pages"):
        _npm("http://127.0.0.1", "http://pages.example", opened=opened)
