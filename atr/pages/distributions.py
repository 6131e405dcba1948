# SPDX-License-Identifier: Apache-2.0
"""The list of a release's third-party distributions, and the values of the record and automate pages."""

import collections
import dataclasses
import datetime
from collections.abc import Iterable, Mapping
from typing import Final

import atr.models.paging as paging
import atr.models.sql as sql
import atr.pages.deployments as deployments
import atr.pages.not_public as not_public
import atr.pages.views as views
import atr.promotion.gates as gates
import atr.promotion.mapping as mapping
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.words as words
import atr.storage.candidates as candidates
import atr.storage.eligibility as eligibility
import atr.storage.embargo as embargo
import atr.storage.preconditions as preconditions
import atr.storage.readers.deployment_rows as deployment_rows
import atr.storage.readers.distributions as distributions
import atr.storage.rights as rights
import atr.storage.transaction as transaction
import atr.storage.uploads as uploads

PHASE_WORDS: Final = {
    sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT: "Compose",
    sql.ReleasePhase.RELEASE_CANDIDATE: "Vote",
    sql.ReleasePhase.RELEASE_PREVIEW: "Finish",
    sql.ReleasePhase.RELEASE: "Announced",
}
_Platform = distribution.DistributionPlatform
_Proof = distribution.Proof
_LOOKING: Final = "Reported as published; the platform is about to be checked."
_MANAGERS_ONLY: Final = reasons.of("managers-only", what="change this list").sentence


@dataclasses.dataclass(frozen=True)
class Line:
    """A file: its name on the platform, and its path in the revision."""

    name: str
    here: str
    size: int


@dataclasses.dataclass(frozen=True)
class Package:
    """A package: the number of its uploaded files, their bytes, and those that this page lists."""

    name: str
    files: int
    size: int
    lines: tuple[Line, ...]


@dataclasses.dataclass(frozen=True)
class Upload:
    """All that would be uploaded, and a page of its files by package. Pages count from 1."""

    # The files of the revision, and the checksums that are made for them; `size` includes both.
    files: int
    made: int
    size: int
    packages: int
    # The platform's limit for one upload, and whether only the packed bundle can show if this is within it.
    limit: int
    may_be_too_large: bool
    listed: tuple[Package, ...]
    page: int
    pages: int


@dataclasses.dataclass(frozen=True)
class DistributionView:
    """One third-party distribution row of the list page."""

    platform: distribution.DistributionPlatform
    coordinates: distribution.Coordinates
    staging: bool
    pending: bool
    proof: distribution.Proof
    # "staged", "pending", "public", "unproved" or "diverged", which is also the CSS class; and a sentence for people.
    word: str
    sentence: str
    upload_date: datetime.datetime | None
    api_url: str
    web_url: str
    created_by: str
    # None for a row that is older than this module's tables.
    created: datetime.datetime | None
    # Empty if it may be deleted; else why not.
    delete_why_not: str
    deployment_id: int | None


@dataclasses.dataclass(frozen=True)
class RecordFormView:
    """The record and automate pages: the release, the platforms, and what can be done with each."""

    project_key: str
    project_name: str
    version_key: str
    phase_word: str
    # (member name, display name, a sentence on what happens to a distribution there)
    platforms: tuple[tuple[str, str, str], ...]
    # For automate: what would be uploaded, None if that is unknown, and why it cannot be uploaded, if so.
    upload: Upload | None
    why_not: str
    mapping: tuple[str, ...]
    target_namespaces: tuple[str, ...]
    revision_number: str
    # Whether a deployment that the reader stages for production is promoted without another click.
    may_promote: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistributionList(views.ReleaseHead):
    """The list of a release's third-party distributions and deployments."""

    # The rows of this page.
    distributions: tuple[DistributionView, ...]
    part: paging.Part
    deployments: tuple[views.DeploymentView, ...]
    # The voted file sets that are not public.
    not_public: tuple[not_public.NotPublic, ...]
    # Empty if the reader may change the list.
    change_why_not: str
    deployments_part: paging.Part = paging.WHOLE

    @property
    def find(self) -> paging.Part:
        """Return the part of the longer list: one search filters both."""
        return max(self.part, self.deployments_part, key=lambda part: part.pages)


