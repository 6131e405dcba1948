# SPDX-License-Identifier: Apache-2.0
"""The file sets of a ballot as pages list them."""

import dataclasses
import datetime
from collections.abc import Mapping

import atr.models.promotion as tables
import atr.pages.views as views
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.storage.ballots as ballots
import atr.storage.eligibility as eligibility
import atr.storage.readers.ballots as ballot_rows

_State = states.DeploymentState


@dataclasses.dataclass(frozen=True)
class BallotLine:
    """One file set on a ballot. `kind` is "revision", "mapped" or "deployment".

    If it could not be read, the digest is empty and `problem` says why. `staged_*` say what a deployment contains now.
    """

    kind: str
    name: str
    detail: str
    files: int
    size: int
    digest: str
    problem: str = ""
    # "d4": the row whose evidence this is; empty for a file set of no deployment.
    row_key: str = ""
    staged_css: str = ""
    staged_word: str = ""
    staged_at: datetime.datetime | None = None


def proposed(
    part: ballots.Part, number: str, rows: Mapping[int | None, views.DeploymentView], mapped: Mapping[str, str]
) -> BallotLine:
    """Return the line of a proposed file set; a deployment's is compared with the one `mapped` to its platform."""
    row = rows.get(part.deployment.id) if part.deployment else None
    name, detail = _named(part.kind, part.platform, number, f"{row.packages_line} in {_called(row)}" if row else "")
    css, word = "live", "Identical to the mapped files" if part.platform in mapped else "Captured"
    if mapped.get(part.platform, part.digest) != part.digest:
        css, word = "refused", "Differs from the mapped files"
    return BallotLine(
        kind=part.kind.value,
        name=name,
        detail=detail,
        files=part.files,
        size=part.size,
        digest=part.digest,
        row_key=f"d{row.deployment_id}" if row else "",
        staged_css=css if row else "",
        staged_word=word if row else "",
        staged_at=part.deployment.captured_at if part.deployment else None,
    )


def frozen(of: eligibility.Release, known: ballot_rows.Frozen, number: str) -> tuple[BallotLine, ...]:
    """Return the file sets of the newest vote, and whether the staged files are still identical to them."""
    lines = []
    for entry in of.ballot:
        stored, row = known.file_sets.get(entry.file_set_digest), known.deployments.get(entry.deployment_id)
        what = ""
        if row is not None:
            what = f"{distribution.in_one_line(known.packages[row.id])} in deployment {row.external_id or row.name}"
        name, detail = _named(entry.kind, entry.platform, number, what)
        css, word, at = _staged_now(entry, row)
        lines.append(
            BallotLine(
                kind=entry.kind.value,
                name=name,
                detail=detail,
                files=stored.files if stored else 0,
                size=stored.size if stored else 0,
                digest=entry.file_set_digest,
                row_key=f"d{entry.deployment_id}" if row else "",
                staged_css=css,
                staged_word=word,
                staged_at=at,
            )
        )
    return tuple(lines)


def _staged_now(entry: tables.BallotEntry, row: tables.Deployment | None) -> tuple[str, str, datetime.datetime | None]:
    """Return the CSS class, word and time that say whether a deployment's files are still those on the ballot."""
    if row is None:
        return "", "", None
    if row.state not in {_State.STAGED, _State.PUBLISHED}:
        return row.state.value, states.DEPLOYMENT_WORDS[row.state].word, row.entered_at
    if not row.file_set_digest:
        return "checking", "Being read", None
    if row.file_set_digest == entry.file_set_digest:
        return "live", "Equal", row.captured_at
    return "refused", "Differs", row.captured_at


def _named(kind: tables.BallotKind, platform: str, number: str, what: str) -> tuple[str, str]:
    if kind is tables.BallotKind.REVISION:
        return f"Revision {number}", "All files of the release"
    where = distribution.DistributionPlatform[platform].display_name
    if kind is tables.BallotKind.MAPPED:
        return f"{where}, from the revision", "Files mapped by the policy"
    return f"{where}, staged", what


def _called(row: views.DeploymentView) -> str:
    return f"deployment {row.external_id or row.deployment_id}"
