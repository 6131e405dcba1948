# SPDX-License-Identifier: Apache-2.0
"""The Central Portal's publisher API: its requests, and the meaning of its answers. Pure.

The vendor's guide: https://central.sonatype.org/publish/publish-portal-api/
"""

import dataclasses
import datetime
import re
from collections.abc import Iterator, Mapping
from typing import Final

import packageurl

import atr.errors as errors
import atr.platforms.answers as answers
import atr.platforms.contract as contract
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.shared.maven as maven

# https://central.sonatype.org/publish/publish-portal-api/: all paths are below this one.
API: Final = "api/v1/publisher"
# One deployment with the largest number of files, each with a path of 200 characters.
LISTING_LIMIT: Final = 16 * 1024**2
MAX_FILES: Final = 20_000
MAX_PAGES: Final = 200
# It is not documented whether a page size counts deployments or files; for one deployment this is enough in both cases.
FILES_PAGE: Final = 500
# Each deployment is listed with all its files, so a page of many may be too long; then they are requested one by one.
SEARCH_PAGE: Final = 20
# How much the platform's clock may differ from ATR's.
CLOCKS: Final = datetime.timedelta(hours=1)

_FINAL_FOR_UPLOADS: Final = frozenset({404, 413, 415, 422})
_WORD_LIMIT: Final = 80
_DETAIL_LIMIT: Final = 2_000
_UUID: Final = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_ID: Final = re.compile(_UUID)
_ID_BODY: Final = re.compile(_UUID.encode())
# The sentence that users have reported, for example in NucleusFramework/ComposeNativeWebview#53.
_HELD: Final = re.compile(rf"currently being published in another deployment \(({_UUID})\)")

# https://central.sonatype.org/publish/publish-portal-api/#verify-status-of-the-deployment
_SEEN: Final[Mapping[str, steps.Seen]] = {
    "PENDING": steps.Seen.WAITING,
    "VALIDATING": steps.Seen.WAITING,
    "VALIDATED": steps.Seen.STAGED,
    "PUBLISHING": steps.Seen.WORKING,
    "PUBLISHED": steps.Seen.PUBLIC,
    "FAILED": steps.Seen.FAILED,
}


@dataclasses.dataclass(frozen=True)
class Page:
    """One page of the list of deployments and their files."""

    number: int
    deployments: tuple[Mapping[str, object], ...]
    # The number of pages; None if the platform does not report it.
    count: int | None
    answered: answers.Answered


def deployment_id(text: str) -> str:
    """Return the id itself if it is valid, and so safe in a URL. Raises InputError otherwise."""
    if not _ID.fullmatch(text):
        shown = text[:40].encode("ascii", "backslashreplace").decode()
        raise errors.InputError(
            f"“{shown}” is no deployment id of Central. It looks like 5f52bd32-9403-4e3e-8a40-7a690d985c3f.",
            field="deployment_id",
        )
    return text


def deployment_path(external_id: str) -> str:
    """Return the path to which a POST publishes, and a DELETE drops, the deployment."""
    return f"{API}/deployment/{deployment_id(external_id)}"


def download_path(external_id: str, path: str) -> str:
    """Return the path of one file of this deployment. The path over all deployments is ambiguous. Raises InputError."""
    return f"{deployment_path(external_id)}/download/{maven.checked_path(path)}"


def upload_query(name: str) -> Mapping[str, str]:
    """Return the query of an upload. It always has publishingType, whose default has changed before."""
    return {"name": name, "publishingType": "USER_MANAGED"}


def files_document(number: int, external_id: str | None, size: int = FILES_PAGE) -> Mapping[str, object]:
    """Return the request body for one page of the list: of one deployment, or of all in the account, newest first.

    A new upload comes first and shifts the others, so a deployment may be listed twice, but none is skipped.
    """
    document: dict[str, object] = {
        "page": number,
        "size": size,
        # The one required field.
        "sortField": "createdTimestamp",
        "sortDirection": "desc" if external_id is None else "asc",
    }
    if external_id is not None:
        document["deploymentIds"] = [deployment_id(external_id)]
    return document


