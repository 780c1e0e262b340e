"""For upstream services in Python: insert records of a subject, forget the subject, and wait until that is so.

    .venv/bin/python examples/forget_and_wait.py --patience 600

It asks for the settings as every command does, and for a worker: `unlearn work`, or `unlearn work --drain` meanwhile.
Exit codes: 0 hidden; 65 refused; 75 not hidden in time, which can be waited for again; others as every command's.
"""

import argparse
import sys
import uuid

from unlearn import Client, StillOpen, UnlearnError

parser = argparse.ArgumentParser(description="Insert some records, forget their subject, wait for the receipts.")
parser.add_argument("--patience", type=float, default=600.0, help="seconds to wait for each receipt")
patience: float = parser.parse_args().patience
subject = f"ann-{uuid.uuid4()}"  # who was forgotten stays so: each time somebody new

try:
    with Client.connect() as client:
        for number in range(3):
            client.insert(record_id=f"t{number}", subject_id=subject, text="win cash now")
        pending = client.forget(subject=subject, forget_within="P7D")
        print(f"sent {pending.event_id}: forget {subject}", flush=True)
        print(f"accepted {pending.wait('accepted', timeout=patience).offset}", flush=True)
        print(f"hidden {pending.wait('hidden', timeout=patience).version}", flush=True)
except StillOpen as error:
    # Nothing is lost: the deletion is in the log, and its receipt will bear this event id.
    print(f"open: {error}", file=sys.stderr)
    sys.exit(error.exit_code)
except UnlearnError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(error.exit_code)
