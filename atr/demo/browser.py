# SPDX-License-Identifier: Apache-2.0
"""A person with a browser, as far as the demo needs one: sign in, open the confirm page, fill in and send its form."""

import html.parser
import urllib.parse

import httpx

import atr.errors as errors


class _Inputs(html.parser.HTMLParser):
    """The hidden fields of the form that posts to an address."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._action = action
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the fields of the form."""
        given = dict(attrs)
        if tag == "form":
            # The page may quote other characters than the caller did.
            self._inside = urllib.parse.unquote(given.get("action") or "") == urllib.parse.unquote(self._action)
        if self._inside and (tag == "input") and given.get("name"):
            self.fields[str(given["name"])] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        """Note the end of the form."""
        if tag == "form":
            self._inside = False


class Browser(httpx.AsyncClient):
    """One browser with its cookies."""

    def __init__(self, base: str) -> None:
        super().__init__(base_url=base, trust_env=False, timeout=30)

    async def sign_in(self, asf_uid: str) -> None:
        """Sign in as this person."""
        fields = await self._form("/sign-in", "/sign-in")
        await self._submit("/sign-in", {**fields, "asf_uid": asf_uid})

    async def confirm_form(self, project_key: str, version_key: str, deployment_id: int) -> dict[str, str]:
        """Return the fields of the confirm page, with the version filled in."""
        action = f"/distribution/promote/{project_key}/{urllib.parse.quote(version_key)}"
        fields = await self._form(f"{action}?deployment_id={deployment_id}", action)
        return {**fields, "version": version_key}

    async def promote(self, project_key: str, version_key: str, fields: dict[str, str]) -> None:
        """Click Promote."""
        await self._submit(f"/distribution/promote/{project_key}/{urllib.parse.quote(version_key)}", fields)

    async def _form(self, path: str, action: str) -> dict[str, str]:
        page = await self.get(path)
        inputs = _Inputs(action)
        inputs.feed(page.text)
        if "csrf_token" not in inputs.fields:
            raise errors.MalformedError(f"The page {path} has no form; its status is {page.status_code}.")
        return inputs.fields

    async def _submit(self, path: str, fields: dict[str, str]) -> None:
        answer = await self.post(path, data=fields)
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise errors.ConflictError(f"The form {path} returned {answer.status_code}.")
