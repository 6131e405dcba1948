# SPDX-License-Identifier: Apache-2.0
"""A small release in Maven's layout, as files on the disk."""

import asyncio
import hashlib
import pathlib
from collections.abc import Iterable

import atr.disk as disk
import atr.platforms.contract as contract
import atr.promotion.fileset as fileset
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.shared.maven as maven

ARMOUR = b"-----BEGIN PGP SIGNATURE-----\n\nmade up\n-----END PGP SIGNATURE-----\n"
ID = "5f52bd32-9403-4e3e-8a40-7a690d985c3f"
OTHER_ID = "bc791596-57eb-4a19-9b72-7badf59def99"


def coordinates(version: str = "1.0", *, package: str = "app", group: str = "org.example") -> distribution.Coordinates:
    return distribution.coordinates(distribution.DistributionPlatform.MAVEN, group, package, version)


def pom(where: distribution.Coordinates) -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>{where.owner_namespace}</groupId>
  <artifactId>{where.package}</artifactId>
  <version>{where.version}</version>
  <name>Example</name>
  <description>An example.</description>
  <url>https://example.org/</url>
  <licenses><license><name>Apache-2.0</name></license></licenses>
  <developers><developer><name>A. Person</name></developer></developers>
  <scm><url>https://example.org/scm</url></scm>
</project>
""".encode()


def release(
    directory: pathlib.Path, where: distribution.Coordinates | None = None, *, jar: bytes = b"PK jar\n"
) -> list[contract.Upload]:
    """The files of one package, written below the directory: no side files, those are the adapter's to make."""
    where = where or coordinates()
    stem = f"{maven.directory(where)}/{where.package}-{where.version}"
    contents = {
        f"{stem}.pom": pom(where),
        f"{stem}.jar": jar,
        f"{stem}-sources.jar": b"PK sources\n",
        f"{stem}-javadoc.jar": b"PK javadoc\n",
    }
    contents |= {f"{path}.asc": ARMOUR for path in list(contents)}
    return [written(directory, path, data) for path, data in contents.items()]


def written(directory: pathlib.Path, path: str, data: bytes) -> contract.Upload:
    source = directory / path
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_bytes(data)
    return upload(directory, path, data)


def upload(directory: pathlib.Path, path: str, data: bytes = b"", *, at: str = "") -> contract.Upload:
    """A file to upload that was recorded with these bytes, at this place below the directory or at its own path."""
    recorded = disk.Recorded(directory, at or path, len(data), hashlib.sha256(data).hexdigest())
    return contract.Upload(path, recorded)


def files(uploads: Iterable[contract.Upload]) -> list[fileset.File]:
    return [file(upload.path, b"".join(upload.source.pieces())) for upload in uploads]


def file(path: str, data: bytes) -> fileset.File:
    return fileset.File(path, len(data), hashlib.sha256(data).hexdigest())


async def until(adapter: contract.Promoter, external_id: str, *wanted: steps.Seen) -> contract.Observation:
    """Ask until the deployment is where it is wanted."""
    async with asyncio.timeout(10):
        while True:
            observed = await adapter.observe(at(external_id))
            if observed.seen in wanted:
                return observed
            await asyncio.sleep(0.01)


def at(external_id: str, code: str = "") -> contract.Target:
    """A call about this deployment."""
    return contract.Target(external_id, code=code)


async def staged(adapter: contract.Promoter, directory: pathlib.Path, name: str = "atr:app-1.0:1") -> str:
    """Stage the sample release and wait until it is ready; its id."""
    reply = await adapter.stage(name, release(directory), directory)
    await until(adapter, reply.external_id, steps.Seen.STAGED)
    return reply.external_id
