# SPDX-License-Identifier: Apache-2.0
"""The Central Portal's answers, as bytes."""

import datetime
import json
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

import atr.errors as errors
import atr.platforms.answers as answers
import atr.platforms.central_portal.protocol as maven_portal
import atr.platforms.contract as contract
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import tests.platforms.samples as samples

ID = samples.ID
OTHER = samples.OTHER_ID
JAR = "org/example/app/1.0/app-1.0.jar"
APP = samples.coordinates()


def answered(document: object, status: int = 200, *, secrets: tuple[str, ...] = ()) -> answers.Answered:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return answers.Answered(status, {"retry-after": "3"}, body, secrets)


def status(**changes: Any) -> dict[str, Any]:
    return {
        "deploymentId": ID,
        "deploymentName": "atr:app-1.0:1",
        "deploymentState": "VALIDATED",
        "purls": ["pkg:maven/org.example/app@1.0"],
        "errors": {},
    } | changes


def observe(**changes: Any) -> contract.Observation:
    return maven_portal.observation(ID, answered(status(**changes)))


# Requests


def test_ids_are_checked_before_they_stand_in_an_address() -> None:
    assert maven_portal.deployment_path(ID) == f"api/v1/publisher/deployment/{ID}"
    for text in ("", "x", f"{ID}/", f"../{ID}", f"{ID}\n", ID.replace("-", ""), "é" * 36):
        with pytest.raises(errors.InputError) as caught:
            maven_portal.deployment_id(text)
        assert caught.value.field == "deployment_id"


def test_downloads_name_the_deployment() -> None:
    assert maven_portal.download_path(ID, JAR) == f"api/v1/publisher/deployment/{ID}/download/{JAR}"
    with pytest.raises(errors.InputError):
        maven_portal.download_path(ID, "../x")


def test_uploads_never_publish_by_themselves() -> None:
    assert maven_portal.upload_query("n") == {"name": "n", "publishingType": "USER_MANAGED"}


def test_the_list_is_asked_for_with_its_required_field() -> None:
    assert maven_portal.files_document(2, ID) == {
        "page": 2,
        "size": 500,
        "sortField": "createdTimestamp",
        "sortDirection": "asc",
        "deploymentIds": [ID],
    }
    assert maven_portal.files_document(0, None, 20) == {
        "page": 0,
        "size": 20,
        "sortField": "createdTimestamp",
        "sortDirection": "desc",
    }


# Observations


@pytest.mark.parametrize(
    ("word", "seen"),
    [
        ("PENDING", steps.Seen.WAITING),
        ("VALIDATING", steps.Seen.WAITING),
        ("VALIDATED", steps.Seen.STAGED),
        ("PUBLISHING", steps.Seen.WORKING),
        ("PUBLISHED", steps.Seen.PUBLIC),
        ("FAILED", steps.Seen.FAILED),
    ],
)
def test_each_state_has_one_meaning(word: str, seen: steps.Seen) -> None:
    assert observe(deploymentState=word) == contract.Observation(seen, word, "", (APP,), "")


@pytest.mark.parametrize("word", ["published", "PUBLISHED ", "", "QUARANTINED", "VALIDATED\u0000"])
def test_another_word_is_unknown(word: str) -> None:
    seen = observe(deploymentState=word)
    assert seen.seen is steps.Seen.UNKNOWN
    assert "do not know" in seen.detail


@pytest.mark.parametrize("value", [None, 5, True, ["PUBLISHED"], {"a": 1}])
def test_a_state_that_is_no_word_is_unknown(value: object) -> None:
    assert observe(deploymentState=value).seen is steps.Seen.UNKNOWN


def test_a_missing_state_is_unknown() -> None:
    document = status()
    del document["deploymentState"]
    assert maven_portal.observation(ID, answered(document)).seen is steps.Seen.UNKNOWN


@pytest.mark.parametrize("value", [None, OTHER, ID.upper(), 5, [ID]])
def test_an_answer_for_another_id_is_unknown(value: object) -> None:
    seen = observe(deploymentId=value, deploymentState="PUBLISHED")
    assert seen.seen is steps.Seen.UNKNOWN
    assert ID in seen.detail


