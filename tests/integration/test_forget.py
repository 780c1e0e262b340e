"""`unlearn forget`: each id of a list is hidden, and what isn't is listed, whatever ends the command."""

from __future__ import annotations

import csv
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import MakeSettings
from tests.harness.events import delete, insert, send
from tests.harness.processes import UNLEARN, Process, environment
from tests.harness.waiting import until
from unlearn.admin.topics import create
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import Log
from unlearn.settings import Settings

pytestmark = pytest.mark.slow
SUBJECTS = [f"s{number}" for number in range(300)]


@pytest.fixture
def settings(make_settings: MakeSettings, tmp_path: Path) -> Settings:
    return make_settings(store={"url": (tmp_path / "store").as_uri()}, partitions=2, trainers=0)


@pytest.fixture
def log(settings: Settings) -> Iterator[Log]:
    """With a record of each subject on the topic."""
    with closing(KafkaLog(settings.kafka)) as log:
        create(log, settings)
        with closing(log.producer()) as producer:
            send(producer, settings, (insert(f"r-{name}", name) for name in SUBJECTS))
        yield log


def forget(settings: Settings, folder: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [UNLEARN, "forget", *arguments],
        env=environment(settings),
        cwd=folder,
        input=given,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def listed(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as rows:
        return list(csv.DictReader(rows))


def test_all_of_a_column_are_hidden_and_nothing_is_left_open(settings: Settings, log: Log, tmp_path: Path) -> None:
    rows = "".join(f"{number},{name}\n" for number, name in enumerate([*SUBJECTS, SUBJECTS[0]]))
    (tmp_path / "leavers.csv").write_text(f"no,user\n{rows}")
    with Process(settings, tmp_path / "worker", "work"):
        done = forget(settings, tmp_path, "--subjects", "leavers.csv", "--column", "user")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("of 300 deletions: 300 hidden; ")
    assert done.stdout.endswith("; 1 ids given again\n")
    assert not list(tmp_path.glob("*.open.csv"))


def test_what_is_not_hidden_in_time_is_listed_for_its_owner_alone_and_can_be_given_again(
    settings: Settings, log: Log, tmp_path: Path
) -> None:
    done = forget(settings, tmp_path, "--records", "-", "--wait", "0", "--open", "open.csv", given="r1\nr2\n")

    assert done.returncode == 75
    assert done.stdout.startswith("of 2 deletions: 2 sent; ")
    file = tmp_path / "open.csv"
    assert [(row["id"], row["state"]) for row in listed(file)] == [("r1", "sent"), ("r2", "sent")]
    assert file.stat().st_mode & 0o077 == 0
    with Process(settings, tmp_path / "worker", "work"):
        again = forget(settings, tmp_path, "--records", "open.csv", "--column", "id")
    assert (again.returncode, again.stdout.partition(";")[0]) == (0, "of 2 deletions: 2 hidden")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_one_lists_what_was_sent(
    settings: Settings, log: Log, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    (tmp_path / "ids").write_text("s1\ns2\n")
    before = sum(end for _, end in log.bounds(settings.events_topic).values())
    file = tmp_path / "open.csv"
    arguments = ("forget", "--subjects", str(tmp_path / "ids"), "--open", str(file))
    with Process(settings, tmp_path / "forget", *arguments) as process:
        until(lambda: sum(end for _, end in log.bounds(settings.events_topic).values()) == before + 2, 60, "both sent")
        process.signal(number)
        assert process.wait(30) == code

    assert [row["id"] for row in listed(file)] == ["s1", "s2"]


def test_one_bad_id_sends_nothing(settings: Settings, log: Log, tmp_path: Path) -> None:
    before = log.bounds(settings.events_topic)

    done = forget(settings, tmp_path, "--subjects", "-", given="s1\n" + "x" * 257)

    assert (done.returncode, done.stderr) == (65, "error: line 2 has 257 characters; an id has 1 to 256\n")
    assert log.bounds(settings.events_topic) == before


def test_a_refused_one_is_listed_with_its_reason(settings: Settings, log: Log, tmp_path: Path) -> None:
    alone = settings.model_copy(update={"subjects": False, "model": f"{settings.model}-alone"})
    create(log, alone)
    with closing(log.producer()) as producer:
        send(producer, alone, [insert("r1"), delete("r2")])
    with Process(alone, tmp_path / "worker", "work"):
        done = forget(alone, tmp_path, "--subjects", "-", "--open", "open.csv", given="s1\n")

    assert done.returncode == 1
    (row,) = listed(tmp_path / "open.csv")
    assert (row["id"], row["state"], row["reason"]) == ("s1", "refused", "the model was made without subjects")


def test_a_topic_with_fewer_partitions_than_the_model_gets_nothing(
    settings: Settings, log: Log, tmp_path: Path
) -> None:
    before = log.bounds(settings.events_topic)

    done = forget(settings.model_copy(update={"partitions": 3}), tmp_path, "--subjects", "-", given="s1\n")

    assert done.returncode == 64
    assert "has 2 partitions and the model 3" in done.stderr
    assert log.bounds(settings.events_topic) == before
