"""Whatever is sent: no worker stops, no possible deletion is dropped, no id is in a log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.fuzz import LEAK, Fuzz, garbage, may_be_a_deletion, repeats_a_name


@pytest.fixture(scope="module")
def fuzz(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzz]:
    made = Fuzz(redis_url, tmp_path_factory.mktemp("fuzz"))
    yield made
    made.close()


_ids = st.text(max_size=3).map(lambda text: LEAK + text)
_leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | _ids | st.sampled_from(["delete", "insert", "DELETE"])
)
_json = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
_fields = [
    "event_id",
    "record_id",
    "subject_id",
    "revision",
    "text",
    "label",
    "features",
    "requested_at",
    "forget_within",
]
_events = st.builds(
    lambda kind, rest: {"type": kind, **rest},
    st.sampled_from(["insert", "delete", "seal"]) | _json,
    st.dictionaries(st.sampled_from(_fields), _ids | _json, max_size=9),
)


def encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass")


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=60) | _json.map(encoded) | _events.map(encoded), min_size=1, max_size=30))
def test_bytes_and_shapes(fuzz: Fuzz, values: list[bytes]) -> None:
    fuzz.feed(values)


@pytest.mark.parametrize("subjects", [True, False])
def test_ten_thousand_mangled_events(redis_url: str, tmp_path: Path, subjects: bool) -> None:
    fuzz = Fuzz(redis_url, tmp_path, subjects=subjects)
    rng = Random(7)
    for _ in range(2):
        fuzz.feed([garbage(rng) for _ in range(2500)])
    owned = fuzz.harness.worker.owned.values()
    # Every kind was met, and what could be read was applied between all that.
    assert {"Insert", "Delete", "Seal", "Empty", "BadInsert", "Unreadable", "unresolved"} <= fuzz.seen.keys()
    assert sum(held.counters["inserts"] for held in owned) > 100
    assert sum(held.counters["hidden"] for held in owned) > 100
    assert fuzz.harness.status().unresolved == fuzz.seen["unresolved"]
    fuzz.close()


def test_the_judge_itself() -> None:
    assert may_be_a_deletion(b'{"type":"\\u0064elete"}')
    assert may_be_a_deletion(b"\xff")
    assert may_be_a_deletion(b"[" * 100_000)
    assert may_be_a_deletion(b'{"type":"remove"}')
    assert may_be_a_deletion(b'{"op":"d"}')
    assert may_be_a_deletion(b"[]")
    assert may_be_a_deletion(b'{"type":"insert","type":"insert"}')
    assert not may_be_a_deletion(b'{"type":"insert","text":3}')
    assert not may_be_a_deletion(b'{"type":"insert","text":{"type":"x"}}')
    assert repeats_a_name(b'{"type":"delete","type":"insert"}')
    assert not repeats_a_name(b'{"type":"insert","features":{"1":1}}')
