# SPDX-License-Identifier: Apache-2.0
"""A person at a browser: opens a page, finds the form that does what they want, fills it in and sends it."""

import urllib.parse
from types import TracebackType
from typing import Final, Self

import httpx

from tests.pages import reading

_CSRF: Final = "csrf_token"


class Person:
    """Somebody who is signed in, with a browser of their own."""

    def __init__(self, base: str, asf_uid: str) -> None:
        self._asf_uid = asf_uid
        # A page may take its time on a machine with other things to do.
        self._client = httpx.AsyncClient(base_url=base, trust_env=False, timeout=60)

    async def __aenter__(self) -> Self:
        """Open the browser and sign in."""
        await self.fill("/sign-in", "/sign-in", asf_uid=self._asf_uid)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self._client.aclose()

    async def open(self, path: str) -> reading.Element:
        """The page at this address."""
        answer = await self._client.get(path)
        assert answer.status_code == httpx.codes.OK, f"{path} answered {answer.status_code}"
        return reading.read(answer.text)

    async def fill(self, path: str, action: str, act: str = "", **typed: str) -> bool:
        """Send the form of this page that posts to an address, with what is typed; `act` tells two such forms apart.

        Answers whether it was taken: not if there is no such form, or if the page is shown again with what is wrong.
        """
        form = _form(await self.open(path), action, act)
        if form is None:
            return False
        # A radio button is chosen by typing its value.
        fields = {
            one.attributes["name"]: one.attributes.get("value", "")
            for one in form.every("input")
            if ("name" in one.attributes) and (one.attributes.get("type") not in {"radio", "checkbox"})
        }
        answer = await self._client.post(action, data={**fields, **typed})
        assert answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR, f"{action} answered {answer.status_code}"
        return answer.status_code == httpx.codes.SEE_OTHER

    async def promote(self, project: str, version: str, deployment: int) -> bool:
        """Click Promote and type the version; False if the page has no such button or refuses."""
        action = f"/distribution/promote/{project}/{urllib.parse.quote(version)}"
        return await self.fill(f"{action}?deployment_id={deployment}", action, version=version)

    async def record(
        self, project: str, version: str, owner: str, package: str, *, deployment: str | None = None
    ) -> bool:
        """Tell ATR of what somebody published elsewhere or, with the platform's id, of what somebody staged there."""
        staged = "" if deployment is None else "/stage"
        path = f"/distribution{staged}/record/{project}/{urllib.parse.quote(version)}"
        typed = {"platform": "MAVEN", "owner_namespace": owner, "package": package, "version": version}
        return await self.fill(path, path, **typed, **({} if deployment is None else {"deployment_id": deployment}))

    async def act(self, project: str, version: str, row: str, act: str, **typed: str) -> bool:
        """Press one of the buttons of a row's own page; False if it is not there or is refused."""
        where = f"{project}/{urllib.parse.quote(version)}/{row}"
        return await self.fill(f"/distribution/detail/{where}", f"/distribution/act/{where}", act, **typed)


def _form(page: reading.Element, action: str, act: str) -> reading.Element | None:
    for form in page.every("form"):
        hidden = {one.attributes.get("name"): one.attributes.get("value") for one in form.every("input")}
        if (form.attributes.get("action") == action) and (_CSRF in hidden) and (hidden.get("act", "") == act):
            return form
    return None
