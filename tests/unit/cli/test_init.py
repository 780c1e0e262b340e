"""`unlearn init` makes a file of settings once, with a secret of its own."""

from __future__ import annotations

import os
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from unlearn.cli.commands.setup.init import _write
from unlearn.cli.main import cli
from unlearn.errors import FileUnusable, SettingsError
from unlearn.settings import load_settings


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in os.environ:
        if name.upper().startswith("UNLEARN_"):
            monkeypatch.delenv(name)
    return monkeypatch


def _init(*arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments])


def test_the_file_is_its_owner_s_alone_and_holds_the_model_and_a_secret(tmp_path: Path) -> None:
    path = tmp_path / "mail.toml"
    result = _init("--config", str(path), "init", "mail")

    assert (result.exit_code, result.output) == (0, f"made     {path}: model mail\n")
    assert path.stat().st_mode & 0o777 == 0o600
    found = tomllib.loads(path.read_text())
    assert found.keys() == {"model", "secret"}
    assert len(found["secret"]) == 64
    assert list(tmp_path.iterdir()) == [path]


def test_a_settings_file_that_is_there_stays_as_it_is(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "mail.toml"
    environment.setenv("UNLEARN_CONFIG", str(path))
    _init("init", "mail")
    before = path.read_text()
    result = _init("init", "mail")

    assert (result.exit_code, result.output) == (0, f"is there {path}: model mail\n")
    assert path.read_text() == before
    assert load_settings().model == "mail"


def test_of_several_inits_at_once_one_writes_the_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: _write(tmp_path / "m.toml", "mail"), range(8)))

    assert sum(made) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["m.toml"]


def test_the_file_of_another_model_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "mail.toml")
    _init("--config", path, "init", "mail")
    result = _init("--config", path, "init", "news")

    assert isinstance(result.exception, SettingsError)
    assert "is of the model mail, not news" in str(result.exception)


@pytest.mark.parametrize("variable", ["UNLEARN_MODEL", "UNLEARN_SECRET"])
def test_a_variable_that_would_beat_the_file_is_named(
    environment: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    environment.setenv(variable, "sixteen-bytes-or-more")
    result = _init("--config", str(tmp_path / "mail.toml"), "init", "mail")

    assert isinstance(result.exception, SettingsError)
    assert f"unset {variable}" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_can_be_no_model_s_makes_no_file(tmp_path: Path) -> None:
    result = _init("--config", str(tmp_path / "mail.toml"), "init", "Mail Box")

    assert isinstance(result.exception, SettingsError)
    assert "can't be a model's name" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none" / "mail.toml"
    result = _init("--config", str(path), "init", "mail")

    assert isinstance(result.exception, FileUnusable)
    assert str(path) in str(result.exception)


def test_init_without_a_file_says_how_to_name_one() -> None:
    result = _init("init", "mail")

    assert result.exit_code == 2
    assert "UNLEARN_CONFIG" in result.output