def observation(external_id: str, answered: answers.Answered) -> contract.Observation:
    """Return the state in an answer. Raises CredentialsError for 401, 403, UnavailableError for 429, 5xx."""
    what = f"the state of deployment {external_id}"
    if answered.status == 404:  # noqa: PLR2004
        return contract.Observation(steps.Seen.GONE, detail=answered.sample)
    if answered.status != 200:  # noqa: PLR2004
        refusal = answers.refusal(answered, "Central's portal", what)
        if isinstance(refusal, (errors.CredentialsError, errors.UnavailableError)):
            raise refusal
        return unknown(str(refusal))
    try:
        document = answers.parsed(answered, what)
    except errors.MalformedError as fault:
        return unknown(str(fault))
    if document.get("deploymentId") != external_id:
        named = answered.shown(str(document.get("deploymentId")), _WORD_LIMIT)
        return unknown(f"Central's portal was asked for deployment {external_id} and answered for “{named}”.")
    return _observed(document, answered)


def unknown(reason: str, word: str = "") -> contract.Observation:
    """Return the observation for an answer without a definite state."""
    return contract.Observation(steps.Seen.UNKNOWN, word, reason[:_DETAIL_LIMIT])


def page(answered: answers.Answered, number: int, what: str, before: Page | None = None) -> Page:
    """Return one page of the list, the one after `before`. Raises a PlatformError for any other answer."""
    if answered.status != 200:  # noqa: PLR2004
        raise answers.refusal(answered, "Central's portal", what)
    document = answers.parsed(answered, what)
    deployments, count = document.get("deployments"), document.get("pageCount")
    if not isinstance(deployments, list) or not all(isinstance(entry, dict) for entry in deployments):
        raise errors.MalformedError(f"Central's list for {what} has no list of deployments.")
    if (count is not None) and (_whole_number(count) is None):
        raise errors.MalformedError(f"Central's list for {what} does not count its pages in numbers.")
    if document.get("page", number) != number:
        raise errors.MalformedError(f"Central was asked for page {number} of {what} and sent another one.")
    if (before is not None) and (before.deployments == tuple(deployments)):
        # A server that ignores the page number would be asked without end.
        raise errors.MalformedError(f"Central was asked for page {number} of {what} and sent the one before it again.")
    return Page(number, tuple(deployments), _whole_number(count), answered)


def is_last(page: Page, *, of_one: bool) -> bool:
    """Return whether this is the last page. Without a page count, this is the first empty one."""
    if page.count is not None:
        return page.number + 1 >= page.count
    return not any((not of_one) or entry.get("deploymentFiles") for entry in page.deployments)


