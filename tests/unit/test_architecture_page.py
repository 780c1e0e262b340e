"""docs/architecture.md names every room, in the order of the import contracts, and says what its job is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import unlearn
import unlearn_models

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PACKAGES = {"unlearn": "The rooms of the stream side", "unlearn_models": "The rooms of the learning side"}

each_package = pytest.mark.parametrize("package", PACKAGES)


def rooms_of(package: str) -> set[str]:
    """The folders of a package that hold code."""
    folder = Path({"unlearn": unlearn, "unlearn_models": unlearn_models}[package].__file__ or "").parent
    return {path.parent.name for path in folder.glob("*/__init__.py")}


def layers_of(package: str) -> list[set[str]]:
    """From high to low, by the contract in pyproject.toml."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (contract,) = [one for one in contracts if one["type"] == "layers" and package in one["containers"]]
    return [set(re.split(r"\s*[|:]\s*", layer)) for layer in contract["layers"]]


def rows_of(package: str) -> dict[str, str]:
    """Room -> its job, in the order of the page's table."""
    section = PAGE.partition(f"## {PACKAGES[package]}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"(?m)^\| `(\w+)` \| (.+) \|$", section))


def figure_of(package: str) -> list[set[str]]:
    """The lines of the package's box in the figure, each with the rooms on it."""
    (drawn,) = re.findall(r"(?ms)^    processor/unlearn.*?\n\n", PAGE)
    stream, _, learning = drawn.partition("    models/unlearn_models\n")
    lines = re.findall(r"(?m)^    \| (.*?)  ", stream if package == "unlearn" else learning)
    return [set(line.split(" | ")) for line in lines if not line.startswith("modules:")]


@each_package
def test_every_room_has_a_line_that_says_its_job(package: str) -> None:
    assert rooms_of(package)
    assert set(rows_of(package)) == rooms_of(package)


@each_package
def test_the_figure_shows_every_room_in_the_order_of_the_contract(package: str) -> None:
    rooms = rooms_of(package)

    assert figure_of(package) == [layer & rooms for layer in layers_of(package) if layer & rooms]


@each_package
def test_the_table_is_in_the_order_of_the_contract(package: str) -> None:
    layers = layers_of(package)

    places = [next(place for place, layer in enumerate(layers) if room in layer) for room in rows_of(package)]
    assert places == sorted(places)


@each_package
def test_rooms_within_rooms_are_named_with_the_room_around_them(package: str) -> None:
    folder = Path({"unlearn": unlearn, "unlearn_models": unlearn_models}[package].__file__ or "").parent
    within = {".".join(path.parent.relative_to(folder).parts) for path in folder.glob("*/*/**/__init__.py")}

    assert {name for name in within if f"`{name}`" not in PAGE} == set()
