# SPDX-License-Identifier: Apache-2.0
"""The upload bundle for Central: one zip in the layout of a Maven repository, and the request body around it.

https://central.sonatype.org/publish/publish-portal-upload/
"""

import asyncio
import itertools
import re
import secrets
import zipfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import IO, Final

import atr.disk as disk
import atr.errors as errors
import atr.platforms.contract as contract
import atr.shared.bundle as bundles
import atr.shared.maven as maven
import atr.shared.mechanisms as mechanisms

LIMIT: Final = mechanisms.Mechanism.CENTRAL_PORTAL.largest_upload
_CHUNK: Final = 1024**2
# The earliest time that a zip can have, so that the same files make the same bundle.
_WHEN: Final = (1980, 1, 1, 0, 0, 0)
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_NAME: Final = 100


def chosen(files: Iterable[contract.Upload]) -> tuple[contract.Upload, ...]:
    """Return the files of a bundle, in order. Raises InputError for no files, a duplicate path, or another layout."""
    kept = sorted(files, key=_path)
    for upload in kept:
        maven.parse_path(upload.path)
    for first, second in itertools.pairwise(kept):
        if first.path == second.path:
            raise errors.InputError(f"{first.path} is given twice, so we cannot tell which bytes are meant.")
    if not kept:
        raise errors.InputError("There are no files to upload.")
    return tuple(kept)


def write(files: Sequence[contract.Upload], archive: IO[bytes], *, limit: int | None = LIMIT) -> int:
    """Write the bundle and return its size, in constant memory. It blocks: run it in a thread.

    Missing checksums are added for each file that is neither a signature nor a checksum. Each file is compared with its
    record while it is written, so no other bytes can be sent. Raises InputError for a file that differs from its
    record and for a bundle that is too large, UnavailableError if the bundle cannot be written.
    """
    uploads = chosen(files)
    given = {upload.path for upload in uploads}
    try:
        with zipfile.ZipFile(archive, "w") as bundle:
            for upload in uploads:
                digests = _add(bundle, upload)
                for suffix, digest in digests.items():
                    if f"{upload.path}.{suffix}" not in given:
                        bundle.writestr(_entry(f"{upload.path}.{suffix}"), digest)
                _refuse_too_large(archive.tell(), limit)
        size = archive.tell()
    except OSError as fault:
        raise errors.UnavailableError(
            f"The bundle could not be written: {fault.strerror}. Nothing was sent. Ask an operator."
        ) from fault
    _refuse_too_large(size, limit)
    return size


class Body:
    """The multipart request body around a bundle, which is read from the file while it is sent."""

    def __init__(self, archive: IO[bytes], *, name: str, size: int) -> None:
        boundary = secrets.token_hex(16)
        self._archive = archive
        # https://central.sonatype.org/publish/publish-portal-api/#uploading-a-deployment-bundle
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="bundle"; filename="{file_name(name)}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.size: Final = len(self._head) + size + len(self._tail)
        self.headers: Mapping[str, str] = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(self.size),
        }

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._head
        await asyncio.to_thread(self._archive.seek, 0)
        while chunk := await asyncio.to_thread(self._archive.read, _CHUNK):
            yield chunk
        yield self._tail


def file_name(name: str) -> str:
    """Return a file name for the bundle of a deployment, safe in a header and on a disk."""
    return f"{_UNSAFE.sub('-', name)[:_MAX_NAME].strip('.-') or 'bundle'}.zip"


def _add(bundle: zipfile.ZipFile, upload: contract.Upload) -> dict[str, str]:
    wanted = bundles.REQUIRED_SIDE_FILES if bundles.has_side_files(upload.path) else ()
    try:
        with bundle.open(_entry(upload.path), "w", force_zip64=True) as target:
            return disk.digests(_written(upload, target), wanted)
    except errors.DamagedError as damage:
        raise errors.InputError(
            f"{upload.path} is not what was recorded: on our disk it {damage}. Nothing was sent. Tell the operator."
        ) from damage


def _written(upload: contract.Upload, target: IO[bytes]) -> Iterator[bytes]:
    for piece in upload.source.pieces():
        target.write(piece)
        yield piece


def _entry(path: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, _WHEN)
    entry.compress_type = zipfile.ZIP_STORED if bundles.stays_as_it_is(path) else zipfile.ZIP_DEFLATED
    # A regular file that everyone may read, as archivers usually store it.
    entry.external_attr = 0o100644 << 16
    return entry


def _refuse_too_large(size: int, limit: int | None) -> None:
    if (limit is not None) and (size > limit):
        raise errors.InputError(
            f"The bundle would be larger than the {limit:,} bytes that Central takes. Nothing was sent. "
            "Stage the release in several deployments."
        )


def _path(upload: contract.Upload) -> str:
    return upload.path
