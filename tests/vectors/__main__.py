"""Writes docs/vectors: `python -m tests.vectors`."""

from __future__ import annotations

from tests.vectors.files import FILES, FOLDER, text_of

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, make in FILES.items():
        (FOLDER / name).write_text(text_of(make()), "ascii")
