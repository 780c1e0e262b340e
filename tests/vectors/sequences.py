"""What a reader of the results topic may answer, moment by moment: order, lease, quorum, and what it must pass over.

What is expected is written down here, by the rules of docs/format.md; only the probabilities are computed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from tests.vectors.manifests import Fields, empty_entry, entry_of, manifest_of
from tests.vectors.models import SHARDS, model_of
from unlearn_models import digest, encode_state

__all__ = ["lines"]

_MODEL = model_of("naive-bayes")
_OTHER = model_of("naive-bayes", learner_options={"alpha": 2.0})
_LEASE = 20.0
_FAR = 10**6
_ASKED = ("a free prize at lunch", "see you")
_A, _B = "a" * 32, "b" * 32

Rows = Sequence[tuple[str, int]]
HAM, SPAM, BOTH = SHARDS[1][:1], SHARDS[2], SHARDS[0]


class _Sequence:
    """Records the steps of one reader, and the store that it finds."""

    def __init__(self, what: str, **options: Any) -> None:
        self.what, self.options = what, options
        self.steps: list[dict[str, Any]] = []
        self.store: dict[str, str] = {}
        self.offset = 0

    def entry(self, partition: int, rows: Rows, **changed: Any) -> Fields:
        """Of shard 0, with its state in the store."""
        data = encode_state(_MODEL.learner, _MODEL.state(rows))
        made = entry_of(partition, 0, data, len(rows))
        self.store[made["file"]] = base64.b64encode(data).decode()
        return made | changed

    def manifest(self, partition: int, rows: Rows, counter: int = 1, sequence: int = 1, **changed: Any) -> Fields:
        """A record: shard 0 has these rows, shard 1 none."""
        entries = [self.entry(partition, rows, **changed.pop("entry", {})), empty_entry(1)]
        token = {"counter": counter, "nonce": changed.pop("nonce", _A)}
        fields = manifest_of(partition, entries, _MODEL) | {"token": token, "sequence": sequence} | changed
        return {"key": f"demo/{changed.get('partition', partition)}", "value": json.dumps(fields)}

    def see(
        self,
        at: float,
        *records: Fields,
        expect: Any,
        asks: bool = True,
        unread: int = 0,
        ends: Any = _FAR,
        **more: Any,
    ) -> None:
        """At the moment `at` the topic has these records more, of which the last `unread` are not read yet.

        `ends`: of both partitions of the events topic, null where there is no answer. expect: (version, partitions left
        out, of each other partition the rows of the shard that answers or None), or (version, partitions left out)
        where there is no answer.
        """
        placed = [{"offset": self.offset + number, **record} for number, record in enumerate(records)]
        self.offset += len(records)
        version, left_out, *answer = expect
        step: dict[str, Any] = {"at": at}
        if asks:
            known = None if ends is None else {"0": ends, "1": ends}
            step |= {"end": self.offset, "log_ends": known, "read": placed[: len(placed) - unread]}
        told: dict[str, Any] = {"content": None, "scores": None}
        if answer:
            live = [partition for partition in (0, 1) if partition not in left_out]
            told = {"content": _content(dict(zip(live, answer[0], strict=True))), "scores": _scores(answer[0])}
        self.steps.append(step | more | {"expect": {"version": version, "left_out": left_out, **told}})

    def at(self, at: float, expect: Any) -> None:
        """Time has passed, and nothing was asked or read."""
        self.see(at, expect=expect, asks=False)

    def line(self) -> dict[str, Any]:
        settings = {
            "model": "demo",
            "made": _MODEL.made,
            "lease": _LEASE,
            "quorum": 1.0,
            "identity": None,
        } | self.options
        return {"what": self.what, **settings, "store": self.store, "asked": list(_ASKED), "steps": self.steps}


def beat(partition: int, counter: int = 1, sequence: int = 1, nonce: str = _A) -> Fields:
    """A heartbeat's record."""
    value = {"counter": counter, "nonce": nonce, "sequence": sequence}
    return {"key": f"demo/{partition}/heartbeat", "value": json.dumps(value)}


