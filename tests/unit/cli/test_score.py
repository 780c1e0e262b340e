from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from tests.harness.results_harness import HAM, SPAM, ResultsHarness
from unlearn.cli.commands.scorers.score import command
from unlearn.errors import InputInvalid, NotEnough
from unlearn.scoring.scorer import Scorer
from unlearn.settings import Settings
from unlearn_models import Rows


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ResultsHarness:
    harness = ResultsHarness(tmp_path / "store", "naive-bayes")
    harness.publish(0, 1, HAM)
    harness.publish(1, 1, SPAM)
    monkeypatch.setattr(Scorer, "by_manifests", lambda *_, **__: harness.scorer())
    monkeypatch.setattr("unlearn.cli.context.settings_to_follow", lambda _: (harness.settings, frozenset()))
    return harness


def _run(*arguments: str, given: bytes = b"free prize\nlunch meeting\n") -> Result:
    return CliRunner().invoke(command, ["--wait", "0", *arguments], input=given)


def test_each_line_gets_a_line_of_json(harness: ResultsHarness) -> None:
    result = _run("-", "--json")

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    expected = harness.scorer().once(0).scores(["free prize", "lunch meeting"]).scores.tolist()
    assert [list(line["scores"].values()) for line in lines] == expected
    assert all(list(line["scores"]) == ["ham", "spam"] for line in lines)
    assert all((line["version"], line["left_out"]) == (1, []) for line in lines)
    assert (result.exit_code, result.stderr) == (0, "")


def test_people_get_the_label_the_probabilities_and_the_text(harness: ResultsHarness) -> None:
    result = _run("-", given=b"free prize\n\x1b[2Jlunch\tmeeting\n")

    head, spam, ham = result.stdout.splitlines()
    assert head.split() == ["label", "ham", "spam", "text"]
    assert spam.startswith("spam ")
    assert spam.endswith("  free prize")
    assert ham.startswith("ham ")
    assert ham.endswith("   [2Jlunch meeting")


def test_text_is_scored_as_it_is_line_by_line(harness: ResultsHarness) -> None:
    plain = _run("-", "--json", given=b"free prize\r\n\nlunch")
    as_json = _run("-", "--json", "--jsonl", given=b'{"text":"free prize"}\n\n{"text":""}\n{"text":"lunch"}')

    assert plain.stdout == as_json.stdout
    assert len(plain.stdout.splitlines()) == 3


def test_gzip_is_read_as_the_plain_file(harness: ResultsHarness, tmp_path: Path) -> None:
    packed = tmp_path / "lines.gz"
    packed.write_bytes(gzip.compress(b"free prize\nlunch meeting\n"))

    assert _run(str(packed), "--json").stdout == _run("-", "--json").stdout


def test_features_and_whole_inserts_are_scored(harness: ResultsHarness) -> None:
    insert = b'{"type":"insert","event_id":"e","record_id":"r","label":"other","text":"free prize"}\n'
    sparse, dense = b'{"features":{"3":1.0}}\n', b'{"features":[0,0,0,1]}\n'

    result = _run("-", "--json", "--jsonl", given=insert + sparse + dense)

    lines = result.stdout.splitlines()
    assert lines[0] == _run("-", "--json").stdout.splitlines()[0]
    assert lines[1] == lines[2]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "line 2: "),
        (b"[]", "line 2: "),
        (b"{}", "line 2: .*exactly one of text and features"),
        (b'{"text":"hidden","features":[1]}', "line 2: .*exactly one"),
        (b'{"features":{"1024":1}}', "line 2: features: the model has 1024"),
        (b'{"features":[NaN]}', "line 2: "),
        (b'{"text":"\xff"}', "line 2: "),
        (b'{"type":"delete","record_id":"hidden"}', "line 2: type"),
    ],
)
def test_a_line_that_is_no_input_is_named_and_not_quoted(harness: ResultsHarness, line: bytes, reason: str) -> None:
    error = _run("-", "--jsonl", given=b'{"text":""}\n' + line).exception

    assert isinstance(error, InputInvalid)
    assert error.exit_code == 65
    with pytest.raises(InputInvalid, match=reason):
        raise error
    assert "hidden" not in str(error)


