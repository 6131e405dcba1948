# SPDX-License-Identifier: Apache-2.0
"""The platform's own page, as a person sees it."""

import tests.sandbox.bundles as bundles
from tests.sandbox.clients import Portal


async def test_an_empty_page_says_so(portal: Portal) -> None:
    answer = await portal.http.get("/")
    assert "Nothing has been uploaded yet" in answer.text


async def test_the_button_publishes_by_hand(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle(), name="thing 1.0")
    page = (await portal.http.get("/")).text
    assert "thing 1.0" in page
    assert "org.example:thing:1.0" in page
    assert f'action="/deployments/{deployment_id}/publish"' in page
    pressed = await portal.http.post(f"/deployments/{deployment_id}/publish")
    assert (pressed.status_code, pressed.headers["location"]) == (303, "/")
    assert (await portal.status(deployment_id))["deploymentState"] == "PUBLISHING"
    assert portal.world.traffic.requests["publish"] == 0
    assert f'action="/deployments/{deployment_id}/publish"' not in (await portal.http.get("/")).text
    again = await portal.http.post(f"/deployments/{deployment_id}/publish")
    assert again.status_code == 409
    assert "cannot be published" in again.text


async def test_the_other_button_drops(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    assert (await portal.http.post(f"/deployments/{deployment_id}/drop")).status_code == 303
    assert portal.world.portal.deployments == {}
    assert (await portal.http.post(f"/deployments/{deployment_id}/drop")).status_code == 404
    assert (await portal.http.post(f"/deployments/{deployment_id}/publish")).status_code == 404


async def test_errors_and_names_are_shown_as_text(portal: Portal) -> None:
    await portal.upload(b"no zip", name="<script>alert(1)</script>")
    (deployment_id,) = portal.world.portal.deployments
    await portal.settled(deployment_id)
    page = (await portal.http.get("/")).text
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "not a readable zip" in page


async def test_pages_load_nothing_from_elsewhere(portal: Portal) -> None:
    await portal.live(bundles.bundle())
    for path in ("/", "/maven2/org/example/thing/1.0/"):
        answer = await portal.http.get(path)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "://" not in answer.text
    assert (await portal.http.get("/style.css")).headers["content-type"].startswith("text/css")
    assert (await portal.http.get("/icon.svg")).headers["content-type"].startswith("image/svg+xml")


async def test_another_sites_page_can_press_nothing(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    foreign = await portal.http.post(f"/deployments/{deployment_id}/publish", headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    renamed = await portal.http.get("/", headers={"Host": "evil.example"})
    assert renamed.status_code == 421
    assert (await portal.status(deployment_id))["deploymentState"] == "VALIDATED"
