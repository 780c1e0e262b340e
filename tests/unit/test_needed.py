"""A test that lacks its runtime is skipped, or fails where that is said to be there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.harness import npm
from tests.harness.needed import NAMES, VARIABLE, lacking

ROOT = Path(__file__).parents[2]
OTHERS = {"tests/harness/needed.py"}


@pytest.mark.parametrize("needed", ["", "java", "java,browser"])
def test_what_is_not_needed_is_skipped(monkeypatch: pytest.MonkeyPatch, needed: str) -> None:
    monkeypatch.setenv(VARIABLE, needed)
    with pytest.raises(pytest.skip.Exception, match="no Node"):
        lacking("node", "no Node.js")


@pytest.mark.parametrize(("needed", "says"), [("java,node", "no Node.js; .*node is needed"), ("nodejs", "none of")])
def test_what_is_needed_fails_and_so_does_a_name_that_is_none(
    monkeypatch: pytest.MonkeyPatch, needed: str, says: str
) -> None:
    monkeypatch.setenv(VARIABLE, needed)
    with pytest.raises(pytest.fail.Exception, match=says):
        lacking("node", "no Node.js")


@pytest.mark.parametrize("lacks", ["node", "packages"])
def test_packages_for_node_that_cant_be_had_are_no_excuse(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lacks: str
) -> None:
    monkeypatch.setenv(VARIABLE, "node")
    monkeypatch.setattr("shutil.which", lambda name: None if lacks == "node" else "/bin/false")
    package = tmp_path / "package"
    package.mkdir()
    with pytest.raises(pytest.fail.Exception, match="node is needed"):
        npm.installed(package, tmp_path / "installed")


def test_no_test_skips_by_itself_for_want_of_a_program() -> None:
    for path in sorted((ROOT / "tests").rglob("*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        skips = [call.lineno for call in calls if ast.unparse(call.func) == "pytest.skip"]
        assert not skips or path.relative_to(ROOT).as_posix() in OTHERS, (path, skips)


def test_all_that_can_be_needed_is_looked_for_in_ci() -> None:
    looked_for = re.findall(r"^find ([\w-]+)", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)
    assert sorted(looked_for) == sorted(NAMES)
