# SPDX-License-Identifier: Apache-2.0
"""The pre-flight checks that need a platform's answer, before the vote ends, and the comparisons that take long.

A platform that does not answer is neither a blocker nor a good sign: the results are "unknown".
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import atr.errors as errors
import atr.models.sql as sql
import atr.platforms.contract as contract
import atr.promotion.fileset as fileset
import atr.promotion.mapping as mapping
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.words as words
import atr.storage.worker.captures as captures
import atr.storage.worker.inputs as inputs
import atr.tasks.checks.parents as parents
import atr.tasks.context as contexts

CHECK_VERSION: Final = "1"
# The most packages that one check queries, one after the other. Each is queried again just before a publish request.
PACKAGES_LIMIT: Final = 500
_UNAUTHORISED: Final = 401
_ASKING: Final = ("credential", "right", "free")
_NOTHING_YET: Final = "No package is known yet: nothing is staged, and the policy maps no files."
_ALL_SENT: Final = "It has been published, or the publish request has been sent; there is nothing left to check."
_Status = sql.CheckResultStatus


async def check(context: contexts.Context, args: Mapping[str, Any]) -> None:
    """Query each platform about the release `release_key` and store the answers. No transaction is open meanwhile."""
    async with context.storage.read() as read:
        cases = await inputs.readiness_cases(read, args["release_key"])
    for case in cases:
        layout = context.layout(case.mechanism)
        compared, files = _compared(case, layout)
        mapped = {layout.package(file.path) for file in files}
        packages = sorted({*case.staged_packages, *mapped})
        owners = sorted({layout.owner(package) for package in mapped})
        # The contents of an upload of these files, including the checksums that would be made for it.
        upload = layout.upload({file.path: file.size for file in files})
        told = {"owners": owners, "planned": [upload.files, upload.size] if files else None}
        compared = dataclasses.replace(compared, data={**compared.data, **told})
        asked = await _asked(context, case, packages, anew=bool(args.get("anew")))
        results = (*asked, await parents.check(context, case), compared)
        async with context.service() as service:
            await service.checks.record_readiness(args["release_key"], case.platform, CHECK_VERSION, results)


async def _asked(
    context: contexts.Context, case: inputs.ReadinessCase, packages: Sequence[distribution.Coordinates], *, anew: bool
) -> Sequence[captures.Result]:
    wanted = [one for one in packages if one not in case.spoken_for]
    if not wanted:
        return [_unknown(code, _ALL_SENT if packages else _NOTHING_YET) for code in _ASKING]
    heard = () if anew else _still_good(case, wanted)
    if heard:
        return heard
    try:
        promoter = context.promoter(case.mechanism)
    except errors.UnsupportedError as error:
        return [
            _no("credential", str(error), "an operator"),
            *(_unknown(code, "Not checked.") for code in ("right", "free")),
        ]
    about = _about(wanted)
    return [dataclasses.replace(result, data={**result.data, "about": about}) for result in await ask(promoter, wanted)]


def _still_good(case: inputs.ReadinessCase, wanted: Sequence[distribution.Coordinates]) -> tuple[captures.Result, ...]:
    """Return the platform's answers about the same packages within the last hour if all are "yes"; else nothing.

    A candidate is often composed, staged and voted on in quick succession; each step would query every package.
    """
    about = _about(wanted)
    heard = tuple(
        captures.Result(one.status, one.message, one.member_rel_path, one.data, one.created)
        for one in case.heard
        if (one.member_rel_path in _ASKING) and (one.data.get("answer") == "yes") and (one.data.get("about") == about)
    )
    return heard if len(heard) == len(_ASKING) else ()


def _about(wanted: Sequence[distribution.Coordinates]) -> str:
    """Return one digest for these packages."""
    return hashlib.sha256("\n".join(one.purl for one in wanted).encode()).hexdigest()


@dataclasses.dataclass
class _Heard:
    """The platform's answers so far."""

    free: list[distribution.Coordinates] = dataclasses.field(default_factory=list)
    taken: list[distribution.Coordinates] = dataclasses.field(default_factory=list)
    # The owners that the account may not publish for, each with the platform's message.
    refused: dict[str, str] = dataclasses.field(default_factory=dict)
    # The platform's message if it refuses the credential itself.
    shut_out: str = ""
    # Why there is no usable answer, if there is none.
    silence: str = ""


async def ask(promoter: contract.Promoter, wanted: Sequence[distribution.Coordinates]) -> Sequence[captures.Result]:
    """Query these packages, and return whether the credential works, whether it may publish them, and which are free.

    Only reads, at the adapter's pace. Raises nothing, whatever the platform answers.
    """
    heard = _Heard()
    for where in wanted[:PACKAGES_LIMIT]:
        if where.owner_namespace in heard.refused:
            continue
        try:
            (heard.taken if await _taken(promoter, where) else heard.free).append(where)
        except errors.CredentialsError as error:
            if error.status == _UNAUTHORISED:
                heard.shut_out = str(error)
                break
            heard.refused[where.owner_namespace] = str(error)
        except errors.PlatformError as error:
            heard.silence = f"The check failed: {error}"
            break
    name = promoter.platform.display_name
    return [_credential(heard, name), _right(heard, name), _free(heard, len(wanted))]


