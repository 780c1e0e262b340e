"""Artefacts behind one URL: slice files and states, each name written once and never shared.

Names are `partition/shard/kind/token-sequence.end.applied-digest`: what a file holds can be told without reading it. A
file is there whole or not at all: it is written under a temporary name, synced and renamed, and its folder is synced.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from unlearn.environment.private_files import FOLDER_MODE, tighten
from unlearn.environment.regular_file import NotThatFile, create_file, read_file
from unlearn.errors import ArtefactInvalid, ArtefactMissing, SettingsError, StoreUnavailable
from unlearn.extras import require
from unlearn.service_settings.store import StoreSettings

__all__ = [
    "MARKER",
    "Artefact",
    "FolderStore",
    "Store",
    "Stored",
    "artefact_name",
    "check_name",
    "is_whole",
    "newest_files",
    "open_store",
    "read_name",
]

_TEMPORARY = ".part"
MARKER = "marker.json"
"""The file by which a store says whose it is."""
_NAME = re.compile(r"(\d+)/(\d+)/(slice|state|tail)/[0-9a-f-]+\.(\d+)\.(\d+)-[0-9a-f]{16}")


class Store(Protocol):
    """Where artefacts are kept. Every call raises StoreUnavailable where the medium refuses it."""

    def __hash__(self) -> int: ...

    def check(self) -> None:
        """Try, before a worker uses it, whether it can be written, listed and erased from.

        Raises StoreUnavailable; StoreUnsupported where what was deleted is kept, or where a name can be written twice.
        """
        ...

    def marker(self) -> bytes | None:
        """The bytes that `mark` wrote; None if the store was never marked, or isn't there."""
        ...

    def mark(self, data: bytes) -> bytes:
        """Make the store, and mark it with `data` unless it has a marker. Returns the marker that it has then.

        The marker can be reached by no artefact's name.
        """
        ...

    def put(self, name: str, data: bytes) -> None:
        """Write an artefact. Once this returns it is there after a crash, too."""
        ...

    def get(self, name: str, size: int | None = None) -> bytes:
        """The bytes of an artefact.

        Raises ArtefactMissing, a kind of StoreUnavailable, only where the store is there and the name isn't;
        ArtefactInvalid, before anything is read, for what is no file, or not one of `size` bytes if that is given.
        """
        ...

    def names(self, prefix: str) -> Iterator[Stored]:
        """Every file below a folder, except the marker."""
        ...

    def delete(self, *names: str) -> None:
        """Delete artefacts, for good even after a crash; many at once cost far less each. Those that aren't there are
        no error. Where one can't be deleted, the others are before the error is raised.
        """
        ...


class Stored(NamedTuple):
    """A file that is there: its age in seconds, its size in bytes."""

    name: str
    age: float
    size: int


class Artefact(NamedTuple):
    """What a file's name says: it holds rows with slot < `end` that were not dead before `applied`."""

    partition: int
    shard: int
    kind: Literal["slice", "state", "tail"]
    end: int
    applied: int


def artefact_name(artefact: Artefact, writer: str, data: bytes) -> str:
    """The name of an artefact with this content.

    `writer`: token and sequence of whoever writes it, so that no two writers share a name.
    """
    partition, shard, kind, end, applied = artefact
    return f"{partition}/{shard}/{kind}/{writer}.{end}.{applied}-{hashlib.sha256(data).hexdigest()[:16]}"


def is_whole(name: str, data: bytes) -> bool:
    """Whether `data` has the digest that the name ends with; True for names that `artefact_name` doesn't make."""
    return read_name(name) is None or name.endswith("-" + hashlib.sha256(data).hexdigest()[:16])


def read_name(name: str) -> Artefact | None:
    """What a name says; None for one that `artefact_name` doesn't make."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    partition, shard, kind, end, applied = found.groups()
    return Artefact(int(partition), int(shard), kind, int(end), int(applied))  # type: ignore[arg-type]


def newest_files(names: Iterable[str]) -> dict[tuple[int, int], tuple[Artefact, str]]:
    """(shard, end) -> artefact and name of the slice file with the highest `applied`; of equal ones the first named."""
    newest: dict[tuple[int, int], tuple[Artefact, str]] = {}
    for name in names:
        artefact = read_name(name)
        if artefact is not None and artefact.kind == "slice":
            held = newest.get((artefact.shard, artefact.end))
            if held is None or artefact.applied > held[0].applied:
                newest[artefact.shard, artefact.end] = artefact, name
    return newest


def open_store(settings: StoreSettings, model: str) -> Store:
    """The store of one model below the URL: models may share the URL, and never see each other's files.

    Nothing is asked of it yet. Raises SettingsError for a URL that names neither a local folder nor a bucket;
    ExtraMissing, a kind of it, where the client of buckets isn't installed.
    """
    if not settings.is_folder:
        require(settings.url, "s3")
        from unlearn.storage.buckets.store import open_bucket

        return open_bucket(settings, model)
    parts = urlsplit(settings.url)
    if parts.scheme != "file":
        raise SettingsError(
            f"UNLEARN_STORE__URL: {parts.scheme}:// is not known; use file:///a/folder, s3://, gs:// or az://"
        )
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise SettingsError("UNLEARN_STORE__URL: names no folder of this machine; use file:///a/folder")
    return FolderStore(Path(unquote(parts.path)) / model)


def check_name(name: str) -> None:
    """Raise StoreUnavailable for what can be no file's name, such as one that leads out of the store."""
    if "\0" in name or any(part in ("", ".", "..") for part in name.split("/")):
        raise StoreUnavailable(f"the store has no name {name!r}")


