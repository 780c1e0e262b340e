"""What commands that make requests to partitions' owners share: the tables to look at, the request, the wait."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import redis

    from unlearn.partition.tables import Tables

NOT_YET = 75
_LOOK_EVERY = 0.2

wait_option = click.option(
    "--wait", type=click.FloatRange(min=0), default=15.0, show_default=True, help="Seconds to wait until it is done."
)


def tables(client: redis.Redis, model: str, partitions: Iterable[int]) -> dict[int, Tables]:
    """What Redis holds of each partition now. Raises StateUnavailable."""
    from unlearn.partition.tables import Tables
    from unlearn.state.keys import Keys
    from unlearn.state.scripts import PartitionState

    return {partition: Tables(PartitionState(client, Keys(model, partition)).load()) for partition in partitions}


def request_and_wait(client: redis.Redis, model: str, requests: Mapping[int, Mapping[str, str]], wait: float) -> int:
    """Leave the requests (partition -> fields), and wait up to `wait` seconds for the owners to carry them out.

    Returns the exit code: 0, or 75 if some are still open.
    """
    from unlearn.state.keys import Keys
    from unlearn.state.requests import leave_requests, open_requests

    for partition, fields in requests.items():
        leave_requests(client, Keys(model, partition), fields)
    deadline = time.monotonic() + wait
    while True:
        late = [p for p, fields in requests.items() if fields.keys() & open_requests(client, Keys(model, p))]
        if not late or time.monotonic() >= deadline:
            break
        time.sleep(_LOOK_EVERY)
    for partition in late:
        click.echo(f"partition {partition}: asked, not done yet; its owner does it once there is one", err=True)
    return NOT_YET if late else 0
