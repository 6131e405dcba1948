# SPDX-License-Identifier: Apache-2.0
"""A disk that forgets what was not synced, built from a record of system calls, and what a power loss leaves of it.

What is assumed of it, so little that every file system keeps it: what was written to a file is sure once the file was
synced; a name in a folder (of a new file, of one that was renamed, removed or linked) is sure once that folder was. Of
anything else a power loss leaves any part, in any order: of a write any of its sectors, of a file that grew its length
without its bytes, of names the later without the earlier. A rename happens as a whole or not at all.
"""

import dataclasses
import pathlib
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import tests.chaos.recorded as recorded

# What SQLite keeps in memory that processes share, and makes anew when it opens the database.
SHARED_MEMORY: Final = "-shm"
_SECTORS: Final = (512, 4_096)
_KEPT: Final = (0.1, 0.5, 0.9)
_HERE: Final = "AT_FDCWD"


@dataclasses.dataclass(frozen=True)
class Change:
    """Bytes that were written at an offset, or, without any, a file that was cut or stretched to this length."""

    number: int
    offset: int
    data: bytes | None = None

    def apply(self, content: bytearray, begin: int = 0, end: int | None = None) -> None:
        """Do it, or of what was written only this part."""
        if self.data is None:
            del content[self.offset :]
            content.extend(bytes(self.offset - len(content)))
            return
        piece = self.data[begin:end]
        at = self.offset + begin
        content.extend(bytes(max(0, at - len(content))))
        content[at : at + len(piece)] = piece


class File:
    """A file: its bytes as the process sees them, those that are sure, and what was done since they were."""

    def __init__(self, content: bytes = b"") -> None:
        self.live = bytearray(content)
        self.sure = bytearray(content)
        self.pending: list[Change] = []

    def change(self, change: Change) -> None:
        """Write to it, or cut it."""
        change.apply(self.live)
        self.pending.append(change)

    def sync(self, before: int) -> None:
        """What was done before is sure."""
        for change in self.pending:
            if change.number < before:
                change.apply(self.sure)
        self.pending = [change for change in self.pending if change.number >= before]

    def left(self, loss: "Loss") -> bytes:
        """Its bytes after the power loss."""
        content = bytearray(self.sure)
        for change in self.pending:
            if change.data is None:
                if loss.spares():
                    change.apply(content)
                continue
            for begin, end in _sectors(change, loss.sector):
                if loss.spares():
                    change.apply(content, begin, end)
        return bytes(content)


class Folder:
    """A folder: what its names stand for as the process sees it, and those that are sure."""

    def __init__(self) -> None:
        self.live: dict[str, Node] = {}
        self.sure: dict[str, Node] = {}


Node = File | Folder


@dataclasses.dataclass
class Naming:
    """Names that got another meaning, or none, in one step; sure once `folder` was synced."""

    number: int
    folder: Folder
    names: list[tuple[Folder, str, Node | None]]


@dataclasses.dataclass
class Opened:
    """What a descriptor stands for."""

    node: Node
    appends: bool = False
    offset: int = 0


