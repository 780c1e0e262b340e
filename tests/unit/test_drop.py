"""DROP lists: which rows are asked for, and which code each gets by its receipts."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from unlearn.admin.drop import DELETED, EXEMPTED, NOT_FOUND, OPTED_OUT, Drop
from unlearn.admin.forget import send_requests
from unlearn.admin.input.drop_lists import Listed, read_hashes, read_list
from unlearn.admin.send import NoSink
from unlearn.cli.commands.senders.drop import _written
from unlearn.cli.main import cli as unlearn
from unlearn.errors import InputInvalid, LogUnavailable
from unlearn.events.event import Delete
from unlearn.events.parsing import parse
from unlearn.log.protocol import Entry
from unlearn.results.manifest import Position, Receipt
from unlearn.settings import Settings

ROWS = [Listed("1", "aa"), Listed("2", "bb"), Listed("3", "cc")]


def drop(run: str = "run1", **answers: Any) -> Drop:
    return Drop(ROWS, "sha256:", answers, run, "2024-01-01")


def deletions(asked: Drop) -> dict[str, str]:
    """Alias -> event id of the deletions that would be sent."""
    found = [parse(value) for _, value in asked.events(0, 10)]
    return {event.alias or "": event.event_id for event in found if isinstance(event, Delete)}


def receipt(event_id: str, state: Any, records: int | None = None, offset: int = 0) -> Entry:
    said = Receipt(
        event_id=event_id,
        state=state,
        partition=0,
        offset=offset,
        applied_at=Position(partition=0, offset=offset),
        records=records,
        reason="why" if state == "refused" else None,
    )
    return Entry(0, 0, 0, event_id.encode(), said.encode())


def test_each_row_asks_for_a_deletion_by_alias_unless_it_has_an_answer() -> None:
    asked = drop(bb=EXEMPTED, cc=OPTED_OUT)

    assert list(deletions(asked)) == ["sha256:aa"]
    assert dict(asked.answers()) == {"2": EXEMPTED, "3": OPTED_OUT}
    assert [(one.id, one.state) for one in asked.open()] == [("1", "unsent")]


def test_a_row_is_deleted_or_not_found_by_its_count_and_open_until_then() -> None:
    asked = drop()
    names = deletions(asked)
    asked.sent(0, 3)

    asked.take([receipt(names["sha256:aa"], "accepted"), receipt(names["sha256:aa"], "hidden")])
    asked.take([receipt(names["sha256:bb"], "hidden", 0), receipt("another", "hidden", 3)])
    assert [(one.id, one.state) for one in asked.open()] == [("1", "accepted"), ("3", "sent")]
    asked.take([receipt(names["sha256:aa"], "hidden", 2), receipt(names["sha256:cc"], "refused")])

    assert dict(asked.answers()) == {"1": DELETED, "2": NOT_FOUND}
    assert [(one.id, one.state, one.reason) for one in asked.open()] == [("3", "refused", "why")]
    assert (asked.ended, asked.seen, asked.unsent, len(asked)) == (3, 3, 0, 3)


def test_a_later_run_sends_all_again_and_gives_the_same_answers_by_its_own_receipts() -> None:
    first, later = drop(), drop("run2")
    before, names = deletions(first), deletions(later)

    later.take([receipt(before["sha256:aa"], "hidden", 2), receipt(before["sha256:bb"], "hidden", 0)])
    assert (names.keys(), {*names.values()} & {*before.values()}) == (before.keys(), set())
    assert (dict(later.answers()), later.ended, later.seen) == ({}, 0, 0)
    later.take([receipt(name, "hidden", 0, offset=9) for name in names.values()])

    assert dict(later.answers()) == {"1": DELETED, "2": NOT_FOUND, "3": NOT_FOUND}


def test_nobody_is_not_found_whom_an_earlier_run_may_have_deleted() -> None:
    first, later = drop(), drop("run2")
    before, own = deletions(first)["sha256:aa"], deletions(later)["sha256:aa"]

    later.take([receipt(before, "hidden"), receipt(own, "hidden", 0, offset=9)])
    ((_, _, state, reason), *_) = later.open()
    assert (state, reason) == ("accepted", f"the deletion {before} of an earlier run is not counted")
    later.take([receipt(before, "hidden", 1)])

    assert dict(later.answers()) == {"1": DELETED}


def test_several_with_one_alias_are_opted_out_unless_all_were_forgotten_by_an_earlier_run() -> None:
    asked, before = drop("run2"), deletions(drop())
    asked.take([receipt(before["sha256:aa"], "hidden", 2), receipt(before["sha256:bb"], "hidden", 1)])

    asked.opt_out({"sha256:aa": True, "sha256:bb": False, "sha256:cc": True})

    assert dict(asked.answers()) == {"1": DELETED, "2": OPTED_OUT, "3": OPTED_OUT}
    assert (deletions(asked), asked.unsent, asked.ended, len(asked)) == ({}, 0, 1, 1)


def test_all_are_sent_that_are_not_opted_out_however_many_those_are() -> None:
    rows = [Listed(str(number), f"h{number}") for number in range(2500)]
    asked, aliases = Drop(rows, "sha256:", {}, "run1", "2024-01-01"), list[str | None]()

    class Taken(NoSink):
        def take(self, messages: Sequence[tuple[bytes | None, bytes]]) -> None:
            aliases.extend(parse(value).alias for _, value in messages)  # type: ignore[union-attr]

    asked.opt_out({f"sha256:h{number}": False for number in range(1600)})
    send_requests(asked, Taken())

    assert aliases == [f"sha256:h{number}" for number in range(1600, 2500)]
    assert (len(asked), asked.unsent) == (900, 0)


def test_rows_with_one_hash_have_one_answer() -> None:
    # given that the second deletion finds nothing left
    asked = Drop([Listed("1", "aa"), Listed("2", "aa")], "sha256:", {}, "run1", "2024-01-01")
    first, second = (parse(value).event_id for _, value in asked.events(0, 10))  # type: ignore[union-attr]

    asked.take([receipt(first, "hidden"), receipt(second, "hidden", 0)])
    assert [one.id for one in asked.open()] == ["1", "2"]
    asked.take([receipt(first, "hidden", 3)])

    assert dict(asked.answers()) == {"1": DELETED, "2": DELETED}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the first line must name"),
        ("ID,Other\n1,a\n", "the first line must name"),
        ("ID,Hash\n1\n", "line 2: 1 columns"),
        ("ID,Hash\n1,\n", "the hash in line 2 has 0 characters"),
        ("ID,Hash\n1,a\n1,b\n", "line 3: its ID stands before with another hash"),
        (f"ID,Hash\n1,a\n2,{'f' * 250}\n", "the prefix with the hash in line 3 has 257 characters"),
    ],
)
def test_a_bad_list_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputInvalid, match=said):
        read_list(io.BytesIO(text.encode()), "sha256:")


def test_a_list_is_read_with_its_columns_in_any_order_and_rows_that_come_again_once() -> None:
    rows = read_list(io.BytesIO(b"Hash,ID\nb,2\na,1\nb,2\n"), "sha256:")
    assert rows == [Listed("2", "b"), Listed("1", "a")]


def test_the_list_of_what_is_open_goes_once_all_is_answered(tmp_path: Path) -> None:
    asked, out = drop(bb=EXEMPTED, cc=OPTED_OUT), tmp_path / "out.csv"
    still_open = tmp_path / "out.csv.open.csv"
    with _written(asked, out):
        pass
    assert still_open.read_text().split()[1].startswith("1,drop-")

    with _written(asked, out):
        asked.take([receipt(deletions(asked)["sha256:aa"], "hidden", 1)])

    assert not still_open.exists()
    assert out.read_text().split() == ["ID,Code", "1,3", "2,2", "3,4"]


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list, and the answers of an earlier run."""
    monkeypatch.setenv("UNLEARN_SECRET", "a secret of tests")
    (tmp_path / "in.csv").write_text("ID,Hash\n1,aa\n")
    (tmp_path / "out.csv").write_text("ID,Code\n1,3\n")
    return tmp_path


