"""When a run is no success."""

from __future__ import annotations

from typing import Any

import pytest

from unlearn.demo.outcome import Outcome
from unlearn.verification.report import Report, ShardVerdict

EQUAL = Report((ShardVerdict(0, 0, "equal"),))
PENDING = Report((ShardVerdict(0, 0, "equal"), ShardVerdict(0, 1, "pending")))


def outcome(**changed: Any) -> Outcome:
    values: dict[str, Any] = dict.fromkeys(Outcome.__dataclass_fields__)
    found = {"times": [0.1, 0.2], "deletions": 2, "survivors": 5, "live": 5, "stored": EQUAL, "logged": EQUAL}
    return Outcome(**values | found | changed)


def test_a_run_without_flaw_has_no_problem() -> None:
    assert outcome().problems == []


@pytest.mark.parametrize(
    ("flaw", "problem"),
    [
        ({"times": [0.1]}, "1 deletions have no receipt that says hidden"),
        ({"live": 6}, "Redis counts 6 live records, the input leaves 5"),
        ({"stored": PENDING}, "verify says pending"),
        ({"logged": PENDING}, "verify --from-log says pending"),
    ],
)
def test_every_flaw_is_named(flaw: dict[str, Any], problem: str) -> None:
    assert outcome(**flaw).problems == [problem]
