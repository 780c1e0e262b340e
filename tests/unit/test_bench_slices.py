"""What many slices cost an owner is measured on its own functions, and each step does what it says."""

from __future__ import annotations

from rich.progress import Progress

from bench.progress import Ticker
from bench.scale.slices import _killing, _manifest, _raw, phases, run
from unlearn.partition.rates import Rates
from unlearn.partition.tables import Tables
from unlearn.training.schedule import is_due, orders

SHARDS = 3


def test_a_quick_run_has_every_figure() -> None:
    report = run(None, True, Ticker(Progress(disable=True), phases(True)))

    assert [figure.name.removeprefix("slices.") for figure in report.figures] == [
        "nothing_to_train",
        "a_shard_that_was_hit",
        "a_row_that_dies",
        "a_manifest",
        "manifest",
        "read_at_a_claim",
    ]
    assert all(figure.peer and figure.ours > 0 for figure in report.figures)


def test_all_slices_are_learned_until_a_row_dies() -> None:
    view = Tables(_raw(30))
    assert len(view.slices) == 30
    assert not any(is_due(view, shard, forgets=True) for shard in range(SHARDS))
    assert all(entry.status == "current" for entry in _manifest(view).shards)
    kill = _killing(view)

    kill()
    kill()

    (order,) = orders(view, SHARDS, True, Rates())
    assert order.shard == 0
    assert sum(held.live for held in view.slices.values()) == 30 * 600 - 2
    assert _manifest(view).shards[0].status == "left-out"
