"""For downstream scorers: score lines as they come, always by the newest version that may be served.

    tail -f messages.txt | .venv/bin/python examples/score_stream.py

It asks for the settings as every command does, for the store, and for a worker that stays: `unlearn work`. Without its
heartbeats a scorer answers no more. Then it waits, and gives up after --patience seconds, with 75.
"""

import argparse
import sys
import time

from unlearn import Answer, NotEnough, Scorer, UnlearnError, load_settings

parser = argparse.ArgumentParser(description="Score each line of the standard input.")
parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for enough partitions")
patience: float = parser.parse_args().patience


def answered(scorer: Scorer, line: str) -> Answer:
    """Raises NotEnough once patience is at its end; a wrong answer is never given instead."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return scorer.scores([line])
        except NotEnough as error:
            if time.monotonic() >= deadline:
                raise
            print(f"waiting for partitions {error.left_out}", file=sys.stderr)
            time.sleep(1.0)


try:
    with Scorer.connect(load_settings()).start() as scorer:
        scorer.wait(patience)
        for line in map(str.strip, sys.stdin):
            answer = answered(scorer, line)
            (label,), (shares,) = answer.labels(), answer.scores
            print(f"{label}  {max(shares):.4f}  version {answer.version}  {line}", flush=True)
except UnlearnError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(error.exit_code)
