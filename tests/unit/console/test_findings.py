"""The page's first lines: nothing that is wrong goes without a word, and each says what to do and where to read on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.harness.console import LEASE, NOW, partition, seen
from unlearn.admin.status.partition_status import Deletions
from unlearn.console.shown.findings import DELETION_OLD, LAG_OLD, POSSIBLE_OLD, findings_of, level_of
from unlearn.results.belief import Refusal
from unlearn.results.manifest import Heartbeat, Manifest, TokenField
from unlearn.results.results_topic import Published

ROOT = Path(__file__).resolve().parents[3]
RULES = (ROOT / "deploy/prometheus/rules.yml").read_text("utf-8")
HEADINGS = set(re.findall(r"(?m)^## (\w+)$", (ROOT / "docs/runbook.md").read_text("utf-8")))
SECONDS = NOW / 1000
UNCLAIMED: dict[str, Any] = {"owner": None, "counter": None, "applied": None, "heartbeat_age": None}

WRONG: dict[str, tuple[str, Any]] = {
    "Redis": ("stopped", lambda: seen(partition(), redis=("it evicts keys",))),
    "a store": ("stopped", lambda: seen(partition(), store=("another model's",))),
    "stopped": ("stopped", lambda: seen(partition(), partition(1, stopped="the log was cut"))),
    "overdue": ("behind", lambda: seen(partition(deletions=Deletions(3, 90.0, 2)))),
    "possible ones overdue": (
        "behind",
        lambda: seen(partition(deletions=Deletions(unresolved=5, unresolved_overdue=5))),
    ),
    "given up": ("behind", lambda: seen(partition(quarantined=(2,)))),
    "not heard": ("behind", lambda: seen(partition(lag=5, heartbeat_age=21.0))),
    "never heard": ("behind", lambda: seen(partition(lag=5, heartbeat_age=None))),
    "without a worker": ("behind", lambda: seen(partition(lag=5, owner=None, counter=None, heartbeat_age=None))),
    "new": ("warning", lambda: seen(partition(**UNCLAIMED))),
    "nobody sends on": (
        "behind",
        lambda: seen(partition(), partition(1, forwards_only=True, **UNCLAIMED | {"lag": 2})),
    ),
    "quiet": ("behind", lambda: seen(partition(lag=5, quiet=True))),
    "waiting": ("warning", lambda: seen(partition(trouble="no room in the store"))),
    "late": ("warning", lambda: seen(partition(lag=5), came={0: SECONDS - LAG_OLD - 1})),
    "an old deletion": ("warning", lambda: seen(partition(deletions=Deletions(1, DELETION_OLD + 1.0)))),
    "an old possible one": (
        "warning",
        lambda: seen(partition(deletions=Deletions(unresolved=1, oldest_unresolved=POSSIBLE_OLD + 1.0))),
    ),
    "not believed": ("warning", lambda: seen(partition(), refused=(Refusal(3, 0, "a wrong proof"),), refused_count=9)),
}


def published(counter: int = 3, beat_age: float = 1.0) -> Published:
    """A manifest of the claim 3, and a heartbeat of the claim `counter`."""
    token = TokenField(counter=3, nonce="f" * 32)
    manifest = Manifest(
        model="m",
        identity="0" * 64,
        partition=0,
        token=token,
        sequence=1,
        applied=5,
        erased_through=0,
        created_at=NOW,
        learner="linear",
        profile="",
        shards=(),
    )
    beat = Heartbeat(counter=counter, nonce="f" * 32, sequence=1)
    return Published(manifest, 5, heartbeat=beat, heartbeat_at=SECONDS - beat_age, highest_counter=counter)


def test_a_version_that_nobody_vouches_for_is_told_of_also_while_nothing_waits() -> None:
    def level(held: Published) -> str:
        return level_of(findings_of(seen(partition(), published={0: held}), LEASE))

    assert level(published()) == "well"
    assert level(published(beat_age=LEASE)) == "warning"
    assert level(published(counter=4)) == "warning"


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_comes_first_and_says_what_to_do(what: str) -> None:
    level, made = WRONG[what]
    found = findings_of(made(), LEASE)

    assert level_of(found) == level
    assert found[0].level == level
    assert found[0].do
    assert {finding.runbook for finding in found} - HEADINGS <= {""}


@pytest.mark.parametrize("what", WRONG)
def test_the_page_is_never_better_than_the_command(what: str) -> None:
    """`unlearn status` and the page have to agree on whether somebody has to act."""
    reading = WRONG[what][1]()
    verdict = reading.look.status.verdict(LEASE)
    level = level_of(findings_of(reading, LEASE))
    assert level == verdict if verdict != "well" else level in ("warning", "well")


@pytest.mark.parametrize(
    "made",
    [
        lambda: seen(partition()),
        lambda: seen(partition(lag=5), came={0: SECONDS - LAG_OLD}),
        lambda: seen(partition(quiet=True)),
        lambda: seen(partition(deletions=Deletions(4, 3.0, 0, 5, 60.0))),
        lambda: seen(partition(dead_letters={"not JSON": 3})),
        lambda: seen(partition(), partition(1, forwards_only=True, heartbeat_age=None, lag=3)),
        lambda: seen(partition(), partition(1, forwards_only=True, **UNCLAIMED)),
    ],
)
def test_all_is_well_where_nobody_has_to_act(made: Any) -> None:
    reading = made()
    assert level_of(findings_of(reading, LEASE)) == "well"
    assert reading.look.status.verdict(LEASE) == "well"


def test_the_worst_comes_first() -> None:
    both = seen(partition(trouble="a"), partition(1, stopped="b"), partition(2, deletions=Deletions(1, 2.0, 1)))
    assert [one.level for one in findings_of(both, LEASE)] == ["stopped", "behind", "warning"]


def test_a_thousand_partitions_make_one_line() -> None:
    many = seen(*(partition(number, trouble="Kafka: no right to write") for number in range(1000)))
    (one,) = findings_of(many, LEASE)
    assert one.what == "Partitions 0, 1, 2, 3, 4, 5, 6, 7 and 992 more wait for something"
    assert one.why == "Kafka: no right to write"


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("UnlearnLag", LAG_OLD), ("UnlearnDeletionOld", DELETION_OLD), ("UnlearnPossibleDeletionOld", POSSIBLE_OLD)],
)
def test_the_page_warns_when_the_alert_does(name: str, seconds: int) -> None:
    (limit,) = re.findall(rf"alert: {name}\n +expr: \S+ > (\d+)", RULES)
    assert int(limit) == seconds


CLAIMED: list[dict[str, Any]] = [
    {"heartbeat_age": age, "quiet": quiet} for age in (None, 1.0, LEASE + 1.0) for quiet in (False, True)
]
OTHERS: dict[str, dict[str, Any]] = {
    "heard": {},
    "never claimed": UNCLAIMED,
    "not heard": {"heartbeat_age": LEASE + 1.0},
    "forwards only": {"forwards_only": True, "heartbeat_age": None, "lag": 9},
    "forwards only, unclaimed": {"forwards_only": True, **UNCLAIMED},
    "forwards only, unclaimed, with events": {"forwards_only": True, **UNCLAIMED, "lag": 9},
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("lag", [0, 3])
@pytest.mark.parametrize("first", [*CLAIMED, UNCLAIMED], ids=str)
def test_the_page_and_status_agree_whether_somebody_must_act(other: str, lag: int, first: dict[str, Any]) -> None:
    found = seen(partition(lag=lag, **first), partition(1, **OTHERS[other]))
    wrong = found.look.status.verdict(LEASE) in ("stopped", "behind")
    assert (level_of(findings_of(found, LEASE)) in ("stopped", "behind")) == wrong
