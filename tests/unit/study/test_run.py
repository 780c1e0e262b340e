from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.study.small_problem import BRIEF, problem
from unlearn_models import BadRows, make_learner
from unlearn_study.cells import METHODS, Cell, grid
from unlearn_study.contender import Contender, contender
from unlearn_study.deletions import Effort, batch, recent
from unlearn_study.errors import StudyError
from unlearn_study.keeping import Kept, write_atomically
from unlearn_study.measure import measure
from unlearn_study.methods.naive import Naive
from unlearn_study.problem import Problem
from unlearn_study.run import Done, results, run, terms
from unlearn_study.show.findings import inexact

CELLS = [Cell("naive", "naive-bayes"), Cell("sisa", "naive-bayes", 3), Cell("sisa", "linear", 2, 2)]


class Forgetful(Naive):
    """Says that it deleted, and keeps the model as it was."""

    def delete(self, positions: NDArray[np.int64]) -> None:
        pass


class Stopped(Exception):
    pass


def _measured(data: Problem, folder: Path, made: list[str], stop_at: int = 99, other: str = "") -> list[Done]:
    def make(cell: Cell, data: Problem) -> Contender:
        if len(made) == stop_at:
            raise Stopped
        made.append(cell.name)
        return contender(cell, data)

    of = terms(data, BRIEF, 1)
    kept = Kept(folder, {**of, other: "another"} if other else of)
    return list(run(CELLS, data, kept, BRIEF, 1, make=make))


def test_a_run_killed_between_cells_goes_on_where_it_stopped(tmp_path: Path) -> None:
    data = problem()
    made: list[str] = []
    with pytest.raises(Stopped):
        _measured(data, tmp_path, made, stop_at=2)
    files = sorted((tmp_path / "cells").iterdir())
    times = [file.stat().st_mtime_ns for file in files]
    assert [file.stem for file in files] == ["naive-naive-bayes", "sisa-naive-bayes-s3-r1"]

    done = _measured(data, tmp_path, made)

    assert made == [cell.name for cell in CELLS]
    assert [one.kept for one in done] == [True, True, False]
    assert [file.stat().st_mtime_ns for file in files] == times
    again = _measured(data, tmp_path, made)
    assert [one.figures for one in again] == [one.figures for one in done]
    assert len(made) == len(CELLS)


@pytest.mark.parametrize("name", ["data", "seed", "effort", "code", "machine"])
def test_other_terms_are_measured_again(tmp_path: Path, name: str) -> None:
    data = problem()
    made: list[str] = []
    _measured(data, tmp_path, made)
    _measured(data, tmp_path, made, other=name)
    assert made == [cell.name for cell in CELLS] * 2


def test_a_spoilt_cell_is_measured_again(tmp_path: Path) -> None:
    data = problem()
    made: list[str] = []
    _measured(data, tmp_path, made)
    for file, spoilt in zip(sorted((tmp_path / "cells").iterdir()), (b"{", b"[]", b'{"key": 1}'), strict=True):
        file.write_bytes(spoilt)
    assert [one.kept for one in _measured(data, tmp_path, made)] == [False] * 3


def test_fresh_starts_anew(tmp_path: Path) -> None:
    data = problem()
    made: list[str] = []
    _measured(data, tmp_path, made)
    Kept(tmp_path, {}).drop_all()
    _measured(data, tmp_path, made)
    assert len(made) == 2 * len(CELLS)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_atomically(tmp_path / "deep" / "file", b"content")
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["file"]
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(StudyError, match="can't be written"):
        write_atomically(tmp_path / "plain" / "file", b"content")


@pytest.mark.parametrize("cell", grid(METHODS, (1, 3), (1, 4)), ids=lambda cell: cell.name)
def test_every_method_is_exact_and_agrees_with_a_retrained_model(cell: Cell) -> None:
    figures = measure(contender(cell, problem()), BRIEF, 1)
    assert [one["count"] for one in figures["deletions"]] == [1, 20]
    for one in (*figures["deletions"], figures["recent"]):
        assert one["equal"]
        assert one["agreement"] == 1.0
        assert one["accuracy"] == one["accuracy_retrained"]


def test_a_method_that_does_not_delete_is_found_out(tmp_path: Path) -> None:
    def make(cell: Cell, data: Problem) -> Contender:
        learner = make_learner(cell.learner, data.classes, data.wide.n_features)
        shard = data.shards(1)
        return Contender(data.wide, shard, lambda: Forgetful(learner), lambda: Naive(learner))

    data, cells = problem(), [Cell("sisa", "naive-bayes"), Cell("sisa", "linear")]
    of = terms(data, BRIEF, 1)
    found = results(list(run(cells, data, Kept(tmp_path, of), BRIEF, 1, make=make)), data, of)
    assert [one["equal"] for cell in found["cells"] for one in cell["deletions"]] == [False] * 4
    assert inexact(found) == ["sisa-naive-bayes-s1-r1", "sisa-linear-s1-r1"]


def test_a_method_that_refuses_the_data_is_left_out_with_its_reason(tmp_path: Path) -> None:
    def make(cell: Cell, data: Problem) -> Contender:
        raise BadRows("too wide")

    data = problem()
    of = terms(data, BRIEF, 1)
    found = results(list(run(CELLS[:1], data, Kept(tmp_path, of), BRIEF, 1, make=make)), data, of)
    assert found["cells"][0]["refused"] == "too wide"
    assert inexact(found) == []


def test_every_figure_has_its_runs(tmp_path: Path) -> None:
    figures = measure(contender(CELLS[2], problem()), Effort({1: 6, 20: 5}, paired=5), 1)
    assert len(figures["build_s"]["runs"]) == 5
    assert [(len(one["ours_s"]["runs"]), len(one["naive_s"]["runs"])) for one in figures["deletions"]] == [
        (6, 5),
        (5, 5),
    ]
    assert [one["compared"] for one in figures["deletions"]] == [6, 6]
    assert figures["memory_bytes"] > figures["memory_bytes_naive"] > 0
    json.dumps(figures)


def test_batches_leave_half_of_the_rows() -> None:
    assert Effort({1: 5, 10: 5, 100: 5}, 5).counts(199) == [1, 10]
    assert Effort({1: 5, 10: 5, 100: 5}, 5).counts(200) == [1, 10, 100]


def test_batches_are_distinct_positions_that_a_seed_repeats() -> None:
    found = batch(50, 25, 3, 1)
    assert found.tolist() == sorted(set(found.tolist()))
    assert len(found) == 25
    assert found[0] >= 0
    assert found[-1] < 50
    assert found.tolist() == batch(50, 25, 3, 1).tolist()
    assert found.tolist() != batch(50, 25, 4, 1).tolist() != batch(50, 25, 3, 2).tolist()


def test_recent_positions_lie_near_the_end() -> None:
    found = [int(recent(1000, run, 1)[0]) for run in range(400)]
    assert all(0 <= at < 1000 for at in found)
    assert 930 < np.mean(found) < 970
    assert [int(recent(1000, run, 1)[0]) for run in range(400)] == found
    assert int(recent(1, 3, 1)[0]) == 0
