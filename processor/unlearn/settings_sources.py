"""Reads the settings from their sources, and says in words what is wrong with one."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource

from unlearn.environment.named_files import Unreadable, read_named_text
from unlearn.environment.variables import CONFIG, NO_SETTINGS
from unlearn.errors import SettingsError
from unlearn.local_password import with_local_password
from unlearn.settings import DEMO_SECRET, Settings

PREFIX = "UNLEARN_"
Origin = Literal["default", "file", "environment"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in force, and by path (`kafka.group_id`) the origin of those that aren't defaults."""

    settings: Settings
    origins: Mapping[str, Origin]


def fields() -> Iterator[tuple[str, FieldInfo]]:
    """Path and field of every setting, in the order of their definition."""
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            for inner, inner_field in field.annotation.model_fields.items():
                yield f"{name}.{inner}", inner_field
        else:
            yield name, field


def variable(path: str) -> str:
    """The environment variable of the setting at `path`."""
    return PREFIX + path.replace(".", "__").upper()


def load(config: Path | None = None, *, demo: bool = False) -> Loaded:
    """Reads and checks all settings, with the file `config`, or else the one that UNLEARN_CONFIG names.

    Raises SettingsError, which never holds a secret's value.
    """
    config = config or named_file()
    from_file = _read_file(config)
    from_environment = _read_environment()
    values = _merged(from_file, from_environment)
    if demo:
        values.setdefault("secret", SecretStr(DEMO_SECRET))
    origins: dict[str, Origin] = dict.fromkeys(_paths(from_file), "file")
    origins |= dict.fromkeys(_paths(from_environment), "environment")
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise SettingsError(_explain(error, origins, config)) from None
    return Loaded(with_local_password(settings), MappingProxyType(origins))


def named_file() -> Path | None:
    """The file that UNLEARN_CONFIG names, if it names one."""
    named = os.environ.get(CONFIG)
    return Path(named).expanduser() if named else None


def _read_environment() -> dict[str, Any]:
    known = {variable(path) for path, _ in fields()} | {file_variable(path) for path in secret_paths()}
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known | NO_SETTINGS:
            raise SettingsError(f"{name}: no such setting{_closest(name.upper(), known)}")
    values = EnvSettingsSource(Settings)()
    return _merged(_without_names_of_files(values), _read_secrets())


def secret_paths() -> list[str]:
    """Paths of the settings that are secrets."""
    return [path for path, field in fields() if SecretStr in (field.annotation, *get_args(field.annotation))]


def file_variable(path: str) -> str:
    """The environment variable that names the file in which the secret at `path` stands."""
    return f"{variable(path)}_FILE"


def _read_secrets() -> dict[str, Any]:
    """The secrets that stand in files. Raises SettingsError, which holds none of them."""
    values: dict[str, Any] = {}
    for path in secret_paths():
        name = os.environ.get(file_variable(path))
        if name:
            if os.environ.get(variable(path)):
                raise SettingsError(f"{variable(path)} and {file_variable(path)} are both set: give one of them")
            outer, _, inner = path.rpartition(".")
            place = values.setdefault(outer, {}) if outer else values
            place[inner] = _read_secret(Path(name).expanduser(), file_variable(path))
    return values


def _read_secret(file: Path, named_by: str) -> SecretStr:
    try:
        text = read_named_text(file)
    except Unreadable as error:
        raise SettingsError(f"{named_by}: {file} {error}") from None
    if not text.strip():
        raise SettingsError(f"{named_by}: {file} is empty")
    return SecretStr(text.removesuffix("\n"))


def _without_names_of_files(values: Mapping[str, Any]) -> dict[str, Any]:
    """The source takes whatever begins as a group of settings does for a part of it."""
    files = {f"{path}_file" for path in secret_paths()}
    return {
        outer: {inner: value for inner, value in held.items() if f"{outer}.{inner}" not in files}
        if isinstance(held, dict)
        else held
        for outer, held in values.items()
    }


def _read_file(config: Path | None) -> dict[str, Any]:
    if config is None:
        return {}
    try:
        values = tomllib.loads(read_named_text(config))
    except Unreadable as error:
        raise SettingsError(f"the settings file {config} {error}") from None
    except ValueError as error:
        raise SettingsError(f"the settings file {config} isn't TOML: {error}") from None
    known = {path for path, _ in fields()}
    for path in _paths(values):
        if path not in known:
            raise SettingsError(f"{path} in {config}: no such setting{_closest(path, known)}")
    return values


def _closest(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else "; `unlearn settings` lists them all"


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        inner = merged.get(name)
        if isinstance(inner, dict) and isinstance(value, dict):
            merged[name] = _merged(inner, value)
        else:
            merged[name] = value
    return merged


def _paths(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def _explain(error: ValidationError, origins: Mapping[str, Origin], config: Path | None) -> str:
    described = dict(fields())
    lines = []
    for detail in error.errors(include_url=False, include_input=False):
        if detail["type"] == "default_factory_not_called":
            continue
        path = ".".join(part for part in detail["loc"] if isinstance(part, str))
        reason = "is not set" if detail["type"] == "missing" else detail["msg"].removeprefix("Value error, ")
        field = described.get(path)
        name = f"{path} in {config}" if origins.get(path) == "file" else variable(path)
        lines.append(f"{name}: {reason} ({field.description})" if field else reason)
    return "\n".join(lines)
