"""Files as people have them: any separator, header, encoding, packing; what was skipped is counted."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from unlearn_study.errors import BadData
from unlearn_study.features import encode
from unlearn_study.problem import make_problem
from unlearn_study.sources.files.form import Form
from unlearn_study.sources.names import Names
from unlearn_study.sources.records import Records
from unlearn_study.sources.spec import read

SPAM = 'v1,v2,,,\nham,"Hi, there",,,\nspam,WIN £100 now,,,\nham,late \x93caf\xe9\x94,,,\n'
JSON = '{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}\n'


def of(folder: Path, name: str, data: str | bytes, names: Names | None = None, **form: Any) -> Records:
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    return read(str(folder / name), names or Names(), None, 1, Form(**form))


def zipped(data: bytes) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("__MACOSX/._a.csv", b"")
        archive.writestr("a.csv", data)
    return whole.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.compress,
    ".zip": zipped,
    "": bytes,
}


def test_the_usual_spam_csv(tmp_path: Path) -> None:
    found = of(tmp_path, "spam.csv", SPAM.encode("latin-1"), encoding="latin-1")
    assert found.labels == ["ham", "spam", "ham"]
    assert found.texts == ["Hi, there", "WIN £100 now", "late \x93café\x94"]
    assert "columns not read: 3, 4, 5" in found.said


def test_a_file_in_another_encoding_is_told_the_flag(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="line 3: not UTF-8; name what it is with --encoding, as latin-1"):
        of(tmp_path, "spam.csv", SPAM.encode("latin-1"))
    with pytest.raises(BadData, match="there is no encoding 'martian'"):
        of(tmp_path, "spam.csv", "a", encoding="martian")


def test_utf_16_is_known_by_its_mark(tmp_path: Path) -> None:
    assert of(tmp_path, "a.tsv", "label\ttext\nham\tcafé\nspam\tb\n".encode("utf-16")).texts == ["café", "b"]
    with pytest.raises(BadData, match="--encoding utf-16"):
        of(tmp_path, "b.csv", "label,text\nham,a\n".encode("utf-16-le"))


@pytest.mark.parametrize("end", PACKERS)
@pytest.mark.parametrize(("name", "data"), [("a.csv", "label,text\nx,a\ny,b\n"), ("a.jsonl", JSON), ("a.ndjson", JSON)])
def test_packed_files_are_read_whatever_they_are_called(tmp_path: Path, end: str, name: str, data: str) -> None:
    for named in {end, "", ".gz"}:
        assert of(tmp_path, name + named, PACKERS[end](data.encode())).texts == ["a", "b"]


@pytest.mark.parametrize("end", [".gz", ".bz2", ".xz", ".zst"])
def test_a_packed_file_that_was_cut_short_is_refused(tmp_path: Path, end: str) -> None:
    noise = np.random.default_rng(1).integers(97, 123, (4000, 50), np.uint8)
    data = b"".join(b"%s,%s\n" % (b"xy"[at % 2 : at % 2 + 1], row.tobytes()) for at, row in enumerate(noise))
    with pytest.raises(BadData, match="damaged or cut short"):
        of(tmp_path, f"a.csv{end}", PACKERS[end](data)[:-2000])


def test_frames_of_zstd_in_a_row_are_one_file(tmp_path: Path) -> None:
    frames = b"".join(zstandard.compress(part) for part in (b"label,text\nx,", b"a\ny,b", b"\n"))
    assert of(tmp_path, "a.csv.zst", frames).texts == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.tsv", 'label\ttext\nham\the said "ok\nspam\tfree, now; go\n'),
        ("a.csv", 'label;text\nham;he said ok\nspam;"free, now; go"\n'),
        ("a.txt", "label|text\nham|he said ok\nspam|free, now; go\n"),
        ("SMSSpamCollection", 'ham\t"he said ok\nspam\tfree, now; go\nham\tyes"\n'),
        ("a.csv", 'sep=;\nlabel;text\nham;he said ok\nspam;"free, now; go"\n'),
    ],
)
def test_separators_are_found_and_quotes_hold_nothing_between_tabs(tmp_path: Path, name: str, data: str) -> None:
    names = Names() if "label" in data else Names(text="2", label="1")
    found = of(tmp_path, name, data, names)
    assert found.labels[:2] == ["ham", "spam"]
    assert found.texts is not None
    assert found.texts[1] == "free, now; go"
    assert len(found) == data.count("\n") - ("label" in data) - ("sep=" in data)


def test_spaces_part_cells_where_that_is_said(tmp_path: Path) -> None:
    assert of(tmp_path, "a.data", "1  2 x\n3 4  y\n", separator=" ").table == [["1", "2"], ["3", "4"]]


@pytest.mark.parametrize(
    ("data", "table"),
    [
        ("a,,class,\n1,2,x,\n3,4,y,\n", [["1", "2"], ["3", "4"]]),
        ("a,a,class\n1,2,x\n3,4,y\n", [["1", "2"], ["3", "4"]]),
        ("a,b,class,,\n1,2,x\n3,4,y,,,\n", [["1", "2"], ["3", "4"]]),
        (",a,class\n0,1,x\n1,3,y\n", [["0", "1"], ["1", "3"]]),
    ],
)
def test_headers_with_empty_and_repeated_names(tmp_path: Path, data: str, table: list[list[str]]) -> None:
    found = of(tmp_path, "a.csv", data)
    assert (found.table, found.labels) == (table, ["x", "y"])


def test_a_repeated_name_that_is_asked_for_needs_its_number(tmp_path: Path) -> None:
    data = "words,words,label\na,b,x\nc,d,y\n"
    with pytest.raises(BadData, match="2 columns are named 'words'; say which by its number"):
        of(tmp_path, "a.csv", data, Names(text="words"))
    assert of(tmp_path, "a.csv", data, Names(text="2")).texts == ["b", "d"]


def test_a_first_record_is_not_taken_for_names(tmp_path: Path) -> None:
    assert of(tmp_path, "a.csv", "spam,win\nham,hi\nspam,go\n", Names(text="2", label="1")).labels[0] == "spam"
    assert of(tmp_path, "b.csv", "NA,red,x\n3,blue,y\n4,red,x\n").table == [["NA", "red"], ["3", "blue"], ["4", "red"]]


def test_a_line_that_may_be_names_or_a_record_is_asked_about(tmp_path: Path) -> None:
    data = "kind,words\n" + "ham,hi you\nspam,win it\n" * 2
    names = Names(text="2", label="1")
    with pytest.raises(BadData, match="with --header, or is a record, with --no-header"):
        of(tmp_path, "a.csv", data, names)
    assert len(of(tmp_path, "a.csv", data, names, header=True)) == 4
    assert len(of(tmp_path, "a.csv", data, names, header=False)) == 5


def test_names_that_come_again_are_no_record(tmp_path: Path) -> None:
    found = of(tmp_path, "a.csv", "label,text\nx,a\nlabel,text\ny,b\n")
    assert (found.labels, found.left_out) == (["x", "y"], {"names of the columns again": 1})


@pytest.mark.parametrize("cell", ["", "?", "NA", "N/A", "NaN", "nan", "null", "None", "-", "\\N", "<NA>", "#N/A"])
def test_a_cell_that_says_nothing_leaves_its_column_numeric(tmp_path: Path, cell: str) -> None:
    found = of(tmp_path, "a.csv", f"age,class\n3,x\n{cell},y\n5,x\n")
    _, narrow = encode(found, np.zeros(3, np.int32))
    assert narrow.n_features == 1
    assert narrow.rows.values.tolist() == [3.0, 5.0]


def test_other_cells_that_say_nothing_are_named_by_the_flag(tmp_path: Path) -> None:
    data = "age,class\n" + "3,x\n4,y\n" * 200 + "unknown,y\n"
    notes = make_problem(of(tmp_path, "a.csv", data), 1).notes
    assert any("column 1 (age) is read as words: 1 of its 401 cells are no numbers" in note for note in notes)
    problem = make_problem(of(tmp_path, "a.csv", data, missing=("unknown",)), 1)
    assert problem.narrow.n_features == 1
    assert not any("read as words" in note for note in problem.notes)


def test_numbers_with_commas_are_numbers(tmp_path: Path) -> None:
    assert of(tmp_path, "a.csv", "n;class\n1,5;x\n-2,25;y\n").table == [["1.5"], ["-2.25"]]
    assert of(tmp_path, "b.csv", 'n,class\n"1,234.5",x\n"12,345",y\n').table == [["1234.5"], ["12345"]]


def test_rows_without_label_or_text_are_counted(tmp_path: Path) -> None:
    found = of(tmp_path, "a.csv", "label,text\nx,a\nNA,b\ny,\ny,c\n")
    assert (found.texts, found.left_out) == (["a", "c"], {"no label": 1, "no text": 1})
    lines = JSON + '{"text": null, "label": "x"}\n{"text": "", "label": "x"}\n{"text": "c", "label": null}\n'
    assert of(tmp_path, "a.jsonl", lines).left_out == {"no label": 1, "no text": 2}


def test_bad_lines_are_left_out_and_counted_where_that_is_asked_for(tmp_path: Path) -> None:
    data = b'label,text\nx,a\nx,b,c\n\xff,d\nx,"e"f\ny,g\n'
    found = of(tmp_path, "a.csv", data, skip_bad=True)
    assert found.texts == ["a", "g"]
    assert sum(found.left_out.values()) == 3
    assert all(reason.startswith("bad line: ") for reason in found.left_out)


def test_a_field_called_type_is_no_event(tmp_path: Path) -> None:
    found = of(
        tmp_path, "a.jsonl", '{"type": "tweet", "text": "a", "label": 1.0}\n{"type": "b", "text": "c", "label": 0}\n'
    )
    assert (found.labels, found.left_out) == (["1", "0"], {})


def test_json_as_one_document_and_fields_within_fields(tmp_path: Path) -> None:
    whole = '[\n {"at": {"said": "a", "by": 5}, "label": "x"},\n {"at": {"said": "b"}, "label": "y"}\n]\n'
    found = of(tmp_path, "a.json", whole, Names("at.said", None, "at.by"))
    assert (found.texts, found.subjects) == (["a", "b"], ["5", None])


@pytest.mark.parametrize(("name", "head"), [("a.csv", b"PAR1"), ("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")])
def test_forms_that_are_no_text_are_named(tmp_path: Path, name: str, head: bytes) -> None:
    with pytest.raises(BadData, match="no known form of data; save it as CSV"):
        of(tmp_path, name, head + b"more")


def test_how_a_file_was_read_is_said(tmp_path: Path) -> None:
    said = of(tmp_path, "a.csv", "class;who;age\nyes;ann;3\nno;;4\n", Names(subject="who")).said
    assert said == [
        "columns are parted by semicolon; line 1 names them",
        "label: column 1 (class)",
        "whose records they are: column 2 (who); 1 of 2 records name none and stand alone",
    ]
