# SPDX-License-Identifier: Apache-2.0
"""What can happen to a deployment behind a client's back. Each knob is a value with an `apply`.

Over HTTP: `POST /control/deployments/<id>/<name of the knob>` with its fields as a JSON object. A knob that takes a
path and is given none takes the deployment's first plain jar.
"""

import abc
from collections.abc import Mapping
from typing import Annotated, Any, Final

import pydantic

import atr.errors as errors
import atr.sandbox.central_portal.bundle as bundle
import atr.sandbox.central_portal.deployment as deployments
import atr.sandbox.central_portal.portal as portals
import atr.sandbox.central_portal.public as public

Reads = Annotated[int, pydantic.Field(ge=0)] | None


class Knob(pydantic.BaseModel, abc.ABC):
    """One change to one deployment. `apply` raises NotFoundError, InputError or ConflictError."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    @abc.abstractmethod
    def apply(self, portal: portals.Portal, deployment: deployments.Deployment, /) -> None: ...


class Tamper(Knob):
    """One byte of a staged file changes. Its checksum files do not."""

    path: str = ""

    def apply(self, portal: portals.Portal, deployment: deployments.Deployment, /) -> None:
        file = portal.folder(deployment) / staged_path(deployment, self.path)
        public.replace_bytes(file, public.one_byte_off(file.read_bytes()))


class AddFile(Knob):
    """A file that nobody uploaded appears among the staged ones; without a path beside the first plain jar."""

    path: str = ""
    text: str = "not voted on\n"

    def apply(self, portal: portals.Portal, deployment: deployments.Deployment, /) -> None:
        path = self.path or f"{deployment.main_file().removesuffix('.jar')}-extra.txt"
        file = portal.folder(deployment) / bundle.check_path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        public.replace_bytes(file, self.text.encode())
        deployment.files[path] = bundle.StagedFile(size=len(self.text.encode()), when=portal.core.now())


class RemoveFile(Knob):
    """A staged file disappears."""

    path: str = ""

    def apply(self, portal: portals.Portal, deployment: deployments.Deployment, /) -> None:
        path = staged_path(deployment, self.path)
        (portal.folder(deployment) / path).unlink()
        del deployment.files[path]


class RenameFile(Knob):
    """A staged file's bytes have another path."""

    path: str = ""
    to: str

    def apply(self, portal: portals.Portal, deployment: deployments.Deployment, /) -> None:
        path = staged_path(deployment, self.path)
        target = portal.folder(deployment) / bundle.check_path(self.to)
        target.parent.mkdir(parents=True, exist_ok=True)
        (portal.folder(deployment) / path).rename(target)
        deployment.files[self.to] = deployment.files.pop(path)


class Vanish(Knob):
    """The deployment is gone, whatever its state: dropped by another hand, or expired."""

    def apply(self, portal: portals.Portal, deployment: deployments.Deployment, /) -> None:
        portal.forget(deployment)


class PublishByHand(Knob):
    """Somebody presses Publish on the platform's own page."""

    def apply(self, portal: portals.Portal, deployment: deployments.Deployment, /) -> None:
        portal.publish(deployment, by_hand=True)


class Stick(Knob):
    """PUBLISHING does not end, until this is turned off again."""

    on: bool = True

    def apply(self, _portal: portals.Portal, deployment: deployments.Deployment, /) -> None:
        deployment.twists.stuck = self.on


class FailPublishing(Knob):
    """PUBLISHING ends in FAILED."""

    errors: Annotated[tuple[str, ...], pydantic.Field(min_length=1)] = ("Deployment could not be published",)

    def apply(self, _portal: portals.Portal, deployment: deployments.Deployment, /) -> None:
        deployment.twists.failing = self.errors


class ShowErrors(Knob):
    """`errors` is filled in whatever the state, as was seen on PENDING and PUBLISHED ones. null: as it really is."""

    errors: dict[str, list[str]] | None = {"common": ["Deployment components info not found"]}

    def apply(self, _portal: portals.Portal, deployment: deployments.Deployment, /) -> None:
        deployment.twists.errors = self.errors


class ShowState(Knob):
    """Status and listing answer this word as state, so many times; null: for ever."""

    word: str = "QUARANTINED"
    reads: Reads = None

    def apply(self, _portal: portals.Portal, deployment: deployments.Deployment, /) -> None:
        deployment.twists.word = self.word
        deployment.twists.word_reads = self.reads


class Listing(Knob):
    """The listing is wrong so many times; null: for ever.

    hide: it is empty. extra: it names a file that is not there. repeat: it names one file twice. omit: it has no
    `deploymentFiles` at all. cut: its second half is missing. short: its last file is missing. reorder: it begins with
    the last file.
    """

    twist: deployments.ListingTwist
    reads: Reads = 1

    def apply(self, _portal: portals.Portal, deployment: deployments.Deployment, /) -> None:
        deployment.twists.listing = self.twist
        deployment.twists.listing_reads = self.reads


class AlterPublic(Knob):
    """One byte of a file differs in the public repository: at once if it is there, else when it gets there."""

    path: str = ""

    def apply(self, portal: portals.Portal, deployment: deployments.Deployment, /) -> None:
        path = staged_path(deployment, self.path)
        if deployment.state is deployments.State.PUBLISHED:
            portal.alter_public(path)
        else:
            deployment.twists.alter_public += (path,)


class WithholdPublic(Knob):
    """These files are not in the public repository: taken away if they are there, else they never get there."""

    paths: tuple[str, ...] = ()

    def apply(self, portal: portals.Portal, deployment: deployments.Deployment, /) -> None:
        paths = tuple(staged_path(deployment, path) for path in self.paths or ("",))
        if deployment.state is not deployments.State.PUBLISHED:
            deployment.twists.withhold_public += paths
            return
        for path in paths:
            portal.withdraw_public(path)


KNOBS: Final[Mapping[str, type[Knob]]] = {
    "tamper": Tamper,
    "add-file": AddFile,
    "remove-file": RemoveFile,
    "rename-file": RenameFile,
    "vanish": Vanish,
    "publish-by-hand": PublishByHand,
    "stick": Stick,
    "fail-publishing": FailPublishing,
    "show-errors": ShowErrors,
    "show-state": ShowState,
    "listing": Listing,
    "alter-public": AlterPublic,
    "withhold-public": WithholdPublic,
}


def turn(portal: portals.Portal, deployment_id: str, name: str, fields: Mapping[str, Any]) -> None:
    """Apply a knob by its name. Raises NotFoundError for an unknown knob or deployment, InputError for its fields."""
    portal.advance()
    if name not in KNOBS:
        raise errors.NotFoundError(f"No knob {name!r}; there are {', '.join(KNOBS)}")
    if deployment_id not in portal.deployments:
        raise errors.NotFoundError(f"No deployment {deployment_id!r}")
    try:
        knob = KNOBS[name].model_validate(dict(fields))
    except pydantic.ValidationError as error:
        raise errors.InputError(str(error)) from error
    knob.apply(portal, portal.deployments[deployment_id])
    portal.core.dirty = True


def staged_path(deployment: deployments.Deployment, path: str) -> str:
    """The path, or the deployment's main file for none. Raises NotFoundError if it has no such file."""
    chosen = path or deployment.main_file()
    if chosen not in deployment.files:
        raise errors.NotFoundError(f"The deployment has no file {chosen!r}")
    return chosen
