"""The runbook is there when nothing else can be reached: a copy of the docs' page, as HTML."""

from __future__ import annotations

from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

from unlearn.console.pages.files import load_pages
from unlearn.console.pages.runbook import render

ROOT = Path(__file__).resolve().parents[3]


def test_it_is_the_page_of_the_docs() -> None:
    """`make tables` copies it."""
    copy = files("unlearn.console.pages").joinpath("runbook.md").read_text("utf-8")
    assert copy == (ROOT / "docs/runbook.md").read_text("utf-8")


def test_every_alert_has_its_place() -> None:
    page = load_pages()["/runbook"].body.decode()
    rules = (ROOT / "deploy/prometheus/rules.yml").read_text("utf-8")
    alerts = [line.split()[-1] for line in rules.splitlines() if "- alert:" in line]
    assert len(alerts) > 10
    for alert in alerts:
        assert f'id="{alert.lower()}"' in page


def test_markdown_becomes_html_and_html_becomes_text() -> None:
    assert render("## A `b`\n\nsee [the page](x.md), `<i>` & <b>") == (
        '<h2 id="a-`b`">A <code>b</code></h2>\n<p>see the page, <code>&lt;i&gt;</code> &amp; &lt;b&gt;</p>'
    )


class _Found(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_pages_name_nothing_outside_and_run_no_script_of_their_own() -> None:
    pages = load_pages()
    for path in ("/", "/runbook"):
        found = _Found()
        found.feed(pages[path].body.decode())
        for tag, attributes in found.tags:
            assert tag != "style"
            assert not any(name == "style" or name.startswith("on") for name in attributes)
            named = attributes.get("src") or attributes.get("href") or "#"
            assert named.startswith("#") or named in {*pages, "/api/snapshot"}, named
            assert tag != "script" or "src" in attributes
    assert all(b"http" not in page.body for path, page in pages.items() if path.endswith((".js", ".css")))
    assert all(b"innerHTML" not in page.body for page in pages.values())
