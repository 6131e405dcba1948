# SPDX-License-Identifier: Apache-2.0
"""What a writer is handed: one open transaction, its instant, and who acts in it."""

import dataclasses
import datetime
import pathlib
from collections.abc import Mapping
from typing import Any, Final

import atr.db.guards as guards
import atr.db.session as session
import atr.disk as disk
import atr.errors as errors
import atr.models.promotion as tables
import atr.promotion.budget as budget
import atr.promotion.fileset as fileset
import atr.promotion.steps as steps
import atr.promotion.usage as usage
import atr.shared.mechanisms as mechanisms
import atr.storage.audit as audit
import atr.storage.blobs as blobs

# Who acts when the worker notes what a platform did: ATR's name for it.
SYSTEM_SERVICE_UID: Final = "system"


@dataclasses.dataclass(frozen=True)
class Place:
    """What stands beside the database: where the files are, and how fast each mechanism is asked."""

    # Revisions lie under `unfinished/<project>/<version>/<number>`.
    state_dir: pathlib.Path
    timings: Mapping[mechanisms.Mechanism, steps.Timing] = dataclasses.field(default_factory=lambda: steps.TIMINGS)
    # How many bytes of copies each project may keep.
    copies_quota: int = 10_000_000_000
    # For what is only looked for in public.
    plain: steps.Timing = dataclasses.field(default_factory=steps.Timing)
    # How much is asked of each platform, by what is reached.
    limits: Mapping[budget.Reach, budget.Limits] = dataclasses.field(default_factory=lambda: budget.LIMITS)

    # What a calendar month allows of the one platform that promotes.
    monthly: usage.Usage = dataclasses.field(default_factory=usage.Usage)

    def timing(self, mechanism: str) -> steps.Timing:
        """How often is asked by a mechanism, given by the name that a row keeps."""
        return self.timings[mechanisms.Mechanism[mechanism]]

    @property
    def blobs(self) -> blobs.Blobs:
        """Where the copies of what was captured are."""
        return blobs.Blobs(self.state_dir / "copies")

    def revision_dir(self, project_key: str, version: str, number: str) -> pathlib.Path:
        """Where the files of a revision lie."""
        return self.state_dir / "unfinished" / project_key / version / number

    def of_revision(self, project_key: str, version: str, number: str, file: fileset.File) -> disk.Recorded:
        """A file of a revision, to be read only as it was recorded."""
        path = f"unfinished/{project_key}/{version}/{number}/{file.path}"
        return disk.Recorded(self.state_dir, path, file.size, file.sha256)


class Transaction:
    """One open transaction. `now` was read once, when it opened."""

    def __init__(
        self, place: Place, data: session.Session, now: datetime.datetime, asf_uid: str, *, is_system: bool = False
    ) -> None:
        self.place = place
        self.data = data
        # Empty, and there: what is changed from here on is changed under guards (db/guards.py).
        data.info.setdefault(guards.HELD, set())
        self.now = now
        self.asf_uid = asf_uid
        # Whether a service acts and no person: no name that somebody signs in under makes it so.
        self.is_system = is_system
        # The project for which a rung of the ladder was granted; empty for a service.
        self.project_key = ""
        # Whether the person is a member of that project's committee, whichever rung was asked for.
        self.is_committee_member = False
        # What it is about, for the event of a refusal: set as soon as the rows are known.
        self.chain = audit.SITE
        self.subject = ""
        self.events: list[tables.Event] = []

    def ensure_system(self) -> None:
        """Raise AccessError unless a service acts."""
        if not self.is_system:
            raise errors.AccessError("Only the service can record what a platform did.")

    async def event(self, chain: str, subject: str, what: str, *, actor: str = "", **facts: Any) -> None:
        """Note what happened, in this transaction. `chain` is the release's key or audit.SITE."""
        self.events.append(
            await audit.append(
                self.data,
                self.now,
                chain=chain,
                actor=actor or self.asf_uid,
                subject=subject,
                what=what,
                facts=facts,
            )
        )