@pytest.mark.parametrize("body", [b"", b"<html>down</html>", b"[]", b'"PUBLISHED"', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_unknown(body: bytes) -> None:
    seen = maven_portal.observation(ID, answered(body))
    assert (seen.seen, seen.word) == (steps.Seen.UNKNOWN, "")
    assert seen.detail


def test_not_found_is_gone() -> None:
    seen = maven_portal.observation(ID, answered(b"Deployment not found", 404))
    assert (seen.seen, seen.detail) == (steps.Seen.GONE, "Deployment not found")


@pytest.mark.parametrize("code", [204, 302, 400, 409, 418])
def test_another_status_is_unknown(code: int) -> None:
    seen = maven_portal.observation(ID, answered(status(deploymentState="PUBLISHED"), code))
    assert seen.seen is steps.Seen.UNKNOWN
    assert str(code) in seen.detail


@pytest.mark.parametrize("code", [401, 403])
def test_refused_credentials_raise(code: int) -> None:
    with pytest.raises(errors.CredentialsError):
        maven_portal.observation(ID, answered(b"", code))


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_faults_raise(code: int) -> None:
    with pytest.raises(errors.UnavailableError) as caught:
        maven_portal.observation(ID, answered(b"", code))
    assert caught.value.retry_after == 3.0


def test_purls_lose_their_query() -> None:
    purls = [
        "pkg:maven/org.example/app@1.0?type=pom",
        "pkg:maven/org.example/app@1.0",
        "pkg:maven/org.example/app_2.13@1.0%2Bb1?type=bundle#x",
    ]
    expected = (APP, samples.coordinates("1.0+b1", package="app_2.13"))
    assert observe(purls=purls).coordinates == expected


def test_no_purls_yet() -> None:
    assert observe(purls=None, deploymentState="PENDING").coordinates == ()
    document = status()
    del document["purls"]
    assert maven_portal.observation(ID, answered(document)).coordinates == ()


@pytest.mark.parametrize("purls", ["pkg:maven/a/b@1", {"a": 1}, [5], [None]])
def test_purls_of_another_type_are_unknown(purls: object) -> None:
    assert observe(purls=purls).seen is steps.Seen.UNKNOWN


@pytest.mark.parametrize(
    "purl", ["pkg:npm/app@1", "app", "pkg:maven/org.example/app", "pkg:maven/a/../b@1", "pkg:maven/a/.b@1", ""]
)
def test_a_package_that_we_cannot_read_stops_only_what_it_endangers(purl: str) -> None:
    seen = observe(purls=["pkg:maven/org.example/app@1.0", purl])
    assert (seen.seen, seen.word) == (steps.Seen.UNKNOWN, "VALIDATED")
    seen = observe(purls=["pkg:maven/org.example/app@1.0", purl], deploymentState="PUBLISHED")
    assert (seen.seen, seen.coordinates) == (steps.Seen.PUBLIC, (APP,))


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (None, ""),
        ({}, ""),
        (5, ""),
        ("one", "one"),
        (["one", 2, "three"], "one three"),
        ({"common": ["one"], "pkg": "two", "x": 3, "y": [["deep"], "four"]}, "one two four"),
    ],
)
def test_errors_are_shown_in_whatever_shape(value: object, detail: str) -> None:
    seen = observe(errors=value)
    assert (seen.seen, seen.detail) == (steps.Seen.STAGED, detail)


def test_what_is_kept_of_a_platforms_text_is_short_and_clean() -> None:
    seen = observe(deploymentState="S" * 500, errors={})
    assert len(seen.word) == 80
    seen = observe(errors={"common": ["a\x00\n\ud800b" + "x" * 5000]})
    assert seen.detail.startswith("a bx")
    assert len(seen.detail) == 2000


# The list of files


def entry(**changes: Any) -> dict[str, Any]:
    files = [{"relativePath": JAR, "fileName": "app-1.0.jar", "fileSize": 5, "fileTimestamp": 1679067206616}]
    return status(deploymentType="BUNDLE", deploymentFiles=files) | changes


def page(*entries: Any, number: int = 0, **changes: Any) -> maven_portal.Page:
    document = {"deployments": list(entries), "page": number, "pageSize": 500, "pageCount": 1} | changes
    return maven_portal.page(answered(document), number, "the files")


def listed(*pages: maven_portal.Page) -> list[contract.Listed]:
    kept: dict[str, contract.Listed] = {}
    for one in pages:
        maven_portal.collect(ID, one, kept)
    return list(kept.values())


def files(*paths: str) -> list[dict[str, Any]]:
    return [{"relativePath": path, "fileSize": 1} for path in paths]


