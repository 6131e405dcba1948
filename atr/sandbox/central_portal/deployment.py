# SPDX-License-Identifier: Apache-2.0
"""The data of one deployment."""

import dataclasses
import enum
from typing import Final, Literal

import atr.sandbox.central_portal.bundle as bundles
import atr.sandbox.central_portal.validation as validation


class State(enum.StrEnum):
    """The platform's six words, as https://central.sonatype.org/publish/publish-portal-api/ lists them."""

    PENDING = "PENDING"
    VALIDATING = "VALIDATING"
    VALIDATED = "VALIDATED"
    PUBLISHING = "PUBLISHING"
    PUBLISHED = "PUBLISHED"
    FAILED = "FAILED"


# Where a deployment can still become public, so that its coordinates are taken.
HOLDING: Final = (State.VALIDATED, State.PUBLISHING)

ListingTwist = Literal["hide", "extra", "repeat", "omit", "cut", "short", "reorder"]


@dataclasses.dataclass
class Twists:
    """What the knobs have bent about one deployment. A count of None means: for ever."""

    # PUBLISHING does not end.
    stuck: bool = False
    # PUBLISHING ends in FAILED with these errors.
    failing: tuple[str, ...] = ()
    # `errors` as answered in any state, in place of the real ones.
    errors: dict[str, list[str]] | None = None
    # The word answered as state, and how often still.
    word: str = ""
    word_reads: int | None = 0
    # What is wrong with the listing of files, and how often still.
    listing: ListingTwist | None = None
    listing_reads: int | None = 0
    # Public files of which one byte is changed, and those that do not appear, when it gets public.
    alter_public: tuple[str, ...] = ()
    withhold_public: tuple[str, ...] = ()


@dataclasses.dataclass
class Deployment:
    """One upload and what became of it. `since` is when it entered its state; `trail` has every state so far."""

    deployment_id: str
    name: str
    account: str
    automatic: bool
    uploaded_at: float
    since: float
    status_404: int
    state: State = State.PENDING
    # None until the bundle was looked at.
    findings: validation.Findings | None = None
    examined_at: float = 0.0
    files: dict[str, bundles.StagedFile] = dataclasses.field(default_factory=dict)
    # What the platform says is wrong, by purl or the word `common`.
    errors: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    # How many status calls were answered with PUBLISHING, and when they were enough.
    polls: int = 0
    polled_at: float = 0.0
    twists: Twists = dataclasses.field(default_factory=Twists)
    trail: list[tuple[State, float]] = dataclasses.field(default_factory=list)

    @property
    def components(self) -> tuple[validation.Component, ...]:
        """The artifacts in it; empty before validation has ended."""
        if self.findings is None or self.state in {State.PENDING, State.VALIDATING}:
            return ()
        return self.findings.components

    @property
    def shown_errors(self) -> dict[str, list[str]]:
        return self.errors if self.twists.errors is None else self.twists.errors

    def enter(self, state: State, when: float) -> None:
        """Go to another state as of a moment that may already have passed."""
        self.state = state
        self.since = when
        self.trail.append((state, when))

    def fail(self, sentences: dict[str, list[str]], when: float) -> None:
        self.errors = sentences
        self.enter(State.FAILED, when)

    def shown_state(self) -> str:
        """The word to answer with. Each call uses up one reading of a state twist."""
        twists = self.twists
        if not twists.word or twists.word_reads == 0:
            return str(self.state)
        if twists.word_reads is not None:
            twists.word_reads -= 1
        return twists.word

    def take_listing(self) -> ListingTwist | None:
        """What to do to this reading of the listing. Each call uses it up once."""
        twists = self.twists
        if twists.listing is None or twists.listing_reads == 0:
            return None
        if twists.listing_reads is not None:
            twists.listing_reads -= 1
        return twists.listing

    def main_file(self) -> str:
        """A file that surely matters, for knobs that were given no path: the first plain jar, else the first file."""
        own = sorted(path for path in self.files if not validation.is_side_file(path))
        plain = [path for path in own if path.endswith(".jar") and not path.endswith(("-sources.jar", "-javadoc.jar"))]
        return next(iter(plain or own), "")
