# SPDX-License-Identifier: Apache-2.0
"""The promises of `contract.Catalogue`, for every platform of the enum, against its sandbox over real HTTP.

A platform that comes adds a shelf to `SHELVES`; a test fails until it does.
"""

import contextlib
import dataclasses
import datetime
import pathlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import atr.errors as errors
import atr.platforms.contract as contract
import atr.platforms.registry as registry
import atr.sandbox.faults as faults
import atr.sandbox.world as world
import atr.shared.distribution as distribution
import tests.platforms.conftest as conftest
import tests.sandboxes as sandboxes

Platform = distribution.DistributionPlatform

# What a catalogue may raise, by its contract.
ALLOWED = (errors.PlatformError, errors.UnsupportedError)
NOW = 1_764_057_600.0


@dataclasses.dataclass(frozen=True)
class Shelf:
    """What the suite must know of a platform: a version, how it gets public in the sandbox, the calls it costs."""

    where: distribution.Coordinates
    publish: Callable[[world.World, distribution.Coordinates], None]
    # The sandbox's endpoint, and how often a look-up of what is there asks it.
    endpoint: str
    looks: int = 1
    # Where the page for people stands, below the sandbox's address.
    page: str = ""


def _by_registry(name: str) -> Callable[[world.World, distribution.Coordinates], None]:
    def publish(place: world.World, where: distribution.Coordinates) -> None:
        scoped = where.platform is Platform.NPM_SCOPED
        package = f"@{where.owner_namespace}/{where.package}" if scoped else where.package
        place.publish_version(name, "" if scoped else where.owner_namespace, package, where.version)

    return publish


def _pom(place: world.World, where: distribution.Coordinates) -> None:
    group = where.owner_namespace.replace(".", "/")
    stem = f"{where.package}-{where.version}"
    place.portal.put_public(f"{group}/{where.package}/{where.version}/{stem}.pom", b"<project/>")


def _where(platform: Platform, owner: str, package: str, version: str = "2.4.0") -> distribution.Coordinates:
    return distribution.coordinates(platform, owner, package, version)


SHELVES = {
    Platform.ARTIFACT_HUB: Shelf(
        _where(Platform.ARTIFACT_HUB, "apache", "widgets", "2.4.0+build.1"),
        _by_registry("artifact-hub"),
        "artifact-hub",
        page="/registries/artifact-hub/packages/helm/apache/widgets/2.4.0%2Bbuild.1",
    ),
    Platform.DOCKER_HUB: Shelf(
        _where(Platform.DOCKER_HUB, "apache", "widgets"),
        _by_registry("docker-hub"),
        "docker-hub",
        page="/registries/docker-hub/r/apache/widgets/tags?name=2.4.0",
    ),
    Platform.MAVEN: Shelf(
        _where(Platform.MAVEN, "org.example", "widgets"),
        _pom,
        "repository",
        page="/maven2/org/example/widgets/2.4.0/",
    ),
    Platform.NPM: Shelf(
        _where(Platform.NPM, "", "widgets"),
        _by_registry("npm"),
        "npm",
        looks=2,
        page="/registries/npm-pages/package/widgets/v/2.4.0",
    ),
    Platform.NPM_SCOPED: Shelf(
        _where(Platform.NPM_SCOPED, "apache", "widgets"),
        _by_registry("npm"),
        "npm",
        looks=2,
        page="/registries/npm-pages/package/@apache/widgets/v/2.4.0",
    ),
    Platform.PYPI: Shelf(
        _where(Platform.PYPI, "", "Apache_Widgets"),
        _by_registry("pypi"),
        "pypi",
        page="/registries/pypi/project/apache-widgets/2.4.0/",
    ),
}


@dataclasses.dataclass(frozen=True)
class Bench:
    """A catalogue with its sandbox."""

    catalogue: contract.Catalogue
    # The same, with a deadline of a second.
    impatient: contract.Catalogue
    sandbox: sandboxes.RunningSandbox
    shelf: Shelf

    def publish(self, where: distribution.Coordinates | None = None) -> None:
        self.shelf.publish(self.sandbox.world, where or self.shelf.where)

    def fault(self, **fields: Any) -> None:
        self.sandbox.world.faults.add([faults.Fault.model_validate({"endpoint": self.shelf.endpoint, **fields})])

    @property
    def requests(self) -> int:
        return self.sandbox.world.traffic.requests[self.shelf.endpoint]


def _catalogue(platform: Platform, sandbox: sandboxes.RunningSandbox, seconds: float) -> contract.Catalogue:
    if platform not in registry.CATALOGUES:
        return conftest.central_at(sandbox.portal_url, sandbox.repository_url, call_timeout=seconds)
    endpoint = SHELVES[platform].endpoint
    catalogue = registry.CATALOGUES[platform](
        registry.WorkerSettings.model_validate(
            {
                f"{endpoint.replace('-', '_')}_url": sandbox.registry_url(endpoint),
                "npm_pages_url": sandbox.registry_url("npm-pages"),
                "call_timeout": seconds,
            }
        )
    )
    assert catalogue is not None
    return catalogue


