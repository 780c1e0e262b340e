from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from unlearn.errors import ArtefactInvalid, SettingsError, StoreUnavailable
from unlearn.service_settings.store import StoreSettings
from unlearn.storage import artefacts
from unlearn.storage.artefacts import Artefact, FolderStore, artefact_name, newest_files, open_store, read_name

NAME = "3/1/state/5-7-abc"


def test_what_was_put_is_got(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "not" / "there" / "yet")

    store.put(NAME, b"bytes")

    assert store.get(NAME) == b"bytes"


def test_names_lie_below_a_prefix_with_their_age(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put(NAME, b"x")
    store.put("4/1/state/5-7-abc", b"x")
    os.utime(tmp_path / NAME, (0, 0))

    found = list(store.names("3"))

    assert [one.name for one in found] == [NAME]
    assert found[0].age > 86_400
    assert found[0].size == 1
    assert [name for name, *_ in store.names("")] == [NAME, "4/1/state/5-7-abc"]
    assert list(store.names("9")) == []


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_a_folder_that_can_not_be_listed_is_not_taken_for_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    """Else what it holds would count as erased."""
    store, scandir = FolderStore(tmp_path), os.scandir
    store.put(NAME, b"x")

    def refused(folder: str) -> object:
        if folder.endswith("/1"):
            raise error
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refused)

    with pytest.raises(StoreUnavailable, match=error.strerror):
        list(store.names(""))


def test_a_file_that_goes_away_meanwhile_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, scandir = FolderStore(tmp_path), os.scandir
    store.put(NAME, b"x")
    store.put("4/1/state/5-7-abc", b"x")

    def racing(folder: str) -> object:
        found = scandir(folder)
        if folder.endswith("3/1/state"):
            (tmp_path / NAME).unlink()
        if folder.endswith("/4"):
            (tmp_path / "4/1").rename(tmp_path.parent / "gone")
        return found

    monkeypatch.setattr(os, "scandir", racing)

    assert list(store.names("")) == []


def test_deleting_is_repeatable_and_final(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put(NAME, b"x")

    store.delete(NAME)
    store.delete(NAME)
    store.delete("9/9/never/there")

    with pytest.raises(StoreUnavailable):
        store.get(NAME)


def test_what_was_deleted_is_gone_after_a_crash_though_the_rest_cant_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, synced, unlink = FolderStore(tmp_path), list[str](), Path.unlink
    names = [f"3/1/state/{number}" for number in range(4)] + ["4/1/state/0"]
    for name in names:
        store.put(name, b"x")

    def refused(path: Path) -> None:
        if path.name == "3":
            raise OSError(5, "Input/output error", str(path))
        unlink(path)

    monkeypatch.setattr(artefacts, "_sync_folder", lambda folder: synced.append(folder.parts[-3]))
    monkeypatch.setattr(Path, "unlink", refused)
    with pytest.raises(StoreUnavailable, match="Input/output error"):
        store.delete(*names)

    assert [one.name for one in store.names("")] == [names[3]], "the others go all the same"
    assert sorted(synced) == ["3", "4"], "once for all in a folder"


@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    store = FolderStore(tmp_path)
    store.put("3/1/state/other", b"x")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    target: object = os if step == "fsync" else Path
    monkeypatch.setattr(target, step, full)

    with pytest.raises(StoreUnavailable, match="No space left"):
        store.put(NAME, b"bytes")

    assert [name for name, *_ in store.names("")] == ["3/1/state/other"]


def test_each_new_folder_is_synced_in_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(os.fstat(handle).st_ino)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    FolderStore(tmp_path).put(NAME, b"bytes")

    paths = [tmp_path, tmp_path / "3", tmp_path / "3/1", tmp_path / NAME, tmp_path / "3/1/state"]
    assert synced == [path.stat().st_ino for path in paths]


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "3/../../out", "", ".", "3//1", "3/\0"])
def test_a_name_that_leads_out_of_the_store_is_not_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "out").write_bytes(b"secret")
    store = FolderStore(tmp_path / "store")

    for call in (store.get, store.delete, lambda it: store.put(it, b"")):
        with pytest.raises(StoreUnavailable):
            call(name)
    assert (tmp_path / "out").read_bytes() == b"secret"


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _link(path: Path) -> None:
    """To the very bytes."""
    outside = path.parents[3].with_name("outside")
    outside.write_bytes(b"bytes")
    path.symlink_to(outside)