def heading(of: eligibility.Release) -> views.ReleaseHead:
    """Return the top of a page about this release."""
    return views.ReleaseHead(
        project_key=of.project.key,
        project_name=of.project.name,
        committee_name=of.committee.name,
        version_key=of.row.version,
        release_key=of.row.key,
        phase_word=PHASE_WORDS[of.row.phase],
        embargo=embargo.sentence(of.row, of.lift),
    )


def record_why_not(read: transaction.Transaction, of: eligibility.Release) -> str:
    """Return why the reader cannot record or stage a deployment of this release; empty if they can."""
    if of.is_embargoed:
        return gates.EMBARGOED.sentence
    may = rights.is_release_manager(of.committee, read.asf_uid)
    return "" if may else reasons.of("managers-only", what="record or stage deployments").sentence


async def listing(
    read: transaction.Transaction,
    release_key: str,
    asked: paging.Asked = paging.FIRST,
    deployments_asked: paging.Asked = paging.FIRST,
) -> DistributionList:
    """Return a page of the third-party distributions of a release, and a page of its deployments."""
    of = await eligibility.release(read.data, release_key)
    release = of.row
    found, part = await distributions.page(read, release_key, asked)
    known = await deployment_rows.of_releases(read, {release_key: of})
    rows = deployments.shown(read, known).get(release_key, ())
    here, deployments_part = deployments.cut(rows, deployments_asked)
    return DistributionList(
        **vars(heading(of)),
        distributions=await _of(read, release, found),
        part=part,
        deployments=here,
        not_public=not_public.told(await candidates.measure(read.data, release_key), rows, release),
        change_why_not="" if rights.is_release_manager(of.committee, read.asf_uid) else _MANAGERS_ONLY,
        deployments_part=deployments_part,
    )


async def not_promoted(read: transaction.Transaction, release: sql.Release) -> tuple[DistributionView, ...]:
    """Return the distributions without a promotion: on platforms that cannot promote, not found yet, or unverified."""
    return await _of(read, release, await distributions.not_promoted(read, release.key))


async def _of(
    read: transaction.Transaction, release: sql.Release, rows: Iterable[sql.Distribution]
) -> tuple[DistributionView, ...]:
    by_package = await distributions.deployments(read, release.key)
    why_not = await preconditions.deletions(read, release.key)
    return tuple(_view(release, row, by_package, why_not) for row in rows)


async def form(
    read: transaction.Transaction,
    release_key: str,
    platform: distribution.DistributionPlatform | None = None,
    page: int = 1,
) -> RecordFormView:
    """Return the record page, or with a platform the automate page with what would be uploaded, or why it cannot be."""
    of = await eligibility.release(read.data, release_key)
    project, revision = of.project, of.newest_revision
    target = of.targets.get(platform.name) if platform else None
    upload: Upload | None = None
    why_not = ""
    if platform is not None:
        plan = await uploads.planned(read.data, project, revision, platform)
        upload, why_not = view(plan, page), reasons.sentence(plan.why_not)
    if not rights.is_release_manager(of.committee, read.asf_uid):
        doing = "stage" if platform else "record"
        why_not = reasons.of("managers-only", what=f"{doing} from here").sentence
    elif of.is_embargoed:
        why_not = gates.EMBARGOED.sentence
    return RecordFormView(
        project_key=project.key,
        project_name=project.name,
        version_key=of.row.version,
        phase_word=PHASE_WORDS[of.row.phase],
        platforms=tuple(
            (one.name, one.display_name, _what_happens(one))
            # Those that can promote come first, because their staged files can be read.
            for one in sorted(distribution.DistributionPlatform, key=lambda one: not read.data.built.supports(one))
            if platform in {None, one}
        ),
        upload=upload,
        why_not=why_not,
        mapping=mapping.patterns_of(of.policy.file_tag_mappings, platform) if platform else (),
        target_namespaces=tuple(target.namespaces) if target else (),
        revision_number=revision.number if revision else "",
        may_promote=rights.is_member(of.committee, read.asf_uid),
    )


