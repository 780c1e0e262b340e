"""The base installation beside one with all extras: bytes on disk, and seconds to the first answer of a scorer.

Both are made anew from the wheel of this tree. The scorer connects to a Kafka that is there, loads a model's states
from a folder and scores one text. The first process finds no compiled kernels, and compiles those that it calls.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from bench.figures import Figure, Report
from bench.peer_pythons import last_line
from bench.processes.commands import run_command, variables
from bench.processes.environment import Environment, opened
from bench.users.installing import Installed, installed, wheel
from unlearn.extras import EXTRAS
from unlearn.settings import Settings
from unlearn_study.generator.tweet_generator import tweets

__all__ = ["phases", "run"]

MEGABYTES_GOAL, FIRST_GOAL = 120.0, 1.5
LEARNERS = ("naive-bayes", "linear", "forest")
_EVENTS, _QUICK_EVENTS, _RUNS = 5000, 500, 5
_FIRST_ANSWER = """
from unlearn import Scorer, load_settings
with Scorer.connect(load_settings()) as scorer:
    scorer.once(60).scores(["win a free prize"])
"""


def phases(quick: bool) -> int:
    return 3 + len(LEARNERS)


def run(config: Path | None, quick: bool, tick: Callable[[str], None]) -> Report:
    """Raises UnlearnError where services don't start, or nothing can be installed; TimeoutError where a model isn't
    published."""
    report = Report("install", notes=["wall seconds of a whole process; MB of the blocks that an installation adds"])
    with opened(config) as environment:
        folder = environment.folder / "install"
        folder.mkdir()
        tick("the wheel")
        made = wheel(folder)
        tick("the base installation")
        base = installed(folder / "base", made, ())
        tick("one with all extras")
        full = installed(folder / "full", made, tuple(EXTRAS))
        sizes = base.size / 1e6, full.size / 1e6
        report.figures.append(Figure("install.megabytes", sizes[0], "MB", sizes[1], MEGABYTES_GOAL))
        for learner in LEARNERS:
            tick(f"first answers, {learner}")
            settings = _published(environment, learner, _QUICK_EVENTS if quick else _EVENTS)
            report.figures += _answers(learner, settings, base, full, folder)
    return report


def _answers(learner: str, settings: Settings, base: Installed, full: Installed, folder: Path) -> list[Figure]:
    given = variables(settings)
    runs = {
        side: [each.seconds(_FIRST_ANSWER, given, folder) for _ in range(_RUNS)]
        for side, each in {"ours": base, "peer": full}.items()
    }
    first = {side: found[:1] for side, found in runs.items()}
    later = {side: found[1:] for side, found in runs.items()}
    return [
        Figure(f"install.first_answer.{learner}", first["ours"][0], "s", first["peer"][0], FIRST_GOAL, runs=first),
        Figure(f"install.later_answer.{learner}", *_both(later), FIRST_GOAL, runs=later),
    ]


def _both(runs: dict[str, list[float]]) -> tuple[float, str, float]:
    return statistics.median(runs["ours"]), "s", statistics.median(runs["peer"])


def _published(environment: Environment, learner: str, events: int) -> Settings:
    """The settings of a model that a worker has published."""
    features = 512 if learner == "forest" else 2**18
    settings = environment.model(f"installed-{learner}", learner=learner, features=features)
    environment.produce(settings, islice(tweets(events, seed=1), events))
    done = run_command(settings, environment.folder, "work", "--drain", "--log-level", "WARNING")
    if done.code:
        raise TimeoutError(f"unlearn work ended with {done.code}: {last_line(done.stderr)}")
    return settings
