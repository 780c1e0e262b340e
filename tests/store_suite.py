"""What every store must keep, as plain tests over a `rig`: an empty store and the means to look behind it."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pytest

from unlearn.errors import ArtefactInvalid, ArtefactMissing, StoreUnavailable
from unlearn.storage.artefacts import Store
from unlearn.storage.marker import Guarded, Marker, write_marker

NAME, OTHER = "3/1/state/5-7-abc", "31/1/state/5-7-abc"
MARKER = Marker("id", "model", "identity", "cluster", "topic")


class Rig(Protocol):
    @property
    def store(self) -> Store:
        """Nothing was ever written to it."""

    @property
    def folder(self) -> Path:
        """Where its medium keeps the files, by their names."""

    def again(self) -> Store:
        """The same store, as another process opens it."""

    def away(self) -> AbstractContextManager[object]:
        """The medium answers nothing inside the block, and is back after it."""


def named(store: Store, prefix: str = "") -> list[str]:
    return [name for name, *_ in store.names(prefix)]


# Writing and reading


def test_what_was_put_is_got_by_everybody(rig: Rig) -> None:
    rig.store.put(NAME, b"bytes")

    assert rig.store.get(NAME) == rig.again().get(NAME) == b"bytes"
    assert (rig.folder / NAME).read_bytes() == b"bytes"


@pytest.mark.parametrize("data", [b"", b"\x00\xff" * 4_000_000], ids=["empty", "8 MB"])
def test_any_bytes_come_back(rig: Rig, data: bytes) -> None:
    rig.store.put(NAME, data)

    assert rig.again().get(NAME, len(data)) == data


def test_the_same_bytes_may_be_put_again(rig: Rig) -> None:
    rig.store.put(NAME, b"bytes")
    rig.store.put(NAME, b"bytes")
    rig.again().put(NAME, b"bytes")

    assert rig.store.get(NAME) == b"bytes"
    assert named(rig.store) == [NAME]


@pytest.mark.parametrize("size", [0, 4, 6, 1 << 40])
def test_a_file_of_another_size_is_not_read(rig: Rig, size: int) -> None:
    rig.store.put(NAME, b"bytes")

    with pytest.raises(ArtefactInvalid, match=f"{NAME} has 5 bytes, not {size}"):
        rig.store.get(NAME, size)
    assert rig.store.get(NAME, 5) == b"bytes"


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "3/../../out", "", ".", "3//1", "3/\0", "3/"])
def test_a_name_that_leads_out_of_the_store_is_not_there(rig: Rig, name: str) -> None:
    rig.store.put(NAME, b"bytes")

    for call in (rig.store.get, rig.store.delete, lambda it: rig.store.put(it, b"")):
        with pytest.raises(StoreUnavailable):
            call(name)
    assert named(rig.store) == [NAME]


def test_a_missing_file_is_told_apart_from_a_store_that_is_away(rig: Rig) -> None:
    rig.store.put(NAME, b"bytes")

    with pytest.raises(ArtefactMissing):
        rig.store.get(OTHER)
    with rig.away():
        for call in (lambda: rig.store.mark(b"x"), lambda: rig.store.put("1/2/3", b"x"), lambda: rig.store.get(NAME)):
            with pytest.raises(StoreUnavailable) as error:
                call()
            assert error.type is StoreUnavailable
    assert rig.store.get(NAME) == b"bytes"


# Listing


def test_names_lie_below_a_folder_with_their_age(rig: Rig) -> None:
    for name in (NAME, OTHER):
        rig.store.put(name, b"x")
    os.utime(rig.folder / NAME, (0, 0))

    found = {one.name: one for one in rig.store.names("3")}

    assert list(found) == [NAME]
    assert found[NAME].age > 86_400
    assert found[NAME].size == 1
    assert [0 <= one.age < 3600 for one in rig.store.names("")] == [False, True]
    assert named(rig.store) == [NAME, OTHER]
    assert named(rig.store, "3/") == named(rig.store, "3/1/state") == [NAME]
    assert named(rig.store, "9") == named(rig.store, "3/1/st") == []


def test_the_marker_is_no_file(rig: Rig) -> None:
    rig.store.mark(b"whose")

    assert named(rig.store) == []


def test_nothing_is_left_of_a_check(rig: Rig) -> None:
    rig.store.check()
    rig.again().check()

    assert named(rig.store) == []
    assert not [path for path in rig.folder.rglob("*") if path.is_file()]


# Deleting


def test_deleting_is_repeatable_and_final(rig: Rig) -> None:
    rig.store.put(NAME, b"x")
    rig.again().get(NAME)

    rig.store.delete(NAME)
    rig.store.delete(NAME)
    rig.store.delete("9/9/never/there")

    for store in (rig.store, rig.again()):
        with pytest.raises(ArtefactMissing):
            store.get(NAME)
    assert not (rig.folder / NAME).exists()


def test_many_are_deleted_at_once(rig: Rig) -> None:
    more = [f"{NAME}{number}" for number in range(3)]
    for name in (NAME, *more):
        rig.store.put(name, b"x")

    rig.store.delete(NAME, "9/9/never/there", *more[:2])
    rig.store.delete()

    assert [one.name for one in rig.again().names("")] == more[2:]


def test_what_another_deleted_is_gone(rig: Rig) -> None:
    reader = rig.again()
    rig.store.put(NAME, b"x")
    assert reader.get(NAME) == b"x"

    rig.store.delete(NAME)

    with pytest.raises(ArtefactMissing):
        reader.get(NAME)


# The marker


def test_a_store_is_marked_once(rig: Rig) -> None:
    assert rig.store.marker() is None

    assert rig.store.mark(b"first") == b"first"
    assert rig.again().mark(b"second") == b"first"
    assert rig.store.marker() == rig.again().marker() == b"first"


def test_without_its_marker_nothing_counts_as_missing(rig: Rig) -> None:
    store = Guarded(rig.store)
    store.bind(write_marker(store, MARKER))
    store.put(NAME, b"bytes")
    (rig.folder / "marker.json").unlink()

    kinds = set()
    for call in (
        lambda: store.get(OTHER),
        lambda: store.put(OTHER, b"x"),
        lambda: store.delete(NAME),
        lambda: store.names(""),
    ):
        with pytest.raises(StoreUnavailable) as error:
            call()
        kinds.add(error.type)
    assert kinds == {StoreUnavailable}
    assert (rig.folder / NAME).read_bytes() == b"bytes"


class Leaving:
    """A store whose folder goes away as it is told to delete, so that no name is found in it."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self.marker, self.mark, self.put, self.names = store.marker, store.mark, store.put, store.names
        self.get, self.check = store.get, store.check

    def delete(self, *names: str) -> None:
        away = self._folder.with_name(self._folder.name + "-away")
        self._folder.rename(away)
        self._store.delete(*names)


def test_what_went_away_as_it_was_deleted_does_not_count_as_deleted(rig: Rig) -> None:
    """Else it would count as erased, and be back with its folder."""
    store = Guarded(Leaving(rig.store, rig.folder))
    store.bind(write_marker(store, MARKER))
    store.put(NAME, b"bytes")

    with pytest.raises(StoreUnavailable):
        store.delete(NAME)
