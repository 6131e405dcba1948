# SPDX-License-Identifier: Apache-2.0
"""Every promise of atr.platforms.contract, for every adapter in the registry, against its sandbox.

A new adapter adds a bench to `BENCHES`; a test fails until it does.
"""

import contextlib
import dataclasses
import inspect
import pathlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import pytest

import atr.errors as errors
import atr.platforms.contract as contract
import atr.platforms.registry as registry
import atr.promotion.checksums as checksums
import atr.promotion.fileset as fileset
import atr.promotion.steps as steps
import atr.sandbox.central_portal.knobs as knobs
import atr.sandbox.faults as faults
import atr.sandbox.world as world
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.mechanisms as mechanisms
import tests.depot.adapter as depot_adapter
import tests.depot.stand_in as stand_in
import tests.platforms.conftest as conftest
import tests.platforms.samples as samples
import tests.sandboxes as sandboxes

CHECKSUMS: Final = (".md5", ".sha1", ".sha256", ".sha512")

Mechanism = mechanisms.Mechanism

NAME = "atr:app-1.0:1"
# What an adapter may raise, by its contract.
ALLOWED = (errors.PlatformError, errors.UnsupportedError, errors.InputError)


@dataclasses.dataclass(frozen=True)
class Bench:
    """An adapter with its sandbox, and what the suite must know of the platform."""

    adapter: contract.Promoter
    # The same, with a deadline of a second.
    impatient: contract.Promoter
    world: world.World
    where: distribution.Coordinates
    uploads: list[contract.Upload]
    scratch: pathlib.Path
    # The sandbox's endpoints behind each method.
    upload: str = "upload"
    status: str = "status"
    publish: str = "publish"
    drop: str = "drop"
    files: str = "files"
    download: str = "download"
    public: str = "repository"
    records: str = "published"
    index: str = "index"
    # An id as the platform gives them out, and another one that nothing has.
    id: str = samples.ID
    other_id: str = samples.OTHER_ID
    code: str = ""

    def at(self, external_id: str) -> contract.Target:
        """A call about this deployment, with the code that it may want."""
        return samples.at(external_id, self.code)

    def turn(self, external_id: str, knob: str) -> None:
        """What somebody with the credential may do behind our back."""
        knobs.turn(self.world.portal, external_id, knob, {})

    def put_public(self, path: str, data: bytes) -> None:
        """Put a file beside what is public."""
        self.world.portal.put_public(path, data)

    @property
    def voted(self) -> list[fileset.File]:
        return samples.files(self.uploads)

    def fault(self, endpoint: str, **fields: object) -> None:
        self.world.faults.add([faults.Fault.model_validate({"endpoint": endpoint, **fields})])

    def requests(self, endpoint: str) -> int:
        return self.world.traffic.requests[endpoint]

    async def stage(self) -> str:
        reply = await self.adapter.stage(NAME, self.uploads, self.scratch)
        await samples.until(self.adapter, reply.external_id, steps.Seen.STAGED)
        return reply.external_id

    async def make_public(self) -> str:
        external_id = await self.stage()
        await self.adapter.promote(self.at(external_id))
        await samples.until(self.adapter, external_id, steps.Seen.PUBLIC)
        return external_id


@contextlib.asynccontextmanager
async def maven_bench(directory: pathlib.Path) -> AsyncIterator[Bench]:
    place = world.World(directory / "world", settings=conftest.FAST)
    place.portal.add_account("example", conftest.NAMESPACES, conftest.TOKEN)
    async with sandboxes.RunningSandbox(place) as sandbox:
        adapter, impatient = (
            conftest.central_at(sandbox.portal_url, sandbox.repository_url, call_timeout=seconds)
            for seconds in (20.0, 1.0)
        )
        async with contextlib.aclosing(adapter), contextlib.aclosing(impatient):
            yield Bench(adapter, impatient, place, samples.coordinates(), samples.release(directory), directory)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DepotBench(Bench):
    """The same for the second promoter."""

    depot: stand_in.Depot

    def turn(self, external_id: str, knob: str) -> None:
        self.depot.turn(external_id, knob)

    def put_public(self, path: str, data: bytes) -> None:
        self.depot.put_public(path, data)


