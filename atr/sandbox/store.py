# SPDX-License-Identifier: Apache-2.0
"""Keeps a world on disk, so that a stand-in that is stopped and started again still has what was staged and public."""

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
    """All that outlives the process. The bytes of files lie beside it, under their paths."""

    deployments: list[deployments.Deployment]
    public_files: dict[str, float]
    public_components: list[tuple[validation.Component, float]]
    # One of an earlier program has none.
    shelf: list[shelves.Version] = dataclasses.field(default_factory=list)


_JSON: Final = pydantic.TypeAdapter(Snapshot)


def write(path: pathlib.Path, snapshot: Snapshot) -> None:
    """Replace what was there, whole or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(_JSON.dump_json(snapshot))
    fresh.replace(path)


def read(path: pathlib.Path) -> Snapshot:
    """What `write` wrote. Raises SettingsError for anything else."""
    try:
        return _JSON.validate_json(path.read_bytes())
    except pydantic.ValidationError as error:
        raise errors.SettingsError(f"{path} is not the state of a sandbox; move it away to start afresh") from error
