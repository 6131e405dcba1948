# SPDX-License-Identifier: Apache-2.0
"""What a real process does to files, and what it sends: every system call that matters, in order, as strace saw it.

The record is taken at the border of the kernel, so it has what SQLite, Python and any library do, whoever calls.
"""

import dataclasses
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Final

# Those that change a file, a name or what a descriptor stands for; those that make something sure; those that send.
# "?": not every kind of processor has each of them.
_CALLS: Final = (
    "?open,?openat,?openat2,?creat,?close,?dup,?dup2,?dup3,?fcntl,?lseek,"
    "?write,?pwrite64,?writev,?pwritev,?pwritev2,?sendfile,?copy_file_range,?truncate,?ftruncate,?fallocate,"
    "?rename,?renameat,?renameat2,?link,?linkat,?symlink,?symlinkat,?unlink,?unlinkat,?rmdir,?mkdir,?mkdirat,"
    "?fsync,?fdatasync,?sync,?syncfs,?sendto,?sendmsg"
)
# Longer than anything that is written at once.
_LONGEST: Final = 64 * 1024 * 1024
_BEGUN: Final = re.compile(r"(\d+) +(\w+)\((.*)")
_RESUMED: Final = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)")
_UNFINISHED: Final = " <unfinished ...>"
_ENDED: Final = re.compile(r"(.*)\) += (-?\d+)(?: .*)?", re.DOTALL)
_TEXT: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_ROOT: Final = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Call:
    """A system call that succeeded: when it began and ended, as numbers of lines, and what it was told."""

    begun: int
    ended: int
    name: str
    # Numbers and flags, as strace writes them; texts are among them as well.
    words: Sequence[str]
    texts: Sequence[bytes]
    result: int


def record(module: str, arguments: Sequence[str], log: pathlib.Path) -> list[Call]:
    """Run this module with these arguments to its end, and answer its calls. Raises AssertionError if it fails."""
    command = [
        *("strace", "-f", "-qq", "--seccomp-bpf", "-xx", "-s", str(_LONGEST), "-e", "signal=none", "-o", str(log)),
        *("-e", f"trace={_CALLS}"),
        *(sys.executable, "-m", module, *arguments),
    ]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    with log.open() as lines:
        return sorted(_calls(lines), key=lambda call: call.ended)


def _calls(lines: Iterator[str]) -> Iterator[Call]:
    begun: dict[str, tuple[int, str, str]] = {}
    for number, raw in enumerate(lines):
        line = raw.rstrip("\n")
        first = number
        if resumed := _RESUMED.fullmatch(line):
            first, name, before = begun.pop(resumed[1])
            rest = before + resumed[2]
        elif one := _BEGUN.fullmatch(line):
            name, rest = one[2], one[3]
            if rest.endswith(_UNFINISHED):
                begun[one[1]] = (number, name, rest.removesuffix(_UNFINISHED))
                continue
        else:
            continue
        ended = _ENDED.fullmatch(rest)
        if ended and int(ended[2]) >= 0:
            found = _TEXT.findall(ended[1])
            assert not any(cut for _, cut in found), "a text of this call is cut off"
            texts = [bytes.fromhex(text.replace("\\x", "")) for text, _ in found]
            yield Call(first, number, name, ended[1].split(", "), texts, int(ended[2]))