class Loss:
    """A power loss. Without chance all is lost that may be."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance
        self._kept = chance.choice(_KEPT) if chance else 0.0
        self.sector = chance.choice(_SECTORS) if chance else _SECTORS[0]

    def spares(self) -> bool:
        """Whether the next thing that may be lost is not."""
        return (self._chance is not None) and (self._chance.random() < self._kept)


class Disk:
    """The disk below a directory, which a record is played to. What stood `before` in its place is sure."""

    def __init__(self, before: pathlib.Path, root: pathlib.Path) -> None:
        self._root = root
        self._top = Folder()
        self._namings: list[Naming] = []
        self._opened: dict[int, Opened] = {}
        for path in sorted(before.rglob("*")):
            folder, name = self._walk(self._top, path.relative_to(before).parts)
            folder.live[name] = folder.sure[name] = Folder() if path.is_dir() else File(path.read_bytes())

    def is_sync(self, call: recorded.Call) -> bool:
        """Whether this call makes something of this disk sure."""
        if call.name == "sync":
            return True
        return (call.name in {"fsync", "fdatasync", "syncfs"}) and (int(call.words[0]) in self._opened)

    def name_of(self, call: recorded.Call) -> str:
        """The path of what a call with a descriptor is about, a folder's with a slash; empty if it is not here."""
        found = self._opened.get(int(call.words[0])) if call.words[0] else None
        if found is None:
            return ""
        every = [("", self._top), *self._paths(self._top, "")]
        path = next((path for path, node in every if node is found.node), "?")
        return f"{path}/" if isinstance(found.node, Folder) else path

    def play(self, call: recorded.Call) -> None:
        """Let a call have happened."""
        handler = _HANDLERS.get(call.name)
        if handler is not None:
            handler(self, call)

    def left(self, to: pathlib.Path, loss: Loss, without: str) -> None:
        """Write what a power loss leaves below a new directory; but the folder `without`, which is on another disk."""
        names = {id(folder): dict(folder.sure) for folder in self._folders()}
        for naming in self._namings:
            if loss.spares():
                for folder, name, node in naming.names:
                    _set(names[id(folder)], name, node)
        other = self._find(without)
        _write(self._top, to, lambda one: names[id(one)] if one is not other else {}, lambda file: file.left(loss))

    def whole(self, path: str, to: pathlib.Path) -> None:
        """Write a folder as the process sees it."""
        found = self._find(path)
        if found is not None:
            _write(found, to, lambda one: one.live, lambda file: bytes(file.live))

    def seen(self) -> Mapping[str, bytes]:
        """Every file as the process sees it, by path."""
        return {path: bytes(node.live) for path, node in self._paths(self._top, "") if isinstance(node, File)}

    # What calls do

    def _open(self, call: recorded.Call) -> None:
        found = self._place(call, 0)
        self._opened.pop(call.result, None)
        if found is None:
            return
        folder, name = found
        flags = call.words[1 if call.name == "open" else 2].split("|")
        node = folder.live.get(name) if name else folder
        if node is None:
            assert "O_CREAT" in flags, f"{name} was opened and is not known"
            node = File()
            self._rename(call, folder, (folder, name, node))
        if ("O_TRUNC" in flags) and isinstance(node, File):
            node.change(Change(call.ended, 0))
        assert not {"O_SYNC", "O_DSYNC", "O_TMPFILE"} & set(flags), f"{flags} are not simulated"
        self._opened[call.result] = Opened(node, "O_APPEND" in flags)

    def _close(self, call: recorded.Call) -> None:
        self._opened.pop(int(call.words[0]), None)

    def _dup(self, call: recorded.Call) -> None:
        if (call.name == "fcntl") and not call.words[1].startswith("F_DUPFD"):
            return
        self._opened.pop(call.result, None)
        if (found := self._opened.get(int(call.words[0]))) is not None:
            self._opened[call.result] = found

    def _seek(self, call: recorded.Call) -> None:
        if (found := self._opened.get(int(call.words[0]))) is not None:
            found.offset = call.result

    def _written(self, call: recorded.Call) -> None:
        found = self._opened.get(int(call.words[0]))
        if found is None:
            return
        self._put(call, found, b"".join(call.texts)[: call.result], None)

    def _written_at(self, call: recorded.Call) -> None:
        if (found := self._opened.get(int(call.words[0]))) is not None:
            self._put(call, found, b"".join(call.texts)[: call.result], int(call.words[-1]))

    def _copied(self, call: recorded.Call) -> None:
        """Python gives sendfile the offset to read from, and lets the one to write to advance."""
        target, source = (self._opened.get(int(word)) for word in call.words[:2])
        if target is not None:
            assert source is not None
            assert isinstance(source.node, File)
            at = int(call.words[2].strip("[]").partition(" ")[0])
            self._put(call, target, bytes(source.node.live[at : at + call.result]), None)

    def _put(self, call: recorded.Call, opened: Opened, data: bytes, offset: int | None) -> None:
        assert isinstance(opened.node, File)
        at = offset
        if at is None:
            at = len(opened.node.live) if opened.appends else opened.offset
            opened.offset = at + len(data)
        opened.node.change(Change(call.ended, at, data))

    def _cut(self, call: recorded.Call) -> None:
        if (found := self._opened.get(int(call.words[0]))) is not None:
            assert isinstance(found.node, File)
            found.node.change(Change(call.ended, int(call.words[1])))

    def _made(self, call: recorded.Call) -> None:
        if (found := self._place(call, 0)) is not None:
            self._rename(call, found[0], (*found, Folder()))

    def _removed(self, call: recorded.Call) -> None:
        if (found := self._place(call, 0)) is not None:
            self._rename(call, found[0], (*found, None))

    def _renamed(self, call: recorded.Call) -> None:
        old, new = self._place(call, 0), self._place(call, 1)
        if (old is None) and (new is None):
            return
        assert old is not None
        assert new is not None
        self._rename(call, new[0], (*new, old[0].live[old[1]]), (*old, None))

    def _linked(self, call: recorded.Call) -> None:
        old, new = self._place(call, 0), self._place(call, 1)
        if new is not None:
            assert old is not None
            self._rename(call, new[0], (*new, old[0].live[old[1]]))

    def _synced(self, call: recorded.Call) -> None:
        if (found := self._opened.get(int(call.words[0]))) is not None:
            self._sure(found.node, call.begun)

    def _all_synced(self, call: recorded.Call) -> None:
        for folder in self._folders():
            self._sure(folder, call.begun)
        for _, node in self._paths(self._top, ""):
            self._sure(node, call.begun)

    def _unknown(self, call: recorded.Call) -> None:
        inside = self._opened.get(int(call.words[0])) if call.words[0].isdigit() else self._place(call, -1)
        assert inside is None, f"{call.name} is not simulated"

    # How names and bytes become sure

    def _sure(self, node: Node, before: int) -> None:
        if isinstance(node, File):
            node.sync(before)
            return
        due = [naming for naming in self._namings if (naming.folder is node) and (naming.number < before)]
        for naming in due:
            self._namings.remove(naming)
            for folder, name, meant in naming.names:
                _set(folder.sure, name, meant)
                # What the name meant before is overtaken.
                for earlier in self._namings:
                    if earlier.number < naming.number:
                        earlier.names = [one for one in earlier.names if (one[0] is not folder) or (one[1] != name)]

    def _rename(self, call: recorded.Call, folder: Folder, *names: tuple[Folder, str, Node | None]) -> None:
        for where, name, node in names:
            _set(where.live, name, node)
        self._namings.append(Naming(call.ended, folder, list(names)))

    # Where things are

    def _place(self, call: recorded.Call, which: int) -> tuple[Folder, str] | None:
        """The folder and the name that the call's text of this number is about; None if it is not on this disk."""
        path = pathlib.Path(call.texts[which].decode())
        texts = [number for number, word in enumerate(call.words) if word.startswith('"')]
        before = call.words[texts[which] - 1] if texts[which] else _HERE
        if path.is_absolute() or not before.isdigit():
            return self._at(path) if path.is_relative_to(self._root) else None
        opened = self._opened.get(int(before))
        if opened is None:
            return None
        assert isinstance(opened.node, Folder)
        return self._walk(opened.node, path.parts)

    def _at(self, path: pathlib.Path) -> tuple[Folder, str]:
        return self._walk(self._top, path.relative_to(self._root).parts)

    def _walk(self, folder: Folder, parts: tuple[str, ...]) -> tuple[Folder, str]:
        for part in parts[:-1]:
            found = folder.live[part]
            assert isinstance(found, Folder)
            folder = found
        return folder, (parts[-1] if parts else "")

    def _find(self, path: str) -> Folder | None:
        node: Node = self._top
        for part in path.split("/"):
            found = node.live.get(part) if isinstance(node, Folder) else None
            if found is None:
                return None
            node = found
        return node if isinstance(node, Folder) else None

    def _folders(self) -> Iterator[Folder]:
        """Every folder that a power loss may leave or bring back."""
        seen: dict[int, Folder] = {}
        waiting: list[Node | None] = [self._top]
        waiting += [node for naming in self._namings for folder, _, node in naming.names for node in (folder, node)]
        while waiting:
            one = waiting.pop()
            if isinstance(one, Folder) and (id(one) not in seen):
                seen[id(one)] = one
                waiting += [*one.live.values(), *one.sure.values()]
        return iter(seen.values())

    def _paths(self, folder: Folder, before: str) -> Iterator[tuple[str, Node]]:
        for name, node in folder.live.items():
            yield f"{before}{name}", node
            if isinstance(node, Folder):
                yield from self._paths(node, f"{before}{name}/")


