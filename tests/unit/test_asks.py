"""What operators ask, and what of it an owner does."""

from __future__ import annotations

import pytest

from unlearn.forwarding.dues import DEAD
from unlearn.operator_requests.plan import plan_requests
from unlearn.operator_requests.requests import VERDICTS, resolve, retry
from unlearn.partition.tables import Change, Crash, Tables, Unresolved
from unlearn.training.quarantine import quarantined


def view() -> Tables:
    change = Change()
    change.put("crashes", 0, Crash(3, 10))
    change.put("crashes", 1, Crash(1, 10))
    change.put("unresolved", 7, Unresolved("can't be read", 99, 9))
    change.put("unresolved", 8, Unresolved("can't be read", 99, 9))
    change.put("outbox", 8, [DEAD, "can't be read"])
    made = Tables({})
    made.apply(change, 20)
    return made


def test_a_shard_is_tried_again_as_if_it_had_never_failed() -> None:
    held = view()
    assert quarantined(held) == [0]

    done = plan_requests(held, dict([retry(0)]))

    held.apply(done.change, 20)
    assert (held.crashes, quarantined(held), done.retried) == ({1: Crash(1, 10)}, [], [0])
    assert done.fields == ["retry:0"]


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_resolved_one_is_closed_and_that_is_told(verdict: str) -> None:
    held = view()

    done = plan_requests(held, dict([resolve(7, verdict)]))

    held.apply(done.change, 20)
    assert list(held.unresolved) == [8]
    assert held.outbox[7] == [DEAD, VERDICTS[verdict]]
    assert (held.number("resolved"), done.resolved, done.fields) == (1, [7], ["resolve:7"])


def test_one_whose_dead_letter_is_not_sent_yet_waits_for_it() -> None:
    held = view()

    done = plan_requests(held, dict([resolve(8, "none")]))

    assert (done.fields, done.resolved, done.change.tables) == ([], [], {})


def test_a_request_that_is_fulfilled_already_changes_nothing() -> None:
    done = plan_requests(view(), dict([retry(5), resolve(3, "sent")]))

    assert (done.fields, done.change.tables) == (["retry:5", "resolve:3"], {})


@pytest.mark.parametrize(
    "field",
    ["", "retry", "retry:", "retry:-1", "retry:x", "retry:\u0661", "resolve:7:7", "retry:" + "9" * 5000, "else:7"],
)
def test_nonsense_is_done_with(field: str) -> None:
    done = plan_requests(view(), {field: "sent"})

    assert (done.fields, done.change.tables) == ([field], {})


def test_a_verdict_that_is_none_closes_nothing() -> None:
    assert plan_requests(view(), {"resolve:7": "perhaps"}).change.tables == {}
