"""The pages say what the program does: what they name exists, where they lead to is there."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

import click
import pytest

from unlearn import errors
from unlearn.cli.exits import COMMON, OF_COMMANDS, codes_of
from unlearn.cli.main import COMMANDS, cli
from unlearn.environment.variables import NO_SETTINGS
from unlearn.settings_sources import fields, file_variable, secret_paths, variable

ROOT = Path(__file__).resolve().parents[2]
PAGES: Mapping[str, str] = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
}
CURRENT = [page for page in PAGES if page != "CHANGELOG.md" and not page.startswith("docs/decisions/0")]
"""Pages that tell what is; the others tell what was, and are left as they are."""
README_BYTES = 9000

current = pytest.mark.parametrize("page", CURRENT)


def code_of(page: str) -> Iterator[str]:
    """What stands between backticks, and each line of an indented or fenced block."""
    prose: list[str] = []
    fenced, before = False, ""
    for line in PAGES[page].splitlines():
        fenced ^= line.startswith("```")
        if fenced or (line.startswith("    ") and (before.startswith("    ") or not before)):
            yield line.strip()
        else:
            prose.append(line)
        before = line
    yield from re.findall(r"`([^`]+)`", "\n".join(prose))


@cache
def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs" / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].encode()) <= README_BYTES


def test_the_generated_tables_are_current() -> None:
    for page, made in tables().PAGES.items():
        assert tables().with_tables(PAGES[page], made) == PAGES[page], "run: make tables"


def test_the_generated_files_are_current() -> None:
    for path, text in tables().generated().items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"{path}: run: make tables"


def test_the_index_leads_to_every_page() -> None:
    pages = {page.removeprefix("docs/") for page in PAGES if re.fullmatch(r"docs/\w+\.md", page)} - {"README.md"}

    assert pages - set(re.findall(r"\]\(([^)#]+)", PAGES["docs/README.md"])) == set()


# -- commands and exit codes


@cache
def command_at(name: str, sub: str) -> click.Command | None:
    """The command of a name, or of its subcommand where it is a group; None where there is none."""
    root = click.Context(cli, info_name="unlearn")
    command = cli.get_command(root, name)
    if isinstance(command, click.Group) and sub:
        return command.get_command(click.Context(command, info_name=name, parent=root), sub)
    return command


CALL = r"(?<![\w/.:-])(?<!from )unlearn((?: --config \S+)?)(?: ([a-z]+))(?: ([a-z]+)\b(?!\.))?(.*)"


def named_commands(page: str) -> Iterator[tuple[str, str, list[str]]]:
    """Command, subcommand where one stands behind it, and options of each call of `unlearn` in a page's code."""
    for code in code_of(page):
        for call in re.split(r"&&|;|(?<!\\)\||#", " ".join(code.split())):
            found = re.search(
                r"(?<![\w/.:-])(?<!from )unlearn((?: --config \S+)?)(?: ([a-z]+))(?: ([a-z]+)\b(?!\.))?(.*)", call
            )
            if found:
                yield found[2], found[3] or "", re.findall(r"(?<!\S)(--[a-z-]+)", f"{found[3] or ''} {found[4]}")


@current
def test_every_command_and_option_that_is_named_exists(page: str) -> None:
    for name, sub, options in named_commands(page):
        command = command_at(name, sub)
        assert command is not None, f"unlearn {name} {sub}"
        known = {option for param in (*command.params, *cli.params) for option in (*param.opts, *param.secondary_opts)}
        assert set(options) - known - {"--help"} == set(), f"unlearn {name}"


def test_every_command_is_named() -> None:
    assert set(COMMANDS) - {name for name, _, _ in named_commands("docs/commands.md")} == set()


EXITS = (
    r"(?:exits?(?:\s+codes?)?(?:\s+is|\s+with)?|ends(?:\s+the\s+command)?\s+with)\s+(\d+)(?:,?\s+(?:or|and)\s+(\d+))?"
)


@current
def test_every_exit_code_that_is_named_exists(page: str) -> None:
    every = set(COMMON).union(*OF_COMMANDS.values())

    named = {int(code) for codes in re.findall(rf"(?i)\b{EXITS}", PAGES[page]) for code in codes if code}
    assert named - every == set()

    for names, last in re.findall(r"(?m)^\| (`[A-Z]\w+`(?:, `[A-Z]\w+`)*) \|.*\| ([\d, ]+) \|$", PAGES[page]):
        kinds = [getattr(errors, name) for name in re.findall(r"\w+", names)]
        assert [kind.exit_code for kind in kinds] == list(map(int, last.split(", "))), names

    for name, code in re.findall(r"`(?:unlearn )?([a-z]+)\b[^`]*` (?:exits|ends with) (\d+)", PAGES[page]):
        assert int(code) in {*COMMON, *codes_of(name)}, f"{name}: {code}"


@current
def test_every_make_target_that_is_named_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    named = {found[1] for code in code_of(page) if (found := re.match(r"make ([a-z]+)\b", code))}
    assert named - targets == set()


# -- settings


@current
def test_every_setting_that_is_named_exists(page: str) -> None:
    known = {variable(path) for path, _ in fields()} | {file_variable(path) for path in secret_paths()} | NO_SETTINGS

    assert set(re.findall(r"\bUNLEARN_[A-Z](?:[A-Z_]*[A-Z])?\b", PAGES[page])) - known == set()


# -- files, tests and headings


@current
def test_every_file_and_module_that_is_named_exists(page: str) -> None:
    text = PAGES[page]
    paths = re.findall(r"(?<![\w/.])(?:processor|models|study|bench|docs|deploy|tests)/[\w/.-]*[\w/]", text)
    modules = [name for name in re.findall(r"python -m ([\w.]+)", text) if name.split(".")[0] in ("bench", "tests")]
    modules += re.findall(r"^ +(?:from|import) ((?:processor|models|study)[\w.]*)", text, re.MULTILINE)

    made = ("bench/out", "deploy/docker/secret")
    gone = [path for path in paths if not (ROOT / path).exists() and not path.startswith(made)]
    gone += [name for name in modules if importlib.util.find_spec(name) is None]
    assert gone == []


@current
def test_every_test_that_is_named_exists(page: str) -> None:
    sources = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    functions = set(re.findall(r"^def (test_\w+)\(", "\n".join(sources.values()), re.MULTILINE))

    assert set(re.findall(r"\btest_\w+\.py\b", PAGES[page])) - set(sources) == set()
    assert set(re.findall(r"`(test_\w+)`", PAGES[page])) - functions == set()
    for name, chosen in re.findall(r"pytest \S*?(test_\w+\.py) -k (\w+)", PAGES[page]):
        assert re.search(rf"def test_\w*{chosen}", sources[name]), chosen


@cache
def headings_of(page: str) -> set[str]:
    """The anchors that a browser has for a page's headings."""
    text = re.sub(r"(?ms)^```.*?^```", "", PAGES[page])
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in re.findall(r"(?m)^#+ (.*)$", text))
    return {title.strip().replace(" ", "-") for title in plain}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_between_pages_leads_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if link.startswith(("http:", "https:")):
            continue
        path, _, heading = link.partition("#")
        target = (ROOT / page).parent.joinpath(path).resolve() if path else ROOT / page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        assert not heading or heading in headings_of(str(target.relative_to(ROOT))), link
