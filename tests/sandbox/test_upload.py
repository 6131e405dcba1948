# SPDX-License-Identifier: Apache-2.0
"""How a bundle comes in, and who may send one."""

import base64
import pathlib
import uuid

import pytest

from atr.sandbox.central_portal.portal import Token
from tests.sandbox.bundles import bundle
from tests.sandbox.clients import API, OTHER, OWN, Portal, authorization


async def test_answers_the_bare_id_as_text(portal: Portal) -> None:
    answer = await portal.http.post(f"{API}/upload", files={"bundle": ("thing.zip", bundle())})
    assert answer.status_code == 201
    assert answer.headers["content-type"].partition(";")[0] == "text/plain"
    assert str(uuid.UUID(answer.text)) == answer.text


async def test_a_deployment_is_named_as_asked_or_after_its_file(portal: Portal) -> None:
    named = await portal.stage(bundle(), name="atr:thing:1")
    await portal.knob(named, "vanish")
    unnamed = await portal.stage(bundle())
    assert portal.world.portal.deployments[unnamed].name == "bundle.zip"


async def test_without_a_publishing_type_a_deployment_waits(portal: Portal) -> None:
    deployment_id = await portal.stage(bundle())
    assert (await portal.status(deployment_id))["deploymentState"] == "VALIDATED"


async def test_automatic_goes_through_validated_without_stopping(portal: Portal) -> None:
    deployment_id = await portal.upload(bundle(), publishingType="AUTOMATIC")
    assert (await portal.settled(deployment_id))["deploymentState"] == "PUBLISHING"
    assert (await portal.status(deployment_id))["deploymentState"] == "PUBLISHED"
    assert [state for state, _ in portal.world.portal.deployments[deployment_id].trail] == [
        "PENDING",
        "VALIDATING",
        "VALIDATED",
        "PUBLISHING",
        "PUBLISHED",
    ]


async def test_any_upload_can_be_made_automatic_by_mistake(portal: Portal) -> None:
    portal.world.settings = portal.world.settings.model_copy(update={"force_automatic": True})
    deployment_id = await portal.upload(bundle(), publishingType="USER_MANAGED")
    assert (await portal.settled(deployment_id))["deploymentState"] == "PUBLISHING"


async def test_an_unknown_publishing_type_is_refused(portal: Portal) -> None:
    answer = await portal.http.post(
        f"{API}/upload", params={"publishingType": "LATER"}, files={"bundle": ("thing.zip", bundle())}
    )
    assert answer.status_code == 400
    assert portal.world.portal.deployments == {}


@pytest.mark.parametrize(
    "files",
    [
        {"bundle": (None, b"zip without a file name")},
        {"package": ("thing.zip", b"zip in the wrong part")},
    ],
)
async def test_a_part_named_bundle_with_a_file_name_is_needed(
    portal: Portal, files: dict[str, tuple[str | None, bytes]]
) -> None:
    answer = await portal.http.post(f"{API}/upload", files=files)
    assert answer.status_code == 400
    assert "bundle" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/zip", b"PK"),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=b", b"--b\r\nbroken"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="bundle"; filename="x"\r\n\r\nP',
        ),
    ],
)
async def test_what_is_no_whole_multipart_request_is_refused(portal: Portal, content_type: str, body: bytes) -> None:
    answer = await portal.http.post(f"{API}/upload", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 400
    assert portal.world.portal.deployments == {}


async def test_the_limit_for_a_bundle_can_be_lifted(portal: Portal, tmp_path: pathlib.Path) -> None:
    data = bundle()
    portal.world.settings = portal.world.settings.model_copy(update={"bundle_limit": len(data) - 1})
    answer = await portal.http.post(f"{API}/upload", files={"bundle": ("thing.zip", data)})
    assert answer.status_code == 400
    assert str(len(data) - 1) in answer.json()["error"]["message"]
    assert list((tmp_path / "world" / "incoming").iterdir()) == []
    portal.world.settings = portal.world.settings.model_copy(update={"bundle_limit": 0})
    await portal.stage(data)


@pytest.mark.parametrize("scheme", ["Bearer", "UserToken", "Basic", "bearer"])
async def test_every_scheme_of_real_clients_is_taken(portal: Portal, scheme: str) -> None:
    answer = await portal.http.post(
        f"{API}/upload", files={"bundle": ("thing.zip", bundle())}, headers=authorization(OWN, scheme)
    )
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer own-name:own-password",
        authorization(Token("own-name", "wrong"))["Authorization"],
        authorization(Token("nobody", ""))["Authorization"],
        # `echo` instead of `printf`: the line break is part of the password.
        f"Bearer {base64.b64encode(b'own-name:own-password' + bytes([10])).decode()}",
        authorization(OWN, "Digest")["Authorization"],
    ],
)
async def test_a_wrong_token_is_told_so(portal: Portal, header: str) -> None:
    for method, path in (("POST", "upload"), ("POST", "status?id=x"), ("POST", "deployment/x"), ("GET", "published")):
        answer = await portal.http.request(
            method, f"{API}/{path}", headers={"Authorization": header}, content=b"x" * 200_000
        )
        assert (answer.status_code, answer.json()) == (401, {"error": {"message": "Invalid token"}})


async def test_a_deployment_exists_only_for_its_own_account(portal: Portal) -> None:
    deployment_id = await portal.stage(bundle())
    stranger = authorization(OTHER)
    for method, path in (
        ("POST", f"status?id={deployment_id}"),
        ("POST", f"deployment/{deployment_id}"),
        ("DELETE", f"deployment/{deployment_id}"),
        ("GET", f"deployment/{deployment_id}/download/org/example/thing/1.0/thing-1.0.jar"),
    ):
        answer = await portal.http.request(method, f"{API}/{path}", headers=stranger)
        assert answer.status_code == 404, path
    listing = await portal.http.post(f"{API}/deployments/files", json={"sortField": "x"}, headers=stranger)
    assert listing.json()["deployments"] == []
    assert (await portal.status(deployment_id))["deploymentState"] == "VALIDATED"
