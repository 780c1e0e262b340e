"""For ops: a probe of the lag and of the oldest deletion that is not finished.

    .venv/bin/python examples/watch_lag.py --lag 10000 --age 3600

It prints one line. Exit codes: 0 all is well; 1 the model is late, or a partition is stopped; otherwise that of
`unlearn status`, such as 69 where Kafka or Redis doesn't answer. What is printed there stands on standard error.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

UNLEARN = Path(sys.executable).with_name("unlearn")

parser = argparse.ArgumentParser(description="Print lag and oldest unfinished deletion; exit 1 where one is too large.")
parser.add_argument("--lag", type=int, default=10_000, help="offsets not applied yet, at most")
parser.add_argument("--age", type=float, default=3600.0, help="seconds that a deletion may be unfinished")
limits = parser.parse_args()

asked = subprocess.run([UNLEARN, "status", "--json"], stdout=subprocess.PIPE, check=False)
# 1 and 2 say that the model is late, or a partition stopped; the answer stands on standard output all the same.
if asked.returncode not in (0, 1, 2) or not asked.stdout:
    sys.exit(asked.returncode or 70)
status = json.loads(asked.stdout)
partitions = status["partitions"]

# A deletion that could not be read is unfinished too, until `unlearn resolve` closes it.
ages = [held[name] for held in partitions for name in ("oldest_pending_age", "oldest_unresolved_age")]
oldest = max((age for age in ages if age is not None), default=0.0)
overdue = sum(held["overdue_deletions"] + held["overdue_unresolved"] for held in partitions)
stopped = [held["partition"] for held in partitions if held["stopped"]]

late = status["lag"] > limits.lag or oldest > limits.age or overdue > 0 or bool(stopped)
print(
    f"{'late' if late else 'ok'}: lag {status['lag']}, "
    f"unfinished deletions {status['pending_deletions'] + status['unresolved_deletions']}, oldest {oldest:.0f} s, "
    f"overdue {overdue}, stopped partitions {stopped}"
)
sys.exit(1 if late else 0)
