# SPDX-License-Identifier: Apache-2.0
"""Bundles to upload, good by default; a test says what is wrong with its own."""

import hashlib
import io
import pathlib
import zipfile
from collections.abc import Callable, Mapping
from typing import Final

SIGNATURE: Final = b"-----BEGIN PGP SIGNATURE-----\n\nnot a real one\n-----END PGP SIGNATURE-----\n"
SHARED_TREE: Final = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "commons-cli-1.9.0"

_FACTS: Final = {
    "name": "<name>Example</name>",
    "description": "<description>Example</description>",
    "url": "<url>https://example.org/</url>",
    "licenses": "<licenses><license><name>Apache-2.0</name></license></licenses>",
    "scm": "<scm><url>https://example.org/scm</url></scm>",
    "developers": "<developers><developer><id>dev</id></developer></developers>",
}


def pom(
    group: str = "org.example",
    artifact: str = "thing",
    version: str = "1.0",
    *,
    packaging: str = "",
    without: str = "",
    parent: str = "",
    extra: str = "",
) -> bytes:
    """A POM that lacks nothing but the fact named in `without`. An empty coordinate is left out."""
    coordinates = "".join(
        f"<{tag}>{text}</{tag}>"
        for tag, text in (("groupId", group), ("artifactId", artifact), ("version", version), ("packaging", packaging))
        if text
    )
    facts = "".join(text for key, text in _FACTS.items() if key != without)
    return (
        f'<?xml version="1.0"?><!-- a comment --><project xmlns="http://maven.apache.org/POM/4.0.0">'
        f"{parent}{coordinates}{facts}{extra}</project>"
    ).encode()


def component(
    group: str = "org.example",
    artifact: str = "thing",
    version: str = "1.0",
    *,
    packaging: str = "",
    content: bytes = b"class",
    pom_bytes: bytes | None = None,
) -> dict[str, bytes]:
    """The files of one artifact, with signatures and checksums."""
    stem = f"{group.replace('.', '/')}/{artifact}/{version}/{artifact}-{version}"
    files = {f"{stem}.pom": pom_bytes or pom(group, artifact, version, packaging=packaging)}
    if packaging != "pom":
        files |= {f"{stem}.jar": content, f"{stem}-sources.jar": b"source", f"{stem}-javadoc.jar": b"doc"}
    return with_side_files(files)


def with_side_files(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files, each with a signature, md5 and sha1."""
    made = dict(files)
    for path, data in files.items():
        made[f"{path}.asc"] = SIGNATURE
        made[f"{path}.md5"] = hashlib.md5(data).hexdigest().encode()
        made[f"{path}.sha1"] = hashlib.sha1(data).hexdigest().encode()
    return made


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The files as a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return buffer.getvalue()


def bundle(change: Callable[[dict[str, bytes]], object] | None = None) -> bytes:
    """A valid bundle of one artifact, `org.example:thing:1.0`, changed in place by the function."""
    files = component()
    if change is not None:
        change(files)
    return zipped(files)


def commons_cli() -> bytes:
    """The real tree of Commons CLI 1.9.0, with the checksums that its uploader would make."""
    files = {
        path.relative_to(SHARED_TREE).as_posix(): path.read_bytes()
        for path in sorted(SHARED_TREE.rglob("*"))
        if path.is_file() and path.suffix != ".sha1"
    }
    mains = {path: data for path, data in files.items() if not path.endswith(".asc")}
    return zipped(with_side_files(mains) | {path: data for path, data in files.items() if path.endswith(".asc")})
