# SPDX-License-Identifier: Apache-2.0
"""The known traps of Maven Central, by the numbers of docs/platforms.md, as far as the adapter can fall into them.

The rest (what is stored, repeated, alerted) belongs to the worker and the storage.
"""

import ast
import base64
import json
import pathlib

import pytest

import atr
import atr.errors as errors
import atr.platforms.central_portal.adapter as maven_central
import atr.promotion.steps as steps
import atr.sandbox.central_portal.knobs as knobs
import atr.sandbox.faults as faults
import tests.platforms.conftest as conftest
import tests.platforms.samples as samples
import tests.platforms.stub as stub
import tests.sandboxes as sandboxes

NAME = "atr:app-1.0:1"
JAR = "org/example/app/1.0/app-1.0.jar"
BEARER = base64.b64encode(f"{conftest.TOKEN.name}:{conftest.TOKEN.password}".encode()).decode()


def fault(sandbox: sandboxes.RunningSandbox, endpoint: str, **fields: object) -> None:
    sandbox.world.faults.add([faults.Fault.model_validate({"endpoint": endpoint, **fields})])


async def test_trap_01_the_remote_goes_on_when_the_client_gives_up(
    sandbox: sandboxes.RunningSandbox, adapt: conftest.Adapt, tmp_path: pathlib.Path
) -> None:
    central = adapt(sandbox.portal_url, sandbox.repository_url)
    external_id = await samples.staged(central, tmp_path)
    fault(sandbox, "publish", effect=True, delay=60)
    reply = await adapt(sandbox.portal_url, call_timeout=0.5).promote(samples.at(external_id))
    assert (reply.answer, reply.status) == (steps.Answer.UNCLEAR, None)
    assert (await samples.until(central, external_id, steps.Seen.PUBLIC)).word == "PUBLISHED"


