from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from unlearn_study.errors import BadData
from unlearn_study.sources.names import Names
from unlearn_study.sources.spec import read

ADULT = "39, State-gov, 2174, <=50K\n50, ?, 0, >50K\n38, Private, 0, <=50K\n"


def _file(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return str(path)


@pytest.mark.parametrize("name", ["mails.jsonl", "mails.jsonl.gz"])
def test_json_lines_of_events(tmp_path: Path, name: str) -> None:
    lines = [
        '{"type": "insert", "record_id": "1", "subject_id": "ann", "label": "spam", "text": "free"}',
        '{"type": "delete", "record_id": "1"}',
        "",
        '{"type": "insert", "record_id": "2", "text": "no label"}',
        '{"type": "insert", "record_id": "3", "label": "ham", "text": "hello"}',
    ]
    found = read(_file(tmp_path, name, "\n".join(lines)), Names(), None, 1)

    assert (found.texts, found.labels, found.subjects) == (["free", "hello"], ["spam", "ham"], ["ann", None])
    assert found.left_out == {"no insert": 1, "no label": 1}


def test_json_fields_go_by_their_given_names(tmp_path: Path) -> None:
    line = '{"text": "not this", "said": "this", "label": "no", "kind": 0, "who": 5}\n'
    spec = _file(tmp_path, "a.jsonl", line + line.replace('"kind": 0', '"kind": 1'))
    found = read(spec, Names("said", "kind", "who"), None, 1)
    assert (found.texts, found.labels, found.subjects) == (["this", "this"], ["0", "1"], ["5", "5"])


def test_a_tweets_user_is_the_subject(tmp_path: Path) -> None:
    lines = (
        '{"full_text": "a", "label": 0, "user": {"id_str": "77"}}\n{"full_text": "b", "label": 1, "user": {"id": 8}}'
    )
    assert read(_file(tmp_path, "a.jsonl", lines), Names(), None, 1).subjects == ["77", "8"]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ('{"label": "ham", "text": 5}', ", line 2: text is no text"),
        ('{"label": ["ham"], "text": "a"}', ", line 2: label is neither text nor number"),
        ("nonsense", ", line 2: no JSON"),
        ('"text"', ", line 2: no JSON object"),
    ],
)
def test_a_bad_json_line_is_named(tmp_path: Path, second: str, said: str) -> None:
    spec = _file(tmp_path, "a.jsonl", '{"label": "spam", "text": "a"}\n' + second + "\n")
    with pytest.raises(BadData) as error:
        read(spec, Names(), None, 1)
    assert str(error.value) == spec + said


def test_a_field_that_can_not_be_guessed_is_asked_for(tmp_path: Path) -> None:
    spec = _file(tmp_path, "a.jsonl", '{"words": "a", "label": "x"}\n')
    with pytest.raises(BadData, match="no field looks like the text; name it with --text-column"):
        read(spec, Names(), None, 1)
    with pytest.raises(BadData, match="none of the first 100 lines has a field 'speech'"):
        read(spec, Names(text="speech"), None, 1)


@pytest.mark.parametrize("name", ["adult.csv", "adult.csv.gz"])
def test_a_table_without_names_has_its_label_last(tmp_path: Path, name: str) -> None:
    found = read(_file(tmp_path, name, ADULT), Names(), None, 1)
    assert found.labels == ["<=50K", ">50K", "<=50K"]
    assert found.table == [["39", "State-gov", "2174"], ["50", "?", "0"], ["38", "Private", "0"]]
    assert found.texts is None


def test_a_table_with_names_and_a_subject(tmp_path: Path) -> None:
    spec = _file(tmp_path, "a.csv", "class,user_id,age\nyes,ann,3\nno,bob,4\n?,cy,5\n")
    found = read(spec, Names(), None, 1)
    assert (found.labels, found.subjects, found.table) == (["yes", "no"], ["ann", "bob"], [["3"], ["4"]])
    assert found.left_out == {"no label": 1}


def test_columns_without_names_go_by_number(tmp_path: Path) -> None:
    spec = _file(tmp_path, "a.csv", "ham,ann,hello you\nspam,bob,free money\n")
    found = read(spec, Names(text="3", label="1", subject="2"), None, 1)
    assert (found.texts, found.labels, found.subjects) == (
        ["hello you", "free money"],
        ["ham", "spam"],
        ["ann", "bob"],
    )


def test_texts_in_csv_may_hold_commas_quotes_and_lines(tmp_path: Path) -> None:
    spec = _file(tmp_path, "a.csv", 'label,text\nham,"a, ""b""\nc"\nspam,d\n')
    assert read(spec, Names(), None, 1).texts == ['a, "b"\nc', "d"]


def test_rows_stops_at_the_first_so_many(tmp_path: Path) -> None:
    assert len(read(_file(tmp_path, "a.csv", ADULT), Names(), 2, 1)) == 2


@pytest.mark.parametrize(
    ("text", "names", "said"),
    [
        ("1,2,a\n1,b\n", Names(), ", line 2: 2 columns, where line 1 has 3"),
        ('x,y\n1,"b\n', Names(), ", line 2: no CSV: unexpected end of data"),
        ("1,2,a\n", Names(label="4"), ", line 1: there is no column '4' among its 3"),
        ("1,2,a\n", Names(label="1", text="1"), ", line 1: one column can't be two of text, label and subject"),
        ("label\nham\n", Names(), ", line 1: no column is left to learn from"),
        ("", Names(), ": the file is empty"),
        ("1,2,a\n1,2,a\n", Names(), ": 1 classes; a classifier needs two or more"),
    ],
)
def test_a_bad_table_is_named(tmp_path: Path, text: str, names: Names, said: str) -> None:
    spec = _file(tmp_path, "a.csv", text)
    with pytest.raises(BadData) as error:
        read(spec, names, None, 1)
    assert str(error.value).startswith(spec + said)


def test_what_is_no_text_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"1,2,a\n1,\xff,b\n")
    with pytest.raises(BadData, match="not UTF-8"):
        read(str(path), Names(), None, 1)


def test_a_gzip_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(ADULT.encode() * 1000)[:-20])
    with pytest.raises(BadData, match="damaged or cut short"):
        read(str(path), Names(), None, 1)


def test_missing_files_and_unknown_forms(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="there is no such file"):
        read(str(tmp_path / "none.csv"), Names(), None, 1)
    with pytest.raises(BadData, match="no known form of data; known are hspam14:"):
        read("data.parquet", Names(), None, 1)


def test_generated_tweets_are_the_same_for_a_seed() -> None:
    one, again, other = (read("generated", Names(), 200, seed) for seed in (1, 1, 2))
    assert (one.texts, one.labels, one.subjects) == (again.texts, again.labels, again.subjects)
    assert one.texts != other.texts
    assert len(one) == 200