def test_listed() -> None:
    assert listed(page(entry())) == [contract.Listed(JAR, 5)]
    assert listed(page(entry(deploymentFiles=[{"relativePath": JAR}]))) == [contract.Listed(JAR, None)]
    assert listed(page(entry(deploymentFiles=[]))) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"deploymentFiles": None},
        {"deploymentFiles": {}},
        {"deploymentFiles": ["x"]},
        {"deploymentFiles": [{"relativePath": 5}]},
        {"deploymentFiles": [{"fileName": "x"}]},
        {"deploymentFiles": [{"relativePath": JAR, "fileSize": -1}]},
        {"deploymentFiles": [{"relativePath": JAR, "fileSize": "5"}]},
        {"deploymentFiles": [{"relativePath": JAR, "fileSize": True}]},
        {"deploymentFiles": files(JAR, JAR)},
        {"deploymentType": "SINGLE"},
        {"deploymentType": None},
        {"deploymentId": OTHER},
        {"deploymentId": None},
    ],
)
def test_a_list_that_leaves_doubt_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(errors.MalformedError):
        listed(page(entry(**changes)))


def test_a_list_without_the_field_is_malformed() -> None:
    bare = entry()
    del bare["deploymentFiles"]
    with pytest.raises(errors.MalformedError, match="deploymentFiles is missing"):
        listed(page(bare))


def test_exactly_one_deployment() -> None:
    with pytest.raises(errors.UnavailableError):
        listed(page())
    with pytest.raises(errors.MalformedError):
        listed(page(entry(), entry(deploymentId=OTHER)))


def test_pages_that_count_files_and_pages_that_count_deployments() -> None:
    first = page(entry(deploymentFiles=files(JAR)), pageCount=2)
    second = page(entry(deploymentFiles=files(f"{JAR}.asc")), number=1, pageCount=2)
    assert not maven_portal.is_last(first, of_one=True)
    assert maven_portal.is_last(second, of_one=True)
    assert [one.path for one in listed(first, second)] == [JAR, f"{JAR}.asc"]
    with pytest.raises(errors.MalformedError, match="twice"):
        listed(first, page(entry(deploymentFiles=files(JAR)), number=1, pageCount=2))
    # It promised a second page and did not keep it.
    with pytest.raises(errors.UnavailableError):
        listed(first, page(number=1, pageCount=2))


def test_pages_that_are_not_counted_end_with_an_empty_one() -> None:
    first = page(entry(), pageCount=None)
    empty = page(number=1, pageCount=None)
    bare = page(entry(deploymentFiles=[]), number=1, pageCount=None)
    assert not maven_portal.is_last(first, of_one=True)
    assert maven_portal.is_last(empty, of_one=True)
    assert maven_portal.is_last(bare, of_one=True)
    assert not maven_portal.is_last(bare, of_one=False)
    assert listed(first, empty) == listed(first, bare) == [contract.Listed(JAR, 5)]


@pytest.mark.parametrize("entries", [[entry()], []])
def test_a_page_that_comes_again_ends_the_list(entries: list[Any]) -> None:
    # It says neither which page it is nor how many there are, so only what it holds tells.
    again = answered({"deployments": entries})
    first = maven_portal.page(again, 0, "the files")
    with pytest.raises(errors.MalformedError, match="sent the one before it again"):
        maven_portal.page(again, 1, "the files", first)


def test_more_files_than_we_take() -> None:
    paths = [f"org/example/app/1.0/app-1.0-{number}.jar" for number in range(maven_portal.MAX_FILES + 1)]
    assert len(listed(page(entry(deploymentFiles=files(*paths[:-1]))))) == maven_portal.MAX_FILES
    with pytest.raises(errors.MalformedError, match="more than 20,000 files"):
        listed(page(entry(deploymentFiles=files(*paths))))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"deployments": None},
        {"deployments": {}},
        {"deployments": ["x"]},
        {"deployments": [], "pageCount": "1"},
        {"deployments": [], "pageCount": -1},
        {"deployments": [], "pageCount": 1.5},
        {"deployments": [], "page": 1},
        {"deployments": [], "page": "0"},
    ],
)
def test_a_page_of_another_shape_is_malformed(document: dict[str, Any]) -> None:
    with pytest.raises(errors.MalformedError):
        maven_portal.page(answered(document), 0, "the files")


def test_a_page_that_is_refused() -> None:
    with pytest.raises(errors.RefusedError):
        maven_portal.page(answered(b"sortField is required", 400), 0, "the files")


# Finding by name


def test_found_by_exactly_our_name() -> None:
    name = "atr:app-1.0:1"
    others = [
        entry(deploymentId=OTHER, deploymentName=f"{name}0"),
        entry(deploymentId=OTHER, deploymentName=f" {name}"),
        entry(deploymentId=OTHER, deploymentName=None),
    ]
    [one] = maven_portal.found(name, page(*others, entry(deploymentState="PUBLISHING")))
    assert (one.external_id, one.name) == (ID, name)
    assert (one.observation.seen, one.observation.coordinates) == (steps.Seen.WORKING, (APP,))


