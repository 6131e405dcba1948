# SPDX-License-Identifier: Apache-2.0
"""The thin half: what the adapter sends and makes of the answers, over real HTTP."""

import asyncio
import datetime
import hashlib
import pathlib
import re
from collections.abc import AsyncIterator

import pytest

import atr.errors as errors
import atr.platforms.answers as answers
import atr.platforms.central_portal.adapter as maven_central
import atr.platforms.central_portal.settings as settings
import atr.platforms.contract as contract
import atr.platforms.http as http
import atr.platforms.wire as wire
import atr.promotion.fileset as fileset
import atr.promotion.steps as steps
import atr.sandbox.central_portal.knobs as knobs
import atr.sandbox.faults as faults
import atr.shared.distribution as distribution
import tests.platforms.conftest as conftest
import tests.platforms.samples as samples
import tests.platforms.stub as stub
import tests.sandboxes as sandboxes

NAME = "atr:app-1.0:1"
JAR = "org/example/app/1.0/app-1.0.jar"
POM = "org/example/app/1.0/app-1.0.pom"


def fault(sandbox: sandboxes.RunningSandbox, endpoint: str, **fields: object) -> None:
    sandbox.world.faults.add([faults.Fault.model_validate({"endpoint": endpoint, **fields})])


async def published(central: contract.Promoter, directory: pathlib.Path) -> list[fileset.File]:
    """The sample release, public; its files as the vote saw them."""
    external_id = await samples.staged(central, directory)
    await central.promote(samples.at(external_id))
    await samples.until(central, external_id, steps.Seen.PUBLIC)
    return samples.files(samples.release(directory))


# Staging


