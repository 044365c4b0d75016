"""The data directory: permissions, the lock, the secrets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prismd.kernel.errors import AlreadyRunning, StorageRefused
from prismd.kernel.secret import is_well_formed
from prismd.store.datadir import DataDir


def test_it_is_made_for_this_user_only(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        data_dir = DataDir(tmp_path / "a" / "data")
        data_dir.create()
        data_dir.ensure_secrets()
        os.close(data_dir.lock())
    finally:
        os.umask(old)
    assert data_dir.path.stat().st_mode & 0o777 == 0o700
    for file in data_dir.path.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600, file


def test_secrets_are_made_once_and_read_back(data_dir: DataDir) -> None:
    assert data_dir.admin_token() is None
    token = data_dir.ensure_secrets()
    assert token is not None
    assert is_well_formed(token.reveal())
    key = data_dir.master_key()
    assert data_dir.ensure_secrets() is None
    assert data_dir.admin_token() == token
    assert data_dir.master_key() == key
    assert len(key) == 32
    assert not list(data_dir.path.glob("*.new")) + list(data_dir.path.glob(".*"))


def test_a_lost_master_key_is_not_replaced_by_another(data_dir: DataDir) -> None:
    data_dir.ensure_secrets()
    data_dir.state_db.touch(mode=0o600)
    data_dir.master_key_file.unlink()
    with pytest.raises(StorageRefused, match=r"master\.key"):
        data_dir.ensure_secrets()
    assert not data_dir.master_key_file.exists()


def test_a_damaged_master_key_is_refused(data_dir: DataDir) -> None:
    with pytest.raises(StorageRefused, match="prismd init"):
        data_dir.master_key()
    data_dir.master_key_file.write_bytes(b"short")
    with pytest.raises(StorageRefused, match="32"):
        data_dir.master_key()


@pytest.mark.parametrize(
    "name",
    ["state.db", "state.db-wal", "traffic.db", "traffic.db-wal", "admin-token", "master.key"],
)
def test_a_file_that_others_may_read_is_refused(data_dir: DataDir, name: str) -> None:
    (data_dir.path / name).touch()
    (data_dir.path / name).chmod(0o640)
    with pytest.raises(StorageRefused, match=f"chmod 600 .*{name}"):
        data_dir.check()


@pytest.mark.parametrize("name", ["state.db", "traffic.db"])
def test_a_symbolic_link_is_refused_even_to_nowhere(data_dir: DataDir, name: str) -> None:
    (data_dir.path / name).symlink_to(data_dir.path / "elsewhere")
    with pytest.raises(StorageRefused, match="symbolic link"):
        data_dir.check()


def test_a_directory_that_others_may_enter_is_refused(data_dir: DataDir) -> None:
    data_dir.path.chmod(0o755)
    with pytest.raises(StorageRefused, match="chmod 700"):
        data_dir.check()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("name", [".", "state.db"])
def test_what_belongs_to_another_user_is_refused(data_dir: DataDir, name: str) -> None:
    path = data_dir.path / name
    if name != ".":
        path.touch(mode=0o600)
    os.chown(path, 12345, -1)
    with pytest.raises(StorageRefused, match="belongs to"):
        data_dir.check()


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(StorageRefused):
        DataDir(tmp_path / "data").create()


def test_the_lock_of_another_process_names_its_pid(data_dir: DataDir) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            (
                "import sys; from pathlib import Path\n"
                "from prismd.store.datadir import DataDir\n"
                "held = DataDir(Path(sys.argv[1])).lock()\n"
                "print('held', flush=True); sys.stdin.read()"
            ),
            str(data_dir.path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning, match=rf"pid {holder.pid}\b.*{data_dir.path}"):
            data_dir.lock()
        holder.kill()
        holder.wait()
        os.close(data_dir.lock())
