# SPDX-License-Identifier: Apache-2.0
"""How an error is shown to a client: its status, its title, and a sentence for errors that are not ATR's."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

import atr.errors as errors
import atr.reasons as reasons

_STATUS: Final[Mapping[type[errors.AtrError], int]] = {
    errors.AccessError: 403,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.BlockedError: 409,
    errors.InputError: 422,
    errors.UnsupportedError: 422,
    errors.PlatformError: 502,
    errors.NoRoomError: 507,
}
TITLES: Final = {
    400: "Invalid request",
    403: "Not permitted",
    404: "Page not found",
    405: "Method not allowed",
    408: "Request too slow",
    409: "Nothing was changed",
    413: "Request too large",
    422: "Invalid input",
    500: "Internal error",
    502: "Platform error",
    507: "Out of storage",
}
_SENTENCES: Final = {
    404: "There is no page at this address.",
    405: "This address does not accept this kind of request. Nothing was changed.",
    408: "The form did not arrive in time. Nothing was changed.",
    413: "The request is larger than a form may be. Nothing was changed.",
}


@dataclasses.dataclass(frozen=True)
class Refusal:
    """An error as it is shown: the status of the response, a title, a sentence, and its reasons.

    Where there is one reason, the sentence may be that of the reason; else it introduces them.
    """

    status: int
    title: str
    message: str
    reasons: Sequence[reasons.Reason]


def status(error: errors.AtrError) -> int:
    """Return the status of the response to this error."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)


def sentence(status: int) -> str:
    """Return the sentence for a request that no handler answered."""
    return _SENTENCES.get(status, "The request could not be read. Nothing was changed.")