async def test_trap_02_a_lost_answer_is_unclear_and_the_state_tells(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    external_id = await samples.staged(central, tmp_path)
    fault(sandbox, "publish", effect=True, cut=True)
    reply = await central.promote(samples.at(external_id))
    assert (reply.answer, reply.status) == (steps.Answer.UNCLEAR, None)
    assert reply.bytes_sent > 0
    assert (await central.observe(samples.at(external_id))).seen in {steps.Seen.WORKING, steps.Seen.PUBLIC}


@pytest.mark.parametrize(
    "fields",
    [
        {"cut": True},
        {"cut": True, "effect": True},
        {"status": 500},
        {"status": 503, "headers": {"Retry-After": "0"}},
        {"status": 429, "headers": {"Retry-After": "0"}},
        {"status": 307, "headers": {"Location": "/api/v1/publisher/deployment/again"}},
        {"status": 308, "headers": {"Location": "/api/v1/publisher/deployment/again"}},
        {"status": 401, "headers": {"WWW-Authenticate": "Basic"}},
        {"status": 408},
    ],
)
async def test_trap_03_no_transport_retries_on_publish(
    sandbox: sandboxes.RunningSandbox,
    central: maven_central.MavenCentral,
    tmp_path: pathlib.Path,
    fields: dict[str, object],
) -> None:
    external_id = await samples.staged(central, tmp_path)
    fault(sandbox, "publish", **fields)
    await central.promote(samples.at(external_id))
    assert sandbox.world.traffic.requests["publish"] == 1


async def test_trap_04_not_found_after_an_upload_is_no_failure(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    sandbox.world.settings = sandbox.world.settings.model_copy(update={"status_404_after_upload": 2})
    reply = await central.stage(NAME, samples.release(tmp_path), tmp_path)
    for _ in range(2):
        assert (await central.observe(samples.at(reply.external_id))).seen is steps.Seen.GONE
    await samples.until(central, reply.external_id, steps.Seen.STAGED)


async def test_trap_05_a_passing_401_or_5xx_leaves_no_mark(
    sandbox: sandboxes.RunningSandbox, adapt: conftest.Adapt, tmp_path: pathlib.Path
) -> None:
    central, impatient = adapt(sandbox.portal_url), adapt(sandbox.portal_url, call_timeout=0.5)
    external_id = await samples.staged(central, tmp_path)
    for asker, fields, kind in (
        (central, {"status": 401}, errors.CredentialsError),
        (central, {"status": 502, "body": "<html>Bad Gateway</html>"}, errors.UnavailableError),
        (central, {"cut": True}, errors.UnavailableError),
        (impatient, {"status": 200, "delay": 60}, errors.UnavailableError),
    ):
        fault(sandbox, "status", **fields)
        with pytest.raises(kind):
            await asker.observe(samples.at(external_id))
        assert (await central.observe(samples.at(external_id))).seen is steps.Seen.STAGED


async def test_trap_06_errors_on_a_good_deployment_decide_nothing(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    external_id = await samples.staged(central, tmp_path)
    knobs.turn(sandbox.world.portal, external_id, "show-errors", {})
    seen = await central.observe(samples.at(external_id))
    assert (seen.seen, seen.detail) == (steps.Seen.STAGED, "Deployment components info not found")
    await central.promote(samples.at(external_id))
    seen = await samples.until(central, external_id, steps.Seen.PUBLIC)
    assert seen.detail == "Deployment components info not found"


async def test_trap_07_who_holds_the_coordinates_is_named(
    central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    first = await samples.staged(central, tmp_path)
    second = await central.stage("atr:app-1.0:2", samples.release(tmp_path), tmp_path)
    seen = await samples.until(central, second.external_id, steps.Seen.FAILED)
    assert seen.held_by == first
    assert "currently being published" in seen.detail


async def test_trap_08_already_public_is_seen_before_the_call(
    central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    external_id = await samples.staged(central, tmp_path)
    await central.promote(samples.at(external_id))
    await samples.until(central, external_id, steps.Seen.PUBLIC)
    assert await central.taken(samples.coordinates())
    assert await central.lookup(samples.coordinates())
    again = await central.stage("atr:app-1.0:2", samples.release(tmp_path), tmp_path)
    seen = await samples.until(central, again.external_id, steps.Seen.FAILED)
    assert "already exists" in seen.detail


async def test_trap_09_failed_while_publishing_is_failed(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    external_id = await samples.staged(central, tmp_path)
    knobs.turn(sandbox.world.portal, external_id, "fail-publishing", {})
    assert (await central.promote(samples.at(external_id))).answer is steps.Answer.TAKEN
    seen = await samples.until(central, external_id, steps.Seen.FAILED)
    assert seen.detail == "Deployment could not be published"


async def test_trap_11_the_wrong_id_shows_what_it_holds(
    central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    other = samples.coordinates("2.0", package="other")
    reply = await central.stage("atr:other-2.0:1", samples.release(tmp_path, other), tmp_path)
    seen = await samples.until(central, reply.external_id, steps.Seen.STAGED)
    assert seen.coordinates == (other,)


async def test_trap_12_what_publishes_itself_is_never_staged(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    await central.stage(NAME, samples.release(tmp_path), tmp_path)
    assert not any(deployment.automatic for deployment in sandbox.world.portal.deployments.values())
    sandbox.world.settings = sandbox.world.settings.model_copy(update={"force_automatic": True, "publishing_polls": 2})
    other = samples.release(tmp_path, samples.coordinates("2.0"))
    reply = await central.stage("atr:app-2.0:1", other, tmp_path)
    late = {steps.Seen.WORKING, steps.Seen.PUBLIC}
    assert (await samples.until(central, reply.external_id, steps.Seen.STAGED, *late)).seen in late


async def test_trap_13_what_is_publishing_cannot_be_dropped(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    external_id = await samples.staged(central, tmp_path)
    knobs.turn(sandbox.world.portal, external_id, "stick", {})
    await central.promote(samples.at(external_id))
    assert (await central.drop(samples.at(external_id))).answer is steps.Answer.REFUSED
    assert (await central.observe(samples.at(external_id))).seen is steps.Seen.WORKING


async def test_trap_17_public_reads_are_thrifty_and_obey(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    external_id = await samples.staged(central, tmp_path)
    await central.promote(samples.at(external_id))
    await samples.until(central, external_id, steps.Seen.PUBLIC)
    voted = samples.files(samples.release(tmp_path))
    fault(sandbox, "repository", path=voted[3].path, status=429, headers={"Retry-After": "1800"})
    reading = aiter(central.public(samples.at(""), voted))
    kept = [await anext(reading) for _ in range(3)]
    with pytest.raises(errors.UnavailableError) as caught:
        await anext(reading)
    assert caught.value.retry_after == 1800
    # Later the caller goes on with the rest, and what was read is not read again.
    kept += [one async for one in central.public(samples.at(""), voted[len(kept) :])]
    assert [one.file for one in kept] == voted
    counts = sandbox.world.traffic.paths
    assert {path: counts[f"/maven2/{path}"] for path in (file.path for file in voted)} == {
        file.path: 2 if file is voted[3] else 1 for file in voted
    }


async def test_trap_17_a_head_is_never_repeated(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral
) -> None:
    fault(sandbox, "repository", status=429, headers={"Retry-After": "1800"})
    with pytest.raises(errors.UnavailableError) as caught:
        await central.probe(samples.at(""), JAR)
    assert caught.value.retry_after == 1800
    assert sandbox.world.traffic.requests["repository"] == 1


@pytest.mark.parametrize("echo", [BEARER, conftest.TOKEN.password, conftest.TOKEN.name, f"{BEARER[:9]}\n{BEARER[9:]}"])
async def test_trap_18_redacts_what_servers_echo(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path, echo: str
) -> None:
    external_id = await samples.staged(central, tmp_path)
    said = []
    for status in (400, 401, 404, 409, 500):
        for endpoint in ("publish", "drop", "upload", "status", "files", "published"):
            fault(sandbox, endpoint, status=status, body=f"Authorization: Bearer {echo}")
        said += [
            repr(await central.promote(samples.at(external_id))),
            repr(await central.drop(samples.at(external_id))),
        ]
        said.append(repr(await central.stage("atr:x:1", samples.release(tmp_path), tmp_path)))
        for asking in (
            central.observe(samples.at(external_id)),
            central.staged(samples.at(external_id)),
            central.taken(samples.coordinates()),
        ):
            try:
                said.append(repr(await asking))
            except errors.PlatformError as error:
                said.append(str(error))
    text = "".join(said)
    for secret in (BEARER, conftest.TOKEN.password, conftest.TOKEN.name):
        assert secret not in text.replace(" ", "")
    assert "[secret]" in text


async def test_trap_18_no_secret_in_what_a_good_answer_says(adapt: conftest.Adapt) -> None:
    body = f'{{"deploymentId": "{samples.ID}", "deploymentState": "FAILED", "errors": ["{BEARER}"]}}'
    async with stub.Stub(stub.answer(200, body.encode())) as portal:
        seen = await adapt(portal.url).observe(samples.at(samples.ID))
    assert (seen.seen, seen.detail) == (steps.Seen.FAILED, "[secret]")


async def test_trap_18_the_token_never_leaves_the_portal(
    sandbox: sandboxes.RunningSandbox, adapt: conftest.Adapt, tmp_path: pathlib.Path
) -> None:
    async with stub.Stub(stub.answer(200, b"x")) as public:
        central = adapt(sandbox.portal_url, public.url)
        await central.lookup(samples.coordinates())
        await central.probe(samples.at(""), JAR)
        [_ async for _ in central.public(samples.at(""), [samples.file(JAR, b"x")])]
        assert len(public.seen) == 3
        assert not any("authorization" in seen.headers for seen in public.seen)
    # The sandbox's other host answers 400 to any request with Authorization.
    address = sandbox.portal_url.replace("127.0.0.1", "localhost")
    sandbox.world.settings = sandbox.world.settings.model_copy(update={"redirect_downloads": address})
    central = adapt(sandbox.portal_url, maven_central_redirect_hosts="localhost")
    external_id = await samples.staged(central, tmp_path)
    async with central.staged_bytes(samples.at(external_id), JAR, at_most=100) as chunks:
        assert b"".join([chunk async for chunk in chunks]) == b"PK jar\n"
    with pytest.raises(errors.MalformedError, match="localhost"):
        async with adapt(sandbox.portal_url).staged_bytes(samples.at(external_id), JAR, at_most=100):
            pass


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "org/example/../x",
        "org/./x",
        "org//x",
        "org\\x",
        "org/x\n",
        "org/x\u0000",
        "org/%2e%2e/x",
        ".hidden/x",
        "org/x?y",
        "org/é",
        "",
        "x" * 2000,
    ],
)
async def test_trap_19_path_safety(adapt: conftest.Adapt, path: str) -> None:
    listing = {
        "deployments": [
            {
                "deploymentId": samples.ID,
                "deploymentType": "BUNDLE",
                "deploymentFiles": [{"relativePath": path, "fileSize": 1}],
            }
        ],
        "pageCount": 1,
    }
    async with stub.Stub(stub.answer(200, json.dumps(listing).encode())) as portal:
        central = adapt(portal.url)
        with pytest.raises(errors.MalformedError):
            await central.staged(samples.at(samples.ID))
        with pytest.raises(errors.InputError):
            async with central.staged_bytes(samples.at(samples.ID), path, at_most=1):
                pass
        with pytest.raises(errors.InputError):
            await central.probe(samples.at(""), path)
        assert len(portal.seen) == 1


@pytest.mark.parametrize("twist", ["repeat", "omit", "hide"])
async def test_trap_20_a_list_in_doubt_is_no_list(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path, twist: str
) -> None:
    external_id = await samples.staged(central, tmp_path)
    knobs.turn(sandbox.world.portal, external_id, "listing", {"twist": twist})
    with pytest.raises((errors.MalformedError, errors.UnavailableError)):
        await central.staged(samples.at(external_id))
    assert len(await central.staged(samples.at(external_id))) == 16


async def test_trap_20_a_list_that_repeats_itself_is_asked_for_twice_and_no_more(adapt: conftest.Adapt) -> None:
    listing = {"deployments": [{"deploymentId": samples.ID, "deploymentType": "BUNDLE", "purls": []}]}
    async with stub.Stub(stub.answer(200, json.dumps(listing).encode())) as portal:
        with pytest.raises(errors.MalformedError, match="again"):
            await adapt(portal.url).holding(samples.coordinates())
        assert len(portal.seen) == 2


async def test_trap_20_an_unknown_word_is_never_success(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    external_id = await samples.staged(central, tmp_path)
    knobs.turn(sandbox.world.portal, external_id, "show-state", {"word": "RELEASED"})
    seen = await central.observe(samples.at(external_id))
    assert (seen.seen, seen.word) == (steps.Seen.UNKNOWN, "RELEASED")
    for body in ("<html>PUBLISHED</html>", '{"deploymentState": "PUBLISHED"}', "", "null"):
        fault(sandbox, "status", status=200, body=body)
        assert (await central.observe(samples.at(external_id))).seen is steps.Seen.UNKNOWN


def test_trap_21_no_adapter_reads_the_wall_clock() -> None:
    clocks = {"now", "utcnow", "today", "time_ns", "localtime", "gmtime"}
    for source in (pathlib.Path(atr.__file__).parent / "platforms").glob("*.py"):
        tree = ast.parse(source.read_text())
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert not [call.attr for call in calls if isinstance(call, ast.Attribute) and call.attr in clocks], source
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import) and node.names[0].name == "time"]
