"""report.md: the tables, the plots, and what the figures say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unlearn_study.show.findings import findings, verdict
from unlearn_study.show.reading import Figures
from unlearn_study.show.tables import Table, markdown, refused, tables

__all__ = ["report"]

_CLAIM = (
    "The study (Dilworth, arXiv 2502.10635) found that exact unlearning keeps accuracy but costs more time than "
    "naive retraining, less so the larger the data."
)
_HOW = """\
- Cost is processor time of one process. Builds, deletions and the naive refit are medians of five runs or more, a
  warm-up before each not counted; deletion and naive refit take turns in the same run, on the same rows.
- A naive refit keeps its rows in the form that its learner learns the fastest, and learns all that are left in one
  model.
- Rows to delete are drawn with equal chances, the same ones for every method; a recent one has an age that is
  exponential with a mean of 5% of the rows.
- "read out" is what it takes to make the canonical bytes of all shards, to publish. Neither deletions nor refits
  include it.
- MiB are all arrays held between deletions: training rows, states, checkpoints.
- "1 model" is the accuracy of one naive model of the same learner; "after" and "refit" are those after the largest
  batch, of the method and of a retrained model; "agree" is the least share of test rows with the same prediction;
  "equal" says whether in all runs all bytes were those of a model trained from scratch on the rows left.
- A subject's rows are all in training or all in the test, and all in one shard.
- Trees read texts as counts of words hashed to 256 columns, the others to 262,144. Trees read numbers as they
  are, the others as one of fixed buckets. A forest has 100 trees of depth 10; q.1: each sees a tenth of the rows."""


def report(results: Figures, plots: Sequence[Path]) -> str:
    """The content of report.md; of the plots' files the PNGs are shown."""
    data, machine = results["data"], results["machine"]
    counts = f"{data['rows']:,} rows to train, {data['rows_tested']:,} to test, {len(data['classes'])} classes"
    parts = [
        f"# Unlearning on {data['name']}",
        f"{counts}. {machine['processor']}, Python {machine['python']}, {results['made_at']}.",
        *[f"- {note}." for note in data["notes"]],
        "## What the figures say",
        f"{_CLAIM} {verdict(results)}",
        "\n".join(f"- {line}" for line in findings(results)),
        *[part for table in tables(results) for part in _table(table)],
        *[f"Left out, {line}." for line in refused(results)],
        *[f"![{file.stem}]({file.name})" for file in plots if file.suffix == ".png"],
        "## How it was measured",
        _HOW,
    ]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> tuple[str, str]:
    return f"## {table.title[0].upper()}{table.title[1:]}", markdown(table)