def _content(served: Mapping[int, Rows | None]) -> str:
    """The digest of what is served: by partition the rows of shard 0, or None where no shard takes part."""
    parts = []
    for partition, rows in served.items():
        parts += [f"partition {partition}"]
        parts += [] if rows is None else [f"shard 0 {digest(_MODEL.learner, _MODEL.state(rows))}"]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _scores(shards: Sequence[Rows | None]) -> list[list[float]]:
    ensemble = _MODEL.learner.ensemble([_MODEL.state(rows) for rows in shards if rows is not None])
    found: list[list[float]] = ensemble.scores(_MODEL.rows(_ASKED)).tolist()
    return found


def _served(what: str, ends: int = _FAR, **options: Any) -> _Sequence:
    """Both partitions are served, vouched for at 0: version 1, and the topic ends at 4."""
    one = _Sequence(what, **options)
    one.see(0.0, ends=ends, expect=(None, [0, 1]))
    records = one.manifest(0, HAM), one.manifest(1, SPAM), beat(0), beat(1)
    one.see(1.0, *records, ends=ends, expect=(1, [], [HAM, SPAM]))
    return one


def _leases() -> Iterator[_Sequence]:
    one = _served("the lease runs from the last look that found no heartbeat, and ends")
    one.at(19.999, (1, [], [HAM, SPAM]))
    one.at(20.0, (1, [0, 1]))
    yield one
    one = _Sequence("heartbeats that were there before the first look prove nothing")
    one.see(0.0, one.manifest(0, HAM), one.manifest(1, SPAM), beat(0), beat(1), expect=(1, [0, 1]))
    one.see(5.0, beat(0), beat(1), expect=(1, [], [HAM, SPAM]))
    one.at(19.0, (1, [], [HAM, SPAM]))
    one.at(20.0, (1, [0, 1]))
    yield one
    one = _served("a reader that was cut off learns nothing from heartbeats that it reads late")
    one.see(100.0, beat(0), beat(1), expect=(1, [0, 1]))
    one.see(101.0, beat(0), beat(1), expect=(1, [], [HAM, SPAM]))
    yield one
    one = _served("a look without news moves the moment that counts")
    one.see(10.0, expect=(1, [], [HAM, SPAM]))
    one.see(15.0, beat(0), beat(1), expect=(1, [], [HAM, SPAM]))
    one.at(29.0, (1, [], [HAM, SPAM]))
    one.at(30.0, (1, [0, 1]))
    yield one
    one = _served("of one partition alone no heartbeat comes any more")
    one.see(15.0, beat(0), expect=(1, [], [HAM, SPAM]))
    one.at(20.5, (1, [1]))
    yield one
    one = _served("of one partition alone no heartbeat comes any more, and the quorum is a half", quorum=0.5)
    one.see(15.0, beat(0), expect=(1, [], [HAM, SPAM]))
    one.at(20.5, (1, [1], [HAM]))
    one.at(21.0, (1, [0, 1]))
    yield one


