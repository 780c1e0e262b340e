from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import peer_pythons
from bench.__main__ import MEASUREMENTS, main
from bench.forest import dare as forest_dare
from bench.forest.dare import Ended, environment, started
from bench.forest.data import sample, substitute
from bench.forest.sides import Ours, Took, rounds
from bench.forest.table import losses, table
from unlearn.errors import UnlearnError
from unlearn_models.forest import Forest, Settings

LINES = """\
39, State-gov, 77516, Bachelors, 13, Never-married, Adm-clerical, Unmarried, White, Male, 2174, 0, 40, Peru, <=50K
50, ?, 83311, Bachelors, 13, Divorced, Sales, Husband, White, Male, 0, 0, 13, Peru, >50K
38, Private, 215646, HS-grad, 9, Divorced, Sales, Husband, White, Female, 0, 0, 40, Cuba, >50K
"""
GOALS = {
    "forest.delete_1": 10.0,
    "forest.delete_1_mean": 0.5,
    "forest.delete_1_q01": 0.06,
    "forest.delete_1_q01_p99": 0.5,
    "forest.batch_1000": 1.0,
    "forest.batch_1000_q01": 1.0,
    "forest.build": 6.0,
    "forest.build_q01": 25.0,
    "forest.memory": 22.0,
    "forest.memory_q01": 7.0,
    "forest.accuracy_accurate": 0.86,
    "forest.bytes_that_differ": 0.0,
}
PEER = """
import numpy as np
class Forest:
    def __init__(self, random_state, **settings):
        self.settings, self.gone = settings, []
    def fit(self, x, y):
        assert (x.dtype, y.dtype) == (np.float32, np.int32)
        self.rows = x[:, 0].tolist()
    def predict(self, x):
        return x[:, 0] > 1
    def delete(self, places):
        if places[0] == 99:
            raise SystemExit(3)
        self.gone += places.tolist()
    def get_memory_usage(self):
        return sum(self.gone), len(self.rows), self.settings["k"]
"""


def _written(folder: Path, text: str) -> Path:
    path = folder / "adult.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    return path


def _peer(folder: Path) -> tuple[Path, Path]:
    """A stand-in for dare to import, and its rows: x = 0..4, y = 1 from 3 on."""
    (folder / "dare.py").write_text(PEER)
    x = np.arange(5.0)[:, None]
    np.savez(folder / "rows.npz", x=x, y=np.arange(5) > 2, settings=np.array([4, 3, 2, 1]))
    return folder, folder / "rows.npz"


def _measured(tmp_path: Path) -> Mapping[str, Mapping[str, Any]]:
    out = tmp_path / "figures.json"
    assert main(["forest", "--quick", "--json", str(out)]) == 0
    return {figure["name"]: figure for figure in json.loads(out.read_text())["figures"]}


def test_rows_of_adult_are_numbers_and_one_column_a_word(tmp_path: Path) -> None:
    found = sample(_written(tmp_path, LINES))
    assert found.y.tolist() == [0, 1]
    age, private, state_gov, weight, years, divorced, never = found.x[:, :7].T.tolist()
    assert (age, weight, years) == ([39.0, 38.0], [77516.0, 215646.0], [13.0, 9.0])
    assert (private, state_gov) == ([0.0, 1.0], [1.0, 0.0])
    assert (divorced, never) == ([0.0, 1.0], [1.0, 0.0])
    # Six numbers; two words of class, status, trade, family, sex and land, one of race: no schooling.
    assert found.x.shape == (2, 6 + 6 * 2 + 1)


@pytest.mark.parametrize("text", ["a, b, 1\nc, d, 2\n", LINES.replace(" Peru,", "")])
def test_what_is_not_adult_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnlearnError, match="adult"):
        sample(_written(tmp_path, text))


def test_a_file_that_was_asked_for_is_not_substituted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnlearnError, match="no such file"):
        sample(tmp_path / "missing.csv")
    assert main(["forest", "--data", str(tmp_path / "missing.csv")]) == 1
    assert "no such file" in capsys.readouterr().err


def test_a_few_rows_of_adult_are_too_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.forest.forest.pin", lambda: None)
    with pytest.raises(UnlearnError, match="2 rows are too few"):
        MEASUREMENTS["forest"].run(None, False, lambda phase: None, data=_written(tmp_path, LINES))


def test_the_substitute_has_adults_shape_and_says_so() -> None:
    found = substitute(2000)
    assert found.x.shape == (2000, 88)
    assert [len(np.unique(column)) > 2 for column in found.x.T] == [True] * 6 + [False] * 82
    assert found.y.mean() == 0.25
    assert found.what.startswith("NO ADULT")


