# SPDX-License-Identifier: Apache-2.0
"""The Central Portal's publisher API: what to ask and what an answer means. Pure.

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
# One deployment with the most files that we take, each with a path of 200 characters.
LISTING_LIMIT: Final = 16 * 1024**2
MAX_FILES: Final = 20_000
MAX_PAGES: Final = 200
# What a page counts is not documented; for one deployment it is enough whether it counts deployments or files.
FILES_PAGE: Final = 500
# Each deployment comes with all its files, so a page of many may be too long; then each of them is asked for alone.
SEARCH_PAGE: Final = 20
# The platform's clock and ours may differ by so much.
CLOCKS: Final = datetime.timedelta(hours=1)

_FINAL_FOR_UPLOADS: Final = frozenset({404, 413, 415, 422})
_WORD_LIMIT: Final = 80
_DETAIL_LIMIT: Final = 2_000
_UUID: Final = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_ID: Final = re.compile(_UUID)
_ID_BODY: Final = re.compile(_UUID.encode())
# The sentence as users reported it; NucleusFramework/ComposeNativeWebview#53 is one such report.
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
    # How many pages there are; None where the platform does not say.
    count: int | None
    answered: answers.Answered


def deployment_id(text: str) -> str:
    """The id itself, if it is one and so may stand in an address. Raises InputError otherwise."""
    if not _ID.fullmatch(text):
        shown = text[:40].encode("ascii", "backslashreplace").decode()
        raise errors.InputError(
            f"“{shown}” is no deployment id of Central. It looks like 5f52bd32-9403-4e3e-8a40-7a690d985c3f.",
            field="deployment_id",
        )
    return text


def deployment_path(external_id: str) -> str:
    """What is posted to in order to publish, and deleted in order to drop."""
    return f"{API}/deployment/{deployment_id(external_id)}"


def download_path(external_id: str, path: str) -> str:
    """One file of exactly this deployment. The path over all deployments would be ambiguous. Raises InputError."""
    return f"{deployment_path(external_id)}/download/{maven.checked_path(path)}"


def upload_query(name: str) -> Mapping[str, str]:
    """The query of an upload. The default of publishingType has changed before, so it is always said."""
    return {"name": name, "publishingType": "USER_MANAGED"}


def files_document(number: int, external_id: str | None, size: int = FILES_PAGE) -> Mapping[str, object]:
    """The body that asks for one page of the list: of one deployment, or of all that the account sees, newest first.

    What is uploaded meanwhile comes first and shifts the rest, so that one may be seen twice and none is passed over.
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
    """What an answer to the status call says. Raises CredentialsError for 401, 403, UnavailableError for 429, 5xx."""
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
    """An answer that says nothing definite."""
    return contract.Observation(steps.Seen.UNKNOWN, word, reason[:_DETAIL_LIMIT])


def page(answered: answers.Answered, number: int, what: str, before: Page | None = None) -> Page:
    """One page of the list, which came after `before`. Raises the fitting PlatformError for any other answer."""
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
        # Whoever overlooks the number that is asked for would be asked for ever.
        raise errors.MalformedError(f"Central was asked for page {number} of {what} and sent the one before it again.")
    return Page(number, tuple(deployments), _whole_number(count), answered)


def is_last(page: Page, *, of_one: bool) -> bool:
    """Whether the list ends here. Without a count it goes on to the first page that holds nothing."""
    if page.count is not None:
        return page.number + 1 >= page.count
    return not any((not of_one) or entry.get("deploymentFiles") for entry in page.deployments)


@dataclasses.dataclass(frozen=True)
class Turn:
    """Which page of the account's list is asked for: the pages of one size count from 0."""

    number: int = 0
    size: int = SEARCH_PAGE

    @property
    def document(self) -> Mapping[str, object]:
        """The body that asks for it."""
        return files_document(self.number, None, self.size)

    @property
    def alone(self) -> "Turn":
        """The first deployment of a page that is too long, by itself."""
        return Turn(self.number * self.size, 1)

    @property
    def next(self) -> "Turn":
        """What comes after it; behind the last one of a page that was too long, a whole page again."""
        number = self.number + 1
        ends = (self.size == 1) and (number % SEARCH_PAGE == 0)
        return Turn(number // SEARCH_PAGE) if ends else Turn(number, self.size)


@dataclasses.dataclass
class Newest:
    """How far a list, the newest first, was read."""

    since: datetime.datetime | None
    _last: datetime.datetime | None = None
    _in_order: bool = True

    def has_passed(self, page: Page) -> bool:
        """Whether what is on the next pages is older than `since`: this page, and all before it, came in that order."""
        for entry in page.deployments:
            created = answers.of_milliseconds(entry.get("createTimestamp"))
            later = (created is None) or ((self._last is not None) and (created > self._last))
            self._in_order, self._last = self._in_order and not later, created
        if (self.since is None) or (self._last is None):
            return False
        return self._in_order and (self._last < self.since - CLOCKS)


def collect(external_id: str, page: Page, listed: dict[str, contract.Listed]) -> None:
    """Add a page's files to what is listed. Raises MalformedError unless the page is wholly beyond doubt."""
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
    # The vendor's schema does not promise this field, only its example shows it.
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
    """The deployments on a page that carry exactly this name. Raises MalformedError where that cannot be told."""
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
    """The deployments on a page that name this version among their packages. Raises MalformedError as `found` does."""
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
    """What Central's own records say. Raises the fitting PlatformError for anything but a clear yes or no."""
    what = f"whether {where} is published"
    if answered.status != 200:  # noqa: PLR2004
        raise answers.refusal(answered, "Central's portal", what)
    said = answers.parsed(answered, what).get("published")
    if not isinstance(said, bool):
        raise errors.MalformedError(f"Central's portal did not say {what}. It said: “{answered.sample}”.")
    return said


def upload_reply(answered: answers.Answered) -> contract.Reply:
    """What the answer to an upload means: the whole body is the id. Without a usable id we do not know it.

    An upload makes a new thing, so whoever answers finally that there is no such place, or that it will not do like
    this, has made none. Of what is there already the same words prove nothing: see `call_reply`.
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
    """What the answer to a publish or a drop means. A 200 with a page for signing in is none of the portal's."""
    return _only(204, answered)


def coordinates(purl: str) -> distribution.Coordinates | None:
    """The package that a purl names, its query left out; None if it names none of Maven."""
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
    # Another success than the documented one may come from something in between: the state tells.
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
    # Only from this state may it be published, so what we cannot read must not slip by. Elsewhere the state decides.
    if (strange is not None) and (_SEEN[state] is steps.Seen.STAGED):
        return unknown(f"We cannot tell which package “{answered.shown(strange, _WORD_LIMIT)}” is.", word)
    # `errors` has been seen on deployments that were well, PUBLISHED ones among them: it is shown, it decides nothing.
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
    # Keys are purls or "common", values lists of sentences; a plain list has been seen too.
    entries = value.values() if isinstance(value, dict) else [value]
    for entry in entries:
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, list):
            yield from (item for item in entry if isinstance(item, str))
