"""Space kept back: really taken, given up, and taken back only when there is more than that."""

import os
from pathlib import Path

import pytest

from prismd.store import ballast
from prismd.store.ballast import BALLAST_BYTES, Ballast


def _no_room(*_: object) -> None:
    raise OSError(28, "No space left on device")


def _is_given_up(kept: Ballast) -> bool:
    return kept.is_given_up


def test_it_is_blocks_and_not_a_hole(tmp_path: Path) -> None:
    kept = Ballast(tmp_path / "ballast")
    kept.take()
    status = (tmp_path / "ballast").stat()
    assert (status.st_size, status.st_mode & 0o777) == (BALLAST_BYTES, 0o600)
    assert status.st_blocks * 512 >= BALLAST_BYTES
    assert not _is_given_up(kept)
    kept.give_up()
    assert _is_given_up(kept)
    assert (tmp_path / "ballast").stat().st_blocks == 0


def test_it_is_taken_back_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ballast, "LOOK_S", 0.0)
    kept = Ballast(tmp_path / "ballast")
    kept.take()
    kept.give_up()
    with monkeypatch.context() as full:
        full.setattr(os, "posix_fallocate", _no_room)
        kept.take()
        assert _is_given_up(kept)
    kept.take()
    assert not _is_given_up(kept)
    assert (tmp_path / "ballast").stat().st_size == BALLAST_BYTES


def test_room_is_not_looked_for_at_every_write(tmp_path: Path) -> None:
    kept = Ballast(tmp_path / "ballast")
    kept.take()
    kept.give_up()
    kept.take()
    assert _is_given_up(kept), "a moment later: not yet"


def test_a_start_on_a_full_disk_begins_given_up_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(os, "posix_fallocate", _no_room)
    kept = Ballast(tmp_path / "ballast")
    kept.take()
    assert _is_given_up(kept)
    assert "No space left on device" in caplog.text


def test_a_file_that_was_deleted_or_cut_is_made_whole(tmp_path: Path) -> None:
    (tmp_path / "ballast").write_bytes(b"x" * 10)
    kept = Ballast(tmp_path / "ballast")
    kept.take()
    assert (tmp_path / "ballast").stat().st_size == BALLAST_BYTES
    (tmp_path / "ballast").unlink()
    kept.give_up()
    assert _is_given_up(kept)
