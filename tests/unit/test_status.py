"""What `unlearn status` shows of values made by hand."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

from unlearn.admin.status.held import CONFLICTS, deletions_of
from unlearn.admin.status.partition_status import Deletions, PartitionStatus, ShardStatus
from unlearn.admin.status.status import Status
from unlearn.cli.commands.operators.status import rendered
from unlearn.partition.tables import OpenRange, Pending, Tables, Unresolved, encode_value


def partition(**changed: Any) -> PartitionStatus:
    values: dict[str, Any] = {
        "partition": 3,
        "applied": 1_234_567_890,
        "end": 1_234_580_235,
        "lag": 12_345,
        "owner": "trainer-7f9c6d5b8-x2x4z.a-long-domain.example:12345",
        "counter": 17,
        "nonce": "f" * 32,
        "records": 1_234_567,
        "tombstones": 123_456,
        "holes": 12_345,
        "cleaning_up": 12,
        "dirty_shards": 1,
        "deletions": Deletions(1234, 100.0, 0, 5, 86400.0 * 3),
        "heartbeat_age": 1.0,
        "stopped": None,
        "trouble": None,
        "forwards_only": True,
        "shards": (ShardStatus(0, "current", 1000, 5, 1), ShardStatus(1, "left-out", 234, 5, 0)),
    }
    return PartitionStatus(**(values | changed))


def show(status: Status, *, color: bool = False, width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=color, highlight=False).print(rendered(status, lease=20.0))
    return out.getvalue()


def test_people_see_every_number_within_100_columns() -> None:
    lines = show(Status("m", 99, (partition(),))).splitlines()
    rows = [re.split(r"  +", line.strip()) for line in lines]
    assert rows[1][:5] == ["3", "1,234,567,890", "12,345", "1 s", "17"]
    assert rows[1][5].endswith("domain.example:12345 (forwards only)")
    assert rows[4] == ["3", "1,234,567", "123,456", "12,345", "12", "1,234 (100 s)", "5 (3 d)", "1"]
    assert rows[7:9] == [["3", "0", "1,000", "5", "1", "current"], ["1", "234", "5", "0", "left-out"]]
    assert lines[-1] == ("model m, version 99: 1,234,567 records, lag 12,345, 1,234 deletions pending, 5 unresolved")


def test_a_stopped_partition_says_why_and_what_is_not_known_is_a_dash() -> None:
    nothing = {"applied": None, "owner": None, "counter": None, "nonce": None, "heartbeat_age": None}
    shown = show(Status("m", None, (partition(stopped="the log was cut [0, 5)", **nothing),)))
    assert "partition 3 is stopped: the log was cut [0, 5)" in shown
    assert re.search(r"^ +3 +- +12,345 +- +- +none yet", shown, re.MULTILINE)
    assert "version none yet" in shown


def test_a_deletion_past_its_deadline_is_named() -> None:
    late = Deletions(pending=12, oldest_pending=86400.0 * 31, overdue=2)
    assert "12 (31 d), 2 overdue" in show(Status("m", 0, (partition(deletions=late),)))


def test_an_unresolved_one_past_its_deadline_is_named_and_so_are_those_closed() -> None:
    shown = show(Status("m", 0, (partition(deletions=Deletions(0, None, 0, 5, 7200.0, 1), resolved=4),)))
    assert "5 (2 h), 1 overdue" in shown
    assert shown.rstrip().endswith("5 unresolved, 4 resolved")


def test_open_deletions_tell_the_command_that_lists_them() -> None:
    none, some = (show(Status("m", 0, (partition(deletions=Deletions(unresolved=n)),))) for n in (0, 5))
    assert "`unlearn resolve` lists them" in some
    assert "unlearn resolve" not in none


def test_what_a_partition_waits_for_is_named() -> None:
    shown = show(Status("m", 0, (partition(trouble="Kafka: no right to write"),)))
    assert "partition 3 waits: Kafka: no right to write" in shown


def test_shards_in_quarantine_are_named() -> None:
    assert "training gave up shards 0, 2: `unlearn retry`" in show(Status("m", 0, (partition(quarantined=(0, 2)),)))


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_narrow_terminal_loses_no_number_and_no_reason(width: int) -> None:
    why, letter = "the log holds [0, 5), and was cut", "label: not one that the model learns from"
    held = partition(stopped=why, trouble="no room in [store]", dead_letters={letter: 7}, forwards_only=False)

    lines = show(Status("m", 99, (held,)), width=width).splitlines()

    assert all(len(line) <= width for line in lines)
    said = " ".join(" ".join(lines).split())
    assert why in said
    assert letter in said
    assert "no room in [store]" in said
    for shown in ("1,234,567,890", "12,345", "123,456", "5 (3 d)", "left-out", "domain.example:12345"):
        assert shown in said, shown


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    red = re.compile(r"\x1b\[[0-9;]*3[0-7]")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert red.search(show(Status("m", 0, (partition(),)), color=True))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not red.search(show(Status("m", 0, (partition(),)), color=True))


def test_a_path_that_found_nothing_in_any_partition_is_named() -> None:
    label, other = "delete subject_id: value/who", "insert text: value/body"
    first = partition(partition=0, paths={f"path_met:{label}": 2, f"path_met:{other}": 1, f"path_hit:{other}": 1})
    second = partition(partition=1, paths={f"path_met:{label}": 1, f"path_met:{other}": 7})
    both = Status("m", 4, (first, second))

    assert both.to_json()["never_found"] == {label: 3}
    assert "mapping: delete subject_id: value/who found nothing in 3 messages" in show(both)
    assert "value/body" not in show(both)


def test_inserts_that_tie_with_their_record_are_coloured_and_say_what_stays() -> None:
    shown = show(Status("m", 4, (partition(passed_over={CONFLICTS: 3, "deleted before it came": 2}),)), color=True)
    (line,) = [line for line in shown.splitlines() if CONFLICTS in line]
    assert "\x1b[33m" in line
    assert "updates need a higher one" in shown


def test_totals_are_sums_over_the_partitions() -> None:
    first = partition(partition=0, dead_letters={"one": 2, "other": 1}, refused_updates=1)
    second = partition(partition=1, records=1, lag=0, deletions=Deletions(), dead_letters={"other": 1})
    both = Status("m", 4, (first, second))
    shown = both.to_json()
    assert {name: shown[name] for name in shown if name != "partitions"} == {
        "records": 1_234_568,
        "lag": 12_345,
        "pending_deletions": 1234,
        "unresolved_deletions": 5,
        "version": 4,
        "redis": [],
        "store": [],
        "dead_letters": {"one": 2, "other": 2},
        "passed_over": {},
        "refused_updates": 1,
        "never_found": {},
        "refused_results": [],
        "refused_results_count": 0,
    }
    assert [held["pending_deletions"] for held in shown["partitions"]] == [1234, 0]
    assert shown["partitions"][0]["token"] == {"counter": 17, "nonce": "f" * 32}
    assert shown["partitions"][0]["shards"][1] == {
        "shard": 1,
        "status": "left-out",
        "rows": 234,
        "slices": 5,
        "checkpoints": 0,
        "through": 0,
    }


def test_the_oldest_deletion_counts_and_one_past_its_deadline_is_overdue() -> None:
    pending = {5: Pending(70_000, 99_000), 9: Pending(40_000, 100_001)}
    # One kept by an earlier version of this code, which didn't write down when it came.
    unresolved: dict[int, Any] = {6: Unresolved("why", 1, 90_000), 7: ("why", 1)}
    view = Tables({"pending": raw(pending), "unresolved": raw(unresolved)})
    assert deletions_of(view, now=100.0) == Deletions(2, 60.0, 1, 2, 10.0, 2)


def test_one_that_was_left_open_without_a_deadline_is_overdue() -> None:
    """As an earlier version of this code left what it could not send home."""
    view = Tables({"unresolved": raw({6: ("why", 0, 0)})})
    assert deletions_of(view, now=100.0) == Deletions(0, None, 0, 1, None, 1)


def test_a_range_counts_as_many_as_it_holds() -> None:
    view = Tables({"open_ranges": raw({6: OpenRange("why", 99_000, 90_000, 20, 5, "6 4 10 1")})})
    assert deletions_of(view, now=100.0) == Deletions(0, None, 0, 5, 10.0, 5)


def test_without_deletions_there_is_no_age() -> None:
    assert deletions_of(Tables({}), now=100.0) == Deletions(0, None, 0, 0, None)


def raw(table: dict[int, Any]) -> dict[bytes, bytes]:
    return {str(offset).encode(): encode_value(value).encode() for offset, value in table.items()}
