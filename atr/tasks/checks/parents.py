# SPDX-License-Identifier: Apache-2.0
"""Can users of a package find its parent POM? Checked before the vote: afterwards only another version fixes it.

Each POM is read once, from ATR's disk if it is there; each parent that is not part of the release is requested from
the public repository, and not again after it was found.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

import atr.errors as errors
import atr.models.sql as sql
import atr.platforms.contract as contract
import atr.shared.maven as maven
import atr.shared.pom as poms
import atr.shared.words as words
import atr.storage.worker.captures as captures
import atr.storage.worker.inputs as inputs
import atr.tasks.context as contexts

CODE: Final = "parents"
# The most POMs that one check reads, and the most parents that it requests.
_POMS_LIMIT: Final = 500
_PROBES_LIMIT: Final = 50
_Status = sql.CheckResultStatus


@dataclasses.dataclass
class _Found:
    """The findings so far."""

    # By the sha256 of a POM: its parent, and why the parent cannot be determined; both empty if it has none.
    parents: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
    # The parents that are public, as paths of their POMs.
    public: set[str] = dataclasses.field(default_factory=set)
    absent: set[str] = dataclasses.field(default_factory=set)
    # Why something could not be determined; empty if everything was.
    silence: str = ""


async def check(context: contexts.Context, case: inputs.ReadinessCase) -> captures.Result:
    """Check the parents of this release's POMs on one platform. Only reads; no transaction is open."""
    if not case.has_poms:
        return _result(_Status.NOTE, "unneeded", "Packages have no POM there.", "", case, _Found())
    if not case.poms:
        return _result(_Status.CONCERN, "unknown", "No POM is known yet.", "nobody", case, _Found())
    found = _known(case.parents_known)
    for pom in case.poms[:_POMS_LIMIT]:
        if pom.sha256 not in found.parents:
            await _read(context, case, pom, found)
    if len(case.poms) > _POMS_LIMIT:
        found.silence = found.silence or f"Only {_POMS_LIMIT} of {len(case.poms):,} POMs were read."
    here = {maven.pom_path(pom.package) for pom in case.poms}
    wanted: dict[str, list[inputs.Pom]] = {}
    for pom in case.poms:
        parent, _ = found.parents.get(pom.sha256, ("", ""))
        if parent and (parent not in here):
            wanted.setdefault(parent, []).append(pom)
    await _ask(context, case, [parent for parent in wanted if parent not in found.public], found)
    return _said(case, wanted, found)


async def _read(context: contexts.Context, case: inputs.ReadinessCase, pom: inputs.Pom, found: _Found) -> None:
    """Read one POM: from ATR's disk if it is there, else from the platform."""
    try:
        content = _here(pom)
        if content is None:
            content = await _there(context.promoter(case.mechanism), pom)
    except (errors.PlatformError, errors.UnsupportedError) as error:
        found.silence = found.silence or f"The POM of {pom.package} could not be read: {error}"
        return
    try:
        parent = poms.parent(content)
    except errors.InputError as error:
        found.parents[pom.sha256] = ("", str(error))
    else:
        found.parents[pom.sha256] = (maven.pom_path(parent) if parent else "", "")


def _here(pom: inputs.Pom) -> bytes | None:
    for file in pom.files:
        try:
            return b"".join(file.pieces())
        except errors.DamagedError:
            # This worker may have no files of revisions.
            continue
    return None


async def _there(promoter: contract.Promoter, pom: inputs.Pom) -> bytes:
    if not pom.external_id:
        raise errors.UnavailableError("its file is not here.")
    async with promoter.staged_bytes(contract.Target(pom.external_id), pom.path, at_most=pom.size) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def _ask(context: contexts.Context, case: inputs.ReadinessCase, parents: Sequence[str], found: _Found) -> None:
    """Probe the public repository for each of these parents."""
    if len(parents) > _PROBES_LIMIT:
        found.silence = found.silence or f"Only {_PROBES_LIMIT} of {len(parents):,} parents were looked up."
    for parent in parents[:_PROBES_LIMIT]:
        try:
            is_public = await context.promoter(case.mechanism).probe(contract.Target(""), parent)
        except (errors.PlatformError, errors.UnsupportedError) as error:
            found.silence = f"The public repository could not be queried: {error}"
            return
        (found.public if is_public else found.absent).add(parent)


def _said(case: inputs.ReadinessCase, wanted: Mapping[str, Sequence[inputs.Pom]], found: _Found) -> captures.Result:
    unread = [
        f"The POM of {pom.package} {found.parents[pom.sha256][1]}."
        for pom in case.poms
        if found.parents.get(pom.sha256, ("", ""))[1]
    ]
    nowhere = [
        f"{_name(parent)}, the parent of {words.some(str(pom.package) for pom in children)}, is neither public "
        "nor in this release, so the published artifacts would be unusable. Publish the parent first, or add its "
        "POM to this release."
        for parent, children in wanted.items()
        if parent in found.absent
    ]
    if nowhere or unread:
        said = words.first([*nowhere, *unread])
        return _result(_Status.BLOCKER, "no", said, "the release manager", case, found)
    if found.silence:
        return _result(_Status.CONCERN, "unknown", found.silence, "nobody", case, found)
    if not any(parent for parent, _ in found.parents.values()):
        return _result(_Status.NOTE, "yes", "No POM has a parent.", "", case, found)
    return _result(_Status.NOTE, "yes", "Every parent is public or part of this release.", "", case, found)


def _name(path: str) -> str:
    return str(maven.parse_path(path).coordinates)


def _known(data: Mapping[str, Any]) -> _Found:
    """Return the findings of an earlier check that stay valid."""
    parents = {sha256: (parent, problem) for sha256, (parent, problem) in data.get("parents", {}).items()}
    return _Found(parents=parents, public=set(data.get("public", ())))


def _result(
    status: sql.CheckResultStatus,
    answer: str,
    sentence: str,
    who: str,
    case: inputs.ReadinessCase,
    found: _Found,
) -> captures.Result:
    ours = {pom.sha256 for pom in case.poms}
    parents = {sha256: known for sha256, known in found.parents.items() if sha256 in ours}
    named = {parent for parent, _ in parents.values()}
    known = {"parents": parents, "public": sorted(found.public & named)}
    return captures.Result(status, sentence, CODE, {"answer": answer, "who": who, "basis": case.basis, "known": known})