def test_rounds_delete_distinct_rows_that_were_trained_on() -> None:
    first, second = rounds(100, 2, 10, 20)
    assert (len(first.train), len(first.test)) == (80, 20)
    assert {*first.train.tolist(), *first.test.tolist()} == set(range(100))
    assert len({*first.single.tolist(), *first.batch.tolist()}) == 30
    assert max(*first.single, *first.batch) < 80
    assert first.train.tolist() != second.train.tolist()


def test_a_round_tells_a_forest_that_forgets_from_one_that_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, (turn,) = substitute(400), rounds(400, 1, 10, 30)
    ours = Ours("ours", Settings(5), rows, np.arange(400, dtype=np.uint64))
    took = ours.take(turn)
    assert (len(took.single), len(ours.refits), ours.differ) == (10, 1, 0)
    assert 0.5 < took.right <= 1.0

    apply = Forest.apply

    def forgetful(self: Forest, deleted_keys: Any = (), **rest: Any) -> None:
        apply(self, np.asarray(deleted_keys[1:], np.uint64), **rest)

    monkeypatch.setattr(Forest, "apply", forgetful)
    ours.take(turn)
    assert ours.differ == 1


def test_the_table_says_what_is_missing_and_where_ours_are_behind() -> None:
    one = Took(2.0, [0.001, 0.003], 0.5, 0.8)
    took = {"ours": [one], "also ours": [one], "better": [one._replace(right=0.9)], "gone": [], "equal": [one]}
    rows = table(took, {"ours": 3.5}, 1000).rows
    assert rows[0] == ("ours", 2.0, 2.0, 2.0, 3.0, 500.0, 0.8, 3.5)
    assert rows[2][-2:] == (0.9, "")
    assert rows[3] == ("gone", *["missing"] * 7)
    assert losses(took, ["ours", "also ours"]) == [
        "better is ahead in accuracy, of ours and also ours",
        "equal is ahead in nothing",
    ]


def test_a_peer_is_driven_in_a_process_of_its_own(tmp_path: Path) -> None:
    folder, data = _peer(tmp_path)
    with started(Path(sys.executable), data, folder) as dare:
        assert dare.resident_bytes() > 0
        assert dare.build([0, 1, 2], 7) >= 0.0
        assert len(dare.delete([[1], [0, 2]])) == 2
        assert dare.right([1, 2, 3, 4]) == 0.75
        assert dare.counted_bytes() == (1 + 0 + 2) + 3 + 2


def test_a_peer_that_dies_has_ended(tmp_path: Path) -> None:
    folder, data = _peer(tmp_path)
    with started(Path(sys.executable), data, folder) as dare:
        dare.build([0, 1], 7)
        with pytest.raises(Ended, match="exit code 3"):
            dare.delete([[99]])
        with pytest.raises(Ended, match="exit code 3"):
            dare.counted_bytes()


def test_without_its_python_the_peer_cant_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forest_dare, "_candidates", lambda: iter(["no-such-python", sys.executable]))
    assert environment() == "there is no Python 3.10: none on the PATH, from pyenv or from uv"


def test_a_package_that_cant_be_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_pythons, "_OUT", tmp_path)
    told = peer_pythons.made("none", "false", ["no-such-package"], "pass")
    assert told == "no-such-package can't be installed: no reason given"


def test_a_shim_without_a_python_behind_it_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, body in (("shim", "exit 127"), ("real", "echo 3.10")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(forest_dare, "_candidates", lambda: iter([str(tmp_path / "shim"), str(tmp_path / "real")]))
    assert forest_dare._python() == str(tmp_path / "real")


@pytest.mark.slow
def test_a_quick_run_without_the_peer_marks_it_missing_and_nothing_of_it_is_met(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.forest.forest.pin", lambda: None)
    monkeypatch.setattr("bench.forest.forest.environment", lambda: "it is not here")
    figures = _measured(tmp_path)
    shown = capsys.readouterr().out
    assert "dare_rf: MISSING, it is not here" in shown
    assert "NO ADULT" in shown
    assert {name: figures[name]["goal"] for name in GOALS} == GOALS
    assert all(len(figures[name]["runs"]["ours"]) >= 5 for name in GOALS if name != "forest.bytes_that_differ")
    assert figures["forest.bytes_that_differ"]["ours"] == 0
    for name in ("forest.delete_1", "forest.accuracy"):
        assert (figures[name]["peer"], figures[name]["ratio"], figures[name]["met"]) == (None, None, False)
    assert all(len(figures[name]["runs"]["peer"]) >= 5 for name in ("forest.build", "forest.build_q01"))


@pytest.mark.slow
@pytest.mark.soak
def test_a_quick_run_measures_the_peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.forest.forest.pin", lambda: None)
    figures = _measured(tmp_path)
    for name in ("delete_1", "memory", "memory_q01", "memory_resident", "accuracy", "build_dare"):
        assert figures[f"forest.{name}"]["peer"] > 0
