# SPDX-License-Identifier: Apache-2.0
"""The state of the stand-in, and the only code that moves it.

Nothing here waits: every method first works out, from the clock, where each deployment has got to since the last look,
at the very moments at which it would have got there. So a test may hand in a clock of its own and turn it.
"""

import asyncio
import collections
import dataclasses
import hmac
import pathlib
import shutil
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import atr.errors as errors
import atr.sandbox.central_portal.validation as validation
import atr.sandbox.store as store
from atr.sandbox.central_portal.deployment import HOLDING, Deployment, State
from atr.sandbox.central_portal.public import PublicTree
from atr.sandbox.central_portal.validation import Component
from atr.sandbox.faults import Faults
from atr.sandbox.ledger import Ledger
from atr.sandbox.settings import Settings
from atr.sandbox.shelf import Registry, Shelf, Version
from atr.sandbox.traffic import Traffic

DROPPABLE: Final = (State.VALIDATED, State.FAILED)


class Token(NamedTuple):
    """A user token as the platform makes it: two words, sent together."""

    name: str
    password: str


@dataclasses.dataclass(frozen=True)
class Account:
    """Who owns deployments. `namespaces` are the groups it may publish, with all groups below them."""

    name: str
    namespaces: tuple[str, ...]


class World:
    """Accounts, deployments, the public tree, faults and counters. Use it from one event loop only.

    `directory` is the world's own. A world that stood there before goes on: its deployments and its public files, but
    neither accounts nor settings (they are given anew), nor faults and counters. Raises SettingsError if what stands
    there is no world.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        *,
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.directory = directory
        self.settings = settings or Settings()
        self.now = clock
        self.deployments: dict[str, Deployment] = {}
        self.faults = Faults()
        self.traffic = Traffic()
        self._tokens: dict[str, tuple[Token, Account]] = {}
        self._staged = directory / "deployments"
        self._incoming = directory / "incoming"
        self.public = PublicTree(directory / "public")
        self.shelf = Shelf()
        self._store = directory / "world.json"
        self.ledger = Ledger(directory)
        # Whether something changed that the next `save` must write.
        self.dirty = False
        for folder in (self._staged, self._incoming, directory / "public"):
            folder.mkdir(parents=True, exist_ok=True)
        if self._store.exists():
            snapshot = store.read(self._store)
            self.deployments = {one.deployment_id: one for one in snapshot.deployments}
            self.public.restore(snapshot.public_files, snapshot.public_components)
            self.shelf.restore(snapshot.shelf)

    # Accounts

    def add_account(self, name: str, namespaces: Iterable[str], token: Token) -> Account:
        """An account that this token opens. Call it again for another token of the same account."""
        account = Account(name, tuple(namespaces))
        self._tokens[token.name] = (token, account)
        return account

    def account_for(self, token: Token) -> Account | None:
        """The account that this token opens, if any."""
        known, account = self._tokens.get(token.name, (Token("", ""), None))
        return account if hmac.compare_digest(known.password.encode(), token.password.encode()) else None

    # What a client does

    def incoming_path(self) -> pathlib.Path:
        """A fresh place for a bundle that is being received."""
        return self._incoming / f"{uuid.uuid4()}.zip"

    def upload(self, account: Account, name: str, *, automatic: bool, archive: pathlib.Path) -> Deployment:
        """A new deployment, PENDING. The caller runs `examine` for it, soon and in the background."""
        now = self.now()
        deployment = Deployment(
            deployment_id=str(uuid.uuid4()),
            name=name,
            account=account.name,
            automatic=automatic or self.settings.force_automatic,
            uploaded_at=now,
            since=now,
            status_404=self.settings.status_404_after_upload,
            trail=[(State.PENDING, now)],
        )
        self.folder(deployment).mkdir()
        archive.rename(self._archive(deployment))
        self.deployments[deployment.deployment_id] = deployment
        self.dirty = True
        self.traffic.effects["upload"] += 1
        return deployment

    async def examine(self, deployment: Deployment) -> None:
        """Look at the bundle, in a thread. What is found shows once the time of validation is over as well."""
        archive = self._archive(deployment)
        findings = await asyncio.to_thread(validation.examine, archive, self.folder(deployment), self.settings)
        deployment.files = dict(findings.files)
        deployment.findings = findings
        deployment.examined_at = self.now()
        self.save()
        archive.unlink()
        if deployment.deployment_id not in self.deployments:
            # It was forgotten meanwhile.
            shutil.rmtree(self.folder(deployment), ignore_errors=True)

    def unexamined(self) -> list[Deployment]:
        """Deployments whose examination an earlier process did not finish."""
        return [one for one in self.deployments.values() if one.findings is None]

    def find(self, account: Account, deployment_id: str) -> Deployment:
        """The account's own deployment. Raises NotFoundError for any other, too."""
        self.advance()
        deployment = self.deployments.get(deployment_id)
        if deployment is None or deployment.account != account.name:
            raise errors.NotFoundError(f"Deployment '{deployment_id}' not found")
        return deployment

    def of_account(self, account: Account) -> list[Deployment]:
        """The account's deployments, newest first."""
        self.advance()
        return [one for one in reversed(self.deployments.values()) if one.account == account.name]

    def poll(self, account: Account, deployment_id: str) -> Deployment:
        """The deployment for a status call, which counts towards `publishing_polls`. Raises NotFoundError."""
        deployment = self.find(account, deployment_id)
        if deployment.status_404 > 0:
            deployment.status_404 -= 1
            raise errors.NotFoundError(f"Deployment '{deployment_id}' not found")
        if deployment.state is State.PUBLISHING:
            deployment.polls += 1
            deployment.polled_at = self.now()
        return deployment

    def publish(self, deployment: Deployment, *, by_hand: bool = False) -> None:
        """Set a VALIDATED deployment on its way. Raises ConflictError in any other state."""
        self.advance()
        if deployment.state is not State.VALIDATED:
            raise errors.ConflictError(f"Deployment cannot be published in state {deployment.state}")
        deployment.enter(State.PUBLISHING, self.now())
        self.dirty = True
        self.traffic.effects["publish_by_hand" if by_hand else "publish"] += 1
        self._note("publish", deployment, by="hand" if by_hand else "token")

    def drop(self, deployment: Deployment, *, by_hand: bool = False) -> None:
        """Remove a VALIDATED or FAILED deployment. Raises ConflictError in any other state."""
        self.advance()
        if deployment.state not in DROPPABLE:
            raise errors.ConflictError(f"Deployment cannot be dropped in state {deployment.state}")
        self.forget(deployment)
        self.traffic.effects["drop"] += 1
        self._note("drop", deployment, by="hand" if by_hand else "token")

    def forget(self, deployment: Deployment) -> None:
        """Remove a deployment whatever its state. What it has made public stays."""
        self.dirty = True
        self.ledger.note(self.now(), "forgotten", deployment=deployment.deployment_id)
        del self.deployments[deployment.deployment_id]
        # One that is still being looked at is cleared away after that.
        if deployment.findings is not None:
            shutil.rmtree(self.folder(deployment), ignore_errors=True)

    def put_public(self, path: str, data: bytes) -> None:
        """Make bytes public at once that nobody staged here. Raises InputError for a bad path."""
        self.public.put(path, data, self.now())
        self.ledger.note(self.now(), "put", paths=[path])
        self.dirty = True

    def alter_public(self, path: str) -> None:
        """Change one byte of a public file. Raises NotFoundError."""
        self.public.alter(path)
        self.ledger.note(self.now(), "alter", paths=[path])

    def withdraw_public(self, path: str) -> None:
        """Take a public file away. Raises NotFoundError."""
        self.public.withdraw(path)
        self.ledger.note(self.now(), "withdraw", paths=[path])
        self.dirty = True

    def publish_version(self, registry: str, owner: str, package: str, version: str, *, after: float = 0) -> None:
        """Make a version public on one of the registries, so many seconds from now.

        Raises InputError for a bad name, ConflictError if it is there.
        """
        if registry not in set(Registry):
            raise errors.InputError(f"The registry is one of {', '.join(Registry)}.")
        self.shelf.put(Version(Registry(registry), owner, package, version, self.now() + after))
        self.dirty = True

    # Where things are

    def folder(self, deployment: Deployment) -> pathlib.Path:
        """Where the deployment's files lie, by their paths."""
        return self._staged / deployment.deployment_id

    def _archive(self, deployment: Deployment) -> pathlib.Path:
        return self._incoming / f"{deployment.deployment_id}.zip"

    def save(self) -> None:
        """Write the state to disk, if it changed. Whoever changes it from outside sets `dirty`."""
        self.advance()
        if self.dirty:
            snapshot = store.Snapshot(
                deployments=list(self.deployments.values()),
                public_files={path: file.since for path, file in self.public.files.items()},
                public_components=list(self.public.components.items()),
                shelf=self.shelf.all(),
            )
            store.write(self._store, snapshot)
            self.dirty = False

    # How time moves it

    def advance(self) -> None:
        """Bring every deployment to where it is now."""
        for deployment in list(self.deployments.values()):
            while self._step(deployment):
                self.dirty = True

    def _step(self, deployment: Deployment) -> bool:
        """One change of state, if one is due. Says whether there was one."""
        before = deployment.state
        if deployment.state is State.PENDING:
            self._start_validation(deployment)
        elif deployment.state is State.VALIDATING:
            self._end_validation(deployment)
        elif deployment.state is State.VALIDATED and deployment.automatic:
            deployment.enter(State.PUBLISHING, deployment.since)
            self._note("publish", deployment, by="automatic")
        elif deployment.state is State.PUBLISHING and not deployment.twists.stuck:
            self._end_publishing(deployment)
        return deployment.state is not before

    def _start_validation(self, deployment: Deployment) -> None:
        due = deployment.uploaded_at + self.settings.pending_seconds
        if due <= self.now():
            deployment.enter(State.VALIDATING, due)

    def _end_validation(self, deployment: Deployment) -> None:
        findings = deployment.findings
        due = max(deployment.since + self.settings.validate_seconds, deployment.examined_at)
        if findings is None or due > self.now():
            return
        found = collections.defaultdict(list, {key: list(value) for key, value in findings.errors.items()})
        # None for the account of an earlier run that this one does not have.
        namespaces = next((one.namespaces for _, one in self._tokens.values() if one.name == deployment.account), ())
        for component in findings.components:
            sentences = validation.place_errors(
                component,
                namespaces=namespaces,
                published=self.public.has(component),
                holder=self._holder(deployment, component),
            )
            if sentences:
                found[component.purl] += sentences
        if found:
            deployment.fail(dict(found), due)
        else:
            deployment.enter(State.VALIDATED, due)

    def _holder(self, deployment: Deployment, component: Component) -> str | None:
        """The id of another deployment that keeps these coordinates. Of two in validation the older is first."""
        holding = HOLDING if self.settings.held_by == "live" else (State.PUBLISHING,)
        for other in self.deployments.values():
            if other is deployment or other.state not in holding:
                continue
            if any(held.coordinate == component.coordinate for held in other.components):
                return other.deployment_id
        return None

    def _end_publishing(self, deployment: Deployment) -> None:
        due = deployment.since + self.settings.publish_seconds
        if due > self.now() or deployment.polls < self.settings.publishing_polls:
            return
        if self.settings.publishing_polls:
            due = max(due, deployment.polled_at)
        taken = [component for component in deployment.components if self.public.has(component)]
        if deployment.twists.failing or taken:
            self.ledger.note(due, "failed", deployment=deployment.deployment_id)
        if deployment.twists.failing:
            deployment.fail({validation.COMMON: list(deployment.twists.failing)}, due)
        elif taken:
            # Another deployment with the same coordinates was quicker.
            words = "Component with package url: '{}' already exists"
            deployment.fail({one.purl: [words.format(one.purl)] for one in taken}, due)
        else:
            self._make_public(deployment, due)
            deployment.enter(State.PUBLISHED, due)

    def _make_public(self, deployment: Deployment, when: float) -> None:
        since = when + self.settings.public_lag_seconds
        withheld = deployment.twists.withhold_public
        published = [path for path in deployment.files if path not in withheld]
        for path in published:
            self.public.publish(path, self.folder(deployment) / path, since)
        self.public.announce(deployment.components, since)
        altered = [path for path in deployment.twists.alter_public if path in published]
        for path in altered:
            self.public.alter(path)
        told = {"deployment": deployment.deployment_id, "paths": published, "altered": altered, "withheld": withheld}
        self.ledger.note(when, "public", **told)

    def _note(self, what: str, deployment: Deployment, *, by: str) -> None:
        self.ledger.note(self.now(), what, deployment=deployment.deployment_id, account=deployment.account, by=by)
