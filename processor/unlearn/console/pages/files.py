"""The files as they are answered: from the package, with a tag by their bytes."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple

from unlearn.console.pages.runbook import render

__all__ = ["Page", "load_pages"]

_KINDS: Mapping[str, str] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


class Page(NamedTuple):
    """A file: its bytes, its media type, and its entity tag."""

    body: bytes
    kind: str
    tag: str


def load_pages() -> dict[str, Page]:
    """Path -> page, of all that the console answers without looking at a model."""
    folder = files("unlearn.console.pages")
    found = {f"/{file.name}": file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in _KINDS}
    found["/"] = found.pop("/index.html")
    frame = found.pop("/runbook.html").decode()
    found["/runbook"] = frame.replace(
        "<!-- runbook -->", render(folder.joinpath("runbook.md").read_text("utf-8"))
    ).encode()
    return {path: _page(path, body) for path, body in found.items()}


def _page(path: str, body: bytes) -> Page:
    return Page(body, _KINDS.get(path.rpartition(".")[2], _KINDS["html"]), f'"{sha256(body).hexdigest()[:32]}"')