class FolderStore:
    """A store in a local or mounted folder. Names such as `../x`, which lead out of it, raise StoreUnavailable."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tightened = False

    def check(self) -> None:
        """A folder says what is wrong with it when it is used."""

    def marker(self) -> bytes | None:
        try:
            return read_file(self._root, (MARKER,))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except NotThatFile as error:
            raise StoreUnavailable(f"the store's marker {error}") from error
        except OSError as error:
            raise StoreUnavailable(f"the store can't read its marker: {error.strerror}") from error

    def mark(self, data: bytes) -> bytes:
        path = self._root / MARKER
        # A hard link is made whole or not at all: of several that mark the store at once, one succeeds.
        temporary = path.with_name(f"{MARKER}.{secrets.token_hex(8)}{_TEMPORARY}")
        try:
            _make_folder(self._root)
            self._tighten()
            try:
                _write_synced(temporary, data)
                with contextlib.suppress(FileExistsError):
                    path.hardlink_to(temporary)
            finally:
                temporary.unlink(missing_ok=True)
            _sync_folder(self._root)
        except OSError as error:
            raise StoreUnavailable(f"the store can't be marked: {error.strerror}") from error
        return self.marker() or b""

    def put(self, name: str, data: bytes) -> None:
        path = self._path(name)
        temporary = path.with_name(path.name + _TEMPORARY)
        try:
            _make_folder(path.parent)
            self._tighten()
            try:
                _write_synced(temporary, data)
                temporary.rename(path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            _sync_folder(path.parent)
        except OSError as error:
            raise StoreUnavailable(f"the store can't write: {error.strerror}") from error

    def get(self, name: str, size: int | None = None) -> bytes:
        check_name(name)
        try:
            return read_file(self._root, name.split("/"), size)
        except NotThatFile as error:
            raise ArtefactInvalid(f"{name} {error}") from error
        except OSError as error:
            # A folder that isn't mounted lacks all files: that says nothing of this one.
            gone = isinstance(error, FileNotFoundError) and self._root.is_dir()
            kind = ArtefactMissing if gone else StoreUnavailable
            raise kind(f"the store can't read {name}: {error.strerror}") from error
        except MemoryError as error:
            raise StoreUnavailable(f"the store can't read {name}: there is not enough memory for it") from error

    def names(self, prefix: str) -> Iterator[Stored]:
        now, below = time.time(), len(str(self._root)) + 1
        try:
            found = sorted(_files(str(self._root / prefix)))
        except OSError as error:
            # What a folder holds would else count as erased.
            raise StoreUnavailable(f"the store can't list its files: {error.strerror}") from error
        return (Stored(path[below:], now - held.st_mtime, held.st_size) for path, held in found)

    def delete(self, *names: str) -> None:
        try:
            _unlink([self._path(name) for name in names])
        except OSError as error:
            where = Path(error.filename).relative_to(self._root) if error.filename else "a file"
            raise StoreUnavailable(f"the store can't delete {where}: {error.strerror}") from error

    def _tighten(self) -> None:
        """Close a store that an older version left open to other users; once, before the first file is written."""
        if not self._tightened:
            self._tightened = True
            tighten(self._root)

    def _path(self, name: str) -> Path:
        check_name(name)
        return self._root.joinpath(*name.split("/"))


def _files(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Path and state of each file below a folder, but of markers; those that go away meanwhile are left out."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path)
            elif entry.is_file() and entry.name != MARKER:
                with contextlib.suppress(FileNotFoundError):
                    yield entry.path, entry.stat()


def _write_synced(path: Path, data: bytes) -> None:
    with create_file(path) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _unlink(paths: Iterable[Path]) -> None:
    """Delete those of the files that are there, and sync their folders, once each. Where one can't be deleted, all
    others are before the first error is raised."""
    changed, first = set[Path](), None
    for path in paths:
        try:
            path.unlink()
            changed.add(path.parent)
        except FileNotFoundError:
            continue
        except OSError as error:
            first = first or error
    # What was erased must not come back after a crash.
    for folder in changed:
        _sync_folder(folder)
    if first is not None:
        raise first


def _make_folder(folder: Path) -> None:
    """Make a folder and its parents, synced so that each of them is there after a crash, too."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
