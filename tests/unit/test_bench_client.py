from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import MEASUREMENTS
from bench.users import client
from bench.users.client import Sent, score_figures, scored, send_figures

ROOT = Path(__file__).parents[2]
GOALS = {
    "send.events_per_second": 100_000.0,
    "scorer.ms_per_10000_texts": 60.0,
    "scorer.ms_per_10000_texts.linear": 60.0,
    "scorer.ms_per_text": 0.2,
    "scorer.ms_per_text.linear": 0.2,
}


def test_the_pace_of_sending_is_a_median_and_its_goal_a_floor() -> None:
    ours = [Sent(90e3, 2e5), Sent(110e3, 1e5), Sent(100e3, 3e5)]
    pace, of_cpu = send_figures(ours, [Sent(4e3, 1e4), Sent(2e3, 3e4), Sent(3e3, 2e4)])
    assert (pace.name, pace.ours, pace.peer, pace.met) == ("send.events_per_second", 100e3, 3e3, True)
    assert pace.as_json()["runs"] == {"ours": [90e3, 110e3, 100e3], "peer": [4e3, 2e3, 3e3]}
    assert (of_cpu.ours, of_cpu.peer, of_cpu.ratio) == (2e5, 2e4, 10.0)
    assert send_figures([Sent(99e3, 1e5)], [Sent(1e3, 1e4)])[0].met is False


def test_the_time_to_score_is_a_median_and_its_goal_a_ceiling() -> None:
    seconds = {"ours": [0.25, 0.03125, 0.0625], "peer": [0.5, 0.25, 1.0], "single": [0.0001220703125]}
    together, single = score_figures("linear", seconds)
    assert (together.name, together.ours, together.peer) == ("scorer.ms_per_10000_texts.linear", 62.5, 500.0)
    assert (together.met, single.met) == (False, True)
    assert (single.name, single.ours, single.unit) == ("scorer.ms_per_text.linear", 0.1220703125, "ms")
    assert score_figures("naive-bayes", seconds)[0].name == "scorer.ms_per_10000_texts"


@pytest.mark.parametrize("name", client.LEARNERS)
def test_each_side_is_timed_in_each_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TEXTS", 50)
    found = scored(name, 240, 2)
    assert {side: len(values) for side, values in found.items()} == {"ours": 2, "peer": 2, "single": 2}
    goals = {figure.name: figure.goal for figure in score_figures(name, found)}
    assert goals.items() <= GOALS.items()


def test_it_says_each_of_its_phases() -> None:
    assert [MEASUREMENTS["client"].phases(quick) for quick in (True, False)] == [5, 13]


@pytest.mark.slow
@pytest.mark.soak
def test_a_quick_run_has_every_goal(kafka: str, redis_url: str, tmp_path: Path) -> None:
    services = {
        "UNLEARN_KAFKA__BOOTSTRAP_SERVERS": kafka,
        "UNLEARN_REDIS__URL": redis_url,
        "UNLEARN_SERVICES_DIR": str(tmp_path / "services"),
    }
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "bench", "client", "--quick", "--json", str(out)]
    subprocess.run(command, cwd=ROOT, env=os.environ | services, capture_output=True, timeout=280, check=True)
    figures = {figure["name"]: figure for figure in json.loads(out.read_text())["figures"]}
    assert {name: figure["goal"] for name, figure in figures.items() if figure["goal"] is not None} == GOALS
    assert all(figure["ours"] > 0 for figure in figures.values())