async def test_stage(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    uploads = samples.release(tmp_path)
    reply = await central.stage(NAME, uploads, tmp_path)
    assert (reply.answer, reply.status) == (steps.Answer.TAKEN, 201)
    seen = await samples.until(central, reply.external_id, steps.Seen.STAGED, steps.Seen.FAILED)
    assert seen == contract.Observation(steps.Seen.STAGED, "VALIDATED", "", (samples.coordinates(),))
    deployment = sandbox.world.portal.deployments[reply.external_id]
    assert (deployment.name, deployment.automatic) == (NAME, False)
    main = {upload.path for upload in uploads if not upload.path.endswith(".asc")}
    sides = {f"{path}.{suffix}" for path in main for suffix in ("md5", "sha1")}
    assert set(deployment.files) == {upload.path for upload in uploads} | sides
    # The head of the request comes on top of what the server counts.
    body = sandbox.world.traffic.bytes_received["upload"]
    assert body < reply.bytes_sent < body + 1000


async def test_nothing_stays_in_scratch(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    await central.stage(NAME, samples.release(tmp_path), scratch)
    fault(sandbox, "upload", cut=True)
    await central.stage(NAME, samples.release(tmp_path), scratch)
    assert list(scratch.iterdir()) == []


async def test_what_cannot_be_uploaded_is_never_sent(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    for uploads in ([], [samples.upload(tmp_path, "../x")], [samples.upload(tmp_path, JAR)]):
        with pytest.raises(errors.InputError):
            await central.stage(NAME, uploads, tmp_path)
    with pytest.raises(errors.UnavailableError, match="Nothing was sent"):
        await central.stage(NAME, samples.release(tmp_path), tmp_path / "no-such-folder")
    assert sandbox.world.traffic.requests["upload"] == 0


async def test_a_bundle_beyond_the_limit_is_never_sent(tmp_path: pathlib.Path) -> None:
    credential = settings.Credential("name", "password")
    clients = wire.Clients("atr-tests/1", loopback=True, read_seconds=20)
    async with stub.Stub(stub.answer(201, samples.ID.encode())) as portal, clients.reading() as client:
        place = http.Place("The portal", http.site(portal.url, setting="URL"), client, 20.0)
        for limit, sent in ((100, 0), (None, 1)):
            central = maven_central.MavenCentral(
                portal=place,
                repository=place,
                single_use=clients.single_use,
                credential=credential,
                pace=0,
                bundle_limit=limit,
            )
            if limit:
                with pytest.raises(errors.InputError, match="larger than the 100 bytes"):
                    await central.stage(NAME, samples.release(tmp_path), tmp_path)
            else:
                assert (await central.stage(NAME, samples.release(tmp_path), tmp_path)).external_id == samples.ID
            assert len(portal.seen) == sent


async def test_what_an_upload_says(adapt: conftest.Adapt, tmp_path: pathlib.Path) -> None:
    async with stub.Stub(stub.answer(201, samples.ID.encode())) as portal:
        await adapt(portal.url).stage(NAME, samples.release(tmp_path), tmp_path)
    [seen] = portal.seen
    assert seen.line == ("POST /api/v1/publisher/upload?name=atr%3Aapp-1.0%3A1&publishingType=USER_MANAGED HTTP/1.1")
    assert (
        b'name="bundle"; filename="atr-app-1.0-1.zip"\r\nContent-Type: application/octet-stream\r\n\r\nPK' in seen.body
    )
    assert seen.headers["authorization"] == "Bearer dG9rZW4tbmFtZTp0b2tlbi1wYXNzd29yZA=="
    assert "transfer-encoding" not in seen.headers


@pytest.mark.parametrize(
    ("fields", "answer", "status"),
    [
        ({"cut": True, "effect": True}, steps.Answer.UNCLEAR, None),
        ({"status": 500, "effect": True}, steps.Answer.UNCLEAR, 500),
        ({"status": 201, "body": "<html>", "effect": True}, steps.Answer.UNCLEAR, 201),
        ({"status": 401}, steps.Answer.REFUSED, 401),
        ({"status": 429, "headers": {"Retry-After": "60"}}, steps.Answer.LIMITED, 429),
    ],
)
async def test_an_upload_is_sent_once_and_found_by_its_name(
    sandbox: sandboxes.RunningSandbox,
    central: maven_central.MavenCentral,
    tmp_path: pathlib.Path,
    fields: dict[str, object],
    answer: steps.Answer,
    status: int | None,
) -> None:
    fault(sandbox, "upload", **fields)
    reply = await central.stage(NAME, samples.release(tmp_path), tmp_path)
    assert (reply.answer, reply.status, reply.external_id) == (answer, status, "")
    assert sandbox.world.traffic.requests["upload"] == 1
    found = await central.find(NAME, samples.at(""))
    assert [one.external_id for one in found] == list(sandbox.world.portal.deployments)
    assert len(found) == (1 if "effect" in fields else 0)


async def test_find_reads_every_page(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    archive = tmp_path / "x.zip"
    account = sandbox.world.portal.account_for(conftest.TOKEN)
    assert account is not None
    for number in range(45):
        archive.write_bytes(b"")
        sandbox.world.portal.upload(account, f"atr:app-1.0:{number}", automatic=False, archive=archive)
    [found] = await central.find("atr:app-1.0:44", samples.at(""))
    assert found.observation.seen is steps.Seen.WAITING
    assert await central.find("atr:app-1.0:", samples.at("")) == ()
    assert sandbox.world.traffic.requests["files"] == 6


async def test_a_search_without_end_is_given_up(adapt: conftest.Adapt) -> None:
    async def another_page() -> AsyncIterator[bytes]:
        yield stub.answer(200, b'{"deployments": [{"deploymentName": "x%d"}]}' % len(portal.seen))

    async with stub.Stub(another_page) as portal:
        with pytest.raises(errors.MalformedError, match="more than 200 pages"):
            await adapt(portal.url).find("y", samples.at(""))
        assert len(portal.seen) == 200


# Reading what is staged


async def test_staged_and_its_bytes(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    external_id = await samples.staged(central, tmp_path)
    listed = await central.staged(samples.at(external_id))
    sizes = {one.path: one.size for one in listed}
    assert sizes == {path: file.size for path, file in sandbox.world.portal.deployments[external_id].files.items()}
    for upload in samples.release(tmp_path):
        size = sizes[upload.path]
        assert size is not None
        async with central.staged_bytes(samples.at(external_id), upload.path, at_most=size) as chunks:
            digests = await http.digested(chunks, ("md5", "sha1"))
        data = b"".join(upload.source.pieces())
        assert (digests.size, digests.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert "deployments/download" not in "".join(entry.path for entry in sandbox.world.traffic.log)


async def test_staged_bytes_that_are_longer_or_broken(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    external_id = await samples.staged(central, tmp_path)
    with pytest.raises(errors.UnavailableError, match="more than 3 bytes"):
        async with central.staged_bytes(samples.at(external_id), JAR, at_most=3) as chunks:
            await http.digested(chunks)
    fault(sandbox, "download", effect=True, cut_after=3)
    with pytest.raises(errors.UnavailableError, match="no complete answer"):
        async with central.staged_bytes(samples.at(external_id), JAR, at_most=100) as chunks:
            await http.digested(chunks)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, errors.CredentialsError),
        (404, errors.UnavailableError),
        (429, errors.UnavailableError),
        (400, errors.RefusedError),
    ],
)
async def test_staged_bytes_that_are_refused(
    sandbox: sandboxes.RunningSandbox,
    central: maven_central.MavenCentral,
    status: int,
    kind: type[errors.PlatformError],
) -> None:
    fault(sandbox, "download", status=status)
    with pytest.raises(kind):
        async with central.staged_bytes(samples.at(samples.ID), JAR, at_most=3):
            pass


# Reading what is public


async def test_lookup(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    where = samples.coordinates()
    assert await central.lookup(where) is None
    assert not await central.taken(where)
    await published(central, tmp_path)
    found = await central.lookup(where)
    assert found is not None
    assert found.coordinates == where
    assert found.api_url == f"{sandbox.repository_url}/{POM}"
    assert found.web_url == f"{sandbox.repository_url}/org/example/app/1.0/"
    assert await central.taken(where)


@pytest.mark.parametrize(
    ("header", "date"),
    [
        ("Mon, 23 Nov 2026 12:00:30 GMT", datetime.datetime(2026, 11, 23, 12, 0, 30, tzinfo=datetime.UTC)),
        ("once", None),
    ],
)
async def test_lookup_dates(adapt: conftest.Adapt, header: str, date: datetime.datetime | None) -> None:
    async with stub.Stub(stub.answer(200, Last_Modified=header)) as place:
        found = await adapt(place.url).lookup(samples.coordinates())
        assert found is not None
        assert found.date == date
        assert place.seen[0].line == f"HEAD /{POM} HTTP/1.1"


async def test_lookup_of_another_platform(central: maven_central.MavenCentral) -> None:
    other = distribution.coordinates(distribution.DistributionPlatform.PYPI, "", "app", "1.0")
    with pytest.raises(errors.UnsupportedError):
        await central.lookup(other)


async def test_names_are_encoded_in_addresses(adapt: conftest.Adapt) -> None:
    where = samples.coordinates("1.0+b1", package="app_2.13")
    async with stub.Stub(stub.answer(200, b'{"published": true}')) as place:
        await adapt(place.url).lookup(where)
        await adapt(place.url).taken(where)
    assert place.seen[0].line.startswith("HEAD /org/example/app_2.13/1.0%2Bb1/app_2.13-1.0%2Bb1.pom ")
    assert place.seen[1].line.startswith(
        "GET /api/v1/publisher/published?namespace=org.example&name=app_2.13&version=1.0%2Bb1 "
    )


async def test_public(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    voted = await published(central, tmp_path)
    absent = samples.file("org/example/app/1.0/app-1.0-extra.txt", b"x")
    sandbox.world.traffic.paths.clear()
    answers_ = [one async for one in central.public(samples.at(""), [*voted, absent])]
    assert answers_ == [
        *(contract.PublicFile(file.path, file) for file in voted),
        contract.PublicFile(absent.path, None),
    ]
    assert set(sandbox.world.traffic.paths.values()) == {1}


async def test_public_bytes_that_differ(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    voted = {file.path: file for file in await published(central, tmp_path)}
    knobs.turn(sandbox.world.portal, next(iter(sandbox.world.portal.deployments)), "alter-public", {"path": JAR})
    [seen] = [one async for one in central.public(samples.at(""), [voted[JAR]])]
    assert seen.file is not None
    assert (seen.file.size, seen.file.sha256 == voted[JAR].sha256) == (voted[JAR].size, False)
    # Longer than what was voted on: one byte more is read and is proof enough.
    shorter = fileset.File(JAR, 2, voted[JAR].sha256)
    [seen] = [one async for one in central.public(samples.at(""), [shorter])]
    assert seen.file is not None
    assert seen.file.size == 3


async def test_public_answers_come_one_by_one(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    voted = await published(central, tmp_path)
    fault(sandbox, "repository", path=voted[2].path, status=503)
    reading = aiter(central.public(samples.at(""), voted))
    assert [(await anext(reading)).path for _ in range(2)] == [file.path for file in voted[:2]]
    with pytest.raises(errors.UnavailableError) as caught:
        await anext(reading)
    assert caught.value.status == 503


async def test_public_bytes_that_break_off(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    voted = await published(central, tmp_path)
    fault(sandbox, "repository", effect=True, cut_after=2)
    with pytest.raises(errors.UnavailableError):
        [_ async for _ in central.public(samples.at(""), voted)]


async def test_probe(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    assert not await central.probe(samples.at(""), POM)
    await published(central, tmp_path)
    assert await central.probe(samples.at(""), POM)
    assert sandbox.world.traffic.paths[f"/maven2/{POM}"] == 2
    fault(sandbox, "repository", status=403)
    with pytest.raises(errors.UnavailableError):
        await central.probe(samples.at(""), POM)
    with pytest.raises(errors.InputError):
        await central.probe(samples.at(""), "../x")


# Writing


async def test_prepare_sends_nothing(central: maven_central.MavenCentral, sandbox: sandboxes.RunningSandbox) -> None:
    await central.prepare(samples.at(samples.ID))
    with pytest.raises(errors.InputError):
        await central.prepare(samples.at("x"))
    assert sum(sandbox.world.traffic.requests.values()) == 0


async def test_promote(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    external_id = await samples.staged(central, tmp_path)
    reply = await central.promote(samples.at(external_id))
    assert (reply.answer, reply.status) == (steps.Answer.TAKEN, 204)
    assert 0 < reply.bytes_sent < 1000
    assert sandbox.world.traffic.effects["publish"] == 1


async def test_drop(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, tmp_path: pathlib.Path
) -> None:
    external_id = await samples.staged(central, tmp_path)
    assert (await central.drop(samples.at(external_id))).answer is steps.Answer.TAKEN
    assert sandbox.world.traffic.effects["drop"] == 1
    assert (await central.observe(samples.at(external_id))).seen is steps.Seen.GONE
    assert (await central.drop(samples.at(external_id))).answer is steps.Answer.UNCLEAR


@pytest.mark.parametrize("method", ["promote", "drop", "observe", "staged", "prepare"])
async def test_a_bad_id_never_leaves(
    sandbox: sandboxes.RunningSandbox, central: maven_central.MavenCentral, method: str
) -> None:
    with pytest.raises(errors.InputError):
        await getattr(central, method)(samples.at(f"../{samples.ID}"))
    assert sum(sandbox.world.traffic.requests.values()) == 0


async def test_an_answer_too_long_or_encoded_says_nothing(adapt: conftest.Adapt) -> None:
    for script in (stub.endless, stub.answer(200, b"\x1f\x8b", Content_Encoding="gzip")):
        async with stub.Stub(script) as portal:
            assert (await adapt(portal.url).observe(samples.at(samples.ID))).seen is steps.Seen.UNKNOWN


# Settings


@pytest.mark.parametrize(
    ("name", "password"), [("", "p"), ("n", ""), ("n\n", "p"), ("n", "p\n"), ("n:m", "p"), ("n", "p q")]
)
def test_a_token_that_cannot_work(name: str, password: str) -> None:
    with pytest.raises(errors.SettingsError, match="Maven Central"):
        settings.Credential(name, password)


def test_a_token_travels_in_one_line_and_is_not_shown() -> None:
    credential = settings.Credential("n" * 60, "p:" * 60)
    assert re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", credential.encoded)
    assert "nnn" not in repr(credential)
    assert "p:p" not in repr(credential)
    assert (
        answers.shown(f"{'n' * 60} {'p:' * 60} {credential.encoded}", credential.secrets)
        == "[secret] [secret] [secret]"
    )
    # A name as short as a word may be one.
    assert settings.Credential("demo", "password").secrets[-1] == "password"


def test_no_address_no_adapter() -> None:
    assert maven_central.opened(conftest.central_settings("")) is None


@pytest.mark.parametrize("urls", [("ftp://127.0.0.1", "http://127.0.0.1:1"), ("http://127.0.0.1:1", "elsewhere")])
def test_bad_addresses_stop_the_start(urls: tuple[str, str]) -> None:
    with pytest.raises(errors.SettingsError, match="The address of"):
        conftest.central_at(*urls)


async def test_reads_of_the_public_place_go_one_by_one_at_the_pace(tmp_path: pathlib.Path) -> None:
    naps: list[float] = []

    async def nap(seconds: float) -> None:
        naps.append(seconds)
        await asyncio.sleep(0)

    clients = wire.Clients("atr-tests/1", loopback=True, read_seconds=20)
    async with (
        stub.Stub(*([stub.answer(200, b"abc")] * 5), stub.answer(200, b"<html></html>")) as place,
        clients.reading() as client,
    ):
        at = http.Place("The place", http.site(place.url, setting="URL"), client, 20.0)
        central = maven_central.MavenCentral(
            portal=at,
            repository=at,
            single_use=clients.single_use,
            credential=settings.Credential("name", "password"),
            pace=0.25,
            sleep=nap,
        )
        await asyncio.gather(*(central.probe(samples.at(""), POM) for _ in range(3)))
        [_ async for _ in central.public(samples.at(""), [samples.file(POM, b"abc"), samples.file(JAR, b"abc")])]
        assert naps == [0.25] * 4
        await central.beside(samples.coordinates())
        assert naps == [0.25] * 5


async def test_the_records_are_asked_one_by_one_at_the_pace() -> None:
    """N4: a release of a hundred packages is no burst of questions, whoever asks them at once."""
    naps: list[float] = []

    async def nap(seconds: float) -> None:
        naps.append(seconds)
        await asyncio.sleep(0)

    clients = wire.Clients("atr-tests/1", loopback=True, read_seconds=20)
    async with stub.Stub(stub.answer(200, b'{"published": false}')) as place, clients.reading() as client:
        at = http.Place("The place", http.site(place.url, setting="URL"), client, 20.0)
        central = maven_central.MavenCentral(
            portal=at,
            repository=at,
            single_use=clients.single_use,
            credential=settings.Credential("name", "password"),
            pace=0.25,
            sleep=nap,
        )
        await asyncio.gather(*(central.taken(samples.coordinates(package=f"app{number}")) for number in range(5)))
        assert len(place.seen) == 5
    assert naps == [0.25] * 4
