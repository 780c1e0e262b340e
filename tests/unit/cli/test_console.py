"""`unlearn console` that can't start says why, with the code of the table."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from unlearn.cli.main import cli
from unlearn.errors import SettingsError


@pytest.mark.parametrize("listen", ["8080", "localhost", "localhost:http", ":8080"])
def test_an_address_of_another_form_is_wrong_usage(listen: str) -> None:
    done = CliRunner().invoke(cli, ["console", "--listen", listen])
    assert (done.exit_code, "not HOST:PORT" in done.output) == (2, True)


def test_without_its_packages_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = CliRunner().invoke(cli, ["console"])
    assert isinstance(done.exception, SettingsError)
    assert "pip install 'unlearn-stream[console]'" in str(done.exception)


@pytest.mark.parametrize("command", [["console"], ["console", "--check"]])
def test_tokens_that_can_not_be_read_stop_the_start(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be read-only, and nobody would know why."""
    monkeypatch.setenv("UNLEARN_CONSOLE__TOKENS", str(tmp_path / "none"))
    done = CliRunner().invoke(cli, [*command, *(["--listen", "127.0.0.1:0"] if len(command) == 1 else [])])
    assert isinstance(done.exception, SettingsError)
    assert "UNLEARN_CONSOLE__TOKENS" in str(done.exception)


@pytest.mark.parametrize("urls", ['["scorer:8081"]', '["http://user@scorer"]', '["ftp://scorer"]'])
def test_scorers_are_urls(urls: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLEARN_CONSOLE__SCORERS", urls)
    done = CliRunner().invoke(cli, ["console", "--check"])
    assert isinstance(done.exception, SettingsError)
    assert "UNLEARN_CONSOLE__SCORERS" in str(done.exception)
