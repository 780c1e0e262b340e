"""Each export is loaded again by its own program, and scores as the ensemble does."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file

from tests.unit.models.test_aggregate import CASES, FEATURES, dense, ensemble_of, rows_of, scored, texts
from tests.unit.test_history import manifest
from unlearn.admin.exporting import export
from unlearn.admin.exporting.description import TOLERANCE
from unlearn.admin.exporting.files import files_of
from unlearn.admin.exporting.format import Format
from unlearn.errors import ExtraMissing, FileUnusable, InputInvalid, Refused
from unlearn.scoring.serving import Merged, Served
from unlearn_models import Rows, hash_texts, make_learner
from unlearn_models.base.aggregate import Aggregate

NOW = 1_800_000_000.0
LONG = 10 * 365 * 86400.0
ASKED = [*texts(30, 99), "never seen", ""]
MERGED = {0: Merged(manifest(1, 0, (0, 0)), 7, (), None, newest_owner=True)}
MERGED |= {2: replace(MERGED[0], manifest=MERGED[0].manifest.model_copy(update={"partition": 2}), offset=9)}


def served(name: str, classes: tuple[str, ...], lacking: int = 0, **options: Any) -> Served:
    """By an ensemble of shards that lack rows of the last `lacking` classes."""
    learner = make_learner(name, classes, FEATURES, **options)
    return Served(learner, ensemble_of(learner, len(classes) - lacking), 9, (1,), "c0ffee")


def exported(to: Format, given: Served, folder: Path, use_for: float = LONG) -> dict[str, Any]:
    """What `export.json` says of it."""
    model = export.aggregate_of(given)
    export.write(folder, model, export.described(to, given, MERGED, model, NOW, use_for))
    about: dict[str, Any] = json.loads((folder / "export.json").read_text())
    return about


def by_sklearn(folder: Path) -> NDArray[np.float64]:
    return np.asarray(loader(folder).load().predict_proba(ASKED))


def by_safetensors(folder: Path) -> NDArray[np.float64]:
    with safe_open(folder / "model.safetensors", "numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no mapping
        said = file.metadata()
    model = Aggregate(**arrays, values=said["unlearn.values"], link=said["unlearn.link"])
    return scored(model, counts())


def by_onnx(folder: Path) -> NDArray[np.float64]:
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    probabilities, label = session.run(["probabilities", "label"], {"counts": counts()})
    assert (np.asarray(probabilities).argmax(axis=1) == label).all()
    return np.asarray(probabilities)


FORMATS: dict[Format, Callable[[Path], NDArray[np.float64]]] = {
    "sklearn": by_sklearn,
    "safetensors": by_safetensors,
    "onnx": by_onnx,
}


def counts() -> NDArray[np.float64]:
    return dense(asked())


def asked() -> Rows:
    return Rows(np.full(len(ASKED), -1, np.int32), *hash_texts(ASKED, FEATURES))


def loader(folder: Path) -> Any:
    """The module that stands in the export."""
    spec = importlib.util.spec_from_file_location("load_of_an_export", folder / "load.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("lacking", [0, 1])
@pytest.mark.parametrize(("name", "classes", "options"), CASES)
@pytest.mark.parametrize("to", FORMATS)
def test_it_scores_as_the_ensemble(
    to: Format, name: str, classes: tuple[str, ...], options: dict[str, Any], lacking: int, tmp_path: Path
) -> None:
    given = served(name, classes, lacking, **options)

    about = exported(to, given, tmp_path / "out")

    assert about["tolerance"] == TOLERANCE
    must = given.ensemble.scores(asked())
    assert np.abs(FORMATS[to](tmp_path / "out") - must).max() < TOLERANCE


def test_it_names_versions_identity_and_the_end_of_its_use(tmp_path: Path) -> None:
    for to in FORMATS:
        about = exported(to, served("linear", ("ham", "spam")), tmp_path / to, use_for=60)
        assert (about["version"], about["versions"], about["left_out"]) == (9, {"0": 7, "2": 9}, [1])
        assert (about["model"], about["identity"], about["learner"]) == ("demo", "0" * 64, "linear")
        assert about["content"] == "c0ffee"
        assert (about["exported_at"], about["use_until"]) == ("2027-01-15T08:00:00+00:00", "2027-01-15T08:01:00+00:00")
        assert {path.stat().st_mode & 0o777 for path in (tmp_path / to).iterdir()} == {0o600}
    with safe_open(tmp_path / "safetensors" / "model.safetensors", "numpy") as file:
        said = file.metadata()
    session = onnxruntime.InferenceSession(str(tmp_path / "onnx" / "model.onnx"), providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map == {**said, "unlearn.to": "onnx"}
    assert (said["unlearn.use_until"], said["unlearn.versions"]) == (about["use_until"], '{"0": 7, "2": 9}')


def test_nothing_of_a_single_shard_is_in_it(tmp_path: Path) -> None:
    """The same files whether the rows stand in three shards or, where their counts are added, in one."""
    learner = make_learner("naive-bayes", ("ham", "spam"), FEATURES)
    one = learner.learn(learner.empty(), Rows.concat([rows_of(40, seed, 2) for seed in range(3)]))
    many, single = (Served(learner, made, 9, ()) for made in (ensemble_of(learner, 2), learner.ensemble([one])))
    for to in FORMATS:
        files = [exported(to, each, tmp_path / f"{to} {n}")["files"] for n, each in enumerate((many, single))]
        # Its header names the metadata in an order of its own
        assert to == "safetensors" or files[0] == files[1]
    both = [load_file(tmp_path / f"safetensors {n}" / "model.safetensors") for n in range(2)]
    assert {name: array.tobytes() for name, array in both[0].items()} == {
        name: array.tobytes() for name, array in both[1].items()
    }
    assert both[0].keys() == {"features", "weights", "bias"}


def test_the_loader_refuses_an_export_whose_time_is_over_and_a_changed_file(tmp_path: Path) -> None:
    exported("sklearn", served("linear", ("ham", "spam")), tmp_path / "over", use_for=-LONG)
    with pytest.raises(ValueError, match="not to be used from 2017"):
        loader(tmp_path / "over").load()

    exported("sklearn", served("linear", ("ham", "spam")), tmp_path / "changed")
    with (tmp_path / "changed" / "weights.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match=r"weights\.npz is not the file"):
        loader(tmp_path / "changed").load()


@pytest.mark.parametrize("name", ["forest", "pu-naive-bayes"])
def test_what_is_no_one_linear_model_is_refused(name: str) -> None:
    learner = make_learner(name, ("ham", "spam"), FEATURES)
    rows = rows_of(40, 1, 2)
    state = learner.learn(learner.empty(), rows.take(learner.accepts(rows)))
    with pytest.raises(Refused, match=f"the learner is {name}"):
        export.aggregate_of(Served(learner, learner.ensemble([state]), 1, ()))


def test_a_model_without_rows_is_refused() -> None:
    learner = make_learner("linear", ("ham", "spam"), FEATURES)
    with pytest.raises(Refused, match="once there are rows"):
        export.aggregate_of(Served(learner, learner.ensemble([]), 1, ()))


def test_a_format_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    export.check_format("sklearn")
    with pytest.raises(ExtraMissing, match=r"pip install 'unlearn-stream\[export\]'"):
        export.check_format("onnx")


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    export.check_place(tmp_path / "new")
    export.check_place(tmp_path)
    (tmp_path / "file").touch()
    for taken in (tmp_path, tmp_path / "file"):
        with pytest.raises(InputInvalid, match="give another one"):
            export.check_place(taken)


def test_an_export_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    given = served("linear", ("ham", "spam"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "theirs").touch()

    with pytest.raises(FileUnusable, match="can't be written: Directory not empty"):
        exported("sklearn", given, tmp_path / "out")

    assert {path.name for path in tmp_path.rglob("*")} == {"out", "theirs"}


def test_a_model_of_too_many_features_is_refused_where_weights_are_dense() -> None:
    given = served("linear", ("ham", "spam"))
    model = export.aggregate_of(given)
    for to in FORMATS:
        about = export.described(to, given, MERGED, model, NOW, LONG).model_copy(update={"features": 2**30})
        if to == "safetensors":
            assert files_of(model, about)
            continue
        with pytest.raises(InputInvalid, match="export to safetensors"):
            files_of(model, about)
