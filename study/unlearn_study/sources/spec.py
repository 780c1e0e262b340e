"""Reads the records that `--data SPEC` names."""

from __future__ import annotations

from pathlib import Path

from unlearn_study.errors import BadData
from unlearn_study.sources.files.form import AS_FOUND, Form
from unlearn_study.sources.files.lines import Source
from unlearn_study.sources.files.opened import plain_name
from unlearn_study.sources.generated import DEFAULT_ROWS, generated
from unlearn_study.sources.hspam14 import read_hspam14
from unlearn_study.sources.json_lines import read_json_lines
from unlearn_study.sources.names import Names
from unlearn_study.sources.records import Records
from unlearn_study.sources.table import read_table

FORMS = (
    "hspam14:LABELS.csv,TWEETS; FILE.csv, .tsv, .txt, .dat, .data; FILE.jsonl, .ndjson, .json; generated; files may be "
    "packed (.gz, .bz2, .xz, .zst, .zip)"
)
_ROWS = (".csv", ".tsv", ".tab", ".psv", ".txt", ".dat", ".data")
_OBJECTS = (".jsonl", ".ndjson", ".jl", ".json")


def read(spec: str, names: Names, rows: int | None, seed: int, form: Form = AS_FOUND) -> Records:
    """The records that the spec names, at most `rows` of them (None: all, of generated ones 20,000).

    Raises BadData for a spec of no known form, for what the files hold, and where there are fewer than two classes.
    """
    records = _read(spec, names, rows, seed, form)
    if len(set(records.labels)) < 2:
        raise BadData(f"{spec}: {len(set(records.labels))} classes; a classifier needs two or more")
    return records


def _read(spec: str, names: Names, rows: int | None, seed: int, form: Form) -> Records:
    if spec == "generated":
        return generated(rows or DEFAULT_ROWS, seed)
    if spec.startswith("hspam14:"):
        labels, comma, tweets = spec.removeprefix("hspam14:").partition(",")
        if not (comma and labels and tweets):
            raise BadData(f"{spec}: give the two files as hspam14:LABELS.csv,TWEETS.jsonl")
        return read_hspam14(Path(labels), Path(tweets), rows, names, form)
    if _holds_objects(Path(spec)):
        return read_json_lines(Path(spec), names, rows, form)
    return read_table(Path(spec), names, rows, form)


def _holds_objects(path: Path) -> bool:
    """Whether a file holds JSON objects, by its name or first character.  Raises BadData for an unknown form."""
    name = plain_name(path)
    if name.endswith(_ROWS):
        return Source(path).first_character() == "{" if not name.endswith(".csv") else False
    if name.endswith(_OBJECTS):
        return True
    if not path.is_file() or "." in name:
        raise BadData(f"{path}: no known form of data; known are {FORMS}")
    return Source(path).first_character() in ("{", "[")
