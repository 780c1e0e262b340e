from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.__main__ import MEASUREMENTS, Measurement, main
from bench.clock import interleaved
from bench.figures import Figure, Report, Table, percentile
from bench.ingest.deletions import gaps_of
from bench.ingest.steps import Stopwatch, watch_steps
from bench.learners.data import ages
from bench.processes.redis_memory import fill, held
from tests.harness.quick_bench import figures_of_quick_run
from unlearn.environment.redis_client import connect
from unlearn.events.parsing import Parser

ROOT = Path(__file__).parents[2]


def test_a_figure_of_runs_is_the_median_beside_the_peers_median() -> None:
    figure = Figure.of_runs("pace", "events/s", [10.0, 30.0, 20.0], [50.0, 10.0, 40.0], goal=60.0)
    assert (figure.ours, figure.peer, figure.ratio, figure.met) == (20.0, 40.0, 0.5, False)
    assert figure.as_json()["runs"] == {"ours": [10.0, 30.0, 20.0], "peer": [50.0, 10.0, 40.0]}


@pytest.mark.parametrize(
    ("ours", "goal", "more_is_better", "met"),
    [
        (61.0, 60.0, True, True),
        (60.0, 60.0, True, True),
        (59.0, 60.0, True, False),
        (1.0, 1.0, False, True),
        (1.1, 1.0, False, False),
        (1.1, None, False, None),
    ],
)
def test_a_goal_is_a_floor_or_a_ceiling(ours: float, goal: float | None, more_is_better: bool, met: bool) -> None:
    assert Figure("it", ours, "s", goal=goal, more_is_better=more_is_better).met is met


def test_a_compared_cost_is_met_by_how_many_times_the_peers_it_is() -> None:
    cheap = Figure.cheaper("it", "s", [0.2, 0.1, 0.3], [3.0, 2.0, 1.0], 10.0)
    assert (cheap.ours, cheap.peer, cheap.ratio, cheap.met) == (0.2, 2.0, 10.0, True)
    assert Figure.cheaper("it", "s", [0.2], [1.9], 10.0).met is False
    assert cheap.as_json()["runs"] == {"ours": [0.2, 0.1, 0.3], "peer": [3.0, 2.0, 1.0]}


def test_without_its_peer_a_figure_is_missing_and_not_met() -> None:
    missing = Figure.cheaper("it", "s", [0.2], [], 10.0)
    assert (missing.peer, missing.ratio, missing.met) == (None, None, False)


def test_calls_take_turns_and_the_first_is_not_counted() -> None:
    seen: list[str] = []
    found = interleaved({"a": lambda: seen.append("a"), "b": lambda: seen.append("b")}, 2)
    assert seen == ["a", "b"] * 3
    assert {name: len(values) for name, values in found.items()} == {"a": 2, "b": 2}


def test_ages_are_distinct_living_and_mostly_recent() -> None:
    alive = np.arange(1000) % 2 == 0
    chosen, uniform = (ages(np.random.default_rng(1), alive, 100, mean) for mean in (50.0, None))
    assert len(set(chosen.tolist())) == len(set(uniform.tolist())) == 100
    assert alive[chosen].all()
    assert alive[uniform].all()
    assert (uniform < 500).sum() > 30
    assert (chosen >= 800).sum() > 50 > (chosen < 400).sum()


@pytest.mark.parametrize("name", ["text", "checkpoints"])
def test_a_quick_measurement_is_shown_and_written(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"bench.learners.{name}.pin", lambda: None)
    assert main([name, "--quick", "--json", str(tmp_path / "figures.json")]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())["figures"]
    assert {figure["name"].split(".")[0] for figure in figures} == {name}
    assert all(figure["name"] in capsys.readouterr().out for figure in figures[:1])


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(200, 0, -1)]
    assert [percentile(values, share) for share in (0.005, 0.5, 0.99, 1.0)] == [1.0, 100.0, 198.0, 200.0]
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([7.0], 0.99) == 7.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_a_report_is_written_with_its_machine(tmp_path: Path) -> None:
    report = Report("ingest", ["a note"], [Figure("it", 1.0, "s")], [Table("t", ("step", "us"), [("poll", 2.0)])])
    report.write(tmp_path / "out" / "report.json")
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    assert found["machine"].keys() >= {"processor", "cores"}
    assert found["figures"][0].keys() == {"name", "ours", "peer", "unit", "ratio", "goal", "met", "runs"}
    assert found["tables"] == [{"title": "t", "rows": [{"step": "poll", "us": 2.0}]}]


