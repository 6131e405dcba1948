# SPDX-License-Identifier: Apache-2.0
"""The files of a ballot as a read-only repository: for Maven by its address in `settings.xml`, for people as folders.

Anyone may read it, because the vote is public. No file runs in a browser, whatever its content is.
"""

import asyncio
import io
import logging
import pathlib
from collections.abc import AsyncIterator, Mapping
from typing import Final

import quart
import werkzeug.http

import atr.disk as disk
import atr.errors as errors
import atr.pages.repository as repository
import atr.sharing as sharing
import atr.web as web

BLUEPRINT = quart.Blueprint("get_repository", __name__)

_LOG: Final = logging.getLogger(__name__)
# The checksums of recorded files, from one read. They stay valid, because the digest fixes the content.
_SUMS: Final[sharing.Shared[Mapping[str, str]]] = sharing.Shared(threads=2, kept=4_096)
# What a browser may show; it saves everything else.
_SHOWN: Final[Mapping[str, str]] = {
    ".asc": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".md5": "text/plain; charset=utf-8",
    ".module": "application/json",
    ".pom": "application/xml",
    ".sha1": "text/plain; charset=utf-8",
    ".sha256": "text/plain; charset=utf-8",
    ".sha512": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".xml": "application/xml",
}
_SAVED: Final[Mapping[str, str]] = {
    ".gz": "application/gzip",
    ".jar": "application/java-archive",
    ".tgz": "application/gzip",
    ".war": "application/java-archive",
    ".zip": "application/zip",
}
# A file that is shown runs no script, loads nothing and has no origin, because an XML file can be a page.
_CSP: Final = "default-src 'none'; frame-ancestors 'none'; sandbox"


@BLUEPRINT.get("/repository/<project_key>/<version_key>/<digest>/")
async def root(project_key: str, version_key: str, digest: str) -> quart.Response:
    """URL: /repository/<project_key>/<version_key>/<digest>/."""
    return await file(project_key, version_key, digest, "")


@BLUEPRINT.get("/repository/<project_key>/<version_key>/<digest>/<path:path>")
async def file(project_key: str, version_key: str, digest: str, path: str) -> quart.Response:
    """URL: /repository/<project_key>/<version_key>/<digest>/<path>: a file, a checksum of one, or a folder."""
    async with web.site().storage.read() as read:
        found = await repository.served(read, project_key, version_key, digest, path)
    if isinstance(found, repository.ServedFolder):
        return quart.Response(await web.render("repository/folder.html", view=found))
    if found.algorithm:
        return _answer(path, found, (await _sums(found))[found.algorithm].encode())
    return _answer(path, found, await _opened(found))


def _answer(path: str, found: repository.ServedFile, content: bytes | io.FileIO) -> quart.Response:
    """Return the file with its headers; only the headers for HEAD, or if the client already has the file."""
    if isinstance(content, bytes):
        size, etag = len(content), f"{found.file.sha256}-{found.algorithm}"
    else:
        size, etag = found.file.size, found.file.sha256
    unchanged = quart.request.if_none_match.contains(etag)
    if unchanged or (quart.request.method == "HEAD"):
        response = quart.Response("", 304 if unchanged else 200)
        if not isinstance(content, bytes):
            content.close()
    else:
        response = quart.Response(content if isinstance(content, bytes) else _pieces(found, content))
    ending = pathlib.PurePosixPath(path).suffix
    response.headers["Content-Type"] = _SHOWN.get(ending) or _SAVED.get(ending, "application/octet-stream")
    if ending not in _SHOWN:
        response.headers["Content-Disposition"] = "attachment"
    if not unchanged:
        response.headers["Content-Length"] = str(size)
    response.headers["Content-Security-Policy"] = _CSP
    # The content of an address never changes but can be deleted, so clients revalidate it and never download it again.
    response.headers["Cache-Control"] = "public, no-cache"
    response.headers["ETag"] = werkzeug.http.quote_etag(etag)
    response.headers["Last-Modified"] = werkzeug.http.http_date(found.at)
    # A gigabyte takes long over a slow connection.
    response.timeout = None
    return response


async def _opened(found: repository.ServedFile) -> io.FileIO:
    try:
        return await asyncio.to_thread(found.file.opened)
    except errors.DamagedError as damage:
        raise _lost(found, damage) from damage


async def _sums(found: repository.ServedFile) -> Mapping[str, str]:
    try:
        return await _SUMS.get(found.file, lambda: disk.digests(found.file.pieces()))
    except errors.DamagedError as damage:
        raise _lost(found, damage) from damage


def _lost(found: repository.ServedFile, damage: errors.DamagedError) -> errors.NotFoundError:
    """Log a recorded file that the disk does not have, for the operators, and return the error for the client."""
    _LOG.error("%s %s", found.file.path, damage, extra={"action": "blob_lost", "sha256": found.file.sha256})
    return errors.NotFoundError("The stored file is damaged, so it is not served. Tell the operators.")


async def _pieces(found: repository.ServedFile, opened: io.FileIO) -> AsyncIterator[bytes]:
    """Yield the recorded bytes. If the file has others, the response ends early, so that no client accepts it."""
    try:
        pieces = found.file.pieces_of(opened)
        while piece := await asyncio.to_thread(next, pieces, b""):
            yield piece
    except errors.DamagedError as damage:
        raise _lost(found, damage) from damage
    finally:
        opened.close()