def _owners() -> Iterator[_Sequence]:
    one = _served("a heartbeat of a newer owner ends what the earlier one said, at once")
    one.see(2.0, beat(0, counter=2, nonce=_B), expect=(1, [0]))
    one.see(3.0, beat(0), expect=(1, [0]))
    yield one
    one = _served("a newer owner is served once it vouches")
    one.see(2.0, one.manifest(0, BOTH, counter=2, nonce=_B), expect=(4, [0]))
    one.see(3.0, beat(0, counter=2, nonce=_B), expect=(4, [], [BOTH, SPAM]))
    yield one
    one = _served("a newer manifest of the same owner takes the place at once when an earlier one was vouched for")
    one.see(2.0, one.manifest(0, BOTH, sequence=2), expect=(4, [], [BOTH, SPAM]))
    one.see(3.0, beat(0, sequence=2), expect=(4, [], [BOTH, SPAM]))
    yield one
    one = _served("a heartbeat that names a manifest which was not read vouches for no earlier one")
    one.see(10.0, expect=(1, [], [HAM, SPAM]))
    one.see(11.0, beat(0, sequence=2), beat(1), expect=(1, [], [HAM, SPAM]))
    one.at(21.0, (1, [0]))
    yield one
    one = _served("a heartbeat of another nonce under the same counter vouches for nothing")
    one.see(10.0, expect=(1, [], [HAM, SPAM]))
    one.see(11.0, beat(0, nonce=_B), beat(1), expect=(1, [], [HAM, SPAM]))
    one.at(21.0, (1, [0]))
    yield one
    one = _served("of two owners with one counter the first on the topic holds")
    one.see(2.0, one.manifest(0, BOTH, sequence=7, nonce=_B), expect=(1, [], [HAM, SPAM]))
    yield one
    one = _served("a newer owner's manifest ends what the earlier one said, though it isn't believed yet", ends=49)
    one.see(2.0, one.manifest(0, BOTH, 2, nonce=_B, applied=50), ends=49, expect=(1, [0]))
    yield one
    one = _served("an earlier manifest that comes late changes nothing")
    one.see(2.0, one.manifest(0, BOTH, counter=0, sequence=9), expect=(1, [], [HAM, SPAM]))
    yield one
    one = _served("the same manifest sent again counts at its new place")
    one.see(2.0, one.manifest(0, HAM), expect=(4, [], [HAM, SPAM]))
    yield one
    one = _served("counters beyond belief are passed over")
    far = 2**32 + 2**12 * 4 + 1
    one.see(2.0, beat(0, counter=far), expect=(1, [], [HAM, SPAM]))
    one.see(3.0, one.manifest(0, BOTH, counter=far + 2**13), expect=(1, [], [HAM, SPAM]))
    one.see(4.0, beat(0), beat(1), expect=(1, [], [HAM, SPAM]))
    yield one


def _refusals() -> Iterator[_Sequence]:
    one = _served("what is no manifest, no heartbeat, or under another key is passed over")
    odd: list[tuple[str | None, str | None]] = [
        ("demo/0", None),
        ("demo/0", "{}"),
        ("demo/0/heartbeat", "x"),
        ("demo/0/heartbeat", None),
        ("demo/00", ""),
    ]
    odd += [
        ("other/0", one.manifest(0, BOTH, sequence=5)["value"]),
        ("demo", "1"),
        (None, "1"),
        ("demo/0/heartbeat/", "1"),
    ]
    one.see(2.0, *({"key": key, "value": value} for key, value in odd), expect=(1, [], [HAM, SPAM]))
    one.see(3.0, beat(0), beat(1), expect=(1, [], [HAM, SPAM]))
    yield one
    one = _served("a manifest under another partition's key is passed over")
    one.see(2.0, one.manifest(0, BOTH, sequence=2) | {"key": "demo/1"}, expect=(1, [], [HAM, SPAM]))
    yield one
    one = _served("a newest manifest that is refused leaves the one before it, until its lease ends")
    one.see(2.0, one.manifest(0, BOTH, sequence=2, applied=19, entry={"through": 15}), expect=(1, [], [HAM, SPAM]))
    one.see(15.0, beat(0, sequence=2), beat(1), expect=(1, [], [HAM, SPAM]))
    one.at(20.0, (1, [0]))
    yield one
    one = _served("a state that is not what its digest says is not served")
    refused = one.manifest(0, BOTH, sequence=2)
    name = list(one.store)[-1]
    data = bytearray(base64.b64decode(one.store[name]))
    data[-8] += 1  # a row more, so that it is a state still
    one.store[name] = base64.b64encode(data).decode()
    one.see(2.0, refused, expect=(1, [], [HAM, SPAM]))
    yield one
    one = _served("a state of another size is not served")
    one.see(2.0, one.manifest(0, BOTH, sequence=2, entry={"size": 10}), expect=(1, [], [HAM, SPAM]))
    yield one
    one = _served("a state that is not there is not served")
    refused = one.manifest(0, BOTH, sequence=2)
    del one.store[list(one.store)[-1]]
    one.see(2.0, refused, expect=(1, [], [HAM, SPAM]))
    yield one
    one = _served("a manifest that has applied more than the log holds waits until the log reaches it", ends=49)
    one.see(2.0, one.manifest(0, BOTH, sequence=2, applied=50), ends=49, expect=(1, [], [HAM, SPAM]))
    one.see(4.0, beat(0, sequence=2), beat(1), ends=49, expect=(1, [], [HAM, SPAM]))
    one.see(6.0, ends=50, expect=(4, [], [BOTH, SPAM]))
    yield one
    one = _Sequence("without an answer about the log's ends no manifest is believed")
    one.see(0.0, ends=None, expect=(None, [0, 1]))
    records = one.manifest(0, HAM), one.manifest(1, SPAM), beat(0), beat(1)
    one.see(2.0, *records, ends=None, expect=(None, [0, 1]))
    one.see(4.0, expect=(1, [], [HAM, SPAM]))
    yield one
    one = _served("a manifest of a partition beyond the model's ends all answers")
    one.see(2.0, one.manifest(2, SPAM), log_ends={"0": _FAR, "1": _FAR, "2": _FAR}, expect=(1, []))
    yield one
    for what, options, expected in (
        ("manifests of two models of one name are no model", {}, (None, None)),
        ("of two models of one name the one asked for is served", {"identity": _MODEL.identity}, (0, [1], [HAM])),
    ):
        one = _Sequence(what, quorum=0.5, **options)
        one.see(0.0, expect=(None, [0, 1]))
        other = one.manifest(1, SPAM, identity=_OTHER.identity, made=_OTHER.made)
        one.see(1.0, one.manifest(0, HAM), other, beat(0), beat(1), expect=expected)
        yield one


