# SPDX-License-Identifier: Apache-2.0
"""Everything that may go wrong on purpose, in one tree.

    AtrError
    ├─ SettingsError            the program may not start with these settings
    ├─ AccessError              the person may not do this
    ├─ NotFoundError            no such thing, or not yours to see
    ├─ InputError               a value that cannot be used; `.field` names it
    ├─ UnsupportedError         the platform cannot do this
    ├─ ConflictError            the thing moved meanwhile, or is in another state
    │  ├─ LeaseLostError       another worker took the row over
    │  └─ TransitionError       an arrow that the table of states does not have
    ├─ NoRoomError              the disk is full; nothing was kept
    ├─ DamagedError             a file on our disk is not what was recorded of it
    ├─ BlockedError             gates say no, or something else that stands in the way; `.reasons` has each
    └─ PlatformError            something outside did not do what we asked
       ├─ UnavailableError      no usable answer now; ask again (`.retry_after` seconds, if told)
       ├─ RefusedError          a complete and definite no (`.status`)
       │  └─ CredentialsError   our credentials were refused
       └─ MalformedError        an answer that cannot be read; never taken for success
          └─ TooLongError       one with more bytes than we read

The text of an error is written for the person who reads it: what happened, to what, and what to do next. It never
holds a secret. Where it is made of reasons (reasons.py), `.reasons` has them for programs: codes with their facts. An
error that is not in this tree is a bug of ours.
"""

from typing import Final

import atr.reasons as reasons

# How the text of an UnavailableError ends. Who says it in other words, or gives up, takes it off.
ASKED_AGAIN: Final = " It will be retried."


class AtrError(Exception):
    """Base of every error that is raised on purpose."""

    # In how many seconds to ask again, if a platform told.
    retry_after: float | None = None

    @property
    def reasons(self) -> tuple[reasons.Reason, ...]:
        """Why, as codes with their facts; empty where only the text says it."""
        return tuple(one for one in self.args if isinstance(one, reasons.Reason))


class SettingsError(AtrError):
    """The settings do not allow a safe start."""


class AccessError(AtrError):
    """The person may not do this."""


class NotFoundError(AtrError):
    """There is no such thing, or it is not theirs to see."""


class InputError(AtrError):
    """A value from outside that cannot be used. `field` is the name of the form field it came in."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class UnsupportedError(AtrError):
    """The platform cannot do what was asked."""


class ConflictError(AtrError):
    """The row moved meanwhile, or stands in a state that does not allow this."""


class LeaseLostError(ConflictError):
    """Another worker took the row over: whoever held it writes nothing any more."""

    def __init__(self) -> None:
        super().__init__("Another worker has taken over this row; the result was discarded.")


class TransitionError(ConflictError):
    """A change of state that the table does not have."""


class NoRoomError(AtrError):
    """The disk of this server is full. What was being written is taken away again."""

    def __init__(self) -> None:
        super().__init__("The server's disk is full. Ask the operators to free space, then try again.")


class DamagedError(AtrError):
    """A file on our disk is not what was recorded of it. The text follows the name of the file: "is not there"."""


class BlockedError(AtrError):
    """One gate or more says no; its text is their sentences."""

    def __init__(self, *why: reasons.Reason) -> None:
        super().__init__(*why)

    def __str__(self) -> str:
        return reasons.sentences(self.reasons)


class PlatformError(AtrError):
    """Something outside did not do what we asked."""


class UnavailableError(PlatformError):
    """No usable answer now. `retry_after` is what the platform asked for, in seconds, if it did.

    `faultless`: it answered as it should, or was not asked, so this says nothing of whether it is well.
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, status: int | None = None, faultless: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status
        self.faultless = faultless


class RefusedError(PlatformError):
    """A complete and definite no from the platform, with its HTTP status."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class CredentialsError(RefusedError):
    """The platform refused our credentials."""


class MalformedError(PlatformError):
    """An answer that cannot be read. It is never taken for success."""


class TooLongError(MalformedError):
    """An answer with more bytes than we read of one. Who asks for less may get it."""


class UnexpectedError(AtrError):
    """A fault of the program while it worked on a row: the sentence is for people, the kind for the operator."""

    def __init__(self, kind: str) -> None:
        super().__init__("An unexpected error occurred; see the worker's log. It will be retried.")
        self.kind = kind
