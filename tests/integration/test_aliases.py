"""People known by a hash: deletions by alias, before and after the inserts, while a worker is killed."""

from __future__ import annotations

import signal
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import MakeSettings
from tests.harness.events import at
from tests.harness.processes import Process, run
from tests.harness.waiting import until
from tests.integration.test_client import EVER, states
from unlearn import Client, Pending
from unlearn.admin.topics import create
from unlearn.events.event import Delete
from unlearn.events.parsing import parser_of
from unlearn.learners import learner_of
from unlearn.log.kafka.log import KafkaLog
from unlearn.settings import Settings
from unlearn.simulate.replay import replay_log
from unlearn.verification.from_log import verify_log
from unlearn.verification.subject import subject_of

pytestmark = pytest.mark.slow
ANN, BOB = at(0), at(1)
HOUSEHOLD, ANNS, BOBS, EARLY = "sha256:phone", "sha256:ann", "sha256:bob", "sha256:early"


def _insert(client: Client, subject: str | None, *records: str, aliases: list[str] | None = None) -> None:
    for record in records:
        client.insert(record_id=record, subject_id=subject, label="spam", text=f"win {record}", aliases=aliases)
    client.flush()


def _counts(*asked: Pending) -> list[int | None]:
    """Wait for the last receipts; how many records each says that it killed."""
    return [pending.wait("counted", timeout=EVER).records for pending in asked]


def _counted_again(log: KafkaLog, settings: Settings, event_id: str) -> int:
    """How many rows the deletion and its copies have killed, as an independent reading of the log says."""
    subject, parser, total = subject_of(settings), parser_of(learner_of(settings)), 0
    for partition, (start, end) in log.bounds(settings.events_topic).items():
        killed = replay_log(log, subject, partition, end).killed()
        for record in log.read(settings.events_topic, partition, start, end):
            event = parser.read(record)
            total += killed[record.offset] if isinstance(event, Delete) and event.event_id == event_id else 0
    return total


def _dropped(settings: Settings, folder: Path) -> list[str]:
    """The answers to a list: somebody, nobody, one that is exempted, one that has opted out, a household."""
    hashes = ("dan", "nobody", "exempt", "out", HOUSEHOLD.removeprefix("sha256:"))
    rows = (f"{number},{one}\n" for number, one in enumerate(hashes, 1))
    (folder / "in.csv").write_text("ID,Hash\n" + "".join(rows))
    (folder / "exempt").write_text("exempt\n")
    (folder / "opted-out").write_text("out\n")
    lists = ("--exempt", str(folder / "exempt"), "--opted-out", str(folder / "opted-out"))
    done = run(settings, "drop", str(folder / "in.csv"), str(folder / "out.csv"), *lists)
    said = "opted out: 1 of 1 hashes are in the list\nexempt: 1 of 1 hashes are in the list\n"
    assert (done.returncode, done.stderr) == (0, said)
    return (folder / "out.csv").read_text().split()


def test_whom_an_alias_names_is_forgotten_whenever_the_alias_came(make_settings: MakeSettings, tmp_path: Path) -> None:
    settings = make_settings(partitions=2, trainers=0, seal_after=0.5)
    with closing(KafkaLog(settings.kafka)) as log:
        create(log, settings)
        with Client.connect(settings) as client:
            with Process(settings, tmp_path / "first", "work") as first:
                _insert(client, ANN, "a1", "a2")
                _insert(client, ANN, "a3", aliases=[ANNS, HOUSEHOLD])
                _insert(client, BOB, "b1", "b2", aliases=[HOUSEHOLD])
                _insert(client, BOB, "b3", aliases=[BOBS])
                _insert(client, None, "alone", aliases=[HOUSEHOLD])
                early = client.forget(alias=EARLY)
                assert _counts(early) == [0]
                _insert(client, "cleo", "c1", "c2")
                _insert(client, "cleo", "c3", aliases=[EARLY])
                assert _counts(client.forget(record="nothing")) == [0]
                foreseen = run(settings, "preview", "--alias", HOUSEHOLD)
                household = client.forget(alias=HOUSEHOLD)
                first.signal(signal.SIGKILL)
            with Process(settings, tmp_path / "second", "work"):
                assert _counts(household) == [7]
                lifts = [client.lift(alias=HOUSEHOLD), client.lift(subject=BOB)]
                assert [lift.wait(timeout=EVER).state for lift in lifts] == ["lifted"] * 2
                _insert(client, ANN, "a4", aliases=[HOUSEHOLD])
                _insert(client, BOB, "b4", aliases=[HOUSEHOLD])
                (tmp_path / "hashes").write_text(f"{BOBS}\n{ANNS}\n")
                told = run(settings, "forget", "--aliases", str(tmp_path / "hashes"))
                again = client.forget(alias=BOBS)
                assert _counts(again) == [0]
                _insert(client, "dan", "d1", aliases=["sha256:dan"])
                asked = ((ANN, ("a1", "a3", "a4")), (BOB, ("b1", "b4")), ("cleo", ("c1", "c3")))
                found = {subject: [*states(settings, "--of", subject, *names).values()] for subject, names in asked}
                until(lambda: [*states(settings, "d1").values()] == ["member"], EVER, "the last is a member")
                answers = [_dropped(settings, tmp_path) for _ in range(2)]
                lifts = [client.lift(alias="sha256:dan"), client.lift(subject="dan")]
                assert [lift.wait(timeout=EVER).state for lift in lifts] == ["lifted"] * 2
                _insert(client, "dan", "d2", aliases=["sha256:dan"])
                until(lambda: [*states(settings, "d2").values()] == ["member"], EVER, "let in again")
                answers.append(_dropped(settings, tmp_path))
                found["dan"] = [*states(settings, "--of", "dan", "d1", "d2").values()]
                until(lambda: verify_log(log, subject_of(settings)).verdict == "equal", EVER, "it equals a replay")
        counted = {pending.event_id: _counted_again(log, settings, pending.event_id) for pending in (early, household)}

    assert answers == [["ID,Code", "1,3", "2,5", "3,2", "4,4", "5,4"]] * 3
    assert foreseen.returncode == 0
    assert foreseen.stdout.startswith("7 records would be forgotten")
    assert (told.returncode, told.stdout.split(";")[0]) == (0, "of 2 deletions: 2 hidden")
    assert counted == {early.event_id: 0, household.event_id: 7}
    assert found.pop(ANN) == ["forgotten"] * 3
    assert found == dict.fromkeys((BOB, "cleo", "dan"), ["forgotten"] * 2)
    assert run(settings, "verify").returncode == 0
