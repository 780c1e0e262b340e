"""The commands that the demo prints show its own model, whatever the user's shell exports."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from unlearn.demo.outcome import Options
from unlearn.demo.place import demo_settings, locked, settings_file
from unlearn.demo.prepare import read_script
from unlearn.demo.summary import look_command
from unlearn.errors import InputInvalid
from unlearn.settings_sources import load

ODD = {
    "UNLEARN_MODEL": "other",
    "UNLEARN_TOPICS__EVENTS": "other.events",
    "UNLEARN_SECRET": "another secret of 16 bytes or more",
    "UNLEARN_CONFIG": "/nonexistent.toml",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in os.environ:
        if name.upper().startswith("UNLEARN_"):
            monkeypatch.delenv(name)
    return monkeypatch


def test_the_printed_command_shows_the_run_s_model_where_another_is_exported(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("UNLEARN_SERVICES_DIR", str(tmp_path / "a folder"))
    settings = demo_settings(load(demo=True), "demo-abc", ("ham", "spam"))
    with locked(settings, on_kafka=False, keep=False):
        config = settings_file(settings)
    exported = {**os.environ, **ODD}

    shell = f"{look_command(config, exported)} settings --json"
    done = subprocess.run(
        ["bash", "-c", shell], env=exported, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["model"]["value"] == "demo-abc"
    assert found["topics.events"]["value"] is None
    assert found["secret"]["from"] == "file"


def test_without_exported_variables_the_command_is_plain(tmp_path: Path) -> None:
    assert look_command(tmp_path / "s.toml", {"PATH": "x"}).split()[1:] == ["--config", str(tmp_path / "s.toml")]


def _options(source: Path | None) -> Options:
    return Options(events=60, seed=1, source=source, rate=0, workers=1, keep=False)


def test_generated_events_have_their_own_labels_whatever_classes_are_exported(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("UNLEARN_CLASSES", '["a", "b"]')
    stream, script = read_script(load(demo=True), _options(None))

    assert stream.classes == ("ham", "spam")
    assert script.steps


def test_an_input_of_which_all_is_refused_names_the_first_line_and_how_to_see_why(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("UNLEARN_CLASSES", '["a", "b"]')
    path = tmp_path / "events.jsonl"
    path.write_text('{"type":"insert","event_id":"e","record_id":"r","label":"ham","text":"t"}\n')

    with pytest.raises(InputInvalid, match=rf"refuses 1 lines, the first is 1; see: unlearn send --check {path}"):
        read_script(load(demo=True), _options(path))
