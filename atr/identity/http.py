# SPDX-License-Identifier: Apache-2.0
"""HTTP requests to a sign-in provider: JSON of limited size, in limited time, without redirects.

No error of httpx leaves this module, and no message contains a code, a secret or a token.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

import httpx

import atr.errors as errors

_SECONDS: Final = 10.0
_AT_MOST: Final = 256 * 1024
_OK: Final = 200


async def object_of(
    method: str, address: str, what: str, *, data: Mapping[str, str] | None = None, headers: Mapping[str, str]
) -> dict[str, Any]:
    """Return the JSON object of a response. Raises UnavailableError, RefusedError and MalformedError."""
    sent = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
    try:
        async with (
            asyncio.timeout(_SECONDS),
            httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=_SECONDS) as client,
            client.stream(method, address, data=data, headers=sent) as response,
        ):
            body = b""
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _AT_MOST:
                    raise errors.TooLongError(f"{what} is longer than {_AT_MOST:,} bytes. Tell the operators.")
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as fault:
        raise errors.UnavailableError(
            f"{what} cannot be read ({type(fault).__name__}), so nobody can sign in at the moment. Try again later."
        ) from fault
    if response.status_code >= 500:  # noqa: PLR2004  (as HTTP counts)
        raise errors.UnavailableError(f"{what} cannot be read (status {response.status_code}). Try again later.")
    if response.status_code != _OK:
        raise errors.RefusedError(
            f"{what} was refused (status {response.status_code}). Start again from the sign-in page.",
            status=response.status_code,
        )
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise errors.MalformedError(f"{what} is not JSON. Tell the operators.") from error
    if not isinstance(found, dict):
        raise errors.MalformedError(f"{what} is not a JSON object. Tell the operators.")
    return found
