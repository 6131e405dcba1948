# SPDX-License-Identifier: Apache-2.0
"""Where a database lies: read from a table of mounts as the kernel writes it."""

import pathlib

import pytest

import atr.config as config
import atr.db.file_system as file_system
import atr.errors as errors
import atr.platforms.registry as registry
import atr.server as server
import atr.worker as worker

TABLE = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /srv rw,relatime shared:2 master:7 - nfs4 files:/srv rw,vers=4.2
31 30 8:2 / /srv/disk rw,relatime - xfs /dev/sdb1 rw
32 22 0:41 / /mnt/with\\040space rw,relatime - cifs //files/share rw
33 22 0:42 / /home rw,relatime - fuse.sshfs me@there: rw
34 22 0:43 / /over rw,relatime - ext4 /dev/sdc1 rw
35 22 0:44 / /over rw,relatime - 9p host rw
nonsense
"""


@pytest.fixture
def mounts(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "mountinfo"
    path.write_text(TABLE)
    return path


@pytest.mark.parametrize(
    ("path", "kind", "remote"),
    [
        ("/var/atr.db", "ext4", False),
        ("/srv/atr.db", "nfs4", True),
        ("/srv/disk/atr.db", "xfs", False),
        ("/srv/diskette/atr.db", "nfs4", True),
        ("/mnt/with space/atr.db", "cifs", True),
        ("/home/me/state/atr.db", "fuse.sshfs", True),
        ("/over/atr.db", "9p", True),
    ],
)
def test_the_closest_mount_decides(mounts: pathlib.Path, path: str, kind: str, *, remote: bool) -> None:
    assert file_system.kind(pathlib.Path(path), mounts) == kind
    assert file_system.is_remote(kind) is remote
    url = f"sqlite+aiosqlite:///{path}"
    if not remote:
        file_system.demand_local(url, mounts)
        return
    with pytest.raises(errors.SettingsError, match=rf"^{path} is on a network file system \({kind}\).*ATR_STATE_DIR"):
        file_system.demand_local(url, mounts)


def test_a_link_is_followed(mounts: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "state").symlink_to("/srv")
    with pytest.raises(errors.SettingsError, match=r"^/srv/atr\.db is on"):
        file_system.demand_local(f"sqlite+aiosqlite:///{tmp_path}/state/atr.db", mounts)


@pytest.mark.parametrize("url", ["postgresql+psycopg://atr:word@db/srv", "sqlite+aiosqlite://"])
def test_what_is_no_file_lies_nowhere(mounts: pathlib.Path, url: str) -> None:
    assert file_system.sqlite_file(url) is None
    file_system.demand_local(url, mounts)


def test_where_the_kernel_does_not_tell_nothing_is_refused(tmp_path: pathlib.Path) -> None:
    assert file_system.kind(tmp_path, tmp_path / "nothing") == ""
    file_system.demand_local("sqlite+aiosqlite:////srv/atr.db", tmp_path / "nothing")


def test_this_machine_has_a_table_that_can_be_read() -> None:
    assert file_system.kind(pathlib.Path("/proc/self")) == "proc"


async def test_web_and_worker_do_not_start_there(tmp_path: pathlib.Path) -> None:
    """And nothing was made by the try."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 0 0:1 / / rw - ext4 /dev/a rw\n2 1 0:2 / {tmp_path} rw - nfs4 files:/ rw\n")
    environ = {"ATR_STATE_DIR": str(tmp_path / "state"), "ATR_PORT": "0"}
    with pytest.raises(errors.SettingsError, match="network file system"):
        await server.serve(config.WebSettings.from_environ(environ), mounts)
    del environ["ATR_PORT"]
    with pytest.raises(errors.SettingsError, match="network file system"):
        async with worker.context(registry.WorkerSettings.from_environ(environ), mounts=mounts):
            pass
    assert not (tmp_path / "state").exists()
