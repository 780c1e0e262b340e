"""The suite that every store must pass, on a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.store_suite import *  # noqa: F403
from unlearn.storage.artefacts import FolderStore


class FolderRig:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "not" / "there" / "yet"
        self.store = FolderStore(self.folder)

    def again(self) -> FolderStore:
        return FolderStore(self.folder)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Something else than the folder is there."""
        elsewhere = self.folder.rename(self.folder.with_name("elsewhere"))
        self.folder.write_bytes(b"")
        yield
        self.folder.unlink()
        elsewhere.rename(self.folder)


@pytest.fixture
def rig(tmp_path: Path) -> FolderRig:
    return FolderRig(tmp_path)
