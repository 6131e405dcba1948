# SPDX-License-Identifier: Apache-2.0
"""What a bundle will be, told before it is written, against the bundle that is written."""

import io
import os
import pathlib

import pytest

import atr.platforms.central_portal.bundle as maven_bundle
import atr.sandbox.settings as settings
import atr.shared.bundle as bundle
import atr.shared.mechanisms as mechanisms
import atr.storage.uploads as uploads
from tests.platforms import samples

_PORTAL = mechanisms.Mechanism.CENTRAL_PORTAL
_POM = "org/example/widgets/1.0/widgets-1.0.pom"
_JAR = "org/example/widgets/1.0/widgets-1.0.jar"


def test_the_checksums_that_are_made_are_counted() -> None:
    """A signature and a checksum need none, and what is given is not made again."""
    sizes = {_POM: 1000, f"{_POM}.asc": 500, f"{_POM}.sha1": 40, _JAR: 70_000}
    plan = bundle.planned(sizes)
    assert (plan.files, plan.made, plan.size) == (7, 3, 71_540 + 32 + 32 + 40)
    # The POM and what is beside it may be compressed, the jar stays as it is.
    assert 70_000 < plan.certain < plan.size


@pytest.mark.parametrize("compressible", [True, False])
def test_no_bundle_is_smaller_than_was_certain(tmp_path: pathlib.Path, compressible: bool) -> None:  # noqa: FBT001
    """So an upload is refused beforehand only where the platform would refuse it for sure."""
    sizes = {_POM: 40_000, f"{_POM}.asc": 800, _JAR: 300_000, f"{_JAR}.asc": 800}
    uploads = []
    for number, (path, size) in enumerate(sizes.items()):
        content = b"x" * size if compressible else os.urandom(size)
        (tmp_path / str(number)).write_bytes(content)
        uploads.append(samples.upload(tmp_path, path, content, at=str(number)))
    plan = bundle.planned(sizes)
    written = maven_bundle.write(uploads, io.BytesIO())
    assert plan.certain <= written
    if compressible:
        assert written < plan.size


def test_everybody_means_the_same_limit() -> None:
    """What the page says, what the adapter refuses, and what the stand-in refuses."""
    assert _PORTAL.largest_upload == maven_bundle.LIMIT == settings.BUNDLE_LIMIT == 2**30
    assert "1,073,741,824" in uploads.too_large(_PORTAL, 2**31).sentence
