# SPDX-License-Identifier: Apache-2.0
"""The data of one deployment."""

import dataclasses
import enum
from typing import Final, Literal

import atr.sandbox.central_portal.bundle as bundles
import atr.sandbox.central_portal.validation as validation


class State(enum.StrEnum):
    """The platform's six states, from https://central.sonatype.org/publish/publish-portal-api/."""

    PENDING = "PENDING"
    VALIDATING = "VALIDATING"
    VALIDATED = "VALIDATED"
    PUBLISHING = "PUBLISHING"
    PUBLISHED = "PUBLISHED"
    FAILED = "FAILED"


# The states in which a deployment can still become public, so that its coordinates are taken.
HOLDING: Final = (State.VALIDATED, State.PUBLISHING)

ListingTwist = Literal["hide", "extra", "repeat", "omit", "cut", "short", "reorder"]


@dataclasses.dataclass
class Twists:
    """The changes that knobs have made to one deployment. A count of None means: always."""

    # PUBLISHING does not end.
    stuck: bool = False
    # PUBLISHING ends in FAILED with these errors.
    failing: tuple[str, ...] = ()
    # Returned as `errors` in every state, instead of the real ones.
    errors: dict[str, list[str]] | None = None
    # Returned instead of the state, and how many more times.
    word: str = ""
    word_reads: int | None = 0
    # What is wrong with the listing of files, and how many more times.
    listing: ListingTwist | None = None
    listing_reads: int | None = 0
    # The files that get one byte changed, and those that do not appear, when it becomes public.
    alter_public: tuple[str, ...] = ()
    withhold_public: tuple[str, ...] = ()


@dataclasses.dataclass
class Deployment:
    """One upload and its state. `since` is when it entered its state; `trail` has every state so far."""

    deployment_id: str
    name: str
    account: str
    automatic: bool
    uploaded_at: float
    since: float
    status_404: int
    state: State = State.PENDING
    # None until the bundle was examined.
    findings: validation.Findings | None = None
    examined_at: float = 0.0
    files: dict[str, bundles.StagedFile] = dataclasses.field(default_factory=dict)
    # The errors that the platform reports, by purl or the word `common`.
    errors: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    # How many status requests were answered in PUBLISHING, and when the last one was.
    polls: int = 0
    polled_at: float = 0.0
    twists: Twists = dataclasses.field(default_factory=Twists)
    trail: list[tuple[State, float]] = dataclasses.field(default_factory=list)

    @property
    def components(self) -> tuple[validation.Component, ...]:
        """Return its artifacts; empty before the end of the validation."""
        if self.findings is None or self.state in {State.PENDING, State.VALIDATING}:
            return ()
        return self.findings.components

    @property
    def shown_errors(self) -> dict[str, list[str]]:
        return self.errors if self.twists.errors is None else self.twists.errors

    def enter(self, state: State, when: float) -> None:
        """Enter another state as of a time that may already have passed."""
        self.state = state
        self.since = when
        self.trail.append((state, when))

    def fail(self, sentences: dict[str, list[str]], when: float) -> None:
        self.errors = sentences
        self.enter(State.FAILED, when)

    def shown_state(self) -> str:
        """Return the state to answer with. Each call uses up one read of a changed state."""
        twists = self.twists
        if not twists.word or twists.word_reads == 0:
            return str(self.state)
        if twists.word_reads is not None:
            twists.word_reads -= 1
        return twists.word

    def take_listing(self) -> ListingTwist | None:
        """Return the change to this read of the listing, if any. Each call uses up one read."""
        twists = self.twists
        if twists.listing is None or twists.listing_reads == 0:
            return None
        if twists.listing_reads is not None:
            twists.listing_reads -= 1
        return twists.listing

    def main_file(self) -> str:
        """Return an important file, for knobs without a path: the first plain jar, else the first file."""
        own = sorted(path for path in self.files if not validation.is_side_file(path))
        plain = [path for path in own if path.endswith(".jar") and not path.endswith(("-sources.jar", "-javadoc.jar"))]
        return next(iter(plain or own), "")