@contextlib.asynccontextmanager
async def depot_bench(directory: pathlib.Path) -> AsyncIterator[Bench]:
    place = world.World(directory / "world")
    depot = stand_in.Depot(place)
    contents = {"app@1.0.0/README": b"read me\n", "app@1.0.0/app-1.0.0.tgz": b"the package\n"}
    contents |= {"app@1.0.0/app-1.0.0.tgz.sha512": b"no checksum\n"}
    uploads = [samples.written(directory, path, data) for path, data in contents.items()]
    where = distribution.coordinates(distribution.DistributionPlatform.NPM, "", "app", "1.0.0")
    async with sandboxes.RunningSandbox(place, depot.application) as sandbox:
        adapter, impatient = (depot_adapter.Depot(sandbox.url, seconds) for seconds in (20.0, 1.0))
        async with contextlib.aclosing(adapter), contextlib.aclosing(impatient):
            about = {"id": f"stage-{'0' * 16}", "other_id": f"stage-{'1' * 16}", "code": stand_in.CODE}
            yield DepotBench(adapter, impatient, place, where, uploads, directory, depot=depot, **about)


BENCHES: dict[Mechanism, Callable[[pathlib.Path], contextlib.AbstractAsyncContextManager[Bench]]] = {
    Mechanism.CENTRAL_PORTAL: maven_bench,
    # Built in the tests alone: a promoter with another layout, ids, several requests to stage and a code.
    Mechanism.NPM_STAGE: depot_bench,
}


