# SPDX-License-Identifier: Apache-2.0
"""The state of the simulated Portal, and the only code that changes it.

Nothing here waits: every method first computes from the clock the changes of state that are due since the last call,
each with the exact time at which it was due. So a test may pass its own clock and set it.
"""

import asyncio
import collections
import dataclasses
import hmac
import pathlib
import shutil
import uuid
from collections.abc import Iterable
from typing import Final, NamedTuple

import atr.errors as errors
import atr.sandbox.central_portal.deployment as deployments
import atr.sandbox.central_portal.public as public
import atr.sandbox.central_portal.validation as validation
import atr.sandbox.core as cores

DROPPABLE: Final = (deployments.State.VALIDATED, deployments.State.FAILED)


class Token(NamedTuple):
    """A user token of the platform: a name and a password, sent together."""

    name: str
    password: str


@dataclasses.dataclass(frozen=True)
class Account:
    """The owner of deployments. `namespaces` are the groups that it may publish, with all groups below them."""

    name: str
    namespaces: tuple[str, ...]


class Portal:
    """Accounts, deployments and the public tree. Use it from one event loop only."""

    def __init__(self, core: cores.Core) -> None:
        self.core = core
        self.deployments: dict[str, deployments.Deployment] = {}
        self._tokens: dict[str, tuple[Token, Account]] = {}
        self._staged = core.directory / "deployments"
        self._incoming = core.directory / "incoming"
        self.public = public.PublicTree(core.directory / "public")
        for folder in (self._staged, self._incoming, core.directory / "public"):
            folder.mkdir(parents=True, exist_ok=True)

    # Accounts

    def add_account(self, name: str, namespaces: Iterable[str], token: Token) -> Account:
        """Add an account with this token. Call it again for another token of the same account."""
        account = Account(name, tuple(namespaces))
        self._tokens[token.name] = (token, account)
        return account

    def account_for(self, token: Token) -> Account | None:
        """Return the account of this token, if any."""
        known, account = self._tokens.get(token.name, (Token("", ""), None))
        return account if hmac.compare_digest(known.password.encode(), token.password.encode()) else None

    # What a client does

    def incoming_path(self) -> pathlib.Path:
        """Return a new path for a bundle that is being received."""
        return self._incoming / f"{uuid.uuid4()}.zip"

    def upload(self, account: Account, name: str, *, automatic: bool, archive: pathlib.Path) -> deployments.Deployment:
        """Return a new deployment, in PENDING. The caller must run `examine` for it, in the background."""
        now = self.core.now()
        deployment = deployments.Deployment(
            deployment_id=str(uuid.uuid4()),
            name=name,
            account=account.name,
            automatic=automatic or self.core.settings.force_automatic,
            uploaded_at=now,
            since=now,
            status_404=self.core.settings.status_404_after_upload,
            trail=[(deployments.State.PENDING, now)],
        )
        self.folder(deployment).mkdir()
        archive.rename(self._archive(deployment))
        self.deployments[deployment.deployment_id] = deployment
        self.core.dirty = True
        self.core.traffic.effects["upload"] += 1
        return deployment

    async def examine(self, deployment: deployments.Deployment) -> None:
        """Examine the bundle, in a thread. The findings are shown once the time of the validation is over as well."""
        archive = self._archive(deployment)
        findings = await asyncio.to_thread(validation.examine, archive, self.folder(deployment))
        deployment.files = dict(findings.files)
        deployment.findings = findings
        deployment.examined_at = self.core.now()
        self.core.save()
        archive.unlink()
        if deployment.deployment_id not in self.deployments:
            # It was removed in the meantime.
            shutil.rmtree(self.folder(deployment), ignore_errors=True)

    def unexamined(self) -> list[deployments.Deployment]:
        """Return the deployments whose examination an earlier process did not finish."""
        return [one for one in self.deployments.values() if one.findings is None]

    def find(self, account: Account, deployment_id: str) -> deployments.Deployment:
        """Return a deployment of the account. Raises NotFoundError, also for one of another account."""
        self.advance()
        deployment = self.deployments.get(deployment_id)
        if deployment is None or deployment.account != account.name:
            raise errors.NotFoundError(f"Deployment '{deployment_id}' not found")
        return deployment

    def of_account(self, account: Account) -> list[deployments.Deployment]:
        """Return the account's deployments, the newest first."""
        self.advance()
        return [one for one in reversed(self.deployments.values()) if one.account == account.name]

    def poll(self, account: Account, deployment_id: str) -> deployments.Deployment:
        """Return the deployment for a status request, which counts for `publishing_polls`. Raises NotFoundError."""
        deployment = self.find(account, deployment_id)
        if deployment.status_404 > 0:
            deployment.status_404 -= 1
            raise errors.NotFoundError(f"Deployment '{deployment_id}' not found")
        if deployment.state is deployments.State.PUBLISHING:
            deployment.polls += 1
            deployment.polled_at = self.core.now()
        return deployment

    def publish(self, deployment: deployments.Deployment, *, by_hand: bool = False) -> None:
        """Start publishing a VALIDATED deployment. Raises ConflictError in any other state."""
        self.advance()
        if deployment.state is not deployments.State.VALIDATED:
            raise errors.ConflictError(f"Deployment cannot be published in state {deployment.state}")
        deployment.enter(deployments.State.PUBLISHING, self.core.now())
        self.core.dirty = True
        self.core.traffic.effects["publish_by_hand" if by_hand else "publish"] += 1
        self._note("publish", deployment, by="hand" if by_hand else "token")

    def drop(self, deployment: deployments.Deployment, *, by_hand: bool = False) -> None:
        """Remove a VALIDATED or FAILED deployment. Raises ConflictError in any other state."""
        self.advance()
        if deployment.state not in DROPPABLE:
            raise errors.ConflictError(f"Deployment cannot be dropped in state {deployment.state}")
        self.forget(deployment)
        self.core.traffic.effects["drop"] += 1
        self._note("drop", deployment, by="hand" if by_hand else "token")

    def forget(self, deployment: deployments.Deployment) -> None:
        """Remove a deployment in any state. Its public files stay."""
        self.core.dirty = True
        self.core.ledger.note(self.core.now(), "forgotten", deployment=deployment.deployment_id)
        del self.deployments[deployment.deployment_id]
        # The folder of one that is still being examined is removed after that.
        if deployment.findings is not None:
            shutil.rmtree(self.folder(deployment), ignore_errors=True)

    def put_public(self, path: str, data: bytes) -> None:
        """Publish a file that was not staged here, immediately. Raises InputError for an invalid path."""
        self.public.put(path, data, self.core.now())
        self.core.ledger.note(self.core.now(), "put", paths=[path])
        self.core.dirty = True

    def alter_public(self, path: str) -> None:
        """Change one byte of a public file. Raises NotFoundError."""
        self.public.alter(path)
        self.core.ledger.note(self.core.now(), "alter", paths=[path])

    def withdraw_public(self, path: str) -> None:
        """Remove a public file. Raises NotFoundError."""
        self.public.withdraw(path)
        self.core.ledger.note(self.core.now(), "withdraw", paths=[path])
        self.core.dirty = True

    # Paths

    def folder(self, deployment: deployments.Deployment) -> pathlib.Path:
        """Return the directory of the deployment's files."""
        return self._staged / deployment.deployment_id

    def _archive(self, deployment: deployments.Deployment) -> pathlib.Path:
        return self._incoming / f"{deployment.deployment_id}.zip"

    # Changes of state by the clock

    def advance(self) -> None:
        """Bring every deployment to its current state."""
        for deployment in list(self.deployments.values()):
            while self._step(deployment):
                self.core.dirty = True

    def _step(self, deployment: deployments.Deployment) -> bool:
        """Apply one change of state, if one is due. Returns whether there was one."""
        before = deployment.state
        if deployment.state is deployments.State.PENDING:
            self._start_validation(deployment)
        elif deployment.state is deployments.State.VALIDATING:
            self._end_validation(deployment)
        elif deployment.state is deployments.State.VALIDATED and deployment.automatic:
            deployment.enter(deployments.State.PUBLISHING, deployment.since)
            self._note("publish", deployment, by="automatic")
        elif deployment.state is deployments.State.PUBLISHING and not deployment.twists.stuck:
            self._end_publishing(deployment)
        return deployment.state is not before

    def _start_validation(self, deployment: deployments.Deployment) -> None:
        due = deployment.uploaded_at + self.core.settings.pending_seconds
        if due <= self.core.now():
            deployment.enter(deployments.State.VALIDATING, due)

    def _end_validation(self, deployment: deployments.Deployment) -> None:
        findings = deployment.findings
        due = max(deployment.since + self.core.settings.validate_seconds, deployment.examined_at)
        if findings is None or due > self.core.now():
            return
        found = collections.defaultdict(list, {key: list(value) for key, value in findings.errors.items()})
        # Empty for an account of an earlier run that does not exist in this one.
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
            deployment.enter(deployments.State.VALIDATED, due)

    def _holder(self, deployment: deployments.Deployment, component: validation.Component) -> str | None:
        """Return the id of another deployment that has these coordinates. Of two in validation the older is first."""
        holding = deployments.HOLDING if self.core.settings.held_by == "live" else (deployments.State.PUBLISHING,)
        for other in self.deployments.values():
            if other is deployment or other.state not in holding:
                continue
            if any(held.coordinate == component.coordinate for held in other.components):
                return other.deployment_id
        return None

    def _end_publishing(self, deployment: deployments.Deployment) -> None:
        due = deployment.since + self.core.settings.publish_seconds
        if due > self.core.now() or deployment.polls < self.core.settings.publishing_polls:
            return
        if self.core.settings.publishing_polls:
            due = max(due, deployment.polled_at)
        taken = [component for component in deployment.components if self.public.has(component)]
        if deployment.twists.failing or taken:
            self.core.ledger.note(due, "failed", deployment=deployment.deployment_id)
        if deployment.twists.failing:
            deployment.fail({validation.COMMON: list(deployment.twists.failing)}, due)
        elif taken:
            # Another deployment with the same coordinates was published first.
            words = "Component with package url: '{}' already exists"
            deployment.fail({one.purl: [words.format(one.purl)] for one in taken}, due)
        else:
            self._make_public(deployment, due)
            deployment.enter(deployments.State.PUBLISHED, due)

    def _make_public(self, deployment: deployments.Deployment, when: float) -> None:
        since = when + self.core.settings.public_lag_seconds
        withheld = deployment.twists.withhold_public
        published = [path for path in deployment.files if path not in withheld]
        for path in published:
            self.public.publish(path, self.folder(deployment) / path, since)
        self.public.announce(deployment.components, since)
        altered = [path for path in deployment.twists.alter_public if path in published]
        for path in altered:
            self.public.alter(path)
        told = {"deployment": deployment.deployment_id, "paths": published, "altered": altered, "withheld": withheld}
        self.core.ledger.note(when, "public", **told)

    def _note(self, what: str, deployment: deployments.Deployment, *, by: str) -> None:
        self.core.ledger.note(
            self.core.now(), what, deployment=deployment.deployment_id, account=deployment.account, by=by
        )