@dataclasses.dataclass(frozen=True)
class Turn:
    """A page of the account's list to ask for: pages of one size are numbered from 0."""

    number: int = 0
    size: int = SEARCH_PAGE

    @property
    def document(self) -> Mapping[str, object]:
        """The request body for this page."""
        return files_document(self.number, None, self.size)

    @property
    def alone(self) -> "Turn":
        """The first deployment of a page that is too long, as a page of its own."""
        return Turn(self.number * self.size, 1)

    @property
    def next(self) -> "Turn":
        """The next page; after the last deployment of a page that was too long, a whole page again."""
        number = self.number + 1
        ends = (self.size == 1) and (number % SEARCH_PAGE == 0)
        return Turn(number // SEARCH_PAGE) if ends else Turn(number, self.size)


@dataclasses.dataclass
class Newest:
    """How far a list was read that has the newest deployments first."""

    since: datetime.datetime | None
    _last: datetime.datetime | None = None
    _in_order: bool = True

    def has_passed(self, page: Page) -> bool:
        """Return whether the next pages are older than `since`: only if this page and all before it were in order."""
        for entry in page.deployments:
            created = answers.of_milliseconds(entry.get("createTimestamp"))
            later = (created is None) or ((self._last is not None) and (created > self._last))
            self._in_order, self._last = self._in_order and not later, created
        if (self.since is None) or (self._last is None):
            return False
        return self._in_order and (self._last < self.since - CLOCKS)


def collect(external_id: str, page: Page, listed: dict[str, contract.Listed]) -> None:
    """Add a page's files to `listed`. Raises MalformedError if anything on the page is unclear."""
    what = f"the files of deployment {external_id}"
    if not page.deployments:
        if page.number and (page.count is None):
            return
        raise errors.UnavailableError(
            f"Central's portal lists no deployment {external_id} now.{errors.ASKED_AGAIN}", faultless=True
        )
    entry = page.deployments[0]
    if (len(page.deployments) > 1) or (entry.get("deploymentId") != external_id):
        raise errors.MalformedError(f"Central's portal was asked for {what} and listed another deployment.")
    if entry.get("deploymentType") != "BUNDLE":
        kind = page.answered.shown(str(entry.get("deploymentType")), _WORD_LIMIT)
        raise errors.MalformedError(f"Deployment {external_id} is a “{kind}”; only a BUNDLE is a release.")
    files = entry.get("deploymentFiles")
    # The vendor's schema does not guarantee this field; only its example has it.
    if not isinstance(files, list):
        raise errors.MalformedError(f"Central's portal did not list {what}: the field deploymentFiles is missing.")
    for file in files:
        one = _listed(file, page.answered, what)
        if one.path in listed:
            raise errors.MalformedError(f"Central's portal lists {page.answered.shown(one.path)} twice among {what}.")
        listed[one.path] = one
        if len(listed) > MAX_FILES:
            raise errors.MalformedError(f"Central's portal lists more than {MAX_FILES:,} files for {what}.")


def found(name: str, page: Page) -> Iterator[contract.Found]:
    """Yield the deployments on a page with exactly this name. Raises MalformedError if a name or an id is missing."""
    for entry in page.deployments:
        if "deploymentName" not in entry:
            raise errors.MalformedError("Central's portal lists a deployment without a name, so it may be any.")
        if entry["deploymentName"] != name:
            continue
        external_id = entry.get("deploymentId")
        if not (isinstance(external_id, str) and _ID.fullmatch(external_id)):
            raise errors.MalformedError(f"Central's portal lists a deployment named {name} without a usable id.")
        yield contract.Found(external_id, name, _observed(entry, page.answered))


def holding(where: distribution.Coordinates, page: Page) -> Iterator[contract.Found]:
    """Yield the deployments on a page that contain this version. Raises MalformedError if an id is missing."""
    for entry in page.deployments:
        observed = _observed(entry, page.answered)
        if where not in observed.coordinates:
            continue
        external_id = entry.get("deploymentId")
        if not (isinstance(external_id, str) and _ID.fullmatch(external_id)):
            raise errors.MalformedError(f"Central's portal lists a deployment that holds {where} without a usable id.")
        name = page.answered.shown(str(entry.get("deploymentName") or ""), _WORD_LIMIT)
        yield contract.Found(external_id, name, observed, answers.of_milliseconds(entry.get("createTimestamp")))


def published(answered: answers.Answered, where: distribution.Coordinates) -> bool:
    """Return whether Central's own records have this version. Raises a PlatformError without a clear answer."""
    what = f"whether {where} is published"
    if answered.status != 200:  # noqa: PLR2004
        raise answers.refusal(answered, "Central's portal", what)
    said = answers.parsed(answered, what).get("published")
    if not isinstance(said, bool):
        raise errors.MalformedError(f"Central's portal did not say {what}. It said: “{answered.sample}”.")
    return said


def upload_reply(answered: answers.Answered) -> contract.Reply:
    """Return what the answer to an upload means: the whole body is the id. Without a usable id it is UNCLEAR.

    An upload creates a deployment, so a final 404, 413, 415 or 422 means that none was created. For an existing
    deployment the same statuses prove nothing: see `call_reply`.
    """
    reply = _only(201, answered)
    if answered.status in _FINAL_FOR_UPLOADS:
        return dataclasses.replace(reply, answer=steps.Answer.REFUSED)
    if reply.answer is not steps.Answer.TAKEN:
        return reply
    if not _ID_BODY.fullmatch(answered.body):
        return dataclasses.replace(reply, answer=steps.Answer.UNCLEAR)
    return dataclasses.replace(reply, external_id=answered.body.decode("ascii"))


def call_reply(answered: answers.Answered) -> contract.Reply:
    """Return what the answer to a publish or drop means. A 200, such as a sign-in page, is not the portal's answer."""
    return _only(204, answered)


def coordinates(purl: str) -> distribution.Coordinates | None:
    """Return the Maven package that a purl names, without its query; None if it names none."""
    try:
        named = packageurl.PackageURL.from_string(purl)
        if named.type != "maven":
            return None
        return distribution.coordinates(
            distribution.DistributionPlatform.MAVEN, named.namespace or "", named.name, named.version or ""
        )
    except (ValueError, errors.InputError):
        return None


def _only(status: int, answered: answers.Answered) -> contract.Reply:
    # A success with another status than the documented one may come from a proxy: the state decides.
    reply = answers.reply(answered)
    if (reply.answer is steps.Answer.TAKEN) and (answered.status != status):
        return dataclasses.replace(reply, answer=steps.Answer.UNCLEAR)
    return reply


def _observed(entry: Mapping[str, object], answered: answers.Answered) -> contract.Observation:
    state = entry.get("deploymentState")
    if not isinstance(state, str):
        return unknown("Central's portal gave no state.")
    word = answered.shown(state, _WORD_LIMIT)
    if state not in _SEEN:
        return unknown(f"Central's portal gave a state that we do not know: “{word}”.", word)
    purls = entry.get("purls") or []
    if not isinstance(purls, list) or not all(isinstance(purl, str) for purl in purls):
        return unknown("Central's portal did not list the packages in the way we know.", word)
    named = {purl: coordinates(purl) for purl in purls}
    strange = next((purl for purl, where in named.items() if where is None), None)
    # Only a staged deployment can be published, so an unreadable package must not go unnoticed. Else the state decides.
    if (strange is not None) and (_SEEN[state] is steps.Seen.STAGED):
        return unknown(f"We cannot tell which package “{answered.shown(strange, _WORD_LIMIT)}” is.", word)
    # `errors` has been seen on deployments without a failure, PUBLISHED ones too: it is shown, and decides nothing.
    said = " ".join(_strings(entry.get("errors")))
    held = _HELD.search(said)
    other = held.group(1) if (held is not None) and (held.group(1) != entry.get("deploymentId")) else ""
    return contract.Observation(
        _SEEN[state],
        word,
        answered.shown(said, _DETAIL_LIMIT),
        tuple(sorted({where for where in named.values() if where is not None})),
        other,
    )


def _listed(file: object, answered: answers.Answered, what: str) -> contract.Listed:
    path = file.get("relativePath") if isinstance(file, dict) else None
    if not isinstance(file, dict) or not isinstance(path, str):
        raise errors.MalformedError(f"Central's portal lists something among {what} that is no file.")
    try:
        maven.checked_path(path)
    except errors.InputError as fault:
        raise errors.MalformedError(
            f"Central's portal lists “{answered.shown(path, _WORD_LIMIT)}” among {what}: no path of a Maven repository."
        ) from fault
    size = file.get("fileSize")
    if (size is not None) and (_whole_number(size) is None):
        raise errors.MalformedError(f"Central's portal gives no usable size for {answered.shown(path)} among {what}.")
    return contract.Listed(path, _whole_number(size))


def _whole_number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and (value >= 0) else None


def _strings(value: object) -> Iterator[str]:
    # Keys are purls or "common", values are lists of sentences; a plain list has been seen too.
    entries = value.values() if isinstance(value, dict) else [value]
    for entry in entries:
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, list):
            yield from (item for item in entry if isinstance(item, str))
