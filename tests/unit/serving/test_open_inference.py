"""Requests of the Open Inference Protocol become texts or rows, or are refused by what is wrong with them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from unlearn.errors import InputInvalid
from unlearn.scoring.serving import Answer
from unlearn.serving.asked import Scores, read_scores
from unlearn.serving.open_inference import Infer, asked_of, inferred, metadata, read_infer
from unlearn_models import Rows, make_learner

LEARNER = make_learner("naive-bayes", ("ham", "spam"), 8)
ANSWER = Answer(np.array([[0.25, 0.75], [1.0, 0.0]]), ("ham", "spam"), 7, (2,), "c0")


def tensor(name: str, shape: list[int], datatype: str, data: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def asked(*tensors: dict[str, Any], most: int = 10) -> list[str] | Rows:
    return asked_of(read_infer(json.dumps({"inputs": tensors}).encode()), LEARNER, most)


def lists(rows: list[str] | Rows) -> tuple[list[int], list[int], list[float]]:
    assert isinstance(rows, Rows)
    assert (rows.labels == -1).all()
    return rows.indptr.tolist(), rows.indices.tolist(), rows.values.tolist()


@pytest.mark.parametrize(("shape", "data"), [([2], ["a", "b"]), ([2, 1], ["a", "b"]), ([2, 1], [["a"], ["b"]])])
def test_texts(shape: list[int], data: list[Any]) -> None:
    assert asked(tensor("text", shape, "BYTES", data)) == ["a", "b"]


@pytest.mark.parametrize("datatype", ["FP64", "FP32", "INT64", "INT32"])
@pytest.mark.parametrize("data", [[0, 2, 0, 1, 0, 3], [[0, 2, 0], [1, 0, 3]]])
def test_rows_of_all_features(datatype: str, data: list[Any]) -> None:
    assert lists(asked(tensor("features", [2, 3], datatype, data))) == ([0, 1, 3], [1, 0, 2], [2.0, 1.0, 3.0])


def test_rows_in_compressed_form() -> None:
    given = (
        tensor("values", [4], "FP64", [1.0, 2.0, 0.0, 4]),
        tensor("indptr", [4], "INT64", [0, 2, 2, 4]),
        tensor("indices", [4], "INT32", [1, 7, 0, 3]),
    )
    assert lists(asked(*given)) == ([0, 2, 2, 3], [1, 7, 3], [1.0, 2.0, 4.0])


def test_a_row_without_features_is_one() -> None:
    given = (tensor("indptr", [2], "INT64", [0, 0]), tensor("indices", [0], "INT64", []))
    assert lists(asked(*given, tensor("values", [0], "FP64", []))) == ([0, 0], [], [])


def sparse(indptr: list[int], indices: list[int], values: list[float]) -> tuple[dict[str, Any], ...]:
    return (
        tensor("indptr", [len(indptr)], "INT64", indptr),
        tensor("indices", [len(indices)], "INT64", indices),
        tensor("values", [len(values)], "FP64", values),
    )


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ([tensor("text", [3], "BYTES", ["a"])], "another shape"),
        ([tensor("text", [1, 2], "BYTES", ["a", "b"])], r"\[n\] or \[n, 1\]"),
        ([tensor("text", [1], "BYTES", [7])], "not all BYTES"),
        ([tensor("text", [1], "FP64", [7])], "datatype is BYTES"),
        ([tensor("text", [-1], "BYTES", ["a"])], "dimensions"),
        ([tensor("text", [], "BYTES", ["a"])], "dimensions"),
        ([tensor("text", [0], "BYTES", [])], "1 to 10"),
        ([tensor("text", [11], "BYTES", ["a"] * 11)], "1 to 10"),
        ([tensor("text", [10**30], "BYTES", ["a"])], "another shape"),
        ([tensor("text", [1], "BYTES", ["a"])] * 2, "twice"),
        ([tensor("prose", [1], "BYTES", ["a"])], "give text, or features"),
        ([tensor("text", [1], "BYTES", ["a"]), tensor("features", [1, 1], "FP64", [1])], "give text, or features"),
        ([tensor("features", [1, 9], "FP64", [1] * 9)], "the model has 8"),
        ([tensor("features", [2, 2], "FP64", [[1, 2], [3]])], "another shape"),
        ([tensor("features", [1, 2], "FP64", [True, 1])], "not all FP64"),
        ([tensor("features", [1, 2], "INT64", [1.5, 1])], "not all INT64"),
        ([tensor("features", [1, 2], "FP64", [10**400, 1])], "too large"),
        ([tensor("features", [1, 2], "BYTES", ["a", "b"])], "datatype is FP64"),
        (sparse([0, 2], [1, 1], [1, 1]), "they rise"),
        (sparse([0, 2], [3, 1], [1, 1]), "they rise"),
        (sparse([0, 1], [8], [1]), "0 to 7"),
        (sparse([0, 1], [-1], [1]), "0 to 7"),
        (sparse([0, 1], [2**40], [1]), "INT64 or INT32"),
        (sparse([1, 2], [1, 2], [1, 1]), "begins with 0"),
        (sparse([0, 2, 1], [1, 2], [1, 1]), "begins with 0"),
        (sparse([0, 2], [1, 2], [1]), "begins with 0"),
        (sparse([0, 1, 3], [1, 2], [1, 2]), "begins with 0"),
        (sparse([0], [], []), "1 to 10"),
    ],
)
def test_what_is_no_input_is_refused(given: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(InputInvalid, match=reason):
        asked(*given)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(number: str) -> None:
    body = json.dumps({"inputs": [tensor("features", [1, 1], "FP64", ["here"])]}).replace('"here"', number)
    with pytest.raises(InputInvalid):
        asked_of(read_infer(body.encode()), LEARNER, 10)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"inputs": []}',
        b'{"inputs": [{}]}',
        b'{"inputs": 7}',
        b"\xff",
        b'{"inputs": [[[[' + b"[" * 9000,
    ],
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(InputInvalid):
        read_infer(body)


def test_an_unknown_output_is_refused() -> None:
    body = {"inputs": [tensor("text", [1], "BYTES", ["a"])], "outputs": [{"name": "scores"}, {"name": "gradients"}]}
    with pytest.raises(InputInvalid, match="no gradients"):
        read_infer(json.dumps(body).encode())


def test_an_output_is_asked_for_once() -> None:
    """A body of 70 KB that named one 3,000 times had an answer of 150 MB."""
    body = {"inputs": [tensor("text", [1], "BYTES", ["a"])], "outputs": [{"name": "labels"}] * 2}
    with pytest.raises(InputInvalid, match=r"outputs: .* twice"):
        read_infer(json.dumps(body).encode())


def test_a_response_has_the_outputs_that_were_asked_for() -> None:
    one = {"inputs": [tensor("text", [1], "BYTES", ["a"])], "id": "q", "outputs": [{"name": "labels"}]}
    whole = inferred("spam", read_infer(json.dumps({**one, "outputs": None}).encode()), ANSWER)
    labels = inferred("spam", read_infer(json.dumps(one).encode()), ANSWER)

    assert whole["outputs"] == [
        tensor("scores", [2, 2], "FP64", [0.25, 0.75, 1.0, 0.0]),
        tensor("labels", [2], "BYTES", ["spam", "ham"]),
    ]
    assert labels["outputs"] == whole["outputs"][1:]
    assert (labels["id"], labels["model_name"], labels["model_version"]) == ("q", "spam", "7")
    assert labels["parameters"] == {
        "classes": ["ham", "spam"],
        "content": "c0",
        "left_out": [2],
        "lease_ends": None,
        "learned": True,
    }


def test_a_model_describes_itself() -> None:
    said = metadata("spam", LEARNER, 7)
    assert (said["name"], said["versions"]) == ("spam", ["7"])
    assert said["outputs"][0] == {"name": "scores", "datatype": "FP64", "shape": [-1, 2]}
    assert metadata("spam", LEARNER, None)["versions"] == []


# -- the plain form


def test_plain_texts_and_features() -> None:
    assert read_scores(b'{"texts": ["a", ""]}', LEARNER, 2) == ["a", ""]
    assert lists(read_scores(b'{"features": [{"1": 2, "7": 1}, [0, 3]]}', LEARNER, 2)) == (
        [0, 2, 3],
        [1, 7, 1],
        [2.0, 1.0, 3.0],
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{}", "one of"),
        (b'{"texts": ["a"], "features": [[1]]}', "one of"),
        (b'{"texts": []}', "1 to 2"),
        (b'{"texts": ["a", "b", "c"]}', "1 to 2"),
        (b'{"features": [[1], [1], [1]]}', "1 to 2"),
        (b'{"texts": [7]}', "texts.0"),
        (b'{"texts": "a"}', "texts"),
        (b'{"text": "a"}', "text"),
        (b'{"features": [{"8": 1}]}', "the model has 8"),
        (b'{"features": [[0, 0, 0, 0, 0, 0, 0, 0, 1]]}', "the model has 8"),
        (b'{"features": [{"x": 1}]}', "features.0"),
        (b"[", "JSON"),
    ],
)
def test_what_is_no_plain_request_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(InputInvalid, match=reason):
        read_scores(body, LEARNER, 2)


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        ('{"1": NaN}', "features.1: Input should be a finite number"),
        ('{"-1": 1}', "features.1: Input should be a valid integer"),
        ("7", "features.1: Input should be a list of values, or an object of values by index"),
    ],
)
def test_what_is_wrong_with_features_is_told_of_the_form_that_they_have(features: str, reason: str) -> None:
    with pytest.raises(InputInvalid, match=reason):
        read_scores(f'{{"features": [{{}}, {features}]}}'.encode(), LEARNER, 2)


QUOTED = '"x"'
MANY = ",".join([QUOTED] * 2000)


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (Scores, f'{{"texts": [{MANY.replace(QUOTED, "1")}]}}'),
        (Scores, f'{{"features": [[{MANY}]]}}'),
        (Scores, f'{{"features": [{MANY}]}}'),
        (Scores, '{"features": [{' + ",".join(f'"{n}": "x"' for n in range(2000)) + "}]}"),
        (Infer, f'{{"inputs": [{MANY}]}}'),
        (Infer, f'{{"inputs": [{{"name": "text", "datatype": "BYTES", "data": [], "shape": [{MANY}]}}]}}'),
        (Infer, f'{{"inputs": [{{"name": "a", "datatype": "BYTES", "data": [], "shape": []}}], "outputs": [{MANY}]}}'),
    ],
)
def test_one_error_is_collected_however_many_elements_are_wrong(model: type[BaseModel], body: str) -> None:
    """A body of 16 MiB of them took a minute, in which nobody was answered."""
    with pytest.raises(ValidationError) as refused:
        model.model_validate_json(body)
    assert refused.value.error_count() == 1
