# SPDX-License-Identifier: Apache-2.0
"""The type of the file system of a SQLite database, and who may open it.

On a network file system, its locks and its WAL do not work.

https://www.sqlite.org/wal.html: all processes that use a database must be on one machine. The kernel's table of mounts
is read instead of statfs, which has one number for all FUSE file systems, local ones included.
"""

import contextlib
import logging
import pathlib
import re
import stat
from typing import Final

import sqlalchemy

import atr.disk as disk
import atr.errors as errors

_LOG = logging.getLogger(__name__)
# https://www.kernel.org/doc/html/latest/filesystems/proc.html, 3.5
MOUNTS: Final = pathlib.Path("/proc/self/mountinfo")
# The kernel's names of file system types that are on another machine, or on the host of a virtual machine.
_REMOTE: Final = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "fuse.ceph",
        "fuse.davfs",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.goofys",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "fuse.vmhgfs-fuse",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
        "vmhgfs",
    }
)
# The suffixes of a SQLite database and of the files that SQLite creates next to it, with the mode of the database.
COMPANIONS: Final = ("", "-wal", "-shm", "-journal")
_DIRECTORY: Final = 0o700
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
# The index of a field, from 0.
_MOUNT_POINT: Final = 4
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


def sqlite_file(url: str) -> pathlib.Path | None:
    """Return the resolved path of a SQLite database; None for any other database, and for one in memory.

    Raises SettingsError for a text that is not an address.
    """
    try:
        address = sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        # Not `from error`: the text may contain a password.
        raise errors.SettingsError("ATR_DATABASE_URL is not the address of a database.") from None
    if (address.get_backend_name() != "sqlite") or (address.database in {None, "", ":memory:"}):
        return None
    return pathlib.Path(str(address.database)).resolve()


def make_private(state_dir: pathlib.Path, url: str) -> None:
    """Create the state directory, if it does not exist, and close it and the database to other users.

    Deeper files are protected by the directories that are closed here. A file of another user is left unchanged, and
    the log has a warning.
    """
    disk.make_directory(state_dir, _DIRECTORY)
    file = sqlite_file(url)
    beside = [file.with_name(f"{file.name}{end}") for end in COMPANIONS] if file else []
    for path in (state_dir, *state_dir.iterdir(), *beside):
        with contextlib.suppress(FileNotFoundError):
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & _OTHERS:
                try:
                    path.chmod(mode & ~_OTHERS)
                except PermissionError:
                    _LOG.warning("other users can open %s, which belongs to another user: chmod go= it", path)


def kind(path: pathlib.Path, mounts: pathlib.Path = MOUNTS) -> str:
    """Return the type of the file system of this path; empty if the kernel does not report it."""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    found, length = "", -1
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if (len(fields) <= _MOUNT_POINT) or not after:
            continue
        place = pathlib.PurePosixPath(_ESCAPED.sub(_unescaped, fields[_MOUNT_POINT]))
        # The longest mount point that contains the path counts; of two at the same one, the later hides the earlier.
        if path.is_relative_to(place) and (len(place.parts) >= length):
            found, length = after.split(" ")[0], len(place.parts)
    return found


def is_remote(name: str) -> bool:
    """Return whether a file system of this type is on another machine."""
    return name in _REMOTE


def demand_local(url: str, mounts: pathlib.Path = MOUNTS) -> None:
    """Raise SettingsError for a SQLite database on a network file system."""
    path = sqlite_file(url)
    if path is None:
        return
    name = kind(path, mounts)
    if is_remote(name):
        raise errors.SettingsError(
            f"{path} is on a network file system ({name}), where SQLite may lose data. Set ATR_STATE_DIR to a "
            "directory on a local disk, or ATR_DATABASE_URL to a file there."
        )


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match.group(1), 8))
