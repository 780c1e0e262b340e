"""What users may import: it is there, typed, said on one page, and `import unlearn` loads little."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import unlearn
import unlearn_models
from unlearn import errors

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
SCORING = (ROOT / "docs" / "scoring.md").read_text(encoding="utf-8")
PUBLIC = {
    "Settings",
    "load_settings",
    "Client",
    "Pending",
    "Receipt",
    "Scorer",
    "Served",
    "Answer",
    "UnlearnError",
    "AnswerInvalid",
    "ClientStopped",
    "DeletionRefused",
    "InputInvalid",
    "LogDenied",
    "LogUnavailable",
    "NotEnough",
    "NotSent",
    "Refused",
    "ScorerStopped",
    "SettingsError",
    "StillOpen",
    "TopicMissing",
    "Unavailable",
}


def named_as_public(package: str) -> set[str]:
    """The names in the rows of the page's table of public names that begin with the package."""
    section = PAGE.partition("## What is public\n")[2].partition("\n## ")[0]
    rows = re.findall(rf"(?m)^\| `{package}` \|.*\|$", section)
    return set(re.findall(r"`(\w+)`", " ".join(rows))) - {package}


def test_these_are_the_public_names() -> None:
    assert sorted(unlearn.__all__) == sorted(PUBLIC)
    assert set(dir(unlearn)) >= PUBLIC


def test_the_page_names_all_of_them_and_no_others() -> None:
    assert named_as_public("unlearn") == set(unlearn.__all__)
    assert named_as_public("unlearn_models") == set(unlearn_models.__all__)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_name_is_there_and_documented(name: str) -> None:
    public = getattr(unlearn, name)
    in_the_tree = re.findall(r"── (\w+) +\S", errors.__doc__ or "")
    in_the_table = re.findall(r"`(\w+)`", " ".join(re.findall(r"(?m)^\| (`\w+`.*?) \|", SCORING)))
    assert public.__doc__ or name in in_the_tree or name in in_the_table


@pytest.mark.parametrize("name", ["Client", "Pending", "Scorer", "Served", "Answer"])
def test_what_it_can_do_is_documented(name: str) -> None:
    public = getattr(unlearn, name)
    methods = {member: value for member, value in vars(public).items() if inspect.isfunction(value)}
    assert [member for member, value in methods.items() if not member.startswith("_") and not value.__doc__] == []


def test_what_a_type_checker_sees_is_what_a_program_gets() -> None:
    tree = ast.parse(Path(unlearn.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    assert set(seen) == set(unlearn.__all__)
    for name, module in seen.items():
        assert getattr(unlearn, name) is getattr(importlib.import_module(module), name), name


def test_another_name_is_an_error_and_a_module_is_none() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Worker'"):
        _ = unlearn.Worker  # type: ignore[attr-defined]
    from unlearn import durations

    assert inspect.ismodule(durations)


def test_importing_the_package_loads_nothing_but_the_standard_library() -> None:
    code = "import sys; before = set(sys.modules); import unlearn; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded - set(sys.stdlib_module_names) == {"unlearn"}
    assert [name for name in done.stdout.split() if name.startswith("unlearn.")] == []
