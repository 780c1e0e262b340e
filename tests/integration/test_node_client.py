"""The scorer for Node.js in clients/js beside ours, on the same live model while its records are deleted.

It needs Node.js with npm; where that is missing the test is skipped, and says so.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from tests.conftest import MakeSettings
from tests.harness import npm
from tests.harness.events import delete, insert, send
from tests.harness.processes import Process, run
from tests.harness.waiting import until
from unlearn.errors import NotEnough
from unlearn.events.event import Insert
from unlearn.log.kafka.log import KafkaLog
from unlearn.scoring.scorer import Scorer
from unlearn.settings import LearnerName, Settings
from unlearn_study.generator.tweet_generator import tweets

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CLIENT = Path(__file__).parents[2] / "clients" / "js"
ASKED = ["win cash now", "see you at noon", "\u0130stanbul \u039f\u0394\u039f\u03a3", ""]
ROUNDS, PEOPLE, FORGOTTEN = 6, 60, 4
LEASE = 8.0
NEAR = 1e-12


class Node:
    """A process that answers by the client in clients/js."""

    def __init__(self, command: list[str], settings: Settings) -> None:
        arguments = settings.kafka.bootstrap_servers, settings.model, settings.store.url, str(settings.lease)
        self._popen = subprocess.Popen(
            [*command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._popen.kill()
        self._popen.communicate()

    def scores(self) -> Any:
        """Its answer, or its reason for none under `refused`."""
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.write(json.dumps(ASKED) + "\n")
        self._popen.stdin.flush()
        line = self._popen.stdout.readline()
        assert line, self._popen.communicate()[1]
        return json.loads(line)


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("client") / "js"
    return [npm.installed(CLIENT, folder), str(folder / "test" / "ask.js")]


def training(number: int) -> Iterator[Insert]:
    """Rows of so many people, each of one person."""
    for at, event in enumerate(tweets(number, 3)):
        yield insert(f"r{at}", f"p{at % PEOPLE}", text=event["text"], label=event["label"])


@pytest.mark.parametrize("learner", ["naive-bayes", "linear", "forest"])
def test_the_node_client_and_ours_say_the_same_while_records_are_deleted(
    learner: LearnerName, command: list[str], make_settings: MakeSettings, tmp_path: Path
) -> None:
    features = 2**10 if learner == "forest" else 2**16
    made = make_settings(
        learner=learner, features=features, partitions=2, shards_per_partition=2, trainers=0, slice_span=50,
        seal_after=0.5, lease=LEASE, heartbeat_every=0.5,
    )  # fmt: skip
    assert run(made, "topics", "create").returncode == 0
    with Process(made, tmp_path / "worker", "work") as worker, closing(KafkaLog(made.kafka)) as log:
        producer = log.producer()
        send(producer, made, training(600))
        with Scorer.connect(made).start() as ours, Node(command, made) as node:
            versions = [agreed_version(ours, node, -1)]
            until(lambda: tells_apart(node.scores()), 120, "what was sent is learned")
            for number in range(ROUNDS):
                # when people are forgotten, and others come
                first = number * FORGOTTEN
                send(producer, made, (delete(subject=f"p{first + at}") for at in range(FORGOTTEN)))
                send(producer, made, [insert(f"n{number}", f"new{number}", text="win cash now", label="spam")])
                versions.append(agreed_version(ours, node, versions[-1]))
            said = run_example(command, made)
            assert (said.returncode, said.stdout[:1].isdigit()) == (0, True), said.stderr

            worker.popen.kill()
            until(lambda: "refused" in node.scores(), LEASE + 60, "the lease has ended")
            assert "no heartbeat within the lease" in node.scores()["refused"]
    assert len(set(versions)) == ROUNDS + 1


def run_example(command: list[str], settings: Settings) -> subprocess.CompletedProcess[str]:
    """Run what the client's README shows, on this model."""
    (code,) = re.findall(r"(?ms)^    import .*?close\(\);\n", (CLIENT / "README.md").read_text(encoding="utf-8"))
    ours = {"localhost:9092": settings.kafka.bootstrap_servers, '"mail"': json.dumps(settings.model)}
    for theirs, value in {**ours, "file:///srv/unlearn/store": settings.store.url}.items():
        assert theirs in code
        code = code.replace(theirs, value)
    node, script = command
    example = Path(script).with_name("example.js")
    example.write_text(code, encoding="utf-8")
    return subprocess.run([node, str(example)], capture_output=True, text=True, timeout=120, check=False)


def tells_apart(answer: Any) -> bool:
    """Whether it answers, and not the same of all texts."""
    return "scores" in answer and len({tuple(row) for row in answer["scores"]}) > 1


def agreed_version(ours: Scorer, node: Node, after: int) -> int:
    """A version above `after` of which both have answered, and said the same."""
    found = until(partial(both, ours, node, after), 120, "both answer by one newer version")
    assert found is not None
    return found


def both(ours: Scorer, node: Node, after: int) -> int | None:
    """The version of which both answered at once, if it is above `after`. Fails the test where they differ."""
    try:
        mine = ours.scores(ASKED)
    except NotEnough:
        return None
    theirs = node.scores()
    if theirs.get("version") != mine.version or mine.version is None or mine.version <= after:
        return None
    assert (theirs["content"], theirs["classes"], theirs["leftOut"]) == (
        *(mine.content, list(mine.classes), list(mine.left_out)),
    )
    assert np.abs(mine.scores - theirs["scores"]).max() <= NEAR
    return mine.version