def test_text_that_is_not_utf8_is_an_error(harness: ResultsHarness) -> None:
    error = _run("-", given=b"fine\n\xff\n").exception

    assert str(error) == "line 2: not UTF-8"


def test_partitions_left_out_are_named_on_stderr(harness: ResultsHarness) -> None:
    harness.settings = Settings(**(dict(harness.settings) | {"quorum": 0.5}))
    for _ in range(11):
        harness.log.append("demo.events", 1, None, None, ())

    result = _run("-", "--json")

    assert json.loads(result.stdout.splitlines()[0])["left_out"] == [1]
    assert "left out: partitions 1; no manifest of theirs covers the log's end" in result.stderr
    assert result.exit_code == 0


def test_a_partition_whose_manifest_is_refused_is_named_with_the_reason(harness: ResultsHarness) -> None:
    harness.settings = Settings(**(dict(harness.settings) | {"quorum": 0.5}))
    harness.publish(0, 2, HAM, identity="2" * 64)

    result = _run("-")

    assert "partition 0: the manifest at 2 is refused: it is of a model made with other settings" in result.stderr
    assert result.exit_code == 0


def test_less_than_the_quorum_scores_nothing_and_says_why(harness: ResultsHarness) -> None:
    harness.corrupt("missing")

    result = _run("-", "--json")

    assert isinstance(result.exception, NotEnough)
    assert result.exception.exit_code == 75
    assert "left out: 0 (the manifest at 0 is refused: the state 0/0/state/" in str(result.exception)
    assert result.stdout == ""


@pytest.mark.parametrize(
    "line",
    [
        b'{"text":"win a prize","label":"spam"}',
        b'{"type":"insert","event_id":"e","record_id":"r","label":"spam","text":"win a prize"}',
        b'  { "features": {"3": 1} }',
        b'\xef\xbb\xbf{"text":"win a prize"}',
        b'{"text":"cut sho',
        b'{"tweet":"of another form"}',
        b"{}",
    ],
)
@pytest.mark.parametrize("first", [b"", b"a text\n"], ids=["first line", "second line"])
def test_json_is_never_scored_as_text_unasked(harness: ResultsHarness, line: bytes, first: bytes) -> None:
    result = _run("-", given=first + line + b"\n")

    assert isinstance(result.exception, InputInvalid)
    assert result.exception.exit_code == 65
    assert f"line {1 + bool(first)}: a JSON object: give --jsonl" in str(result.exception)
    assert "prize" not in str(result.exception)
    assert "prize" not in result.stdout


def test_what_looks_like_json_is_scored_as_text_where_that_is_asked_for(harness: ResultsHarness) -> None:
    line = '{"text":"free prize"}'

    result = _run("-", "--text", "--json", given=f"{line}\n".encode())

    expected = harness.scorer().once(0).scores([line]).scores.tolist()
    assert [list(json.loads(result.stdout)["scores"].values())] == expected


@pytest.mark.parametrize("line", [b"{", b"{see you} at lunch", b"[1]", b'"free prize"', b"{'free': 'prize'}"])
def test_texts_with_braces_are_texts(harness: ResultsHarness, line: bytes) -> None:
    result = _run("-", "--json", given=line + b"\n")

    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1


def test_json_and_text_at_once_is_a_wrong_usage(harness: ResultsHarness) -> None:
    assert _run("-", "--jsonl", "--text").exit_code == 2


def test_an_input_without_probabilities_is_named(harness: ResultsHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd:
        def scores(self, rows: Rows) -> NDArray[np.float64]:
            return np.where(np.arange(len(rows)) == 1, np.nan, 0.5)[:, None].repeat(2, axis=1)

    monkeypatch.setattr(type(harness.learner), "ensemble", lambda *_: Odd())
    monkeypatch.setattr("unlearn.cli.commands.scorers.score._CHUNK", 2)

    result = _run("-", "--json", given=b"one\ntwo\n")

    assert isinstance(result.exception, InputInvalid)
    assert "input 2: " in str(result.exception)
    assert result.stdout == ""
