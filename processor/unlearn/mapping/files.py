"""A mapping by the name of a preset, or by the path of a TOML file, which may start from a preset."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from unlearn.environment.named_files import Unreadable, read_named_text
from unlearn.mapping.mapping import EARLIER, Mapping
from unlearn.mapping.presets import PRESETS

__all__ = ["mapping_named"]

_OF_FORMS = ("when", "unless", "type", "words", "row", "gone", "insert", "delete", "needs", "passed")
_MERGED = ("words", "insert", "delete")
_STARTS = {**PRESETS, str(EARLIER): EARLIER.model_copy(update={"lifts_checked": True}).formerly(EARLIER)}
"""What files start from. All of them take lifts, which the preset `earlier` doesn't: a file mustn't say the same."""


def mapping_named(name: str) -> Mapping:
    """The preset of this name, or the mapping of the TOML file at this path. Raises ValueError."""
    if name in PRESETS:
        return PRESETS[name]
    try:
        said = tomllib.loads(read_named_text(Path(name).expanduser()))
    except Unreadable as error:
        raise ValueError(f"{name} is none of {', '.join(PRESETS)}, and as a file it {error}") from None
    except ValueError as error:
        raise ValueError(f"{name} isn't TOML: {error}") from None
    return _mapping(said, name)


def _mapping(said: dict[str, Any], name: str) -> Mapping:
    preset = said.pop("preset", "plain")
    if preset not in PRESETS:
        raise ValueError(f"{name}: preset is none of {', '.join(PRESETS)}")
    before = (_started_from(one, said, name) for one in _STARTS[preset].before)
    return _started_from(_STARTS[preset], said, name).formerly(*before)


def _started_from(preset: Mapping, said: dict[str, Any], name: str) -> Mapping:
    """The preset with what the file says in its place."""
    start, said = preset.told(), dict(said)
    of_forms = {key: said.pop(key) for key in _OF_FORMS if key in said}
    if of_forms and "forms" in said:
        raise ValueError(f"{name}: give forms, or {', '.join(of_forms)} beside them, not both")
    if of_forms:
        said["forms"] = [_over(form, of_forms) for form in start.get("forms", [{}])]
    try:
        return Mapping.model_validate({**start, **said, "name": name})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{name}: {place}: {first['msg'].removeprefix('Value error, ')}") from None


def _over(form: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """A form with what the file says in place of the preset's."""
    merged = {name: {**form.get(name, {}), **more[name]} for name in _MERGED if isinstance(more.get(name), dict)}
    return {**form, **more, **merged}
