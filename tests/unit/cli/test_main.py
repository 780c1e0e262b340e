from __future__ import annotations

import json
import os
from typing import Any

import click
import pytest

from processor.cli import main as cli_main
from processor.errors import LogUnavailable, UnlearnError


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in os.environ:
        if name.upper().startswith("UNLEARN_"):
            monkeypatch.delenv(name)
    return monkeypatch


def _run(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as end:
        cli_main.main(list(arguments))
    return end.value.code


@pytest.mark.parametrize(
    ("error", "code"),
    [(UnlearnError("a reason"), 70), (LogUnavailable("a reason"), 69), (KeyboardInterrupt(), 130)],
)
def test_errors_become_one_line_and_an_exit_code(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    environment.setattr(cli_main.LazyGroup, "get_command", lambda *_: failing)
    assert _run("anything") == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.strip() in {"error: a reason", "interrupted"}


def test_help_and_unknown_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--help") == 0
    assert "Examples:" in capsys.readouterr().out
    assert _run("no-such-command") == 2
    assert "No such command" in capsys.readouterr().err


def test_commands_whose_module_is_there_are_listed() -> None:
    listed = cli_main.cli.list_commands(click.Context(cli_main.cli))
    assert {"services", "settings"} <= set(listed) <= set(cli_main.COMMANDS)


def _settings_json(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    assert _run("settings", "--json") == 0
    found: dict[str, dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_settings_show_value_and_origin(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    environment.setenv("UNLEARN_SEAL_AFTER", "60")
    found = _settings_json(capsys)
    assert found["seal_after"] == {"value": "PT1M", "from": "environment"}
    assert found["forget_within"] == {"value": "P30D", "from": "default"}
    assert found["redis.url"]["value"] == "redis://127.0.0.1:6379/0"
    assert found["secret"] == {"value": None, "from": "default"}


@pytest.mark.parametrize("form", [["--json"], ["--markdown"], []])
def test_settings_hide_secrets(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: list[str]
) -> None:
    environment.setenv("UNLEARN_SECRET", "hunter2 hunter2 hunter2")
    environment.setenv("UNLEARN_REDIS__URL", "redis://:hunter2@127.0.0.1:6379/0")
    environment.setenv("UNLEARN_KAFKA__SASL_PASSWORD", "hunter2")
    assert _run("settings", *form) == 0
    said = capsys.readouterr().out
    assert "hunter2" not in said
    assert "UNLEARN_SECRET" in said or "secret" in said


def test_a_wrong_setting_is_an_error_without_a_trace(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("UNLEARN_MODLE", "x")
    assert _run("settings") == 64
    assert capsys.readouterr().err == "error: UNLEARN_MODLE: no such setting; did you mean UNLEARN_MODEL?\n"
