"""The conformance vectors in docs/vectors: they are current, and the product's code gives what they say."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.harness.plain_way import plainly
from tests.vectors.files import FILES, FOLDER, read
from tests.vectors.manifests import manifest_of
from tests.vectors.models import model_of
from unlearn.errors import ArtefactInvalid, LogDiverged, LogUnavailable, NotEnough
from unlearn.log.protocol import Entry
from unlearn.results.belief import foreign
from unlearn.results.manifest import Manifest, read_manifest
from unlearn.scoring.published_model import agreed, of_settings, read_made
from unlearn.scoring.scorer import Scorer
from unlearn.scoring.trust import RULES, Expected, unsigned
from unlearn.storage.artefacts import FolderStore
from unlearn_models import ModelError, Rows, decode_state, digest, hash_texts, settings_hash
from unlearn_models.registry import learner_from

NEAR = 1e-12
"""What a probability may be off: logarithms differ in the last bit from machine to machine."""


def cases(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("line", [pytest.param(line, id=line["what"]) for line in read(name)])


@cache
def learner_of(made: str) -> Any:
    return learner_from(json.loads(made)["learner_settings"])


def rows_of(cells: Sequence[Sequence[float]]) -> Rows:
    indices, values = ([cell[at] for cell in cells] for at in (0, 1))
    indptr = np.array([0, len(cells)])
    return Rows(np.full(1, -1, np.int32), indptr, np.array(indices, np.int32), np.array(values, np.float64))


@pytest.mark.parametrize("name", FILES)
def test_the_vectors_are_current(name: str) -> None:
    made = json.loads(json.dumps(list(FILES[name]())))

    assert without_scores(made) == without_scores(read(name)), "run: python -m tests.vectors"


def without_scores(lines: Any) -> Any:
    """Probabilities are compared with those that the product gives, not with `==`."""
    if isinstance(lines, dict):
        return {name: without_scores(value) for name, value in lines.items() if name != "scores"}
    return [without_scores(line) for line in lines] if isinstance(lines, list) else lines


def test_all_files_of_vectors_are_made() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(FILES)


@pytest.fixture(params=[nullcontext, plainly], ids=["compiled", "plain"])
def way(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both ways: kernels as they are here, and as where numba isn't installed."""
    with request.param():
        yield


both_ways = pytest.mark.usefixtures("way")


@both_ways
@cases("texts.jsonl")
def test_texts_have_these_counts(line: Any) -> None:
    indptr, indices, values = hash_texts([line["text"]], line["features"])

    assert [[i, v] for i, v in zip(indices.tolist(), values.tolist(), strict=True)] == line["counts"]
    again = hash_texts([" ".join(line["tokens"])], line["features"])
    assert [array.tolist() for array in again] == [array.tolist() for array in (indptr, indices, values)]


@both_ways
@cases("learners.jsonl")
def test_learners_say_this(line: Any) -> None:
    learner = learner_of(line["made"])
    states = []
    for shard in line["states"]:
        data = base64.b64decode(shard["base64"])
        states.append(decode_state(learner, data))
        assert digest(learner, states[-1]) == shard["digest"] == hashlib.sha256(data).hexdigest()

    ensemble = learner.ensemble(states)

    assert digest(learner, learner.empty()) == line["empty"]
    for asked in line["asked"]:
        scores = ensemble.scores(rows_of(asked["counts"]))
        assert np.abs(scores - [asked["scores"]]).max() <= NEAR


@both_ways
@cases("states.jsonl")
def test_states_are_taken_or_refused(line: Any) -> None:
    learner, data = learner_of(line["made"]), base64.b64decode(line["base64"])

    if line["good"]:
        decode_state(learner, data)
    else:
        with pytest.raises(ModelError):
            decode_state(learner, data)


@cases("identities.jsonl")
def test_identities_say_how_a_model_was_made(line: Any) -> None:
    manifest = Manifest.model_validate_json(
        json.dumps(manifest_of(0, [], model_of("naive-bayes")) | {"made": line["made"], "identity": line["identity"]})
    )
    if not line["good"]:
        with pytest.raises(ArtefactInvalid):
            read_made(manifest)
        return

    model = read_made(manifest)

    assert model is not None
    learner = model.learner
    assert (model.name, model.partitions, model.shards_per_partition) == (
        *(line["model"], line["partitions"], line["shards_per_partition"]),
    )
    assert (learner.id, learner.n_features, list(learner.classes), settings_hash(learner)) == (
        *(line["learner"], line["features"], line["classes"], line["settings_hash"]),
    )