@pytest.fixture(params=list(BENCHES), ids=lambda mechanism: mechanism.name)
async def bench(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> AsyncIterator[Bench]:
    async with BENCHES[request.param](tmp_path) as made:
        yield made


# The registry


def test_every_mechanism_that_has_a_layout_has_an_adapter_and_a_bench() -> None:
    assert registry.PROMOTERS.keys() == layouts.BUILT.by_mechanism.keys()
    assert BENCHES.keys() == registry.PROMOTERS.keys() | {Mechanism.NPM_STAGE}


async def test_an_adapter_says_what_it_is(bench: Bench) -> None:
    assert bench.adapter.mechanism in BENCHES
    assert bench.adapter.mechanism in bench.adapter.platform.mechanisms


async def test_every_method_of_the_contract_is_there(bench: Bench) -> None:
    for name, promised in inspect.getmembers(contract.Promoter, inspect.isfunction):
        if not name.startswith("_"):
            offered = inspect.signature(getattr(type(bench.adapter), name))
            assert list(offered.parameters) == list(inspect.signature(promised).parameters), name


# Staging


async def test_stage_is_one_request_and_waits_for_us(bench: Bench) -> None:
    external_id = await bench.stage()
    assert bench.requests(bench.upload) == 1
    assert (await bench.adapter.observe(bench.at(external_id))).seen is steps.Seen.STAGED
    assert bench.world.traffic.effects["publish"] == 0
    assert not await bench.adapter.lookup(bench.where)


@pytest.mark.parametrize("fields", [{"cut": True}, {"status": 500}, {"status": 301}, {"status": 429}])
async def test_stage_is_never_repeated(bench: Bench, fields: dict[str, object]) -> None:
    bench.fault(bench.upload, **fields)
    reply = await bench.adapter.stage(NAME, bench.uploads, bench.scratch)
    assert reply.answer is not steps.Answer.TAKEN
    assert reply.external_id == ""
    assert bench.requests(bench.upload) == 1


async def test_stage_counts_what_left(bench: Bench) -> None:
    reply = await bench.adapter.stage(NAME, bench.uploads, bench.scratch)
    assert reply.bytes_sent >= bench.world.traffic.bytes_received[bench.upload] > 0


async def test_find_settles_a_lost_reply(bench: Bench) -> None:
    assert await bench.adapter.find(NAME, samples.at("")) == ()
    bench.fault(bench.upload, effect=True, cut=True)
    reply = await bench.adapter.stage(NAME, bench.uploads, bench.scratch)
    assert (reply.answer, reply.status, reply.external_id) == (steps.Answer.UNCLEAR, None, "")
    [found] = await bench.adapter.find(NAME, samples.at(""))
    assert (await samples.until(bench.adapter, found.external_id, steps.Seen.STAGED)).coordinates == (bench.where,)
    assert found.name == NAME
    assert await bench.adapter.find(NAME[:-1], samples.at("")) == ()


async def test_holding_finds_what_was_staged_by_its_coordinates(bench: Bench) -> None:
    """Every deployment that says it holds the version, with its packages and when it came; no other."""
    assert await bench.adapter.holding(bench.where) == contract.Holding(())
    external_id = await bench.stage()
    [found] = (await bench.adapter.holding(bench.where)).found
    assert (found.external_id, found.observation.seen) == (external_id, steps.Seen.STAGED)
    assert bench.where in found.observation.coordinates
    assert found.created is not None
    other = dataclasses.replace(bench.where, version="9.9.9")
    assert await bench.adapter.holding(other) == contract.Holding(())


async def test_an_upload_tells_how_far_it_is(bench: Bench) -> None:
    """Ever more, up to the whole."""
    told: list[tuple[int, int]] = []
    await bench.adapter.stage(NAME, bench.uploads, bench.scratch, lambda done, total: told.append((done, total)))
    (whole,) = {total for _, total in told}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (whole, whole)
    assert whole >= sum(upload.source.size for upload in bench.uploads)


# Reading what is staged


async def test_staged_bytes_are_what_was_uploaded(bench: Bench) -> None:
    external_id = await bench.stage()
    listed = {one.path: one.size for one in await bench.adapter.staged(bench.at(external_id))}
    read = []
    for file in bench.voted:
        assert listed[file.path] in {file.size, None}
        async with bench.adapter.staged_bytes(bench.at(external_id), file.path, at_most=file.size) as chunks:
            data = b"".join([chunk async for chunk in chunks])
        read.append(samples.file(file.path, data))
    assert fileset.FileSet.of(read) == fileset.FileSet.of(bench.voted)
    assert all(path.endswith(CHECKSUMS) for path in set(listed) - {file.path for file in bench.voted})


@pytest.mark.parametrize("knob", ["tamper", "add-file", "remove-file"])
async def test_a_staged_change_shows(bench: Bench, knob: str) -> None:
    external_id = await bench.stage()
    bench.turn(external_id, knob)
    read = []
    for one in await bench.adapter.staged(bench.at(external_id)):
        if not one.path.endswith(CHECKSUMS):
            async with bench.adapter.staged_bytes(bench.at(external_id), one.path, at_most=10_000) as chunks:
                read.append(samples.file(one.path, b"".join([chunk async for chunk in chunks])))
    assert fileset.FileSet.of(read) != fileset.FileSet.of(bench.voted)


@pytest.mark.parametrize("fields", [{"cut": True}, {"effect": True, "cut_after": 1}, {"status": 503}, {"status": 429}])
async def test_broken_bytes_raise(bench: Bench, fields: dict[str, object]) -> None:
    external_id = await bench.stage()
    bench.fault(bench.download, **fields)
    file = bench.voted[0]
    with pytest.raises(errors.UnavailableError):
        await read_staged(bench, external_id, file.path, file.size)


async def test_longer_bytes_raise(bench: Bench) -> None:
    external_id = await bench.stage()
    file = bench.voted[0]
    with pytest.raises(errors.UnavailableError):
        await read_staged(bench, external_id, file.path, file.size - 1)


async def test_staged_raises_rather_than_answer_with_a_part(bench: Bench) -> None:
    external_id = await bench.stage()
    for fields in ({"status": 503}, {"cut": True}, {"effect": True, "cut_after": 50}, {"status": 200, "body": "{}"}):
        bench.fault(bench.files, **fields)
        with pytest.raises(errors.PlatformError):
            await bench.adapter.staged(bench.at(external_id))
    with pytest.raises(errors.PlatformError):
        await bench.adapter.staged(bench.at(bench.other_id))


# Promoting


async def test_prepare_is_repeatable_and_invisible(bench: Bench) -> None:
    external_id = await bench.stage()
    for _ in range(2):
        await bench.adapter.prepare(bench.at(external_id))
    assert (await bench.adapter.observe(bench.at(external_id))).seen is steps.Seen.STAGED
    assert bench.world.traffic.effects["publish"] == 0


async def test_promote_makes_public_with_one_small_request(bench: Bench) -> None:
    external_id = await bench.stage()
    reply = await bench.adapter.promote(bench.at(external_id))
    assert reply.answer is steps.Answer.TAKEN
    assert 0 < reply.bytes_sent < 4096
    await samples.until(bench.adapter, external_id, steps.Seen.PUBLIC)
    assert (bench.requests(bench.publish), bench.world.traffic.effects["publish"]) == (1, 1)


async def test_a_code_is_wanted_where_the_mechanism_says_so_and_nowhere_else(bench: Bench) -> None:
    external_id = await bench.stage()
    reply = await bench.adapter.promote(samples.at(external_id))
    needs_code = bench.adapter.mechanism.needs_code
    assert reply.answer is (steps.Answer.CHALLENGED if needs_code else steps.Answer.TAKEN)
    assert bench.world.traffic.effects["publish"] == (0 if needs_code else 1)
    assert stand_in.CODE not in repr(bench.at(external_id))


ANSWERS = {
    # Not the success that is documented: something in between may say so.
    200: steps.Answer.UNCLEAR,
    204: steps.Answer.TAKEN,
    302: steps.Answer.UNCLEAR,
    307: steps.Answer.UNCLEAR,
    400: steps.Answer.REFUSED,
    401: steps.Answer.REFUSED,
    403: steps.Answer.REFUSED,
    404: steps.Answer.UNCLEAR,
    409: steps.Answer.UNCLEAR,
    429: steps.Answer.LIMITED,
    500: steps.Answer.UNCLEAR,
    503: steps.Answer.UNCLEAR,
    599: steps.Answer.UNCLEAR,
}


@pytest.mark.parametrize("status", ANSWERS)
@pytest.mark.parametrize("method", ["promote", "drop"])
async def test_a_write_never_raises_for_answers_and_is_sent_once(bench: Bench, method: str, status: int) -> None:
    endpoint = bench.publish if method == "promote" else bench.drop
    bench.fault(endpoint, status=status, headers={"Retry-After": "5", "Location": "/x"}, body="because\n" * 1000)
    reply = await getattr(bench.adapter, method)(bench.at(bench.id))
    assert (reply.answer, reply.status) == (ANSWERS[status], status)
    assert (len(reply.sample) <= 500, "\n" in reply.sample) == (True, False)
    assert reply.retry_after == (5.0 if status == 429 else None)
    assert bench.requests(endpoint) == 1


@pytest.mark.parametrize("method", ["promote", "drop"])
async def test_a_write_without_an_answer_is_unclear(bench: Bench, method: str) -> None:
    endpoint = bench.publish if method == "promote" else bench.drop
    for adapter, fields in (
        (bench.adapter, {"cut": True}),
        (bench.adapter, {"status": 400, "body": "x" * 100, "cut_after": 9}),
        (bench.impatient, {"status": 400, "delay": 60}),
    ):
        before = bench.requests(endpoint)
        bench.fault(endpoint, **fields)
        reply = await getattr(adapter, method)(bench.at(bench.id))
        assert (reply.answer, reply.status) == (steps.Answer.UNCLEAR, None)
        assert bench.requests(endpoint) == before + 1


async def test_drop_gives_up(bench: Bench) -> None:
    external_id = await bench.stage()
    assert (await bench.adapter.drop(bench.at(external_id))).answer is steps.Answer.TAKEN
    assert (await bench.adapter.observe(bench.at(external_id))).seen is steps.Seen.GONE


# Observing


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_faults_on_observe_raise(bench: Bench, status: int) -> None:
    bench.fault(bench.status, status=status, headers={"Retry-After": "11"})
    with pytest.raises(errors.UnavailableError) as caught:
        await bench.adapter.observe(bench.at(bench.id))
    assert caught.value.retry_after == 11.0


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_credentials_on_observe_raise(bench: Bench, status: int) -> None:
    bench.fault(bench.status, status=status)
    with pytest.raises(errors.CredentialsError):
        await bench.adapter.observe(bench.at(bench.id))


@pytest.mark.parametrize("body", ["", "<html>", "{}", "[]", '{"deploymentState": "PUBLISHED"}'])
async def test_what_says_nothing_definite_is_unknown(bench: Bench, body: str) -> None:
    bench.fault(bench.status, status=200, body=body)
    seen = await bench.adapter.observe(bench.at(bench.id))
    assert seen.seen is steps.Seen.UNKNOWN
    assert seen.detail


async def test_an_unknown_id_is_gone(bench: Bench) -> None:
    assert (await bench.adapter.observe(bench.at(bench.other_id))).seen is steps.Seen.GONE


# Reading what is public


async def test_lookup_tells_public_from_not(bench: Bench) -> None:
    assert await bench.adapter.lookup(bench.where) is None
    await bench.make_public()
    found = await bench.adapter.lookup(bench.where)
    assert found is not None
    assert found.coordinates == bench.where
    assert (found.date is None) or (found.date.tzinfo is not None)


async def test_lookup_never_takes_a_fault_for_nothing(bench: Bench) -> None:
    for fields in ({"status": 503}, {"status": 403}, {"status": 302}, {"cut": True}):
        bench.fault(bench.public, **fields)
        with pytest.raises(errors.PlatformError):
            await bench.adapter.lookup(bench.where)


async def test_taken_asks_the_records_and_not_the_public_place(bench: Bench) -> None:
    assert await bench.adapter.taken(bench.where) is False
    external_id = await bench.make_public()
    assert (await bench.adapter.observe(bench.at(external_id))).seen is steps.Seen.PUBLIC
    assert await bench.adapter.taken(bench.where) is True
    assert bench.requests(bench.public) == 0


async def test_taken_is_a_clear_word_or_an_error(bench: Bench) -> None:
    for fields in ({"status": 503}, {"status": 404}, {"status": 200, "body": "{}"}, {"cut": True}):
        bench.fault(bench.records, **fields)
        with pytest.raises(errors.PlatformError):
            await bench.adapter.taken(bench.where)


async def test_probe_is_one_request_without_bytes(bench: Bench) -> None:
    path = bench.voted[0].path
    assert not await bench.adapter.probe(samples.at(""), path)
    await bench.make_public()
    assert await bench.adapter.probe(samples.at(""), path)
    assert bench.requests(bench.public) == 2
    assert {entry.method for entry in bench.world.traffic.log if entry.endpoint == bench.public} == {"HEAD"}
    bench.fault(bench.public, status=500)
    with pytest.raises(errors.UnavailableError):
        await bench.adapter.probe(samples.at(""), path)


async def test_public_reads_each_file_once_in_order(bench: Bench) -> None:
    await bench.make_public()
    absent = samples.file(f"{bench.voted[0].path}-absent", b"x")
    wanted = [*bench.voted, absent]
    read = [one async for one in bench.adapter.public(samples.at(""), wanted)]
    assert [one.path for one in read] == [file.path for file in wanted]
    assert [one.file for one in read] == [*bench.voted, None]
    assert bench.requests(bench.public) == len(wanted)


async def test_public_shows_a_changed_byte(bench: Bench) -> None:
    external_id = await bench.make_public()
    bench.turn(external_id, "alter-public")
    read = [one.file async for one in bench.adapter.public(samples.at(""), bench.voted)]
    assert sum(1 for file, voted in zip(read, bench.voted, strict=True) if file != voted) == 1
    assert None not in read


async def test_beside_names_every_public_file_of_the_version(bench: Bench) -> None:
    """What was staged, with its checksums, and what somebody else put beside it; one read."""
    await bench.make_public()
    named = await bench.adapter.beside(bench.where)
    voted = {file.path for file in bench.voted}
    assert voted <= named
    assert all(checksums.named_by(path) is not None for path in named - voted)
    extra = f"{min(voted)}-not-voted.bin"
    bench.put_public(extra, b"extra")
    assert await bench.adapter.beside(bench.where) == named | {extra}
    assert bench.requests(bench.index) == 2


async def test_a_file_of_unknown_size_is_read_to_its_end(bench: Bench) -> None:
    await bench.make_public()
    extra = f"{min(file.path for file in bench.voted)} ünvoted.bin"
    bench.put_public(extra, b"extra")
    asked = [contract.Listed(extra, None), contract.Listed(f"{extra}.gone", None)]
    assert [one async for one in bench.adapter.public(samples.at(""), asked)] == [
        contract.PublicFile(extra, samples.file(extra, b"extra")),
        contract.PublicFile(f"{extra}.gone", None),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"status": 403},
        {"status": 404},
        {"status": 410},
        {"status": 429, "headers": {"Retry-After": "60"}},
        {"status": 503},
        {"status": 200, "body": "<html></html>", "cut_after": 6},
        {"cut": True},
        {"effect": True, "cut_after": 30},
        {"status": 200, "body": "{}"},
        {"status": 200, "body": ""},
    ],
    ids=str,
)
async def test_beside_raises_rather_than_answer_a_part(bench: Bench, fields: dict[str, object]) -> None:
    await bench.make_public()
    bench.fault(bench.index, **fields)
    with pytest.raises(errors.PlatformError) as raised:
        await bench.adapter.beside(bench.where)
    assert getattr(raised.value, "retry_after", None) == (60 if fields.get("status") == 429 else None)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": 429, "headers": {"Retry-After": "30"}},
        {"status": 500, "headers": {"Retry-After": "30"}},
        {"cut": True},
        {"effect": True, "cut_after": 1},
    ],
)
async def test_public_faults_raise_and_keep_what_came(bench: Bench, fields: dict[str, object]) -> None:
    await bench.make_public()
    bench.fault(bench.public, skip=1, **fields)
    reading = aiter(bench.adapter.public(samples.at(""), bench.voted))
    assert (await anext(reading)).file == bench.voted[0]
    with pytest.raises(errors.UnavailableError) as caught:
        await anext(reading)
    assert caught.value.retry_after == (30.0 if fields.get("status") else None)


