"""`python -m bench.figures_page`: the figures of `bench/out/*.json` as a table of docs/figures.md, with their date."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["ORDER", "main", "table", "with_table"]

_ROOT = Path(__file__).resolve().parent.parent
_OUT = _ROOT / "bench" / "out"
_PAGE = _ROOT / "docs" / "figures.md"
ORDER = (
    *("linear", "naive-bayes", "forest", "text", "checkpoints"),
    *("client", "install", "forget", "ingest", "releases", "scale"),
)


def table(reports: Iterable[Mapping[str, Any]]) -> str:
    """Markdown: a row for each figure with a goal or a peer; those without their peer are missing, never met."""
    lines = ["| figure | ours | peer | ratio | goal | met |", "|---|---:|---:|---:|---:|---|"]
    for report in reports:
        lines += [_row(figure) for figure in report["figures"] if figure["goal"] is not None or figure["peer"]]
    return "\n".join(lines)


def with_table(text: str, said: str) -> str:
    """The text with what stands between its markers replaced."""
    return re.sub(r"(?s)(<!-- bench -->\n).*?(<!-- /bench -->)", lambda m: f"{m[1]}{said}\n{m[2]}", text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 without figures."""
    paths = [Path(name) for name in arguments] if arguments else [_OUT / f"{name}.json" for name in ORDER]
    found = [path for path in paths if path.exists()]
    if not found:
        print("no figures: run `make bench` first", file=sys.stderr)
        return 1
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in found]
    day = datetime.fromtimestamp(max(path.stat().st_mtime for path in found), UTC).date()
    said = f"{_where(reports, day.isoformat())}\n\n{table(reports)}"
    _PAGE.write_text(with_table(_PAGE.read_text(encoding="utf-8"), said), encoding="utf-8")
    return 0


def _where(reports: Sequence[Mapping[str, Any]], day: str) -> str:
    machine = reports[0]["machine"]
    loads = [report["machine"]["load"] for report in reports]
    return (
        f"{day}, {machine['processor']}, {machine['cores']} cores, Python {reports[0]['python']}; "
        f"load at the end of each run {min(loads)} to {max(loads)}."
    )


def _row(figure: Mapping[str, Any]) -> str:
    unit = figure["unit"]
    cells = [
        f"`{figure['name']}`",
        f"{_number(figure['ours'])} {unit}",
        f"{_number(figure['peer'])} {unit}" if figure["peer"] else "",
        f"{_number(figure['ratio'])}x" if figure["ratio"] else "",
        "" if figure["goal"] is None else _number(figure["goal"]),
        _met(figure),
    ]
    return f"| {' | '.join(cells)} |"


def _met(figure: Mapping[str, Any]) -> str:
    if figure["goal"] is None:
        return ""
    return "yes" if figure["met"] else "**no**"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