def _link_inside(path: Path) -> None:
    path.with_name("other").write_bytes(b"bytes")
    path.symlink_to("other")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _linked_folder(path: Path) -> None:
    path.write_bytes(b"bytes")
    path.parent.rename(path.parents[3].with_name("elsewhere"))
    path.parent.symlink_to(path.parents[3].with_name("elsewhere"))


def _file_for_a_folder(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_bytes(b"bytes")


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


NO_FILES = [_pipe, _folder, _device, _link, _link_inside, _loop, _linked_folder, _file_for_a_folder, _socket]


@pytest.mark.parametrize("make", NO_FILES, ids=lambda make: make.__name__)
@pytest.mark.parametrize("size", [None, 5], ids=["of any size", "of known size"])
def test_only_regular_files_of_the_stores_own_are_read(
    tmp_path_factory: pytest.TempPathFactory, make: Callable[[Path], None], size: int | None
) -> None:
    folder = tmp_path_factory.mktemp("s")  # a socket's path is short
    store = FolderStore(folder / "store")
    path = folder / "store" / NAME
    path.parent.mkdir(parents=True)
    make(path)

    with pytest.raises(ArtefactInvalid, match=NAME):
        store.get(NAME, size)


@pytest.mark.parametrize("size", [0, 4, 6, 1 << 40])
def test_a_file_of_another_size_is_not_read(tmp_path: Path, size: int) -> None:
    store = FolderStore(tmp_path)
    store.put(NAME, b"bytes")

    with pytest.raises(ArtefactInvalid, match=f"{NAME} has 5 bytes, not {size}"):
        store.get(NAME, size)
    assert store.get(NAME, 5) == b"bytes"


def test_of_a_file_with_a_hole_of_a_terabyte_nothing_is_read(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put(NAME, b"bytes")
    os.truncate(tmp_path / NAME, 1 << 40)

    with pytest.raises(ArtefactInvalid, match="has 1099511627776 bytes, not 5"):
        store.get(NAME, 5)


def test_what_memory_does_not_hold_is_a_store_that_cannot_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path)
    store.put(NAME, b"bytes")

    def full(*_: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr("unlearn.storage.artefacts.read_file", full)

    with pytest.raises(StoreUnavailable, match="not enough memory"):
        store.get(NAME)


@pytest.mark.parametrize("make", [_pipe, _link, _loop, _socket], ids=lambda make: make.__name__)
def test_what_stands_in_the_way_of_a_write_is_neither_waited_for_nor_followed(
    tmp_path_factory: pytest.TempPathFactory, make: Callable[[Path], None]
) -> None:
    folder = tmp_path_factory.mktemp("s")
    store = FolderStore(folder / "store")
    path = folder / "store" / f"{NAME}.part"
    path.parent.mkdir(parents=True)
    make(path)

    with pytest.raises(StoreUnavailable):
        store.put(NAME, b"new")
    store.put(NAME, b"new")

    assert store.get(NAME) == b"new"
    outside = folder / "outside"
    assert not outside.exists() or outside.read_bytes() == b"bytes"


def test_an_artefact_is_named_by_its_writer_and_bytes() -> None:
    artefact = Artefact(3, 1, "state", 400, 517)
    expected = f"3/1/state/5-0a1b2c3d-7.400.517-{hashlib.sha256(b'bytes').hexdigest()[:16]}"

    assert artefact_name(artefact, "5-0a1b2c3d-7", b"bytes") == expected
    assert read_name(expected) == artefact


@pytest.mark.parametrize("name", ["", "3/1/state/x", "3/1/other/5-0a-7.4.5-0123456789abcdef", "a/b"])
def test_another_name_says_nothing(name: str) -> None:
    assert read_name(name) is None


def test_the_newest_file_of_a_slice_was_made_at_the_highest_applied() -> None:
    names = [artefact_name(Artefact(0, 1, "slice", 100, applied), "1-aa-1", b"") for applied in (150, 220, 180)]
    names.append(artefact_name(Artefact(0, 1, "state", 100, 900), "1-aa-1", b""))

    assert newest_files(names) == {(1, 100): (Artefact(0, 1, "slice", 100, 220), names[1])}


def test_a_file_url_opens_the_models_folder_in_it(tmp_path: Path) -> None:
    odd = tmp_path / "a folder#1"

    open_store(StoreSettings(url=odd.as_uri()), "m").put(NAME, b"x")

    assert (odd / "m" / NAME).read_bytes() == b"x"


@pytest.mark.parametrize("url", ["ftp://host/x", "file://host/folder", "file://folder"])
def test_a_url_that_no_store_answers_to_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="UNLEARN_STORE__URL"):
        open_store(StoreSettings(url=url), "m")
