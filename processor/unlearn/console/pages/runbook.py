"""The runbook as HTML: of Markdown's forms those that it uses. So it is there when nothing else can be reached."""

from __future__ import annotations

import re
from html import escape

__all__ = ["render"]

_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


def render(markdown: str) -> str:
    """Headings with their names as fragments, paragraphs, code and links' texts: other pages aren't here."""
    return "\n".join(_block(block) for block in re.split(r"\n{2,}", markdown.strip()))


def _block(text: str) -> str:
    heading = re.fullmatch(r"(#{1,3}) (.+)", text)
    if heading is None:
        return f"<p>{_inline(text)}</p>"
    level, name = len(heading[1]), heading[2]
    return f'<h{level} id="{escape(name.lower().replace(" ", "-"))}">{_inline(name)}</h{level}>'


def _inline(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", _LINK.sub(r"\1", escape(text, quote=False)))