async def _taken(promoter: contract.Promoter, where: distribution.Coordinates) -> bool:
    try:
        return await promoter.taken(where)
    except errors.CredentialsError:
        # A valid token has been answered with 401 before (docs/platforms.md), so a single refusal does not count.
        return await promoter.taken(where)


def _credential(heard: _Heard, name: str) -> captures.Result:
    if heard.shut_out:
        return _no("credential", heard.shut_out, "an operator")
    if heard.free or heard.taken:
        return _yes("credential", f"{name} accepts the credential.")
    return _unknown("credential", heard.silence or f"{name} refused only some namespaces; see the next check.")


def _right(heard: _Heard, name: str) -> captures.Result:
    if heard.refused:
        said = next(iter(heard.refused.values()))
        return _no("right", f"{name} denies publishing as {words.some(heard.refused)}. {said}", "an operator")
    if heard.shut_out:
        return _unknown("right", "The credential was refused, so this could not be checked.")
    if heard.silence:
        return _unknown("right", heard.silence)
    owners = sorted({one.owner_namespace for one in (*heard.free, *heard.taken)})
    return _yes("right", f"The account may publish as {words.some(owners)}.")


def _free(heard: _Heard, wanted: int) -> captures.Result:
    if heard.taken:
        return _no(
            "free",
            f"{words.some(heard.taken)} {words.either(len(heard.taken), 'is', 'are')} already published in this "
            "version, and ATR has no record of a publish request. A published version cannot be changed.",
            "the release manager",
        )
    if heard.silence or heard.shut_out or heard.refused:
        return _unknown("free", heard.silence or "Access was refused, so not every package could be checked.")
    asked = len(heard.free)
    if asked < wanted:
        return _unknown(
            "free",
            f"{asked:,} of {wanted:,} packages are not published yet; the number of checks at a time is limited. "
            "Each package is checked again before the publish request.",
        )
    return _yes(
        "free",
        f"{'The package is' if asked == 1 else f'All {asked:,} packages are'} not published in this version yet.",
    )


def _compared(case: inputs.ReadinessCase, layout: layouts.Layout) -> tuple[captures.Result, tuple[fileset.File, ...]]:
    """Compare the staged files with the mapped ones. Returns the result and the mapped files."""
    if (case.voted is None) and not case.patterns:
        said = "The policy maps no files to this platform, so there is nothing to compare."
        return _unneeded("mapping", said, case.basis), ()
    mapped = case.voted
    if mapped is None:
        if case.revision is None:
            return _unknown("mapping", "The release has no files yet.", case.basis), ()
        try:
            mapped = mapping.mapped(case.revision, case.patterns, layout)
        except errors.InputError as error:
            return _no("mapping", str(error), "a release manager", case.basis), ()
    return _completeness(case, mapped), tuple(mapped.files)


def _completeness(case: inputs.ReadinessCase, mapped: fileset.FileSet) -> captures.Result:
    count = words.count(len(mapped.files), "file")
    closest = fileset.closest(mapped, _whole(case))
    if closest is None:
        return _unknown("mapping", f"{count} are mapped; no deployment has been captured yet.", case.basis)
    difference = fileset.compare(mapped, closest)
    if difference.is_empty:
        apart = (len(case.staged) > 1) and any(closest is files for _, files in case.staged)
        where = f"in one of {len(case.staged):,} deployments" if apart else "and no other"
        return _yes("mapping", f"All {count} mapped are staged, {where}.", case.basis)
    renamed = [f"{old} as {new}" for old, new in difference.renamed]
    parts = (
        (difference.missing, "mapped and not staged"),
        (difference.extra, "staged and not mapped"),
        (difference.changed, "staged with different content"),
        (renamed, "staged under another path"),
    )
    said = "; ".join(f"{len(paths):,} {what} ({words.some(paths)})" for paths, what in parts if paths)
    status = _Status.BLOCKER if (case.voted is not None) else _Status.CONCERN
    return _result("mapping", status, "no", f"Of {count}: {said}.", "the release manager", case.basis)


def _whole(case: inputs.ReadinessCase) -> Sequence[fileset.FileSet]:
    """Return each deployment's files; if they share no path, as modules that are staged apart, also all together."""
    sets = [files for _, files in case.staged]
    every = [file for files in sets for file in files.files]
    apart = (len(sets) > 1) and (len({file.path for file in every}) == len(every))
    return [*sets, fileset.FileSet.of(every)] if apart else sets


def _yes(code: str, sentence: str, basis: str = "") -> captures.Result:
    return _result(code, _Status.NOTE, "yes", sentence, "", basis)


def _unneeded(code: str, sentence: str, basis: str = "") -> captures.Result:
    return _result(code, _Status.NOTE, "unneeded", sentence, "", basis)


def _unknown(code: str, sentence: str, basis: str = "") -> captures.Result:
    return _result(code, _Status.CONCERN, "unknown", sentence, "nobody", basis)


def _no(code: str, sentence: str, who: str, basis: str = "") -> captures.Result:
    return _result(code, _Status.BLOCKER, "no", sentence, who, basis)


def _result(
    code: str, status: sql.CheckResultStatus, answer: str, sentence: str, who: str, basis: str
) -> captures.Result:
    return captures.Result(status, sentence, code, {"answer": answer, "who": who, "basis": basis})
