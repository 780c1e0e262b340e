"""A run's own settings and folder."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from tests.harness.settings import SECRET
from unlearn.demo.place import demo_settings, locked, settings_file
from unlearn.settings import Settings, load_settings
from unlearn.settings_sources import Loaded, Origin

AWKWARD = ('ham "quoted"', "späm\x7f\n", "🦊")


def loaded(folder: Path, origins: dict[str, Origin] | None = None, **values: Any) -> Loaded:
    given: dict[str, Any] = {"secret": SECRET, "services_dir": folder}
    return Loaded(Settings(**given | values), MappingProxyType(origins or {}))


def test_the_run_takes_nothing_of_another_models_names(tmp_path: Path) -> None:
    names: dict[str, Any] = {
        "topics": {"events": "mine"},
        "kafka": {"group_id": "mine"},
        "store": {"url": "file:///mine"},
    }

    made = demo_settings(loaded(tmp_path, model="mine", **names), "demo-1", ("a", "b"))

    assert (made.events_topic, made.group_id, made.classes) == ("demo-1.events", "unlearn-demo-1", ("a", "b"))
    assert made.store.url == (tmp_path / "demo/demo-1/store").as_uri()


def test_what_the_user_sets_beats_the_demos_values(tmp_path: Path) -> None:
    ours = demo_settings(loaded(tmp_path), "demo-1", ("a", "b"))
    theirs = demo_settings(loaded(tmp_path, {"slice_span": "environment"}, slice_span=77), "demo-1", ("a", "b"))

    assert (ours.slice_span, theirs.slice_span) == (500, 77)


def test_the_settings_file_reads_back_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("UNLEARN_"):
            monkeypatch.delenv(name)
    made = demo_settings(loaded(tmp_path, redis={"url": "redis://:pa%22ss@127.0.0.1:1/0"}), "demo-1", AWKWARD)

    with locked(made, on_kafka=True, keep=False):
        path = settings_file(made)

    assert load_settings(path) == made
    assert path.stat().st_mode & 0o077 == 0
    assert tomllib.loads(path.read_text())["classes"] == list(AWKWARD)
