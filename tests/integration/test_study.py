"""`unlearn study` from end to end on small data."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from unlearn.cli import main as cli_main
from unlearn_study.generator.tweet_generator import tweets

QUICK = ("--quick", "--rows", "400", "--shards", "1,3", "--slices", "3")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study") / "out"
    code, said = _study("--data", "generated", "--out", str(folder), *QUICK)
    assert code == 0, said
    return folder


def _study(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli_main.cli, ["study", *arguments], standalone_mode=False)
    if done.exception is not None:
        return getattr(done.exception, "exit_code", 70), str(done.exception)
    return int(done.return_value), done.output


def _results(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def test_every_method_is_byte_equal_to_a_retrained_model(finished: Path) -> None:
    cells = _results(finished)["cells"]
    assert {cell["method"] for cell in cells} == {"naive", "sisa", "forest", "pu"}
    for cell in cells:
        assert [one["count"] for one in cell["deletions"]] == [1, 10, 100]
        for one in (*cell["deletions"], cell["recent"]):
            assert one["equal"], cell["name"]
            assert one["agreement"] == 1.0


def test_the_results_have_their_shape(finished: Path) -> None:
    found = _results(finished)
    assert found.keys() == {"format", "made_at", "data", "settings", "code", "machine", "cells"}
    assert found["data"].keys() >= {"name", "rows", "rows_tested", "classes", "positive", "fingerprint"}
    wanted = {"name", "method", "learner", "shards", "slices", "rows", "rows_tested", "build_s", "publish_s"}
    wanted |= {"memory_bytes", "memory_bytes_naive", "accuracy", "accuracy_naive", "deletions", "recent"}
    for cell in found["cells"]:
        assert cell.keys() == wanted
        for one in cell["deletions"]:
            assert one.keys() == {
                "count", "ours_s", "naive_s", "compared", "equal", "agreement", "accuracy", "accuracy_retrained",
            }  # fmt: skip
            assert len(one["ours_s"]["runs"]) >= 5
            assert len(one["naive_s"]["runs"]) >= 5


def test_report_and_plots_lie_beside_the_results(finished: Path) -> None:
    files = {file.name for file in finished.iterdir()}
    plots = {f"{name}.{kind}" for name in ("cost", "accuracy", "methods") for kind in ("png", "svg")}
    assert files == {"cells", "results.json", "report.md"} | plots
    assert "The claim" in (finished / "report.md").read_text()


def test_a_second_run_measures_nothing_and_a_fresh_one_all(finished: Path) -> None:
    files = sorted((finished / "cells").iterdir())
    before = [file.stat().st_mtime_ns for file in files]
    code, said = _study("--data", "generated", "--out", str(finished), *QUICK)
    assert (code, [file.stat().st_mtime_ns for file in files]) == (0, before)
    assert f"{len(files)} of {len(files)} cells are of an earlier run" in said

    few = ("--quick", "--rows", "400", "--methods", "naive", "--fresh")
    assert _study("--data", "generated", "--out", str(finished), *few)[0] == 0
    left = sorted((finished / "cells").iterdir())
    assert [file.name for file in left] == ["naive-linear.json", "naive-naive-bayes.json"]
    assert all(file.stat().st_mtime_ns not in before for file in left)


def test_hspam14_from_its_two_files(tmp_path: Path) -> None:
    found = list(tweets(500, 3))
    labels = [f"{at},{'1' if one['label'] == 'spam' else '0'},{1 + at % 6}\n" for at, one in enumerate(found)]
    (tmp_path / "labels.csv").write_text("".join(labels))
    hydrated = [
        json.dumps({"id_str": str(at), "text": one["text"], "user": {"id_str": one.get("subject_id")}}) + "\n"
        for at, one in enumerate(found)
    ]
    (tmp_path / "tweets.jsonl.gz").write_bytes(gzip.compress("".join(hydrated).encode()))
    spec = f"hspam14:{tmp_path / 'labels.csv'},{tmp_path / 'tweets.jsonl.gz'}"
    code, said = _study("--data", spec, "--out", str(tmp_path / "out"), "--quick", "--methods", "pu")
    assert code == 0, said
    assert "spam of steps 1 and 2 is labelled" in said


@pytest.mark.parametrize(
    ("line", "said"),
    [("12,5,1", "line 2: the label is none of 0, 1 and -1"), ("12,1", "line 2: 2 columns, not tweet_id,label,step")],
)
def test_bad_data_end_with_file_line_and_code_2(tmp_path: Path, line: str, said: str) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text(f"11,0,5\n{line}\n")
    (tmp_path / "t.jsonl").write_text('{"id": 11, "text": "a"}\n')
    code, message = _study("--data", f"hspam14:{labels},{tmp_path / 't.jsonl'}", "--out", str(tmp_path / "out"))
    assert (code, message) == (2, f"{labels}, {said}")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--methods", "naive,magic"),
        ("--shards", "0"),
        ("--shards", "1,x"),
        ("--slices", ""),
        ("--rows", "1"),
        ("--separator", "ab"),
    ],
)
def test_wrong_usage_is_refused(tmp_path: Path, wrong: tuple[str, str]) -> None:
    assert _study("--data", "generated", "--out", str(tmp_path), *wrong)[0] == 2


def test_the_usual_spam_csv_is_read_with_the_flag_that_its_error_names(tmp_path: Path) -> None:
    rows = [f'{one["label"]},"{one["text"]} caf\xe9",,,\n' for one in tweets(400, 3)]
    (tmp_path / "spam.csv").write_bytes(("v1,v2,,,\n" + "".join(rows)).encode("latin-1", "ignore"))
    wanted = ("--data", str(tmp_path / "spam.csv"), "--out", str(tmp_path / "out"), "--quick", "--methods", "naive")
    code, said = _study(*wanted)
    assert (code, "--encoding" in said) == (2, True)
    code, said = _study(*wanted, "--encoding", "latin-1")
    assert code == 0, said
    assert "text: column 2 (v2), label: column 1 (v1)" in said
    assert "columns not read: 3, 4, 5" in (tmp_path / "out" / "report.md").read_text()


def test_a_folder_that_can_not_be_written_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "cells").write_text("in the way")
    code, said = _study("--data", "generated", "--out", str(tmp_path), *QUICK)
    assert (code, "can't be written" in said) == (70, True)
