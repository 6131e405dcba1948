# SPDX-License-Identifier: Apache-2.0
"""The security headers of every response."""

from typing import Final

import quart

_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# One year; sent where the cookies are for HTTPS only.
_HTTPS_ONLY: Final = "max-age=31536000"
_BAD: Final = 400


def harden(response: quart.Response, *, https_only: bool) -> quart.Response:
    """Add the headers that restrict what a browser does with the response, and return it. Errors are not cached."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if https_only:
        response.headers.setdefault("Strict-Transport-Security", _HTTPS_ONLY)
    if response.status_code >= _BAD:
        response.headers["Cache-Control"] = "no-store"
    response.headers.setdefault("Cache-Control", "no-store")
    return response