def _states() -> Iterator[_Sequence]:
    one = _served("a deletion: a shard is withdrawn, then left out, then learned again")
    one.see(2.0, one.manifest(0, HAM[:1], sequence=2, applied=30, entry={"status": "withdrawn"}), beat(0, sequence=2),
            expect=(4, [], [HAM, SPAM]))  # fmt: skip
    gone = {"status": "left-out", "file": "", "through": 0}
    one.see(
        3.0,
        one.manifest(0, BOTH, sequence=3, applied=31, entry=gone),
        beat(0, sequence=3),
        expect=(6, [], [None, SPAM]),
    )
    one.see(4.0, one.manifest(0, BOTH, sequence=4, applied=32), beat(0, sequence=4), expect=(8, [], [BOTH, SPAM]))
    yield one
    one = _Sequence("a model that has no rows at all answers that all classes are alike")
    one.see(0.0, expect=(None, [0, 1]))
    one.see(1.0, *_without_rows("empty"), expect=(1, [], [None, None]))
    yield one
    one = _Sequence("a model whose rows are not learned yet gives no answer")
    one.see(0.0, expect=(None, [0, 1]))
    one.see(1.0, *_without_rows("behind"), expect=(1, []))
    yield one
    one = _Sequence("nothing is served before the topic is read to its end")
    one.see(0.0, expect=(None, [0, 1]))
    records = [one.manifest(0, HAM), one.manifest(1, SPAM), beat(0), beat(1), one.manifest(1, BOTH, sequence=2)]
    one.see(1.0, *records, unread=1, expect=(None, [0, 1]))
    one.see(2.0, read=[{"offset": 4, **records[-1]}], expect=(4, [], [HAM, BOTH]))
    yield one
    one = _served("a topic that was cut is read from its start, and an owner that was replaced stays so")
    one.see(2.0, one.manifest(0, BOTH, counter=3, nonce=_B), beat(0, 3, 1, _B), expect=(4, [], [BOTH, SPAM]))
    again = [one.manifest(0, HAM), one.manifest(1, SPAM), beat(0), beat(1)]
    one.see(3.0, end=2, read=[], expect=(4, [], [BOTH, SPAM]))
    one.see(4.0, end=4, read=[{"offset": at, **each} for at, each in enumerate(again)], expect=(1, [0]))
    yield one


def _without_rows(status: str) -> list[Fields]:
    entries = [empty_entry(shard) | {"status": status} for shard in (0, 1)]
    manifests = [{"key": f"demo/{number}", "value": json.dumps(manifest_of(number, entries))} for number in (0, 1)]
    return [*manifests, beat(0), beat(1)]


def lines() -> Iterator[dict[str, Any]]:
    """A line a sequence."""
    return (one.line() for one in chain(_leases(), _owners(), _refusals(), _states()))
