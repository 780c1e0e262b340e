from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from unlearn_study.errors import BadData
from unlearn_study.sources.hspam14 import read_hspam14
from unlearn_study.sources.names import Names
from unlearn_study.sources.records import Records
from unlearn_study.sources.spec import read

LABELS = "11,0,5\n12,1,1\n13,-1,6\n14,1,2\n15,1,6\n"
BIG = 335104363568345088


def _labels(folder: Path, text: str = LABELS) -> Path:
    path = folder / "labels.csv"
    path.write_text(text)
    return path


def _json_lines(folder: Path, *items: object, name: str = "tweets.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(item) + "\n" for item in items))
    return path


def _tweet(number: int, text: str = "hello there", user: int | None = 7) -> dict[str, object]:
    return {"id": number, "id_str": str(number), "text": text, "user": {"id": user}}


def test_labels_and_json_tweets_are_joined_by_id_in_the_order_of_the_tweets(tmp_path: Path) -> None:
    full = {"id": 11, "full_text": "a longer one", "user": {"id": 8, "id_str": "8"}}
    tweets = _json_lines(tmp_path, _tweet(14), full, _tweet(15, user=None))
    found = read_hspam14(_labels(tmp_path), tweets, None)

    assert found.labels == ["spam", "ham", "spam"]
    assert found.subjects == ["7", "8", None]
    assert found.texts == ["hello there", "a longer one", "hello there"]
    assert found.steps == [2, 5, 6]


def test_what_is_undecided_unknown_or_repeated_is_left_out_and_counted(tmp_path: Path) -> None:
    tweets = _json_lines(tmp_path, _tweet(13), _tweet(12), _tweet(99), _tweet(10), _tweet(12))
    found = read_hspam14(_labels(tmp_path), tweets, None)

    assert (found.labels, found.steps) == (["spam"], [1])
    assert found.left_out == {"undecided": 1, "no label": 2, "tweet repeated": 1}


def test_ids_of_64_bits_stay_whole(tmp_path: Path) -> None:
    labels = _labels(tmp_path, f"{BIG},1,1\n{BIG + 1},0,5\n")
    found = read_hspam14(labels, _json_lines(tmp_path, _tweet(BIG + 1), _tweet(BIG)), None)
    assert found.labels == ["ham", "spam"]


@pytest.mark.parametrize("head", ["", "tweet_id,user_id,text\n"])
def test_csv_tweets_with_and_without_names_plain_and_gzipped(tmp_path: Path, head: str) -> None:
    rows = head + '12,7,"free, click"\n11,,plain\n'
    plain, packed = tmp_path / "tweets.csv", tmp_path / "packed.csv.gz"
    plain.write_text(rows)
    packed.write_bytes(gzip.compress(rows.encode()))
    labels = tmp_path / "labels.csv.gz"
    labels.write_bytes(gzip.compress(LABELS.encode()))
    for path in (plain, packed):
        found = read_hspam14(labels, path, None)
        assert (found.labels, found.subjects, found.texts) == (["spam", "ham"], ["7", None], ["free, click", "plain"])


def test_rows_stops_at_the_first_so_many(tmp_path: Path) -> None:
    found = read_hspam14(_labels(tmp_path), _json_lines(tmp_path, _tweet(13), _tweet(12), _tweet(11), _tweet(14)), 2)
    assert found.labels == ["spam", "ham"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("11,0,5\n12,2,1\n", "line 2: the label is none of 0, 1 and -1"),
        ("11,0,5\n12,1,7\n", "line 2: the step is not in 1..6"),
        ("11,0\n", "line 1: 2 columns, not tweet_id,label,step"),
        ("tweet,0,5\n", "line 1: no tweet id"),
        (f"{2**63},0,5\n", "line 1: no tweet id"),
        ("11,0,5\n12,0,5\n11,1,5\n", "tweet 11 has two labels, in its rows 1 and 3"),
        ("", "the file is empty"),
    ],
)
def test_a_bad_label_file_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    labels = _labels(tmp_path, text)
    with pytest.raises(BadData) as error:
        read_hspam14(labels, _json_lines(tmp_path, _tweet(11)), None)
    assert str(error.value).startswith(str(labels))
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": 11, "user": {"id": 1}}', "line 2: no text or full_text"),
        ('{"id": 11, "text": 5}', "line 2: no text or full_text"),
        ('{"id": 11, "text": "a", "user": 5}', "line 2: user is no object"),
        ('{"text": "a"}', "line 2: no tweet id"),
        ('{"id": "eleven", "text": "a"}', "line 2: no tweet id"),
        ("{", "line 2: no JSON"),
        ("[]", "line 2: no JSON object"),
    ],
)
def test_a_bad_tweet_is_named_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    tweets = tmp_path / "tweets.jsonl"
    tweets.write_text(json.dumps(_tweet(12)) + "\n" + line + "\n")
    with pytest.raises(BadData) as error:
        read_hspam14(_labels(tmp_path), tweets, None)
    assert str(error.value) == f"{tweets}, {said}"


def test_files_that_share_no_tweet_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="none of its tweets has a label"):
        read_hspam14(_labels(tmp_path), _json_lines(tmp_path, _tweet(99)), None)


@pytest.mark.parametrize("spec", ["hspam14:", "hspam14:labels.csv", "hspam14:labels.csv,", "hspam14:,tweets.jsonl"])
def test_both_files_must_be_named(spec: str) -> None:
    with pytest.raises(BadData, match=r"give the two files as hspam14:LABELS\.csv,TWEETS\.jsonl"):
        read(spec, Names(), None, 1)


def test_the_spec_reads_the_pair(tmp_path: Path) -> None:
    tweets = _json_lines(tmp_path, _tweet(11), _tweet(12))
    found: Records = read(f"hspam14:{_labels(tmp_path)},{tweets}", Names(), None, 1)
    assert found.labels == ["ham", "spam"]