@contextlib.asynccontextmanager
async def _opened(platform: Platform, directory: pathlib.Path) -> AsyncIterator[Bench]:
    place = world.World(directory / "world", settings=conftest.FAST, clock=lambda: NOW)
    async with sandboxes.RunningSandbox(place) as sandbox:
        catalogue, impatient = (_catalogue(platform, sandbox, seconds) for seconds in (20.0, 1.0))
        async with contextlib.aclosing(catalogue), contextlib.aclosing(impatient):
            yield Bench(catalogue, impatient, sandbox, SHELVES[platform])


@pytest.fixture(params=list(SHELVES), ids=lambda platform: platform.name)
async def bench(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> AsyncIterator[Bench]:
    async with _opened(request.param, tmp_path) as made:
        yield made


@pytest.fixture(params=[one for one in SHELVES if one is not Platform.MAVEN], ids=lambda platform: platform.name)
async def reading(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> AsyncIterator[Bench]:
    """Those that answer with a document. Maven's public place answers a HEAD, whose body cannot be wrong."""
    async with _opened(request.param, tmp_path) as made:
        yield made


def test_every_platform_is_looked_up_by_one_adapter() -> None:
    promoting = {platform for platform in Platform if set(platform.mechanisms) & set(registry.PROMOTERS)}
    assert set(registry.CATALOGUES) == set(Platform) - promoting, "a promoter looks up by itself"
    assert set(SHELVES) == set(Platform)


async def test_a_catalogue_says_what_it_is(bench: Bench) -> None:
    assert bench.catalogue.platform is bench.shelf.where.platform


async def test_what_is_not_there_is_none_by_one_request(bench: Bench) -> None:
    assert await bench.catalogue.lookup(bench.shelf.where) is None
    assert bench.requests == 1


async def test_what_is_there_has_its_date_and_its_addresses(bench: Bench) -> None:
    bench.publish()
    found = await bench.catalogue.lookup(bench.shelf.where)
    assert found is not None
    assert found.coordinates == bench.shelf.where
    assert found.date == datetime.datetime.fromtimestamp(NOW, datetime.UTC)
    assert found.date.utcoffset() == datetime.timedelta(0)
    assert found.api_url.startswith(bench.sandbox.url)
    assert found.web_url == f"{bench.sandbox.url}{bench.shelf.page}"
    assert bench.requests == bench.shelf.looks


async def test_both_addresses_lead_somewhere(bench: Bench, http_get: Callable[[str], Any]) -> None:
    """What a person clicks on the page is there."""
    bench.publish()
    found = await bench.catalogue.lookup(bench.shelf.where)
    assert found is not None
    for url in (found.api_url, found.web_url):
        answer = await http_get(url)
        assert answer.status_code == 200, url
        assert bench.shelf.where.version in answer.text or "project" in answer.text


async def test_the_date_is_this_versions_own(bench: Bench) -> None:
    """ATR took that of the artifact, of the newest version or of the first one listed."""
    place = bench.sandbox.world
    for days, version in ((0, "1.0.0"), (1, "2.0.0"), (2, "3.0.0")):
        place.now = lambda days=days: NOW + 86_400 * days  # type: ignore[misc]
        bench.publish(dataclasses.replace(bench.shelf.where, version=version))
    found = await bench.catalogue.lookup(dataclasses.replace(bench.shelf.where, version="2.0.0"))
    assert found is not None
    assert found.date == datetime.datetime.fromtimestamp(NOW + 86_400, datetime.UTC)


# Of some platforms: how somebody writes a version, and how the registry has it.
SPELLINGS = {
    Platform.ARTIFACT_HUB: [
        (("apache", "Widgets", "v1.14.5"), ("apache", "widgets", "1.14.5")),
        (("apache", "widgets", "1.2"), ("apache", "widgets", "1.2.0")),
        (("apache", "widgets", "v1.2-rc.1+b"), ("apache", "widgets", "1.2.0-rc.1+b")),
    ],
    Platform.NPM: [(("", "widgets", "1.0.0+build"), ("", "widgets", "1.0.0"))],
    Platform.NPM_SCOPED: [(("apache", "widgets", "1.0.0+build"), ("apache", "widgets", "1.0.0"))],
    Platform.PYPI: [
        (("", "Apache.Widgets", "1.0"), ("", "apache_widgets", "1.0.0")),
        (("", "apache-widgets", "v1.0-RC.1"), ("", "apache-widgets", "1.0rc1")),
        (("", "antlerinator", "1!3.0.1"), ("", "antlerinator", "1!3.0.1")),
    ],
}


async def test_it_is_found_under_the_spelling_of_the_registry(bench: Bench) -> None:
    """Whether somebody wrote it so now, or a row of before the rules has it so."""
    platform = bench.catalogue.platform
    for written, there in SPELLINGS.get(platform, []):
        bench.publish(distribution.Coordinates(platform.name, *there))
        for where in (distribution.Coordinates(platform.name, *written), distribution.coordinates(platform, *written)):
            found = await bench.catalogue.lookup(where)
            assert found is not None, written
            assert found.coordinates == where


async def test_another_version_of_the_package_is_not_this_one(bench: Bench) -> None:
    bench.publish(dataclasses.replace(bench.shelf.where, version="2.4.1"))
    assert await bench.catalogue.lookup(bench.shelf.where) is None


async def test_another_owners_package_is_not_this_one(bench: Bench) -> None:
    if not bench.shelf.where.owner_namespace:
        other = dataclasses.replace(bench.shelf.where, package="widgets-too")
    else:
        other = dataclasses.replace(bench.shelf.where, owner_namespace="somebody")
    bench.publish(other)
    assert await bench.catalogue.lookup(bench.shelf.where) is None


async def test_a_fault_is_never_taken_for_nothing_or_something(bench: Bench) -> None:
    bench.publish()
    for fields in (
        {"status": 500},
        {"status": 503, "body": "<html>busy</html>"},
        {"status": 401},
        {"status": 403},
        {"status": 302, "headers": {"Location": "http://127.0.0.2:1/elsewhere"}},
        {"status": 304},
        {"status": 204},
        {"status": 418},
        {"cut": True},
    ):
        bench.fault(**fields)
        with pytest.raises(errors.PlatformError) as caught:
            await bench.catalogue.lookup(bench.shelf.where)
        assert str(caught.value).endswith((".", "”"))
    assert await bench.catalogue.lookup(bench.shelf.where) is not None


async def test_too_many_requests_says_when_to_come_back(bench: Bench) -> None:
    bench.fault(status=429, headers={"Retry-After": "17"})
    with pytest.raises(errors.UnavailableError) as caught:
        await bench.catalogue.lookup(bench.shelf.where)
    assert caught.value.retry_after == 17.0


async def test_silence_ends_after_the_seconds_of_a_call(bench: Bench) -> None:
    bench.fault(status=200, delay=60)
    with pytest.raises(errors.UnavailableError):
        await bench.impatient.lookup(bench.shelf.where)


async def test_a_document_that_says_nothing_is_no_find(reading: Bench) -> None:
    for body in ("", "<html>", "[]", "{}", "null", "3", '"2.4.0"', '{"name": "widgets"', "\x00", "[" * 5_000):
        reading.fault(status=200, body=body)
        with pytest.raises(errors.MalformedError):
            await reading.catalogue.lookup(reading.shelf.where)


async def test_a_404_that_is_not_the_platforms_own_is_no_no(reading: Bench) -> None:
    """A wrong address, or something in between, answers with a page."""
    for body in ("", "<html>404</html>", "Not Found", "[]", "7"):
        reading.fault(status=404, body=body)
        with pytest.raises(errors.MalformedError):
            await reading.catalogue.lookup(reading.shelf.where)


async def test_a_body_is_read_to_a_bound(reading: Bench) -> None:
    reading.fault(status=200, body="x" * 5_000_000)
    with pytest.raises(errors.MalformedError, match="bytes"):
        await reading.catalogue.lookup(reading.shelf.where)


async def test_a_document_that_breaks_off_is_a_fault(reading: Bench) -> None:
    reading.publish()
    reading.fault(effect=True, cut_after=10)
    with pytest.raises(errors.UnavailableError):
        await reading.catalogue.lookup(reading.shelf.where)


async def test_its_own_host_may_lead_on_and_no_other(reading: Bench) -> None:
    reading.publish()
    found = await reading.catalogue.lookup(reading.shelf.where)
    assert found is not None
    reading.fault(status=301, headers={"Location": found.api_url})
    assert await reading.catalogue.lookup(reading.shelf.where) == found
    reading.fault(status=301, headers={"Location": found.api_url.replace("127.0.0.1", "localhost")})
    with pytest.raises(errors.MalformedError, match="localhost"):
        await reading.catalogue.lookup(reading.shelf.where)
    reading.fault(status=301, times=4, headers={"Location": found.api_url})
    with pytest.raises(errors.MalformedError, match="from host to host"):
        await reading.catalogue.lookup(reading.shelf.where)


async def test_what_belongs_to_another_platform_is_not_looked_for(bench: Bench) -> None:
    other = next(shelf.where for platform, shelf in SHELVES.items() if platform is not bench.shelf.where.platform)
    with pytest.raises(errors.UnsupportedError):
        await bench.catalogue.lookup(other)
    assert bench.requests == 0


async def test_only_errors_of_the_contract_come_out(reading: Bench) -> None:
    for status in (200, 204, 302, 400, 401, 403, 404, 409, 410, 418, 429, 500, 503):
        for body in ("", "\x00<html>", "[]", '{"name": 3, "info": [], "time": []}', '"x"', "\ufffe" * 100):
            reading.fault(status=status, body=body, headers={"Location": "\x7f", "Retry-After": "soon"})
            with contextlib.suppress(*ALLOWED):
                assert await reading.catalogue.lookup(reading.shelf.where) is None