def answered(*arguments: str) -> Result:
    return CliRunner().invoke(unlearn, ["drop", *arguments])


def test_answers_that_are_there_stay_where_no_receipts_can_be_read(
    given: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Settings) -> None:
        raise LogUnavailable("no Kafka")

    monkeypatch.setattr("unlearn.cli.commands.senders.drop.open_log", fail)

    done = answered(str(given / "in.csv"), str(given / "out.csv"))

    assert isinstance(done.exception, LogUnavailable)
    assert (given / "out.csv").read_text() == "ID,Code\n1,3\n"
    assert not (given / "out.csv.open.csv").exists()


def test_the_list_is_not_written_over(given: Path) -> None:
    done = answered(str(given / "in.csv"), str(given / "in.csv"))

    assert (done.exit_code, (given / "in.csv").read_text()) == (2, "ID,Hash\n1,aa\n")
    assert "would be lost" in done.output


def test_nothing_is_sent_whose_answers_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), _written(drop(), tmp_path / "no folder" / "out.csv"):
        raise AssertionError("it was sent")


def hashes_of(text: str, *listed: str) -> list[str]:
    source = io.BytesIO(text.encode())
    source.name = "exempt.txt"
    return read_hashes(source, listed)


def test_hashes_of_those_who_are_spared_are_taken_without_blanks_around_them() -> None:
    assert hashes_of("aa \n\tbb\r\n\n   \naa\nelsewhere\n", "aa", "bb", "cc") == ["aa", "bb", "elsewhere"]


def test_who_would_be_deleted_for_a_letters_case_is_told_before() -> None:
    with pytest.raises(InputInvalid, match=r"hash 2 of exempt\.txt: the list has it in another case"):
        hashes_of("aa\nBB\n", "aa", "bb")
    assert hashes_of("aa\nAA\n", "aa", "AA") == ["aa", "AA"]
