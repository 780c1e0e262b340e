"""What a partition's owner pays for the number of its slices: in each turn, in each manifest, and once in a claim.

Nothing runs but the owner's own functions, on tables as Redis gives them.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import NamedTuple

from bench.figures import Figure, Report
from bench.progress import Ticker
from unlearn.partition.ledger import Kill, Ledger
from unlearn.partition.rates import Rate, Rates
from unlearn.partition.slices.slot_sums import sum_slots
from unlearn.partition.tables import Change, Slice, State, Tables, encode_key, encode_value
from unlearn.publishing.compose import entries
from unlearn.results.manifest import Manifest, TokenField
from unlearn.training.schedule import orders

__all__ = ["phases", "run"]

_SPAN, _SHARDS, _ROWS = 2000, 3, 600
_FULL, _QUICK = (25_000, 1_000_000), (30, 300)
_RUNS = 5
_CALLS = 200
_FLAT_GOAL = 1 / 1.2
"""Times the cost at the small size is that at the large one, at least."""
_DIGEST = "0" * 64


class _Measured(NamedTuple):
    """Microseconds by step, run by run; what a manifest takes in bytes, and to read the tables in seconds."""

    steps: Mapping[str, list[float]]
    manifest: int
    read: float


def phases(quick: bool) -> int:
    """How often `run` says what it does."""
    return 2


def run(config: Path | None, quick: bool, tick: Ticker) -> Report:
    """Every figure of `slices`. It needs no services."""
    sizes = _QUICK if quick else _FULL
    found = []
    for size in sizes:
        tick(f"{size:,} slices")
        found.append(_measured(size))
    return Report("slices", _notes(sizes), _figures(*found), [])


def _measured(slices: int) -> _Measured:
    raw = _raw(slices)
    began = time.perf_counter()
    view = Tables(raw)
    read = time.perf_counter() - began
    del raw
    gc.collect()
    kill, rates = _killing(view), Rates(Rate(1e-6), Rate(1e-6), Rate(1e-6))
    found = {"nothing_to_train": _times(lambda: orders(view, _SHARDS, True, rates))}
    kill()
    found["a_shard_that_was_hit"] = _times(lambda: orders(view, _SHARDS, True, rates))
    found["a_row_that_dies"] = _times(kill)
    found["a_manifest"] = _times(lambda: _manifest(view).encode())
    return _Measured(found, len(_manifest(view).encode()), read)


def _raw(slices: int) -> dict[str, dict[bytes, bytes]]:
    """Tables of a partition whose slices are all filed and learned, each shard with rows in each slice's end."""
    rows: dict[str, dict[object, object]] = {"slices": {}, "states": {}, "meta": {}}
    ends = [_SPAN * (1 + number) for number in range(slices // _SHARDS)]
    for end in ends:
        one = Slice(sum_slots([end - 1]), _ROWS, -1, f"0/0/slice/1-{'0' * 32}-1.{end}.{end}-{'0' * 16}", _ROWS)
        rows["slices"] |= {(shard, end): one for shard in range(_SHARDS)}
    last = ends[-1]
    for shard in range(_SHARDS):
        rows["states"][shard, last] = State(last, "state", _DIGEST, rows=_ROWS * len(ends), size=100_000)
    rows["meta"] = {"applied": last, "registered": last}
    return {
        table: {encode_key(key).encode(): encode_value(value).encode() for key, value in held.items()}  # type: ignore[arg-type]
        for table, held in rows.items()
    }


def _killing(view: Tables) -> Callable[[], None]:
    """At each call it kills a row in another slice, as a batch with one deletion does."""
    numbers = count(1)

    def kill() -> None:
        end = view.ends[next(numbers) * 7919 % len(view.ends)]
        change, applied = Change(), view.applied
        ledger = Ledger(view, applied, _SPAN)
        ledger.kill(Kill(end - 1, applied, 0))
        ledger.settle(change, applied + 1, drop_states=False)
        view.apply(change, applied + 1)

    return kill


def _manifest(view: Tables) -> Manifest:
    return Manifest(
        model="bench",
        identity=_DIGEST,
        partition=0,
        token=TokenField(counter=1, nonce="0" * 32),
        sequence=1,
        applied=view.applied,
        erased_through=0,
        start=0,
        created_at=0,
        learner="naive-bayes",
        profile="",
        shards=entries(view, _SHARDS, True, _DIGEST),
        skipped=(),
        c=None,
        fingerprint=None,
        made="{}",
    )


def _times(step: Callable[[], object]) -> list[float]:
    found = []
    for _ in range(_RUNS):
        began = time.perf_counter()
        for _ in range(_CALLS):
            step()
        found.append((time.perf_counter() - began) / _CALLS * 1e6)
    return found


def _figures(small: _Measured, large: _Measured) -> list[Figure]:
    return [
        *(
            Figure.cheaper(f"slices.{step}", "us", times, small.steps[step], _FLAT_GOAL)
            for step, times in large.steps.items()
        ),
        Figure("slices.manifest", large.manifest, "bytes", small.manifest),
        Figure("slices.read_at_a_claim", large.read, "s", small.read),
    ]


def _notes(sizes: tuple[int, int]) -> list[str]:
    return [
        f"`ours` is an owner's cost with {sizes[1]:,} slices, `peer` the same with {sizes[0]:,}, of {_SHARDS} shards.",
        f"Medians of {_RUNS} runs of {_CALLS} calls. a_row_that_dies: in another slice each time.",
        "read_at_a_claim: the tables from what Redis gave, once for each claim.",
    ]
