from __future__ import annotations

from unlearn.partition.ledger import Kill, Ledger
from unlearn.partition.tables import Change, Crash, Tables
from unlearn.training.quarantine import LIMIT, after_crash, in_quarantine


def test_the_third_crash_alone_quarantines() -> None:
    crash = None
    seen = []
    for _ in range(LIMIT):
        crash = after_crash(crash, 100)
        seen.append(in_quarantine(crash))

    assert seen == [False, False, True]
    assert not in_quarantine(None)


def _after_kill(slot: int) -> dict[int, None]:
    view = Tables(
        {"crashes": {b"1": b"[3,100]"}, "slices": {b"1:100": b"[0,2,-1,null,0]", b"1:200": b"[0,1,-1,null,0]"}}
    )
    assert view.crashes == {1: Crash(3, 100)}
    ledger, change = Ledger(view, 200, 100), Change()
    ledger.kill(Kill(slot, 205, 1))
    ledger.settle(change, 210, drop_states=True)
    return change.tables.get("crashes", {})


def test_a_kill_at_or_before_the_failing_slice_lifts_the_quarantine() -> None:
    assert _after_kill(99) == {1: None}


def test_a_kill_behind_the_failing_slice_does_not_lift_the_quarantine() -> None:
    assert _after_kill(150) == {}
