"""`--data SPEC` to records."""

from __future__ import annotations

from pathlib import Path

from study.errors import BadData
from study.sources.generated import DEFAULT_ROWS, generated
from study.sources.hspam14 import read_hspam14
from study.sources.json_lines import read_json_lines
from study.sources.names import Names
from study.sources.records import Records
from study.sources.table import read_table

FORMS = "hspam14:LABELS.csv,TWEETS.jsonl or .csv; FILE.csv; FILE.jsonl, each plain or .gz; generated"


def read(spec: str, names: Names, rows: int | None, seed: int) -> Records:
    """Raises BadData: for a spec of no known form, or what the files hold."""
    records = _read(spec, names, rows, seed)
    if len(set(records.labels)) < 2:
        raise BadData(f"{spec}: {len(set(records.labels))} classes; a classifier needs two or more")
    return records


def _read(spec: str, names: Names, rows: int | None, seed: int) -> Records:
    if spec == "generated":
        return generated(rows or DEFAULT_ROWS, seed)
    if spec.startswith("hspam14:"):
        labels, comma, tweets = spec.removeprefix("hspam14:").partition(",")
        if not (comma and labels and tweets):
            raise BadData(f"{spec}: give the two files as hspam14:LABELS.csv,TWEETS.jsonl")
        return read_hspam14(Path(labels), Path(tweets), rows)
    path, plain = Path(spec), spec.removesuffix(".gz")
    if plain.endswith(".csv"):
        return read_table(path, names, rows)
    if plain.endswith(".jsonl"):
        return read_json_lines(path, names, rows)
    raise BadData(f"{spec}: no known form of data; known are {FORMS}")
