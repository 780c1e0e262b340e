"""Finished cells on disk, a file each: a second run measures only those that are missing or made on other terms."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unlearn_study.cells import Cell
from unlearn_study.errors import StudyError

__all__ = ["Kept", "write_atomically"]


class Kept:
    """`terms` are everything beside its cell that a figure depends on: data, settings, code, machine."""

    def __init__(self, folder: Path, terms: Mapping[str, Any]) -> None:
        self._folder, self._terms = folder / "cells", terms

    def find(self, cell: Cell) -> dict[str, Any] | None:
        """The cell's figures, if they were made on the same terms; else None."""
        try:
            found = json.loads(self._path(cell).read_bytes())
        except (OSError, ValueError):
            return None
        if not isinstance(found, dict) or found.get("key") != self._key(cell):
            return None
        figures = found.get("figures")
        return figures if isinstance(figures, dict) else None

    def keep(self, cell: Cell, figures: Mapping[str, Any]) -> None:
        """Write the cell's figures.  Raises StudyError where they can't be written."""
        content = {"key": self._key(cell), "cell": cell.as_json(), "figures": figures}
        write_atomically(self._path(cell), json.dumps(content, indent=1).encode())

    def drop_all(self) -> None:
        """Delete all kept cells."""
        for file in self._folder.glob("*.json"):
            file.unlink()

    def _path(self, cell: Cell) -> Path:
        return self._folder / f"{cell.name}.json"

    def _key(self, cell: Cell) -> str:
        text = json.dumps([dict(self._terms), cell.as_json()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Write the whole file or leave what was there.  Raises StudyError where it can't be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise StudyError(f"{path} can't be written: {error.strerror or error}") from None
