# SPDX-License-Identifier: Apache-2.0
"""What was measured, as lines of text."""

import dataclasses
import statistics
from collections.abc import Sequence
from typing import Final

MEGABYTE: Final = 1_000_000
_HEAD: Final = f"{'size':>8}  {'way':<15} {'written':>15} {'read for proof':>15} {'seconds':>9} {'peak memory':>12}"
_PHASES: Final = f"{'size':>8}  {'way':<15} {'before the call':>15} {'publishing':>15} {'check':>9} {'worker CPU':>12}"


@dataclasses.dataclass(frozen=True)
class Figures:
    """One run of one way, or the medians of several. Bytes and seconds; `digest` is what was proved to be public."""

    written: float
    read: float
    seconds: float
    peak: float
    # Of the seconds: until the publish call arrives, from there to the first public read, and the rest.
    before: float
    publishing: float
    check: float
    # Seconds of the processor that the measured process used in all its life, its start included.
    cpu: float
    digest: str


@dataclasses.dataclass(frozen=True)
class Row:
    """The two ways for one size."""

    size: int
    repeats: int
    promote: Figures
    upload: Figures


def median(runs: Sequence[Figures]) -> Figures:
    """The median of each figure. Raises ValueError if the runs proved different digests."""
    digests = {run.digest for run in runs}
    if len(digests) != 1:
        raise ValueError(f"The runs proved different files: {', '.join(sorted(digests))}")
    figures = {
        field.name: statistics.median(getattr(run, field.name) for run in runs)
        for field in dataclasses.fields(Figures)
        if field.name != "digest"
    }
    return Figures(**figures, digest=digests.pop())


def lines(rows: Sequence[Row]) -> list[str]:
    """The table with its ratios, and where the seconds go."""
    out = [_HEAD]
    for row in rows:
        runs = "one run" if row.repeats == 1 else f"median of {row.repeats}"
        out += [
            _figures(f"{row.size:,} MB", "promote", row.promote),
            _figures("", "upload again", row.upload),
            f"{_ratios(row.upload, row.promote)}  ({runs})",
        ]
    out += ["", "Where the seconds go:", _PHASES]
    for row in rows:
        out += [_phases(f"{row.size:,} MB", "promote", row.promote), _phases("", "upload again", row.upload)]
    return out


def _figures(size: str, way: str, of: Figures) -> str:
    return (
        f"{size:>8}  {way:<15} {of.written:>13,.0f} B {of.read:>13,.0f} B {of.seconds:>7.2f} s"
        f" {of.peak / MEGABYTE:>9.1f} MB"
    )


def _ratios(upload: Figures, promote: Figures) -> str:
    return (
        f"{'':>8}  {'upload/promote':<15} {_ratio(upload.written, promote.written):>15}"
        f" {_ratio(upload.read, promote.read):>15} {_ratio(upload.seconds, promote.seconds):>9}"
        f" {_ratio(upload.peak, promote.peak):>12}"
    )


def _phases(size: str, way: str, of: Figures) -> str:
    return f"{size:>8}  {way:<15} {of.before:>13.2f} s {of.publishing:>13.2f} s {of.check:>7.2f} s {of.cpu:>10.2f} s"


def _ratio(upload: float, promote: float) -> str:
    ratio = upload / promote
    return f"{ratio:,.0f} x" if ratio >= 100 else f"{ratio:.2f} x"
