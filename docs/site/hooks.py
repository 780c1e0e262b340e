"""What makes a site of the pages: those beside `docs` are taken in, and links between files become links of the site.

The pages are written to be read as files, where README.md of the repository is the first. A link to a file that is no
page, such as a program, is shown as its text.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = {
    "README.md": "index.md",
    "docs/README.md": "pages.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "trust.md",
    "clients/js/README.md": "node-client.md",
    "examples/README.md": "examples.md",
}
"""Path in the repository -> path in the site, of pages that stand somewhere else."""
_FROM = {site: path for path, site in ELSEWHERE.items()}
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Takes in the pages that stand elsewhere."""
    for path, site in ELSEWHERE.items():
        if (known := files.get_file_from_path(path.removeprefix("docs/"))) and path.startswith("docs/"):
            files.remove(known)
        files.append(File.generated(config, site, content=(ROOT / path).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page's text with the site's links."""
    site = page.file.src_uri
    return _LINK.sub(partial(_linked, site, lambda path: files.get_file_from_path(path) is not None), markdown)


def _linked(site: str, is_page: Callable[[str], bool], link: re.Match[str]) -> str:
    text, target = link.groups()
    path, _, heading = target.partition("#")
    if not path or "://" in path:
        return link[0]
    here = _FROM.get(site, f"docs/{site}")
    there = posixpath.normpath(posixpath.join(posixpath.dirname(here), path))
    found = ELSEWHERE.get(there) or (there.removeprefix("docs/") if there.startswith("docs/") else "")
    if is_page(found):
        relative = posixpath.relpath(found, posixpath.dirname(site) or ".")
        return f"[{text}]({relative}{'#' if heading else ''}{heading})"
    # A file that isn't there stays a link, so that the build fails.
    return text if (ROOT / there).exists() else link[0]
