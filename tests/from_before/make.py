"""Makes the models of before that tests/integration/test_a_model_from_before_goes_on.py goes on with.

    UNLEARN_KAFKA__BOOTSTRAP_SERVERS=... UNLEARN_REDIS__URL=... python -m tests.from_before.make OUT [--tree FOLDER]

The command `unlearn` beside this Python runs with the code in FOLDER (this tree unless named) against a real Kafka
and a real Redis: `topics create`, then three rounds of events, each followed by `work --drain`.  The rounds hold
inserts of persons and of records that stand alone, a higher revision, a seal, deletions of a record with its person, of
a record alone (which is copied to the other partition), of whole persons, and one that finds nothing.  Then topics,
Redis and store are taken as they are (keeping.py).

The folders here were made with the tree of the tag `before-session`, under Python 3.11:

    git worktree add ../before before-session && python -m tests.from_before.make tests/from_before --tree ../before

The secret is no secret: it is the tests' own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.from_before.keeping import remove, take

SECRET = "a secret of the tests, 32 bytes.."  # of tests
LEARNERS: Mapping[str, Mapping[str, Any]] = {
    "naive-bayes": {},
    "linear": {},
    "forest": {"trees": 4, "depth": 5},
    "pu-linear": {},
}
_SPAM = ["win", "cash", "prize", "now", "free", "click", "offer", "claim", "call", "urgent"]
_HAM = ["see", "you", "at", "noon", "lunch", "meeting", "thanks", "for", "the", "notes", "tomorrow"]


def settings_of(learner: str) -> dict[str, str]:
    """UNLEARN_ variables of the model, without where its services are."""
    values: dict[str, Any] = {
        "MODEL": f"before-{learner}",
        "SECRET": SECRET,
        "LEARNER": learner,
        "LEARNER_OPTIONS": json.dumps(LEARNERS[learner]),
        "CLASSES": json.dumps(["rest", "spam"] if learner.startswith("pu-") else ["ham", "spam"]),
        "FEATURES": "256",
        "PARTITIONS": "2",
        "SHARDS_PER_PARTITION": "2",
        "SLICE_SPAN": "25",
        "TRAINERS": "1",
    }
    return {f"UNLEARN_{name}": value for name, value in values.items()}


def rounds(learner: str) -> list[list[dict[str, Any]]]:
    """Events in three rounds."""
    first = [_insert(learner, at) for at in range(120)]
    second = [
        *(_insert(learner, at) for at in range(120, 160)),
        *(_insert(learner, at, revision=1) for at in range(10, 15)),
        _delete("d1", record_id="r3", subject_id="s3"),
        _delete("d2", record_id="r20"),
        _delete("d3", subject_id="s7"),
        _delete("d4", subject_id="nobody"),
    ]
    third = [
        *(_insert(learner, at) for at in range(160, 190)),
        _insert(learner, 300, subject="s7"),
        {"type": "seal"},
        _delete("d5", record_id="r64", subject_id="s4"),
        _delete("d6", subject_id="s11"),
    ]
    return [first, second, third]


def _insert(learner: str, at: int, revision: int = 0, subject: str | None = None) -> dict[str, Any]:
    spam = at % 3 == 0
    words = [(_SPAM if spam else _HAM)[(at * step + revision) % 10] for step in (1, 3, 7)]
    label = ("spam" if spam and at % 2 else None) if learner.startswith("pu-") else "spam" if spam else "ham"
    owner = subject or (None if at % 5 == 0 and at % 3 else f"s{at % 20}")
    return {
        "type": "insert",
        "event_id": f"i{at}-{revision}",
        "record_id": f"r{at}",
        "text": " ".join([*words, f"word{at % 40}", "İstanbul ΟΔΟΣ" if at % 9 == 0 else "plain"]),
        **({"revision": revision} if revision else {}),
        **({"label": label} if label else {}),
        **({"subject_id": owner} if owner else {}),
    }


def _delete(event_id: str, **what: str) -> dict[str, Any]:
    return {"type": "delete", "event_id": event_id, "requested_at": "2026-01-01T00:00:00Z", **what}


def make(out: Path, tree: Path, learner: str) -> None:
    """Raises subprocess.CalledProcessError where a command fails."""
    settings = settings_of(learner)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        where = {"UNLEARN_STORE__URL": store.as_uri(), "PYTHONPATH": str(tree)}
        environment = os.environ | settings | where
        kafka, redis = (os.environ[name] for name in ("UNLEARN_KAFKA__BOOTSTRAP_SERVERS", "UNLEARN_REDIS__URL"))
        try:
            _run(environment, "topics", "create")
            for events in rounds(learner):
                _run(environment, "send", "-", given="".join(json.dumps(event) + "\n" for event in events))
                _run(environment, "work", "--drain")
            take(out / learner, settings["UNLEARN_MODEL"], kafka, redis, store, settings)
        finally:
            remove(settings["UNLEARN_MODEL"], kafka, redis)


def _run(environment: Mapping[str, str], *arguments: str, given: str = "") -> None:
    command = [str(Path(sys.executable).with_name("unlearn")), *arguments]
    done = subprocess.run(command, env=environment, input=given, text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(
            f"unlearn {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr[-3000:]}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the models of before.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--tree", type=Path, default=Path.cwd())
    parser.add_argument("--learner", choices=LEARNERS, action="append")
    given = parser.parse_args()
    for learner in given.learner or LEARNERS:
        make(given.out, given.tree.resolve(), learner)


if __name__ == "__main__":
    main()
