from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from processor.cli.score import command
from processor.errors import InputInvalid, NotEnough
from processor.scorer import Scorer
from processor.settings import Settings
from tests.unit.stage import HAM, SPAM, Stage


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage(tmp_path / "store", "naive-bayes")
    stage.publish(0, 1, HAM)
    stage.publish(1, 1, SPAM)
    monkeypatch.setattr(Scorer, "connect", lambda _: stage.scorer())
    monkeypatch.setattr("processor.cli.context.settings", lambda *_, **__: stage.settings)
    return stage


def _run(*arguments: str, given: bytes = b"free prize\nlunch meeting\n") -> Result:
    return CliRunner().invoke(command, ["--wait", "0", *arguments], input=given)


def test_each_line_gets_a_line_of_json(stage: Stage) -> None:
    result = _run("-", "--json")

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    expected = stage.scorer().once(0).scores(["free prize", "lunch meeting"]).scores.tolist()
    assert [list(line["scores"].values()) for line in lines] == expected
    assert all(list(line["scores"]) == ["ham", "spam"] for line in lines)
    assert all((line["version"], line["left_out"]) == (1, []) for line in lines)
    assert (result.exit_code, result.stderr) == (0, "")


def test_people_get_the_label_the_probabilities_and_the_text(stage: Stage) -> None:
    result = _run("-", given=b"free prize\n\x1b[2Jlunch\tmeeting\n")

    head, spam, ham = result.stdout.splitlines()
    assert head.split() == ["label", "ham", "spam", "text"]
    assert spam.startswith("spam ")
    assert spam.endswith("  free prize")
    assert ham.startswith("ham ")
    assert ham.endswith("   [2Jlunch meeting")


def test_text_is_scored_as_it_is_line_by_line(stage: Stage) -> None:
    plain = _run("-", "--json", given=b"free prize\r\n\nlunch")
    as_json = _run("-", "--json", "--jsonl", given=b'{"text":"free prize"}\n\n{"text":""}\n{"text":"lunch"}')

    assert plain.stdout == as_json.stdout
    assert len(plain.stdout.splitlines()) == 3


def test_gzip_is_read_as_the_plain_file(stage: Stage, tmp_path: Path) -> None:
    packed = tmp_path / "lines.gz"
    packed.write_bytes(gzip.compress(b"free prize\nlunch meeting\n"))

    assert _run(str(packed), "--json").stdout == _run("-", "--json").stdout


def test_features_and_whole_inserts_are_scored(stage: Stage) -> None:
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
def test_a_line_that_is_no_input_is_named_and_not_quoted(stage: Stage, line: bytes, reason: str) -> None:
    error = _run("-", "--jsonl", given=b'{"text":""}\n' + line).exception

    assert isinstance(error, InputInvalid)
    assert error.exit_code == 65
    with pytest.raises(InputInvalid, match=reason):
        raise error
    assert "hidden" not in str(error)


def test_text_that_is_not_utf8_is_an_error(stage: Stage) -> None:
    error = _run("-", given=b"fine\n\xff\n").exception

    assert str(error) == "line 2: not UTF-8"


def test_partitions_left_out_are_named_on_stderr(stage: Stage) -> None:
    for _ in range(11):
        stage.log.append("demo.events", 1, None, None, ())
    stage.publish(0, 2, HAM)
    stage.corrupt("missing")

    result = _run("-", "--json")

    assert json.loads(result.stdout.splitlines()[0])["left_out"] == [0, 1]
    assert "left out: partitions 0, 1" in result.stderr
    assert "partition 0: the manifest at 2 is refused" in result.stderr
    assert result.exit_code == 0


def test_less_than_the_quorum_scores_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.settings = Settings(**(dict(stage.settings) | {"quorum": 1.0}))
    stage.log.append("demo.results", 0, b"demo/0/heartbeat", b"{}", ())
    stage.corrupt("missing")

    result = _run("-", "--json")

    assert isinstance(result.exception, NotEnough)
    assert result.stdout == ""
