"""What is written for nobody else can be read by nobody else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from unlearn.environment.private_files import make_file, make_folder, tighten
from unlearn.storage.artefacts import FolderStore


@pytest.fixture(autouse=True)
def generous() -> Iterator[None]:
    """A mask that takes nothing away."""
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    found = [folder, *folder.rglob("*")]
    return sorted(str(path) for path in found if not path.is_symlink() and path.stat().st_mode & 0o077)


def test_folders_are_made_with_their_parents_and_what_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_folder(tmp_path / "a" / "b")
    make_file(tmp_path / "a" / "b" / "file")
    assert open_to_others(tmp_path) == [str(tmp_path)]


def test_what_was_made_before_is_tightened_and_links_are_left_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    old = tmp_path / "old"
    (old / "deep").mkdir(parents=True)
    (old / "deep" / "file").write_text("x")
    (old / "run").touch(mode=0o755)
    (old / "link").symlink_to(outside)
    make_folder(old)
    assert open_to_others(old) == []
    assert outside.stat().st_mode & 0o777 == 0o755
    assert ((old / "run").stat().st_mode & 0o777, (old / "deep").stat().st_mode & 0o777) == (0o700, 0o700)


def test_what_cannot_be_tightened_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tmp_path.chmod(0o755)
    refused = PermissionError(1, "Operation not permitted")
    monkeypatch.setattr(Path, "chmod", lambda *_: (_ for _ in ()).throw(refused))
    tighten(tmp_path)
    assert "others may read" in caplog.text
    assert str(tmp_path) in caplog.text


@pytest.mark.parametrize("before", [False, True])
def test_a_store_is_its_owners(tmp_path: Path, before: bool) -> None:
    # Given a store that was made by an earlier version, or none, in a folder of the user's
    tmp_path.chmod(0o755)
    if before:
        (tmp_path / "model" / "0" / "1").mkdir(parents=True)
        (tmp_path / "model" / "0" / "1" / "old").write_bytes(b"x")
    # When a file is written
    store = FolderStore(tmp_path / "model")
    store.put("0/0/state/new", b"x")
    # Then nobody else can read any, and the user's folder is as it was
    assert open_to_others(tmp_path) == [str(tmp_path)]
    assert store.get("0/0/state/new") == b"x"
