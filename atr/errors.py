# SPDX-License-Identifier: Apache-2.0
"""Every error that ATR raises on purpose, in one tree.

    AtrError
    ├─ SettingsError            the program may not start with these settings
    ├─ AccessError              the person may not do this
    │  └─ FreshSignInError      not before the person has signed in again
    ├─ NotFoundError            it does not exist, or the person may not see it
    ├─ InputError               a value that cannot be used; `.field` names it
    ├─ UnsupportedError         the platform cannot do this
    ├─ ConflictError            the row has changed meanwhile, or its state does not allow this
    │  ├─ LeaseLostError        another worker took the row over
    │  └─ TransitionError       a transition that the table of states does not have
    ├─ NoRoomError              the disk is full; nothing was kept
    ├─ DamagedError             a file on ATR's disk differs from its record
    ├─ BlockedError             a gate is not met, or there is another blocker; `.reasons` has each
    ├─ UnexpectedError          an error of the program itself, while it processed a row
    └─ PlatformError            something outside did not do what ATR asked for
       ├─ UnavailableError      no usable answer now; ask again (in `.retry_after` seconds, if given)
       ├─ RefusedError          a complete and definite refusal (`.status`)
       │  └─ CredentialsError   ATR's credentials were refused
       └─ MalformedError        an answer that cannot be read; never taken for success
          └─ TooLongError       an answer with more bytes than ATR reads

The text of an error is written for the person who reads it: what happened, to what, and what to do next. It never
contains a secret. If it consists of reasons (reasons.py), `.reasons` has them for programs: codes with their facts.
Any other error is a bug in ATR.
"""

from typing import Final

import atr.reasons as reasons

# The end of an UnavailableError's text. Code that says it in other words, or stops retrying, removes it.
ASKED_AGAIN: Final = " It will be retried."


class AtrError(Exception):
    """Base of every error that is raised on purpose."""

    # After how many seconds to ask again, if a platform reported it.
    retry_after: float | None = None

    @property
    def reasons(self) -> tuple[reasons.Reason, ...]:
        """The reasons, as codes with their facts; empty if there is only the text."""
        return tuple(one for one in self.args if isinstance(one, reasons.Reason))


class SettingsError(AtrError):
    """The settings do not allow a safe start."""


class AccessError(AtrError):
    """The person may not do this."""


class FreshSignInError(AccessError):
    """What cannot be undone is done by who has lately proved who they are."""

    def __init__(self) -> None:
        super().__init__(
            "This cannot be undone, and you signed in some time ago. Nothing was changed. Sign in again, then "
            "repeat it."
        )


class NotFoundError(AtrError):
    """It does not exist, or the person may not see it."""


class InputError(AtrError):
    """A value from outside that cannot be used. `field` is the name of its form field."""

    def __init__(self, message: str | reasons.Reason, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class UnsupportedError(AtrError):
    """The platform cannot do what was asked."""


class ConflictError(AtrError):
    """The row has changed meanwhile, or its state does not allow this."""


class LeaseLostError(ConflictError):
    """Another worker took the row over: the worker that lost the lease writes nothing any more."""

    def __init__(self) -> None:
        super().__init__("Another worker has taken over this row; the result was discarded.")


class TransitionError(ConflictError):
    """A transition that the table of states does not have."""


class NoRoomError(AtrError):
    """The disk of this server is full. The file that was being written is deleted again."""

    def __init__(self) -> None:
        super().__init__("The server's disk is full. Ask the operators to free space, then try again.")


class DamagedError(AtrError):
    """A file on ATR's disk differs from its record. The text follows the name of the file: "is not there"."""


class BlockedError(AtrError):
    """One or more gates are not met, or there are other blockers. The text is their sentences."""

    def __init__(self, *why: reasons.Reason) -> None:
        super().__init__(*why)

    def __str__(self) -> str:
        return reasons.sentences(self.reasons)


class PlatformError(AtrError):
    """Something outside did not do what ATR asked for."""


class UnavailableError(PlatformError):
    """No usable answer now. `retry_after` is the wait that the platform asked for, in seconds, or None.

    `faultless`: the platform answered correctly or was not asked, so this does not count as a fault of it.
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, status: int | None = None, faultless: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status
        self.faultless = faultless


class RefusedError(PlatformError):
    """A complete and definite refusal of the platform, with its HTTP status."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class CredentialsError(RefusedError):
    """The platform refused ATR's credentials."""


class MalformedError(PlatformError):
    """An answer that cannot be read. It is never taken for success."""


class TooLongError(MalformedError):
    """An answer with more bytes than ATR reads. A smaller request may get a smaller answer."""


class UnexpectedError(AtrError):
    """An error of the program while it processed a row: the sentence is for people, the kind for the operator."""

    def __init__(self, kind: str) -> None:
        super().__init__("An unexpected error occurred; see the worker's log. It will be retried.")
        self.kind = kind
