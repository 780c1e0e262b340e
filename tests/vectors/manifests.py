"""Records under a partition's key that are believed and may be served, and those that may not, each with the verdict.

The rules are asked in their order: first whether it is a manifest, then whether the partition's owner can have written
it, then those of `unlearn.scoring.trust`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.vectors.models import SHARDS, SmallModel, model_of
from unlearn_models import digest, encode_state

__all__ = ["empty_entry", "entry_of", "lines", "manifest_of"]

_MODEL = model_of("naive-bayes")
_STATE = encode_state(_MODEL.learner, _MODEL.state(SHARDS[0]))
_OTHER = "b" * 64

Fields = dict[str, Any]


def entry_of(partition: int, shard: int, data: bytes, rows: int) -> Fields:
    """An entry of a shard with this state, which reaches to offset 15 and is of 20 applied."""
    found = hashlib.sha256(data).hexdigest()
    return {
        "shard": shard,
        "through": 15,
        "status": "current",
        "rows": rows,
        "lineage": "0" * 32,
        "digest": found,
        "file": f"{partition}/{shard}/state/1-{'a' * 32}-1.15.20-{found[:16]}",
        "size": len(data),
        "summary": {},
    }


def empty_entry(shard: int, model: SmallModel = _MODEL) -> Fields:
    """An entry of a shard without rows."""
    empty = digest(model.learner, model.learner.empty())
    blank = {"through": 15, "status": "empty", "rows": 0, "lineage": "0" * 32, "digest": empty, "file": "", "size": 0}
    return {"shard": shard, **blank, "summary": {}}


def manifest_of(partition: int, shards: list[Fields], model: SmallModel = _MODEL) -> Fields:
    """The fields of a manifest of these entries."""
    return {
        "model": model.settings.model,
        "identity": model.identity,
        "partition": partition,
        "token": {"counter": 1, "nonce": "a" * 32},
        "sequence": 1,
        "applied": 20,
        "erased_through": 0,
        "start": 0,
        "created_at": 1774947600000,
        "learner": model.learner.id,
        "profile": "",
        "signature": "",
        "shards": shards,
        "skipped": [],
        "c": None,
        "fingerprint": None,
        "proof": "",
        "made": model.made,
    }


def _good(**changed: Any) -> Fields:
    first, second = changed.pop("first", {}), changed.pop("second", {})
    return manifest_of(1, [entry_of(1, 0, _STATE, 3) | first, empty_entry(1) | second]) | changed


_OWN = entry_of(1, 0, _STATE, 3)["file"]
_NAME_DIGEST = _OWN[-16:]


def _file(name: str) -> Fields:
    return {"first": {"file": name}}


_SERVED: Mapping[str, Fields] = {
    "good": {},
    "after one of as much applied": {"served": {}},
    "after one of less applied": {"served": {"applied": 19}},
    "a shard that is behind": {"first": {"status": "behind"}},
    "a shard that is withdrawn": {"first": {"status": "withdrawn"}},
    "a shard left out needs no file": {"first": {"status": "left-out", "file": ""}},
    "a shard without rows that is behind": {"second": {"status": "behind", "through": 0}},
    "shards in another order": {"shards": [empty_entry(1), entry_of(1, 0, _STATE, 3)]},
    "a skipped run, a fingerprint, a proof": {
        "skipped": [[3, 5]],
        "fingerprint": {"offset": 19, "epoch": -1, "digest": "0" * 32, "timestamp": 1774947600000},
        "proof": "0" * 32,
    },
    "unknown fields": {"later": {"more": [1]}, "first": {"later": 1}},
    "numbers as large as there are": {"applied": 2**53 - 1, "sequence": 2**53 - 1},
    "a counter as high as is believed": {"token": {"counter": 2**32 + 7 * 2**12, "nonce": "a" * 32}},
    "a counter as high as is ever believed": {"at": 2**42, "token": {"counter": 2**52, "nonce": "a" * 32}},
    "without what earlier releases didn't know": {"made": None, "proof": None, "fingerprint": None, "start": None},
    "a summary": {"first": {"summary": {"sum": 1.5, "count": 2}}},
}
"""What -> how a good manifest is changed that is served still."""

_REFUSED: Mapping[str, Mapping[str, Fields]] = {
    "foreign": {
        "of another model": {"model": "other"},
        "of another partition": {"partition": 0},
        "it starts beyond what it has applied": {"start": 21},
        "a counter beyond belief": {"token": {"counter": 2**32 + 7 * 2**12 + 1, "nonce": "a" * 32}},
        "a counter beyond all belief": {"at": 2**42, "token": {"counter": 2**52 + 1, "nonce": "a" * 32}},
    },
    "other_learner": {"learner": {"learner": "linear"}},
    "contradicts_itself": {
        "no shards": {"shards": []},
        "a shard is missing": {"shards": [entry_of(1, 0, _STATE, 3)]},
        "a shard twice": {"shards": [empty_entry(1), empty_entry(1)]},
        "a shard too many": {"shards": [empty_entry(0), empty_entry(1), empty_entry(2)]},
        "another shard": {"shards": [empty_entry(0), empty_entry(2)]},
        "a shard reaches beyond what was applied": {"first": {"through": 21}},
        "empty, with rows": {"first": {"status": "empty"}},
    },
    "other_settings": {"identity": {"identity": _OTHER}},
    "bad_signature": {"signature": {"signature": "x"}},
    "goes_back": {"less than was served": {"served": {"applied": 21}}},
    "hides_a_state": {
        "a state that has no rows": {"first": {"rows": 0}},
        "a state in an empty shard": {"second": {"digest": _OTHER}},
    },
    "foreign_files": {
        "no file": _file(""),
        "a path out of the store": _file("../../outside"),
        "an absolute path": _file("/etc/passwd"),
        "no name of a state": _file("1/0/state/x"),
        "of another partition": _file("0" + _OWN[1:]),
        "of another shard": _file(_OWN.replace("1/0/", "1/1/")),
        "a slice": _file(_OWN.replace("state", "slice")),
        "a tail": _file(_OWN.replace("state", "tail")),
        "beyond the entry": _file(_OWN.replace(".15.20-", ".16.20-")),
        "beyond what was applied": _file(_OWN.replace(".15.20-", ".15.21-")),
        "with a line end behind it": _file(_OWN + "\n"),
        "another digest in its name": _file(_OWN.replace(_NAME_DIGEST, "0" * 16)),
        "another digest": {"first": {"digest": _OTHER}},
    },
}
"""Rule -> what -> how a good manifest is changed that this rule objects to."""

_MALFORMED: Mapping[str, Fields] = {
    "a field is null": {"model": None, "keep": True},
    "an identity in capitals": {"identity": "A" * 64},
    "an identity that is too short": {"identity": "0" * 63},
    "an identity with a line end": {"identity": "0" * 64 + "\n"},
    "a negative partition": {"partition": -1},
    "a partition as a text": {"partition": "1"},
    "a flag for a number": {"partition": True},
    "a fraction for a number": {"applied": 20.5},
    "a number beyond 2**53 - 1": {"applied": 2**53},
    "a sequence of 0": {"sequence": 0},
    "a token without a nonce": {"token": {"counter": 1}},
    "a nonce that is no hex": {"token": {"counter": 1, "nonce": "g" * 32}},
    "another status": {"first": {"status": "well"}},
    "a file of 513 characters": {"first": {"file": "1" * 513}},
    "rows below 0": {"first": {"rows": -1}},
    "shards that are no list": {"shards": {}},
    "an entry that is no object": {"shards": [1, 2]},
    "a run of one": {"skipped": [[1]]},
    "a proof of another length": {"proof": "0" * 31},
    "a summary of texts": {"first": {"summary": {"sum": "1"}}},
    "c is a text": {"c": "1"},
    "an identity of 65,537 characters": {"made": "x" * 65537},
    "a fingerprint without a digest": {"fingerprint": {"offset": 1, "epoch": 0}},
}
"""What -> how a good manifest is changed that is none any more."""


def _texts() -> Iterator[tuple[str, bytes | None]]:
    good = json.dumps(_good())
    yield "no value", None
    yield "an empty value", b""
    yield "not JSON", b"{"
    yield "JSON that is cut short", good[:-1].encode()
    yield "JSON with something behind it", f"{good}x".encode()
    yield "no object", b"[]"
    yield "an empty object", b"{}"
    yield "bytes that are not UTF-8", good.replace("demo", "dem\u00f6", 1).encode("latin-1")
    yield "a byte order mark before it", b"\xef\xbb\xbf" + good.encode()
    yield "NaN", good.replace('"c": null', '"c": NaN').encode()
    yield "a lone surrogate", good.replace('"profile": ""', '"profile": "\\ud800"').encode()


def lines() -> Iterator[dict[str, Any]]:
    """A line a record: `rule` is the one by which it is not served, null where it may be."""
    for what, changed in _SERVED.items():
        yield _line(what, dict(changed), None)
    for rule, cases in _REFUSED.items():
        for what, changed in cases.items():
            yield _line(f"{rule}: {what}", dict(changed), rule)
    for what, changed in _MALFORMED.items():
        yield _line(f"no_manifest: {what}", dict(changed), "no_manifest")
    for what, value in _texts():
        yield _record(f"no_manifest: {what}", value, None, "no_manifest")


def _line(what: str, changed: Fields, rule: str | None) -> dict[str, Any]:
    served = changed.pop("served", None)
    keep, offset = changed.pop("keep", False), changed.pop("at", 7)
    fields = {
        name: value for name, value in _good(**changed).items() if keep or name not in changed or value is not None
    }
    held = None if served is None else base64.b64encode(json.dumps(_good(**served)).encode()).decode()
    return _record(what, json.dumps(fields).encode(), held, rule, offset)


def _record(what: str, value: bytes | None, served: str | None, rule: str | None, offset: int = 7) -> dict[str, Any]:
    """`value` and `served` are base64 of what stands on the topic, or null."""
    shown = None if value is None else base64.b64encode(value).decode()
    place = {"made": _MODEL.made, "partition": 1, "offset": offset}
    return {"what": what, **place, "value": shown, "served": served, "rule": rule}
