"""The pages are a site: it can be built, each link leads somewhere, and nothing in it is fetched from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def pages(site: Path) -> Iterator[tuple[str, str]]:
    """Name and text of each."""
    for path in sorted(site.rglob("*.html")):
        yield path.name, path.read_text(encoding="utf-8")


def test_every_page_is_in_it(site: Path) -> None:
    made = {name.removesuffix(".html") for name, _ in pages(site)}
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} - {"README"} <= made
    assert {"index", "pages", "trust", "changelog", "contributing", "examples", "node-client"} <= made


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    texts = [*pages(site), *((path.name, path.read_text("utf-8")) for path in site.rglob("*.css"))]
    assert len(texts) > 30
    for name, text in texts:
        fetched = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=\"?(https?:[^\" >]+)", text)
        fetched += re.findall(r"(?:@import|url\()\s*[\"']?(https?:[^\"')]+)", text)
        assert fetched == [], name


def test_lists_and_tables_are_read_as_such(site: Path) -> None:
    for name, text in pages(site):
        prose = re.sub(r"(?s)<(pre|code)\b.*?</\1>", "", text)
        for paragraph in re.findall(r"(?s)<p>(.*?)</p>", prose):
            assert not re.search(r"(?m)^(?:- |\d+\. |\|)", paragraph), f"{name}: {paragraph}"
