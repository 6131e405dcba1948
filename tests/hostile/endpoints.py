# SPDX-License-Identifier: Apache-2.0
"""Every call of the adapters that a hostile answer can meet: how it is made, and what its documented success is."""

import dataclasses
import datetime
import json
import pathlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NoReturn

import atr.platforms.contract as contract
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.shared.maven as maven
import tests.platforms.samples as samples

Platform = distribution.DistributionPlatform

NAME: Final = "atr:app-1.0:1"
WHERE: Final = samples.coordinates()
POM: Final = maven.pom_path(WHERE)
FILE: Final = samples.file(POM, samples.pom(WHERE))
UPLOADED: Final = {POM: samples.pom(WHERE), f"{POM}.asc": samples.ARMOUR}
DAY: Final = datetime.datetime(2026, 11, 25, 8, 0, tzinfo=datetime.UTC)
LISTING_LIMIT: Final = 16 * 1024**2
MEGABYTE: Final = 1024**2


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What an adapter made of an answer, in one word, and every text that it gives on."""

    word: str
    texts: tuple[str, ...] = ()


Call = Callable[[Any, pathlib.Path], Awaitable[Outcome]]


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """One call."""

    call: Call
    # What the platform answers when all is well, and the same for something else that was not asked for.
    valid: bytes
    other: bytes = b'{"deployments": []}'
    # The documented status of success.
    status: int = 200
    method: str = "GET"
    platform: distribution.DistributionPlatform = Platform.MAVEN
    # Whether a body has the documented form of success, read by our own rules.
    documented: Callable[[bytes], bool] = lambda _body: True
    # Changes something for good: one request, whatever comes.
    writes: bool = False
    # May be led to another host, which gets no secret.
    follows: bool = False
    # Statuses that say "not there", and whether only a JSON document of the platform's own says so.
    absent: frozenset[int] = frozenset()
    absent_in_json: bool = False
    # Reads the bytes of a file: whatever whole body comes is a file, if perhaps another one.
    is_file: bool = False
    # The most that it may read of a body.
    at_most: int = MEGABYTE
    # Comes in pages, and says how many there are.
    in_pages: bool = False
    # What is answered before the hostile answer comes.
    before: bytes = b""

    def deadline(self, patience: float) -> float:
        """The seconds in which all of an answer must come, where one call may take `patience`.

        A file has those of its size besides: 256 KiB a second is the slowest that is waited for.
        """
        return patience + self.at_most / (256 * 1024) * self.is_file


def strict(body: bytes) -> Mapping[str, Any] | None:
    """The JSON object of this body by the letter of RFC 8259; None for anything else."""
    try:
        read = json.loads(body.decode(), object_pairs_hook=_no_doubles, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError
    return dict(pairs)


def _refused(_name: str) -> NoReturn:
    raise ValueError


def _holds(**wanted: Any) -> Callable[[bytes], bool]:
    return lambda body: (read := strict(body)) is not None and all(read.get(name) == wanted[name] for name in wanted)


# Calls


def _replied(reply: contract.Reply) -> Outcome:
    word = "success" if reply.answer is steps.Answer.TAKEN else reply.answer.value
    if reply.external_id and (reply.external_id != samples.ID):
        word = "another-id"
    return Outcome(word, (repr(reply),))


async def _stage(adapter: contract.Promoter, scratch: pathlib.Path) -> Outcome:
    uploads = [samples.upload(scratch, path, content) for path, content in UPLOADED.items()]
    return _replied(await adapter.stage(NAME, uploads, scratch))


async def _promote(adapter: contract.Promoter, _scratch: pathlib.Path) -> Outcome:
    return _replied(await adapter.promote(samples.at(samples.ID)))


async def _drop(adapter: contract.Promoter, _scratch: pathlib.Path) -> Outcome:
    return _replied(await adapter.drop(samples.at(samples.ID)))


async def _observe(adapter: contract.Promoter, _scratch: pathlib.Path) -> Outcome:
    seen = await adapter.observe(samples.at(samples.ID))
    right = (seen.seen is steps.Seen.STAGED) and (seen.coordinates == (WHERE,))
    return Outcome("success" if right else seen.seen.value, (repr(seen),))


def _found(found: tuple[contract.Found, ...]) -> Outcome:
    right = [one.external_id for one in found] == [samples.ID]
    return Outcome("success" if right else "something" if found else "nothing", (repr(found),))


async def _find(adapter: contract.Promoter, _scratch: pathlib.Path) -> Outcome:
    return _found(await adapter.find(NAME, samples.at("")))


async def _holding(adapter: contract.Promoter, _scratch: pathlib.Path) -> Outcome:
    return _found((await adapter.holding(WHERE)).found)


async def _staged(adapter: contract.Promoter, _scratch: pathlib.Path) -> Outcome:
    listed = await adapter.staged(samples.at(samples.ID))
    return Outcome("success" if listed == (contract.Listed(POM, FILE.size),) else "something", (repr(listed),))


async def _staged_bytes(adapter: contract.Promoter, _scratch: pathlib.Path) -> Outcome:
    async with adapter.staged_bytes(samples.at(samples.ID), POM, at_most=FILE.size) as chunks:
        body = b"".join([chunk async for chunk in chunks])
    return Outcome("success" if samples.file(POM, body) == FILE else "other-bytes")


async def _public(adapter: contract.Promoter, _scratch: pathlib.Path) -> Outcome:
    [read] = [one async for one in adapter.public(samples.at(""), [FILE])]
    return Outcome("absent" if read.file is None else "success" if read.file == FILE else "other-bytes")


async def _beside(adapter: contract.Promoter, _scratch: pathlib.Path) -> Outcome:
    named = await adapter.beside(WHERE)
    return Outcome("success" if named == {POM} else "other-bytes", tuple(sorted(named)))


async def _taken(adapter: contract.Promoter, _scratch: pathlib.Path) -> Outcome:
    return Outcome("success" if await adapter.taken(WHERE) else "absent")


async def _probe(adapter: contract.Promoter, _scratch: pathlib.Path) -> Outcome:
    return Outcome("success" if await adapter.probe(samples.at(""), POM) else "absent")


def _lookup(where: distribution.Coordinates) -> Call:
    async def look(adapter: contract.Catalogue, _scratch: pathlib.Path) -> Outcome:
        found = await adapter.lookup(where)
        return Outcome("absent" if found is None else "success", (repr(found),))

    return look


# What the platforms answer when all is well


def _dumped(document: object) -> bytes:
    return json.dumps(document).encode()


def _deployment(external_id: str, name: str, purl: str) -> dict[str, Any]:
    files = [{"relativePath": POM, "fileSize": FILE.size}]
    return {
        "deploymentId": external_id,
        "deploymentName": name,
        "deploymentState": "VALIDATED",
        "deploymentType": "BUNDLE",
        "createTimestamp": 1_764_057_600_000,
        "purls": [purl],
        "errors": {},
        "deploymentFiles": files,
    }


def _page(deployment: dict[str, Any]) -> bytes:
    return _dumped({"deployments": [deployment], "page": 0, "pageCount": 1})


_MINE: Final = _deployment(samples.ID, NAME, "pkg:maven/org.example/app@1.0")
_OTHERS: Final = _deployment(samples.OTHER_ID, "atr:app-1.0:2", "pkg:maven/org.example/app@2.0")

CHART: Final = distribution.coordinates(Platform.ARTIFACT_HUB, "apache", "widgets", "2.4.0")
IMAGE: Final = distribution.coordinates(Platform.DOCKER_HUB, "", "widgets", "2.4.0")
PACKAGE: Final = distribution.coordinates(Platform.NPM, "", "widgets", "2.4.0")
SCOPED: Final = distribution.coordinates(Platform.NPM_SCOPED, "apache", "widgets", "2.4.0")
WHEEL: Final = distribution.coordinates(Platform.PYPI, "", "Apache_Widgets", "2.4.0")


def _listing(call: Call) -> Endpoint:
    return Endpoint(
        call,
        _page(_MINE),
        _page(_OTHERS),
        method="POST",
        documented=lambda body: (read := strict(body)) is not None and isinstance(read.get("deployments"), list),
        at_most=LISTING_LIMIT,
        in_pages=True,
    )


def _catalogue(where: distribution.Coordinates, valid: object, other: object, **facts: Any) -> Endpoint:
    shape: dict[str, Any] = {"follows": True, "absent": frozenset({404}), "absent_in_json": True, **facts}
    return Endpoint(_lookup(where), _dumped(valid), _dumped(other), platform=where.platform, **shape)


def _npm(where: distribution.Coordinates, name: str) -> Endpoint:
    valid = {"name": name, "version": "2.4.0"}
    return _catalogue(where, valid, {"name": name, "version": "2.4.1"}, documented=_holds(**valid))


def _is_the_pom(body: bytes) -> bool:
    return body == samples.pom(WHERE)


def _index(*names: str) -> bytes:
    links = "".join(f'<a href="{name}">{name[:8]}..&gt;</a>' for name in names)
    return f"<html><body><pre><a href='../'>../</a>{links}</pre></body></html>".encode()


_GONE: Final = frozenset({404, 410})
_VERSION: Final = {"name": "widgets", "version": "2.4.0"}

ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "stage": Endpoint(
        _stage,
        samples.ID.encode(),
        status=201,
        method="POST",
        writes=True,
        documented=lambda body: body == samples.ID.encode(),
    ),
    "promote": Endpoint(_promote, b"", status=204, method="POST", writes=True),
    "drop": Endpoint(_drop, b"", status=204, method="DELETE", writes=True),
    "observe": Endpoint(
        _observe,
        _dumped(_MINE),
        _dumped(_OTHERS),
        method="POST",
        documented=_holds(deploymentId=samples.ID, deploymentState="VALIDATED", purls=_MINE["purls"]),
    ),
    "find": _listing(_find),
    "holding": _listing(_holding),
    "staged": dataclasses.replace(_listing(_staged)),
    "staged-bytes": Endpoint(
        _staged_bytes,
        samples.pom(WHERE),
        samples.ARMOUR,
        documented=_is_the_pom,
        follows=True,
        is_file=True,
        at_most=FILE.size,
    ),
    "taken": Endpoint(_taken, b'{"published": true}', documented=_holds(published=True)),
    "lookup": Endpoint(_lookup(WHERE), b"", method="HEAD", follows=True, absent=_GONE, at_most=0),
    "probe": Endpoint(_probe, b"", method="HEAD", follows=True, absent=_GONE, at_most=0),
    "public": Endpoint(
        _public,
        samples.pom(WHERE),
        samples.ARMOUR,
        documented=_is_the_pom,
        follows=True,
        absent=_GONE,
        is_file=True,
        at_most=FILE.size,
    ),
    "beside": Endpoint(
        _beside,
        _index("app-1.0.pom"),
        _index("app-1.0-other.pom"),
        documented=lambda body: b"app-1.0.pom" in body,
        follows=True,
        is_file=True,
        at_most=4 * MEGABYTE,
    ),
    "artifact-hub": _catalogue(
        CHART,
        {"version": "2.4.0", "name": "widgets", "ts": 1_764_057_600, "repository": {"name": "apache"}},
        {"version": "2.4.1", "name": "widgets", "ts": 1_764_057_600, "repository": {"name": "apache"}},
        documented=_holds(version="2.4.0", name="widgets", repository={"name": "apache"}),
        at_most=4 * MEGABYTE,
    ),
    "docker-hub": _catalogue(
        IMAGE, {"name": "2.4.0", "tag_last_pushed": DAY.isoformat()}, {"name": "2.4.1"}, documented=_holds(name="2.4.0")
    ),
    "npm": _npm(PACKAGE, "widgets"),
    "npm-scoped": _npm(SCOPED, "@apache/widgets"),
    # The version's own document has come; what is hostile is the whole package's, which only tells since when.
    "npm-dates": _catalogue(
        PACKAGE,
        {"time": {"2.4.0": DAY.isoformat()}},
        {"time": {"2.4.1": DAY.isoformat()}},
        before=_dumped(_VERSION),
        absent=frozenset(),
        at_most=8 * MEGABYTE,
    ),
    "pypi": _catalogue(
        WHEEL,
        {
            "info": {"name": "apache-widgets", "version": "2.4.0"},
            "urls": [{"upload_time_iso_8601": DAY.isoformat()}],
        },
        {"info": {"name": "apache-widgets", "version": "2.4.1"}, "urls": [{}]},
        documented=lambda body: (read := strict(body)) is not None and bool(read.get("urls")) and ("info" in read),
        at_most=4 * MEGABYTE,
    ),
}
