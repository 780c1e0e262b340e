"""What operators ask from the page: how it is written, whether it makes sense now, and leaving it for the owners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import redis
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unlearn.admin.workers import claims_of, requests_to
from unlearn.errors import InputInvalid
from unlearn.operator_requests.places import OpenPlaces, Places, requests_to_close
from unlearn.operator_requests.requests import resolve, retry
from unlearn.partition.tables import Tables
from unlearn.state.keys import Keys
from unlearn.state.requests import leave_requests
from unlearn.state.scripts import PartitionState
from unlearn.training.quarantine import quarantined
from unlearn.validation_errors import first_error

__all__ = ["ACTIONS", "Action", "Quiet", "Resolve", "Resume", "Retry", "ask", "read_action", "requests_of"]

_Number = Annotated[int, Field(ge=0, lt=2**53)]


class _Action(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


class Retry(_Action):
    """Train a shard in quarantine again."""

    partition: _Number
    shard: _Number


class Resolve(_Action):
    """Close a possible deletion, or the many of one row from `first` to `last`, as they were shown."""

    partition: _Number
    first: _Number
    last: _Number
    reason: str
    verdict: Literal["sent", "none"]


class StepOver(_Action):
    """Step over records that can't be decoded, at which a partition is stopped."""

    partition: _Number
    offset: _Number
    verdict: Literal["sent", "none"]


class Quiet(_Action):
    """Have a worker take no more events."""

    worker: str


class Resume(_Action):
    """Have a worker take events again."""

    worker: str


Action = Retry | Resolve | StepOver | Quiet | Resume
ACTIONS: Mapping[str, type[Action]] = {
    "retry": Retry,
    "resolve": Resolve,
    "step-over": StepOver,
    "quiet": Quiet,
    "resume": Resume,
}
Requests = Mapping[int, Mapping[str, str]]
"""Partition -> fields with their values, as in `unlearn.operator_requests.requests`."""


def read_action(name: str, body: bytes) -> Action:
    """What a request's body asks. `name` is a key of ACTIONS. Raises InputInvalid."""
    try:
        return ACTIONS[name].model_validate_json(body)
    except ValidationError as error:
        raise InputInvalid(first_error(error, 2)) from None


def ask(client: redis.Redis, model: str, partitions: range, action: Action) -> dict[str, Any]:
    """Leave the requests of an action with the partitions' owners, and say where.

    Raises InputInvalid where it makes no sense any more, StateUnavailable.
    """
    wanted = partitions if isinstance(action, Quiet | Resume) else [action.partition]
    if any(partition not in partitions for partition in wanted):
        raise InputInvalid(f"there is no partition {wanted[0]}")
    states = {partition: PartitionState(client, Keys(model, partition)) for partition in wanted}
    views = {partition: Tables(state.load()) for partition, state in states.items()}
    stands_at = states[action.partition].unreadable() if isinstance(action, StepOver) else None
    requests = requests_of(action, views, stands_at)
    for partition, fields in requests.items():
        leave_requests(client, Keys(model, partition), fields)
    return {"asked": {str(partition): sorted(fields) for partition, fields in requests.items()}}


def requests_of(action: Action, views: Mapping[int, Tables], stands_at: int | None = None) -> Requests:
    """What to leave with which partition. Pure. Raises InputInvalid where there is nothing of the kind any more.

    `stands_at`: the offset at which the partition of a StepOver can't be read.
    """
    if isinstance(action, Retry):
        if action.shard not in quarantined(views[action.partition]):
            raise InputInvalid(f"shard {action.shard} of partition {action.partition} is in no quarantine")
        return {action.partition: dict([retry(action.shard)])}
    if isinstance(action, Resolve):
        return {action.partition: _closing(action, views[action.partition])}
    if isinstance(action, StepOver):
        if action.offset != stands_at:
            raise InputInvalid(f"partition {action.partition} doesn't stand at {action.offset} any more")
        return {action.partition: dict([resolve(action.offset, action.verdict)])}
    claims = claims_of(views)
    if action.worker not in claims:
        raise InputInvalid("no partition has an owner of this name any more")
    return requests_to(claims, [action.worker], be_quiet=isinstance(action, Quiet))


def _closing(action: Resolve, view: Tables) -> dict[str, str]:
    shown = (action.first, action.last, action.reason)
    if not any((held.first, held.last, held.reason) == shown for held in view.still_open()):
        raise InputInvalid(f"nothing of the kind is open at {action.partition}/{action.first} any more")
    if action.first == action.last:
        return dict([resolve(action.first, action.verdict)])
    places = Places(action.partition, action.first, action.last, action.reason)
    return requests_to_close([places], {action.partition: OpenPlaces(view)}, action.verdict)[action.partition]