class Ticking:
    """A clock that is a second later at every look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_a_step_does_not_count_the_steps_it_calls() -> None:
    stopwatch = Stopwatch(wall=Ticking(), cpu=lambda: 0.0)

    def outer() -> str:
        stopwatch.timed("inner", lambda: None)
        stopwatch.timed("inner", lambda: None)
        return "done"

    assert stopwatch.timed("outer", outer) == "done"
    # Six looks at the clock: five seconds in all, of which one belongs to each inner call.
    assert (stopwatch.steps["outer"].wall, stopwatch.steps["outer"].calls) == (3.0, 1)
    assert (stopwatch.steps["inner"].wall, stopwatch.steps["inner"].calls) == (2.0, 2)


def test_a_step_that_raises_is_counted() -> None:
    stopwatch = Stopwatch(wall=Ticking(), cpu=lambda: 0.0)
    with pytest.raises(ZeroDivisionError):
        stopwatch.timed("broken", lambda: 1 // 0)
    assert stopwatch.steps["broken"].wall == 1.0


def test_the_product_is_as_before_once_its_steps_are_no_longer_watched() -> None:
    stopwatch, original = Stopwatch(), Parser.parse
    with watch_steps(stopwatch):
        Parser().parse(b"{}")
        assert stopwatch.steps["2 parse, one by one"].calls == 1
    assert Parser.parse is original


def test_gaps_are_those_of_each_partition_within_the_time() -> None:
    times = {0: [5.0, 1.0, 2.0, 9.0], 1: [3.0], 2: [2.0, 4.5]}
    assert sorted(gaps_of(times, 1.0, 5.0)) == [1.0, 2.5, 3.0]


def test_bytes_are_those_of_the_hashes_of_one_model(redis_url: str) -> None:
    with connect(redis_url) as client:
        fill(client, "bench-memory", 3000, 1000, random.Random(1))
        weighed = held(client, "bench-memory", random.Random(1))
        again = held(client, "bench-memory", random.Random(1))
        other = held(client, "bench-memory-2", random.Random(1))
        client.unlink(*client.scan_iter(match="{bench-memory:*"))
    assert (weighed.records, weighed.subjects) == (3000, 1000)
    assert weighed.record_bytes > 3000 * 16
    assert weighed.subject_bytes > 1000 * 8
    assert again == weighed
    assert (other.records, other.record_bytes) == (0, 0.0)


def test_the_list_names_every_measurement(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(MEASUREMENTS)


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("name", ["linear", "naive_bayes"])
def test_a_quick_run_has_every_goal(name: str, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "bench", name.replace("_", "-"), "--quick", "--json", str(out)]
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=280, check=True)
    goals = {figure["name"] for figure in json.loads(out.read_text())["figures"] if figure["goal"] is not None}
    wanted = {
        "linear": ["refit", "delete_1", "delete_1_sklearn", "delete_1_recent", "delete_1000", "flat"],
        "naive_bayes": ["delete_1", "delete_1000"],
    }
    prefix = {"linear": "linear", "naive_bayes": "nb"}[name]
    assert goals >= {f"{prefix}.{goal}" for goal in wanted[name]}


@pytest.mark.slow
@pytest.mark.soak
def test_a_quick_run_measures_everything(kafka: str, redis_url: str, tmp_path: Path) -> None:
    figures, printed = figures_of_quick_run("ingest", kafka, redis_url, tmp_path)

    assert "ingest.events_per_second" in printed
    paces = {"vs_bare_poll", "vs_plain", "events_per_second", "two_workers", "deletions", "flat", "training_slows"}
    sizes = {f"redis_bytes_per_record.{size}" for size in (500, 1000, 3000)}
    assert figures.keys() >= {f"ingest.{name}" for name in paces | sizes}
    assert figures.keys() >= {"hidden.median", "hidden.p99", "hidden.backlog.p99", "hidden.backlog.p99.linear"}
    assert figures.keys() >= {"manifests.max_gap", "manifests.max_gap.linear", "hidden.under_load.p99.linear"}
    assert all(figure["ours"] > 0 for figure in figures.values() if figure["goal"])
    assert {figure["ours"] for name, figure in figures.items() if ".missing" in name} == {0}


@pytest.mark.parametrize(("more", "code"), [([], 0), (["--strict"], 1)])
def test_a_missed_goal_ends_it_with_1_if_asked(
    more: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report("text", [], [Figure("text.hash", 2.0, "s", goal=1.0)], [])
    measured = Measurement("for the test", lambda *_: report, lambda _: 0)
    monkeypatch.setattr("bench.__main__.MEASUREMENTS", {"text": measured})

    assert main(["text", *more]) == code
    assert ("goals are missed: text.hash" in capsys.readouterr().err) == bool(more)