def test_a_deployment_that_may_be_ours_is_not_passed_over() -> None:
    nameless = entry()
    del nameless["deploymentName"]
    with pytest.raises(errors.MalformedError, match="without a name"):
        list(maven_portal.found("n", page(nameless)))
    for bad in (None, "x", 5):
        with pytest.raises(errors.MalformedError, match="usable id"):
            list(maven_portal.found("n", page(entry(deploymentName="n", deploymentId=bad))))


# Published, upload


@pytest.mark.parametrize("said", [True, False])
def test_published(*, said: bool) -> None:
    assert maven_portal.published(answered({"published": said}), APP) is said


@pytest.mark.parametrize("document", [{}, {"published": "true"}, {"published": 1}, {"published": None}, [], b"true"])
def test_published_is_a_clear_word_or_malformed(document: object) -> None:
    with pytest.raises(errors.MalformedError, match=r"org\.example:app:1\.0"):
        maven_portal.published(answered(document), APP)


def test_published_refused() -> None:
    with pytest.raises(errors.CredentialsError):
        maven_portal.published(answered(b"", 403), APP)


def test_the_whole_body_of_an_upload_is_the_id() -> None:
    reply = maven_portal.upload_reply(answered(ID.encode(), 201))
    assert (reply.answer, reply.status, reply.external_id) == (steps.Answer.TAKEN, 201, ID)


@pytest.mark.parametrize(
    "body", [b"", b"ok", f'"{ID}"'.encode(), f"{ID}\n".encode(), f"../{ID}".encode(), b"<html>", b"\xff" * 36]
)
def test_an_upload_without_a_usable_id_is_unclear(body: bytes) -> None:
    reply = maven_portal.upload_reply(answered(body, 201))
    assert (reply.answer, reply.status, reply.external_id) == (steps.Answer.UNCLEAR, 201, "")


def test_a_refused_upload_has_no_id() -> None:
    reply = maven_portal.upload_reply(answered(ID.encode(), 400))
    assert (reply.answer, reply.external_id) == (steps.Answer.REFUSED, "")


@pytest.mark.parametrize("status", [200, 202, 204, 226, 299])
def test_an_upload_is_taken_by_201_only(status: int) -> None:
    reply = maven_portal.upload_reply(answered(ID.encode(), status))
    assert (reply.answer, reply.status, reply.external_id) == (steps.Answer.UNCLEAR, status, "")


@pytest.mark.parametrize("status", [200, 201, 202, 205, 226, 299])
def test_a_publish_or_drop_is_taken_by_204_only(status: int) -> None:
    """A page for signing in comes with 200. Taken for a drop, one 404 after it would end the deployment."""
    reply = maven_portal.call_reply(answered(b"<html>Sign in</html>", status))
    assert (reply.answer, reply.status) == (steps.Answer.UNCLEAR, status)
    assert maven_portal.call_reply(answered(b"", 204)).answer is steps.Answer.TAKEN


# Whatever comes


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just(ID) | st.just(JAR),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "deploymentId",
                    "deploymentName",
                    "deploymentState",
                    "deploymentType",
                    "deploymentFiles",
                    "deployments",
                    "relativePath",
                    "fileSize",
                    "pageCount",
                    "page",
                    "purls",
                    "errors",
                    "published",
                ]
            )
            | st.text(),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)
STATUS = st.fixed_dictionaries(
    {"deploymentId": st.just(ID)},
    optional={
        "deploymentState": st.sampled_from(["PENDING", "VALIDATED", "PUBLISHED", "FAILED"]) | JSON,
        "purls": st.lists(st.text() | st.just("pkg:maven/a/b@1")) | JSON,
        "errors": JSON,
        "deploymentName": st.just("n") | JSON,
        "deploymentType": st.just("BUNDLE") | JSON,
        "deploymentFiles": st.lists(st.fixed_dictionaries({"relativePath": st.just(JAR) | st.text()})) | JSON,
    },
)
BODIES = (
    st.binary()
    | JSON.map(json.dumps).map(str.encode)
    | STATUS.map(json.dumps).map(str.encode)
    | st.lists(STATUS | JSON, max_size=2).map(lambda entries: json.dumps({"deployments": entries}).encode())
)
CODES = st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 404, 429, 500, 999])


