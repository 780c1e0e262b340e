from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from unlearn.cli import main as cli_main
from unlearn.cli.exits import COMMON
from unlearn.errors import LogUnavailable, UnlearnError


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


def _fail_with(environment: pytest.MonkeyPatch, error: BaseException) -> None:
    @click.command()
    def failing() -> None:
        raise error

    environment.setattr(cli_main.LazyGroup, "get_command", lambda *_: failing)


HOW = "not foreseen: a fault of unlearn's; `unlearn --traceback ...` shows where it arose"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UnlearnError("a reason"), 70, "error: a reason"),
        (LogUnavailable("a reason"), 69, "error: a reason"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (EOFError("cut short"), 70, f"error: EOFError: cut short ({HOW})"),
        (KeyError("of two\nlines"), 70, f"error: KeyError: 'of two\\nlines' ({HOW})"),
        (ValueError("of two\nlines"), 70, f"error: ValueError: of two lines ({HOW})"),
        (MemoryError(), 70, f"error: MemoryError ({HOW})"),
        (ConnectionResetError(104, "It broke"), 70, f"error: ConnectionResetError: [Errno 104] It broke ({HOW})"),
        (PermissionError(13, "Permission denied", "a/file"), 74, "error: a/file: Permission denied"),
        (OSError(28, "No space left on device"), 74, "error: No space left on device"),
        (click.FileError("a/file", "is spoilt"), 74, "error: Could not open file 'a/file': is spoilt"),
    ],
)  # fmt: skip
def test_errors_become_one_line_and_an_exit_code_of_the_table(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, said: str
) -> None:
    _fail_with(environment, error)

    assert _run("anything") == code
    assert code in COMMON
    told = capsys.readouterr()
    assert (told.out, told.err.strip()) == ("", said)


@pytest.mark.parametrize(("arguments", "value"), [(["--traceback"], None), ([], "1")])
def test_where_an_unforeseen_error_arose_is_shown_on_demand(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], value: str | None
) -> None:
    environment.setenv("UNLEARN_TRACEBACK", value or "0")
    _fail_with(environment, KeyError("a reason"))

    assert _run(*arguments, "anything") == 70
    said = capsys.readouterr().err
    assert said.startswith("Traceback (most recent call last):\n")
    assert "in failing\n    raise error\nKeyError: 'a reason'\nerror: KeyError" in said


def test_help_needs_none_of_the_heavy_libraries() -> None:
    heavy = ("kafka", "unlearn_models", "numba", "numpy", "redis", "sklearn")
    script = (
        "import sys, unlearn.cli.main as m\n"
        "try: m.main(['--help'])\n"
        f"except SystemExit: sys.exit(str([name for name in {heavy} if name in sys.modules]))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert ended.stderr == "[]\n"


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
    assert found["redis.url"]["value"] == "127.0.0.1:6379"
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


def test_a_folder_of_results_that_can_not_be_made_is_told_before_anything_is_measured(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def measure(*_: object) -> None:
        raise AssertionError("it has begun to measure")

    environment.setattr("unlearn.cli.commands.setup.study._measured", measure)
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "out"

    assert _run("study", "--data", "generated", "--rows", "100", "--out", str(out)) == 74
    assert capsys.readouterr().err.endswith(f"error: {out}: Not a directory\n")


def test_a_number_of_lines_below_one_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("services", "logs", "--lines", "0") == 2
    assert "x>=1" in capsys.readouterr().err