def _what_happens(platform: distribution.DistributionPlatform) -> str:
    if platform.supports_remote_promotion:
        return "Staged deployments can be captured, verified and promoted."
    return (
        f"Published packages are found, and their date and address are recorded. Their files are not verified "
        f"because {platform.no_proof}. {platform.why_not}"
    )


def _view(
    release: sql.Release,
    row: sql.Distribution,
    by_package: Mapping[tuple[str, str, str, str], int],
    delete_why_not: Mapping[str, reasons.Reason],
) -> DistributionView:
    return DistributionView(
        platform=row.coordinates.platform,
        coordinates=row.coordinates,
        staging=row.staging,
        pending=row.pending,
        proof=row.proof,
        word=_word(row),
        sentence=_sentence(row),
        upload_date=row.upload_date,
        api_url=row.api_url or "",
        web_url=row.web_url or "",
        created_by=row.created_by,
        created=row.created or release.created,
        delete_why_not=reasons.sentence(delete_why_not.get(row.coordinates.purl)),
        deployment_id=by_package.get((row.platform, row.owner_namespace, row.package, row.version)),
    )


def _word(row: sql.Distribution) -> str:
    """Return the word for its state, which is also the CSS class."""
    if row.proof is _Proof.DIVERGED:
        return "diverged"
    if row.pending:
        return "pending"
    if row.staging:
        return "staged"
    return "public" if row.proof is _Proof.PROVED else "unproved"


def _sentence(row: sql.Distribution) -> str:
    platform = row.coordinates.platform
    match _word(row):
        case "diverged":
            return "Published, but its files differ from the voted files."
        case "staged":
            return "Staged and captured; not published."
        case "public":
            return "Published and verified: its files are identical to the voted files."
        case "unproved":
            since = f" since {words.short(row.upload_date)}" if row.upload_date else ""
            why = platform.no_proof or "no ballot contains its files"
            return f"Published{since}, not verified because {why}."
    if row.staging:
        return f"Reported as staged, not verified. {_not_looked_at(platform)}{row.last_error}".rstrip()
    if row.last_error:
        return f"Reported as published, not found yet. {row.last_error}"
    if row.retries and row.due_at:
        return f"Reported as published, not found yet. Next check {words.short(row.due_at)}."
    return "Reported as published, not verified." if platform.supports_remote_promotion else _LOOKING


def _not_looked_at(platform: distribution.DistributionPlatform) -> str:
    return (
        "" if platform.supports_remote_promotion else f"Staged packages on {platform.display_name} cannot be read yet. "
    )


# The number of files on one page; a package may continue on the next page.
LINES: Final = 200


def view(plan: uploads.Plan, page: int = 1) -> Upload | None:
    """Return a page of the files that would be uploaded, and the totals of all; None if they are unknown."""
    upload = plan.upload
    if (not plan.files) or (upload is None):
        return None
    count: collections.Counter[distribution.Coordinates] = collections.Counter()
    size: collections.Counter[distribution.Coordinates] = collections.Counter()
    for file in plan.files.values():
        count[file.package] += 1
        size[file.package] += file.size
    pages = -(-len(plan.files) // LINES)
    page = min(max(page, 1), pages)
    listed: dict[distribution.Coordinates, list[Line]] = collections.defaultdict(list)
    for where, file in list(plan.files.items())[(page - 1) * LINES : page * LINES]:
        listed[file.package].append(Line(where.rpartition("/")[2], file.here, file.size))
    return Upload(
        files=len(plan.files),
        made=upload.made,
        size=upload.size,
        packages=len(count),
        limit=plan.limit,
        may_be_too_large=upload.certain <= plan.limit < upload.size,
        listed=tuple(
            Package(str(package), count[package], size[package], tuple(lines)) for package, lines in listed.items()
        ),
        page=page,
        pages=pages,
    )
