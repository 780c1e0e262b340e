"""The files of vectors: what makes each, and how they are written and read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.vectors import bad_states, identities, learners, manifests, sequences, texts

__all__ = ["FILES", "FOLDER", "Line", "read", "text_of"]

Line = Mapping[str, Any]

FOLDER = Path(__file__).parents[2] / "docs" / "vectors"

FILES: Mapping[str, Callable[[], Iterable[Line]]] = {
    "texts.jsonl": texts.lines,
    "learners.jsonl": learners.lines,
    "states.jsonl": bad_states.lines,
    "identities.jsonl": identities.lines,
    "manifests.jsonl": manifests.lines,
    "sequences.jsonl": sequences.lines,
}
"""Name -> what makes its lines."""


def text_of(lines: Iterable[Line]) -> str:
    """The lines as JSON in ASCII, so that no editor and no terminal changes what is in them."""
    return "".join(json.dumps(line, ensure_ascii=True, separators=(",", ":")) + "\n" for line in lines)


def read(name: str) -> list[Any]:
    """The lines of a file as it stands in docs/vectors."""
    return [json.loads(line) for line in (FOLDER / name).read_text("ascii").splitlines()]
