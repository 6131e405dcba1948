# SPDX-License-Identifier: Apache-2.0
"""The bundle: what is in it, and that it is the same each time."""

import hashlib
import io
import pathlib
import tempfile
import zipfile

import pytest

import atr.errors as errors
import atr.platforms.central_portal.bundle as maven_bundle
import tests.platforms.samples as samples

JAR = "org/example/app/1.0/app-1.0.jar"


def names(archive: io.BytesIO) -> list[str]:
    return zipfile.ZipFile(archive).namelist()


def test_each_file_gets_the_checksums_it_lacks(tmp_path: pathlib.Path) -> None:
    uploads = [
        samples.written(tmp_path, JAR, b"jar"),
        samples.written(tmp_path, f"{JAR}.asc", samples.ARMOUR),
        samples.written(tmp_path, f"{JAR}.md5", b"given"),
        samples.written(tmp_path, f"{JAR}.sha512", b"given too"),
    ]
    archive = io.BytesIO()
    size = maven_bundle.write(uploads, archive)
    assert size == len(archive.getvalue())
    assert names(archive) == [JAR, f"{JAR}.sha1", f"{JAR}.asc", f"{JAR}.md5", f"{JAR}.sha512"]
    bundle = zipfile.ZipFile(archive)
    assert bundle.read(JAR) == b"jar"
    assert bundle.read(f"{JAR}.md5") == b"given"
    assert bundle.read(f"{JAR}.sha1").decode() == hashlib.sha1(b"jar").hexdigest()


def test_what_is_compressed_is_stored(tmp_path: pathlib.Path) -> None:
    uploads = samples.release(tmp_path)
    archive = io.BytesIO()
    maven_bundle.write(uploads, archive)
    kinds = {info.filename: info.compress_type for info in zipfile.ZipFile(archive).infolist()}
    assert kinds[JAR] == zipfile.ZIP_STORED
    assert kinds[JAR.replace(".jar", ".pom")] == zipfile.ZIP_DEFLATED
    assert kinds[f"{JAR}.asc"] == zipfile.ZIP_DEFLATED


def test_the_same_files_make_the_same_bundle(tmp_path: pathlib.Path) -> None:
    uploads = samples.release(tmp_path)
    first, second = io.BytesIO(), io.BytesIO()
    maven_bundle.write(uploads, first)
    maven_bundle.write(list(reversed(uploads)), second)
    assert first.getvalue() == second.getvalue()


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a\\b", "org/example/app/1.0/other.jar", "x.jar"])
def test_what_is_not_in_mavens_layout_is_refused(tmp_path: pathlib.Path, path: str) -> None:
    with pytest.raises(errors.InputError):
        maven_bundle.chosen([samples.upload(tmp_path, path)])


def test_nothing_and_twice_are_refused(tmp_path: pathlib.Path) -> None:
    upload = samples.written(tmp_path, JAR, b"jar")
    metadata = samples.upload(tmp_path, "org/example/app/maven-metadata.xml")
    with pytest.raises(errors.InputError, match="no files"):
        maven_bundle.chosen([])
    with pytest.raises(errors.InputError, match="repository metadata"):
        maven_bundle.chosen([upload, metadata])
    with pytest.raises(errors.InputError, match="twice"):
        maven_bundle.chosen([upload, upload])


def test_a_file_that_is_not_there_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.InputError, match=r"app-1\.0\.jar is not what was recorded.*is not there"):
        maven_bundle.write([samples.upload(tmp_path, JAR)], io.BytesIO())


def test_a_full_disk_is_no_refusal(tmp_path: pathlib.Path) -> None:
    upload = samples.written(tmp_path, JAR, b"x" * 100_000)
    device = pathlib.Path("/dev/full")
    with device.open("wb", buffering=0) as full, pytest.raises(errors.UnavailableError, match="No space left"):
        maven_bundle.write([upload], full)


def test_the_limit(tmp_path: pathlib.Path) -> None:
    upload = samples.written(tmp_path, JAR, b"x" * 1000)
    size = maven_bundle.write([upload], io.BytesIO(), limit=None)
    assert maven_bundle.write([upload], io.BytesIO(), limit=size) == size
    # The files fit, the directory at the end does not.
    with pytest.raises(errors.InputError, match="larger than"):
        maven_bundle.write([upload], io.BytesIO(), limit=size - 1)
    with pytest.raises(errors.InputError, match="larger than the 500 bytes"):
        maven_bundle.write([upload], io.BytesIO(), limit=500)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("atr:app-1.0:1", "atr-app-1.0-1.zip"),
        ('a"b\r\nX: y', "a-b-X-y.zip"),
        ("../../x", "x.zip"),
        ("é", "bundle.zip"),
        ("n" * 300, "n" * 100 + ".zip"),
    ],
)
def test_file_names_are_safe(name: str, expected: str) -> None:
    assert maven_bundle.file_name(name) == expected


async def test_the_body_is_as_long_as_it_says() -> None:
    with tempfile.TemporaryFile() as archive:
        archive.write(b"z" * 3_000_000)
        body = maven_bundle.Body(archive, name="atr:x:1", size=3_000_000)
        data = b"".join([chunk async for chunk in body])
    assert str(len(data)) == body.headers["Content-Length"]
    boundary = body.headers["Content-Type"].partition("boundary=")[2]
    assert data.startswith(
        f'--{boundary}\r\nContent-Disposition: form-data; name="bundle"; filename="atr-x-1.zip"'.encode()
    )
    assert data.endswith(f"z\r\n--{boundary}--\r\n".encode())