# All together


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 409, 418, 429, 500, 503])
async def test_only_errors_of_the_contract_come_out(bench: Bench, status: int) -> None:
    for body in ("", "\x00<html>", "[]", '{"deployments": {}, "published": 3}', "x" * 2_000_000):
        for endpoint in (
            bench.upload,
            bench.status,
            bench.publish,
            bench.drop,
            bench.files,
            bench.records,
            bench.download,
        ):
            bench.fault(endpoint, status=status, body=body)
        bench.fault(bench.public, status=status, body=body, times=3)
        await survive(bench)
        bench.world.faults.clear()


async def survive(bench: Bench) -> None:
    adapter, path = bench.adapter, bench.voted[0].path
    calls: list[Any] = [
        adapter.lookup(bench.where),
        adapter.taken(bench.where),
        adapter.find(NAME, samples.at("")),
        adapter.holding(bench.where),
        adapter.stage(NAME, bench.uploads, bench.scratch),
        adapter.staged(bench.at(bench.id)),
        read_staged(bench, bench.id, path, 100),
        adapter.promote(bench.at(bench.id)),
        adapter.observe(bench.at(bench.id)),
        adapter.probe(samples.at(""), path),
        read_public(bench),
        adapter.drop(bench.at(bench.id)),
    ]
    for call in calls:
        with contextlib.suppress(*ALLOWED):
            await call


async def read_staged(bench: Bench, external_id: str, path: str, at_most: int) -> None:
    async with bench.adapter.staged_bytes(bench.at(external_id), path, at_most=at_most) as chunks:
        async for _ in chunks:
            pass


async def read_public(bench: Bench) -> list[contract.PublicFile]:
    return [one async for one in bench.adapter.public(samples.at(""), bench.voted[:1])]
