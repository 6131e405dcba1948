# SPDX-License-Identifier: Apache-2.0
"""Store a world on disk, so that a restarted sandbox still has its staged and public files."""

import dataclasses
import pathlib
from typing import Final

import pydantic

import atr.errors as errors
import atr.sandbox.central_portal.deployment as deployments
import atr.sandbox.central_portal.validation as validation
import atr.sandbox.shelf as shelves


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The state that outlives the process. The bytes of files are stored separately, under their paths."""

    deployments: list[deployments.Deployment]
    public_files: dict[str, float]
    public_components: list[tuple[validation.Component, float]]
    # A snapshot of an earlier version has none.
    shelf: list[shelves.Version] = dataclasses.field(default_factory=list)


_JSON: Final = pydantic.TypeAdapter(Snapshot)


def write(path: pathlib.Path, snapshot: Snapshot) -> None:
    """Replace the snapshot atomically."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(_JSON.dump_json(snapshot))
    fresh.replace(path)


def read(path: pathlib.Path) -> Snapshot:
    """Return the snapshot that `write` wrote. Raises SettingsError for any other content."""
    try:
        return _JSON.validate_json(path.read_bytes())
    except pydantic.ValidationError as error:
        raise errors.SettingsError(f"{path} is not the state of a sandbox; move it away to start afresh") from error