_HANDLERS: Final[Mapping[str, Callable[[Disk, recorded.Call], None]]] = {
    **dict.fromkeys(("open", "openat"), Disk._open),
    "close": Disk._close,
    **dict.fromkeys(("dup", "dup2", "dup3", "fcntl"), Disk._dup),
    "lseek": Disk._seek,
    **dict.fromkeys(("write", "writev"), Disk._written),
    **dict.fromkeys(("pwrite64", "pwritev"), Disk._written_at),
    "sendfile": Disk._copied,
    "ftruncate": Disk._cut,
    **dict.fromkeys(("mkdir", "mkdirat"), Disk._made),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir"), Disk._removed),
    **dict.fromkeys(("rename", "renameat", "renameat2"), Disk._renamed),
    **dict.fromkeys(("link", "linkat"), Disk._linked),
    **dict.fromkeys(("fsync", "fdatasync"), Disk._synced),
    **dict.fromkeys(("sync", "syncfs"), Disk._all_synced),
    **dict.fromkeys(("openat2", "creat", "pwritev2", "copy_file_range"), Disk._unknown),
    **dict.fromkeys(("truncate", "fallocate", "symlink", "symlinkat"), Disk._unknown),
}


def _sectors(change: Change, size: int) -> Iterator[tuple[int, int]]:
    """The parts of a write that lie in one sector each."""
    assert change.data is not None
    begin = 0
    while begin < len(change.data):
        end = min(len(change.data), begin + size - (change.offset + begin) % size)
        yield begin, end
        begin = end


def _set(names: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _write(
    folder: Folder, to: pathlib.Path, names: Callable[[Folder], Mapping[str, Node]], content: Callable[[File], bytes]
) -> None:
    to.mkdir(parents=True, exist_ok=True)
    for name, node in names(folder).items():
        if isinstance(node, Folder):
            _write(node, to / name, names, content)
        elif not name.endswith(SHARED_MEMORY):
            (to / name).write_bytes(content(node))
