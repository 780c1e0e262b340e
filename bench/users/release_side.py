"""One side of `bench releases`: the release in whose folder it is run makes a model, or applies a backlog with it.

Standard input has the settings as JSON; the arguments are `make` or `apply`, how many events, and the core to keep to.
To `apply` there are two models, each with its number of events: the first is not measured, so that what a process loads
when it first needs it is loaded.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import closing
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from unlearn.log.kafka.log import KafkaLog
from unlearn.settings import Settings
from unlearn.worker.lifecycle import make_worker


def _whole_path(settings: Settings, events: int) -> Any:
    """The throughput of the release at hand; of early ones it stands in a room less."""
    module = "bench.throughput" if find_spec("bench.throughput") else "bench.ingest.throughput"
    return import_module(module).whole_path(settings, events)


def main(step: str, events: str, core: str) -> None:
    if core:
        os.sched_setaffinity(0, {int(core)})
    models = [Settings(**given) for given in json.load(sys.stdin)]
    if step == "apply":
        paces = [_whole_path(each, int(count)).pace for each, count in zip(models, events.split("+"), strict=True)]
        print(json.dumps({"wall": paces[-1].wall, "cpu": paces[-1].cpu}))
        return
    for settings in models:
        _make(settings)


def _make(settings: Settings) -> None:
    with closing(KafkaLog(settings.kafka)) as log, make_worker(settings, log) as worker:
        while len(worker.owned) < settings.partitions:
            worker.turn()


if __name__ == "__main__":
    main(*sys.argv[1:])
