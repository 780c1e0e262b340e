"""What ingest costs beside an earlier release has one goal, whatever the stream; a miss is shown."""

from __future__ import annotations

from bench.ingest.throughput import Pace
from bench.users.releases import GOAL, Run, figures_of, streams


def test_every_stream_has_the_goal_and_a_miss_is_one() -> None:
    slow, fast = [Run(Pace(1.0, 90.0), 1e-6)], [Run(Pace(1.0, 100.0), 1e-6)]
    found = {name: {"before": fast, "now": slow} for name in streams(0)}

    goals = {figure.name: (figure.goal, figure.met) for figure in figures_of(found) if ".ingest" in figure.name}

    assert goals == {
        "releases.ingest": (GOAL, False),
        "releases.ingest.deletions": (GOAL, False),
        "releases.ingest.aliases": (GOAL, False),
    }
