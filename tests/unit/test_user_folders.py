"""By default data are in a fixed folder of the user's, wherever a command is run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unlearn.cli.context import tell_earlier
from unlearn.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Of a user, who is in another folder."""
    for name in os.environ:
        if name.upper().startswith("UNLEARN_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


def _settings() -> Settings:
    return load_settings(demo=True)


def test_services_and_store_do_not_depend_on_the_current_folder(home: Path) -> None:
    settings = _settings()

    assert settings.services_dir == home / ".local" / "state" / "unlearn"
    assert settings.store.url == (home / ".local" / "state" / "unlearn" / "store").as_uri()


def test_the_user_s_folder_of_states_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "states"))

    assert _settings().services_dir == tmp_path / "states" / "unlearn"


def test_a_relative_state_folder_is_ignored(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "states")

    assert _settings().services_dir == home / ".local" / "state" / "unlearn"


def test_a_folder_from_before_goes_on_being_used_with_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    Path(".services").mkdir()
    settings = _settings()
    tell_earlier(settings)

    assert settings.services_dir == Path(".services").absolute()
    assert settings.store.url == (Path(".services").absolute() / "store").as_uri()
    assert f"note: {Path('.services').absolute()} is used" in capsys.readouterr().err


def test_a_folder_that_is_named_is_used_without_a_word(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(".services").mkdir()
    monkeypatch.setenv("UNLEARN_SERVICES_DIR", str(tmp_path / "mine"))
    settings = _settings()
    tell_earlier(settings)

    assert settings.services_dir == tmp_path / "mine"
    assert capsys.readouterr().err == ""