@cases("manifests.jsonl")
def test_manifests_are_served_or_refused(line: Any) -> None:
    assert verdict(line) == line["rule"]


def verdict(line: Any) -> str | None:
    """The rule by which the record's manifest is not served; None if it may be."""
    manifest = None if line["value"] is None else read_manifest(base64.b64decode(line["value"]))
    if manifest is None:
        return "no_manifest"
    parts, learner = json.loads(line["made"]), learner_of(line["made"])
    if foreign(parts["model"], line["partition"], line["offset"], manifest):
        return "foreign"
    served = None if line["served"] is None else read_manifest(base64.b64decode(line["served"]))
    identity = hashlib.sha256(line["made"].encode()).hexdigest()
    shape = parts["partitions"], parts["shards_per_partition"]
    expected = Expected([identity], learner.id, *shape, digest(learner, learner.empty()), unsigned)
    return next((rule.__name__ for rule in RULES if rule(manifest, expected, served)), None)


def test_every_rule_of_trust_refuses_a_manifest_of_the_vectors() -> None:
    named = {line["rule"] for line in read("manifests.jsonl")}

    assert named == {None, "no_manifest", "foreign", *(rule.__name__ for rule in RULES)}


class ScriptedTail:
    """A results topic that ends and gives what the steps of a sequence say."""

    def __init__(self) -> None:
        self.position, self._end, self._records = 0, 0, list[Entry]()

    def see(self, step: Any) -> None:
        self._end = step["end"]
        self._records = [
            Entry(0, record["offset"], 0, encoded(record["key"]), encoded(record["value"])) for record in step["read"]
        ]

    def end(self) -> int:
        if self._end < self.position:
            raise LogDiverged("it was cut")
        return self._end

    def poll(self, timeout: float) -> list[Entry]:
        records, self._records = self._records, []
        self.position = max([self.position, *(record.offset + 1 for record in records)])
        return records

    def close(self) -> None:
        pass


class ScriptedLog:
    """As much of a log as a scorer asks for."""

    def __init__(self) -> None:
        self.seen = ScriptedTail()
        self.ends: Any = None

    def topic_id(self, topic: str) -> str:
        return topic

    def tail(self, topic: str) -> ScriptedTail:
        self.seen = ScriptedTail()
        return self.seen

    def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        if self.ends is None:
            raise LogUnavailable("no answer")
        return {int(partition): (0, end) for partition, end in self.ends.items()}


def encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


@cases("sequences.jsonl")
def test_sequences_are_answered_so(line: Any, tmp_path: Path) -> None:
    now, log, store = 0.0, ScriptedLog(), FolderStore(tmp_path)
    for name, data in line["store"].items():
        store.put(name, base64.b64decode(data))
    model = model_of("naive-bayes", lease=line["lease"], quorum=line["quorum"])
    assert model.made == line["made"]
    published = of_settings(model.settings, line["identity"])
    scorer = Scorer(model.settings, log, store, published, lambda: now)  # type: ignore[arg-type]

    for step in line["steps"]:
        now, expected = step["at"], step["expect"]
        if expected["left_out"] is None:  # there is no model
            with pytest.raises(NotEnough):
                agreed(manifests_in(step["read"]), line["identity"])
            continue
        if "end" in step:
            log.ends = step["log_ends"]
            log.seen.see(step)
            scorer.poll(0)
        try:
            found = scorer.scores(line["asked"])
        except NotEnough:
            found = None

        assert (found.content if found else None) == expected["content"], step
        assert found is None or np.abs(found.scores - expected["scores"]).max() <= NEAR
        assert (scorer.version, list(scorer.left_out)) == (expected["version"], expected["left_out"]), step


def manifests_in(records: Sequence[Any]) -> Iterator[Manifest]:
    for record in records:
        if not record["key"].endswith("/heartbeat"):
            yield Manifest.model_validate_json(record["value"])
