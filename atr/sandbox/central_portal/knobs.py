# SPDX-License-Identifier: Apache-2.0
"""What can happen to a deployment without a client's request. Each knob is a function.

Over HTTP: `POST /control/deployments/<id>/<name of the knob>` with its arguments as a JSON object. A knob without a
given path uses the deployment's first plain jar. All raise NotFoundError, InputError or ConflictError.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import pydantic

import atr.errors as errors
import atr.sandbox.central_portal.bundle as bundles
import atr.sandbox.central_portal.deployment as deployments
import atr.sandbox.central_portal.portal as portals
import atr.sandbox.central_portal.public as public

_Portal = portals.Portal
_Deployment = deployments.Deployment
_checked: Final = pydantic.validate_call(config=pydantic.ConfigDict(arbitrary_types_allowed=True))
_Reads = Annotated[int, pydantic.Field(ge=0)] | None
_Errors = dict[str, list[str]] | None


def _strange() -> _Errors:
    return {"common": ["Deployment components info not found"]}


def tamper(portal: _Portal, deployment: _Deployment, /, path: str = "") -> None:
    """Change one byte of a staged file, but not its checksum files."""
    file = portal.folder(deployment) / staged_path(deployment, path)
    public.replace_bytes(file, public.one_byte_off(file.read_bytes()))


def add_file(portal: _Portal, deployment: _Deployment, /, path: str = "", text: str = "not voted on\n") -> None:
    """Add a staged file that was not uploaded; without a path it is next to the first plain jar."""
    path = path or f"{deployment.main_file().removesuffix('.jar')}-extra.txt"
    file = portal.folder(deployment) / bundles.check_path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    public.replace_bytes(file, text.encode())
    deployment.files[path] = bundles.StagedFile(size=len(text.encode()), when=portal.core.now())


def remove_file(portal: _Portal, deployment: _Deployment, /, path: str = "") -> None:
    """Remove a staged file."""
    path = staged_path(deployment, path)
    (portal.folder(deployment) / path).unlink()
    del deployment.files[path]


def rename_file(portal: _Portal, deployment: _Deployment, /, to: str, path: str = "") -> None:
    """Move a staged file to another path."""
    path = staged_path(deployment, path)
    target = portal.folder(deployment) / bundles.check_path(to)
    target.parent.mkdir(parents=True, exist_ok=True)
    (portal.folder(deployment) / path).rename(target)
    deployment.files[to] = deployment.files.pop(path)


def vanish(portal: _Portal, deployment: _Deployment, /) -> None:
    """Remove the deployment in any state, as if it was dropped by someone else or has expired."""
    portal.forget(deployment)


def publish_by_hand(portal: _Portal, deployment: _Deployment, /) -> None:
    """Publish the deployment, as if somebody pressed Publish on the platform's own page."""
    portal.publish(deployment, by_hand=True)


def stick(_portal: _Portal, deployment: _Deployment, /, *, on: bool = True) -> None:
    """Let PUBLISHING not end until this is turned off again."""
    deployment.twists.stuck = on


def fail_publishing(
    _portal: _Portal,
    deployment: _Deployment,
    /,
    errors: Annotated[tuple[str, ...], pydantic.Field(min_length=1)] = ("Deployment could not be published",),
) -> None:
    """Let PUBLISHING end in FAILED."""
    deployment.twists.failing = errors


def show_errors(
    _portal: _Portal, deployment: _Deployment, /, errors: Annotated[_Errors, pydantic.Field(default_factory=_strange)]
) -> None:
    """Return these `errors` in every state, as seen for PENDING and PUBLISHED ones. null: the real errors again."""
    deployment.twists.errors = errors


def show_state(_portal: _Portal, deployment: _Deployment, /, word: str = "QUARANTINED", reads: _Reads = None) -> None:
    """Let status and listing return this word as the state, this many times; null: always."""
    deployment.twists.word = word
    deployment.twists.word_reads = reads


def listing(_portal: _Portal, deployment: _Deployment, /, twist: deployments.ListingTwist, reads: _Reads = 1) -> None:
    """Make the listing wrong this many times; null: always.

    hide: it is empty. extra: it names a file that does not exist. repeat: it names one file twice. omit: it has no
    `deploymentFiles`. cut: its second half is missing. short: its last file is missing. reorder: its order is reversed.
    """
    deployment.twists.listing = twist
    deployment.twists.listing_reads = reads


def alter_public(portal: _Portal, deployment: _Deployment, /, path: str = "") -> None:
    """Change one byte of a file in the public repository: now if it is published, else when it is."""
    path = staged_path(deployment, path)
    if deployment.state is deployments.State.PUBLISHED:
        portal.alter_public(path)
    else:
        deployment.twists.alter_public += (path,)


def withhold_public(portal: _Portal, deployment: _Deployment, /, paths: tuple[str, ...] = ()) -> None:
    """Remove these files from the public repository: now if they are published, else they never appear there."""
    paths = tuple(staged_path(deployment, path) for path in paths or ("",))
    if deployment.state is not deployments.State.PUBLISHED:
        deployment.twists.withhold_public += paths
        return
    for path in paths:
        portal.withdraw_public(path)


KNOBS: Final[Mapping[str, Callable[..., None]]] = {
    knob.__name__.replace("_", "-"): _checked(knob)
    for knob in (
        tamper,
        add_file,
        remove_file,
        rename_file,
        vanish,
        publish_by_hand,
        stick,
        fail_publishing,
        show_errors,
        show_state,
        listing,
        alter_public,
        withhold_public,
    )
}


def turn(portal: _Portal, deployment_id: str, name: str, fields: Mapping[str, Any]) -> None:
    """Call a knob by its name. Raises NotFoundError for an unknown knob or deployment, InputError for its fields."""
    portal.advance()
    if name not in KNOBS:
        raise errors.NotFoundError(f"No knob {name!r}; there are {', '.join(KNOBS)}")
    if deployment_id not in portal.deployments:
        raise errors.NotFoundError(f"No deployment {deployment_id!r}")
    try:
        KNOBS[name](portal, portal.deployments[deployment_id], **fields)
    except pydantic.ValidationError as error:
        raise errors.InputError(str(error)) from error
    portal.core.dirty = True


def staged_path(deployment: _Deployment, path: str) -> str:
    """Return the path, or the deployment's main file without one. Raises NotFoundError if it has no such file."""
    chosen = path or deployment.main_file()
    if chosen not in deployment.files:
        raise errors.NotFoundError(f"The deployment has no file {chosen!r}")
    return chosen