@hypothesis.settings(max_examples=200)
@hypothesis.given(BODIES, CODES)
def test_any_answer_is_an_observation_or_a_platform_error(body: bytes, code: int) -> None:
    try:
        seen = maven_portal.observation(ID, answered(body, code))
    except errors.PlatformError:
        return
    assert isinstance(seen, contract.Observation)
    assert len(seen.word) <= 80
    assert len(seen.detail) <= 2000
    f"{seen.word}{seen.detail}".encode()
    if seen.seen is steps.Seen.PUBLIC:
        assert json.loads(body)["deploymentState"] == "PUBLISHED"


@hypothesis.settings(max_examples=200)
@hypothesis.given(BODIES, CODES)
def test_any_list_is_read_or_a_platform_error(body: bytes, code: int) -> None:
    try:
        one = maven_portal.page(answered(body, code), 0, "the files")
        maven_portal.is_last(one, of_one=True)
        list(maven_portal.found("n", one))
        listed(one)
    except errors.PlatformError as error:
        str(error).encode()


@hypothesis.given(BODIES, CODES)
def test_any_answer_on_published_and_upload_is_read_or_a_platform_error(body: bytes, code: int) -> None:
    reply = maven_portal.upload_reply(answered(body, code))
    assert (reply.external_id == "") or (reply.answer is steps.Answer.TAKEN)
    try:
        maven_portal.published(answered(body, code), APP)
    except errors.PlatformError as error:
        str(error).encode()


@hypothesis.given(st.text() | st.text().map(lambda tail: f"pkg:maven/{tail}"))
def test_any_purl_is_a_package_or_none(purl: str) -> None:
    where = maven_portal.coordinates(purl)
    assert (where is None) or where.purl.startswith("pkg:maven/")


def test_a_deployment_that_holds_a_version_needs_a_usable_id() -> None:
    held = entry(purls=["pkg:maven/org.example/widgets@1.0"])
    where = distribution.coordinates(distribution.DistributionPlatform.MAVEN, "org.example", "widgets", "1.0")
    [found] = maven_portal.holding(where, page(held, entry(purls=["pkg:maven/org.example/other@1.0"])))
    assert found.external_id == held["deploymentId"]
    for bad in (None, 7, "", "../x"):
        with pytest.raises(errors.MalformedError, match="without a usable id"):
            list(maven_portal.holding(where, page({**held, "deploymentId": bad})))


MINE = datetime.datetime(2026, 5, 4, 12, 0, tzinfo=datetime.UTC)


def _hours(*hours: float | None) -> list[dict[str, object]]:
    """Entries that were created so many hours after MINE."""
    instant = MINE.timestamp() * 1000
    return [entry(createTimestamp=None if one is None else round(instant + one * 3_600_000)) for one in hours]


@pytest.mark.parametrize(
    ("pages", "passed"),
    [
        ([[3, 1, 0]], False),
        # The clocks may differ by an hour.
        ([[3, -1]], False),
        ([[3, -1.1]], True),
        ([[3, 1], [0, -9]], True),
        # Equal instants are in order.
        ([[-9, -9]], True),
        # A list that is not in the order that we asked for is read to its end.
        ([[3, -9, 1, -10]], False),
        ([[-9, 3], [-10]], False),
        ([[3, None, -9]], False),
        ([[None], [-9]], False),
        ([[]], False),
    ],
)
def test_a_list_is_read_as_far_as_what_is_older(pages: list[list[float | None]], passed: bool) -> None:  # noqa: FBT001
    newest = maven_portal.Newest(MINE)
    for hours in pages[:-1]:
        assert not newest.has_passed(page(*_hours(*hours)))
    assert newest.has_passed(page(*_hours(*pages[-1]))) is passed
    assert not maven_portal.Newest(None).has_passed(page(*_hours(-99)))


@pytest.mark.parametrize("status", [404, 413, 415, 422])
def test_what_is_final_for_an_upload_proves_nothing_of_what_is_there(status: int) -> None:
    refused = answered("no", status)
    assert maven_portal.upload_reply(refused).answer is steps.Answer.REFUSED
    assert maven_portal.call_reply(refused).answer is steps.Answer.UNCLEAR


def test_a_page_that_is_too_long_is_asked_for_one_by_one_then_whole_pages_again() -> None:
    turn = maven_portal.Turn().next.alone
    assert (turn.number, turn.size) == (20, 1)
    for _ in range(20):
        assert turn.size == 1
        turn = turn.next
    assert (turn.number, turn.size) == (2, 20)
    assert turn.document["page"] == 2
