"""What commands that make requests to partitions' owners share: the tables to look at, the request, the wait."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import redis

    from unlearn.partition.tables import Tables
    from unlearn.settings import Settings

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


def tell_workers(settings: Settings, workers: Sequence[str], wait: float, *, be_quiet: bool) -> int:
    """Ask these workers, or all that own a partition, to be quiet or to take events again. Returns the exit code."""
    from unlearn.admin.workers import claims_of, quiet_workers, requests_to
    from unlearn.cli.connect import open_log, open_redis

    with open_log(settings) as log, open_redis(settings) as client:
        views = tables(client, settings.model, range(log.partitions(settings.events_topic)))
        owned = claims_of(views)
        lacking = [worker for worker in workers if worker not in owned]
        for worker in lacking:
            click.echo(f"no partition has the owner {worker}; `unlearn status` names them", err=True)
        if not owned:
            click.echo("no partition has an owner", err=True)
        if lacking or not owned:
            return 1
        named = workers or tuple(owned)
        code = request_and_wait(client, settings.model, requests_to(owned, named, be_quiet=be_quiet), wait)
        quiet = quiet_workers(client, settings.model, owned)
    missed = [worker for worker in named if (worker in quiet) != be_quiet]
    for worker in named:
        if worker not in missed:
            click.echo(f"{worker}: takes {'no more ' if be_quiet else ''}events")
        elif not code:
            click.echo(f"{worker}: has claimed its partitions anew meanwhile, ask again", err=True)
    return NOT_YET if missed else 0


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
