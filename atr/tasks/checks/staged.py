# SPDX-License-Identifier: Apache-2.0
"""The check of staged files: are they the files that are, or will be, voted on? It names the files that differ.

It runs after a capture, when a vote is resolved and on each new revision, with the same comparison as Verify. Its
blocker refuses a request for a promotion.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.storage.worker.captures as captures
import atr.storage.worker.inputs as inputs
import atr.tasks.context as contexts

CHECK_VERSION: Final = "1"
_Status = sql.CheckResultStatus


async def check(context: contexts.Context, args: Mapping[str, Any]) -> None:
    """Check the deployment `deployment_id` and store the findings. One transaction, no network."""
    async with context.service() as service:
        case = await inputs.staged_case(service.write, args["deployment_id"])
        await service.checks.record_staged(args["deployment_id"], CHECK_VERSION, findings(case))


def findings(case: inputs.StagedCase) -> Sequence[captures.Result]:
    """Return the findings about the staged files. Pure."""
    if case.staged is None:
        return ()
    results = [captures.Result(_Status.BLOCKER, problem) for problem in case.side_problems]
    results.extend(captures.Result(_Status.CONCERN, remark) for remark in case.remarks)
    if case.mapping_problem:
        results.append(captures.Result(_Status.CONCERN, case.mapping_problem))
    if case.vote_opened:
        results.extend(_against_ballot(case.staged, case.ballot))
    elif case.mapped is not None:
        results.extend(_against_mapping(case.staged, case.mapped))
    else:
        results.append(
            captures.Result(_Status.NOTE, "Captured. The policy maps no files, so the vote will be on these.")
        )
    return results


def _against_ballot(staged: fileset.FileSet, ballot: Sequence[fileset.FileSet]) -> Sequence[captures.Result]:
    if any(voted.digest == staged.digest for voted in ballot):
        return [captures.Result(_Status.NOTE, f"All {len(staged.files):,} staged files are on the ballot.")]
    voted = fileset.closest(staged, ballot)
    if voted is None:
        return [
            captures.Result(
                _Status.BLOCKER, "These files were not voted on: the ballot has no files for this platform."
            )
        ]
    difference = fileset.compare(voted, staged)
    return [captures.Result(_Status.BLOCKER, f"These files were not voted on: {difference.described('staged')}")]


def _against_mapping(staged: fileset.FileSet, mapped: fileset.FileSet) -> Sequence[captures.Result]:
    difference = fileset.compare(mapped, staged)
    if difference.is_empty:
        return [
            captures.Result(_Status.NOTE, f"All {len(staged.files):,} staged files are identical to the revision's.")
        ]
    said = difference.described("staged", voted=False)
    return [captures.Result(_Status.CONCERN, f"The staged files differ from the revision's mapped files: {said}")]
