"""Connects a scorer to a model of which nothing but its name and places are known: its manifests say the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import ValidationError

from unlearn.errors import NotDescribed, NotEnough, SettingsError
from unlearn.log.protocol import Log
from unlearn.results.results_topic import Results
from unlearn.scoring.published_model import PublishedModel, agreed, differences, of_settings
from unlearn.settings import DEMO_SECRET, Settings
from unlearn.validation_errors import first_error

__all__ = ["given_settings", "published_model"]

_LOOK_EVERY = 0.5


def given_settings(given: Mapping[str, Any]) -> Settings:
    """Settings of what was given by hand, without a secret. Raises SettingsError."""
    values = {name: value for name, value in given.items() if value is not None}
    servers, store = values.pop("bootstrap_servers", None), values.get("store")
    if servers is not None:
        if "bootstrap_servers" in values.get("kafka", {}):
            raise SettingsError("bootstrap_servers is given twice: by itself, and in kafka")
        values["kafka"] = {**values.get("kafka", {}), "bootstrap_servers": servers}
    if isinstance(store, str):
        if "://" not in store:
            raise SettingsError("store: give a URL, such as file:///a/folder")
        values["store"] = {"url": store}
    try:
        return Settings(**{"secret": DEMO_SECRET} | values)
    except ValidationError as error:
        raise SettingsError(first_error(error)) from None


def published_model(
    log: Log,
    settings: Settings,
    given: Collection[str],
    identity: str | None,
    wait: float,
    clock: Callable[[], float] = time.monotonic,
) -> PublishedModel:
    """The model of the settings' name, as its manifests describe it; waits up to `wait` seconds for one that does.

    `given`: the settings that were given by hand, which must be the model's. `identity`: the hash that the model's
    manifests bear, where it is known. Manifests of an earlier release describe nothing: with the secret the settings
    are taken for the model's.

    Raises NotEnough where there is no manifest, or manifests of several models, SettingsError where something given
    differs; NotDescribed, LogUnavailable, TopicMissing.
    """
    results = Results(settings.model, clock=clock)
    tail, deadline = log.tail(settings.results_topic), clock() + wait
    try:
        while True:
            read = results.follow(tail, max(_LOOK_EVERY, deadline - clock()))
            model = _model_in(results, settings, given, identity) if read else None
            if model is not None:
                return model
            if clock() >= deadline:
                raise NotEnough(_why_none(results, settings, identity), ())
            results.merge(tail.poll(_LOOK_EVERY))
    finally:
        tail.close()


def _model_in(
    results: Results, settings: Settings, given: Collection[str], identity: str | None
) -> PublishedModel | None:
    newest = (held.manifest for held in results.partitions.values() if held.manifest is not None)
    try:
        model = agreed(newest, identity)
    except NotDescribed:
        if "secret" not in given:
            raise
        return of_settings(settings, identity)
    if model is not None:
        _check(model, settings, given)
    return model


def _why_none(results: Results, settings: Settings, identity: str | None) -> str:
    others = sorted({held.manifest.identity for held in results.partitions.values() if held.manifest is not None})
    if others:
        return f"no version of the identity {identity} is on {settings.results_topic}, but of {', '.join(others)}"
    return f"no version of {settings.model} is on {settings.results_topic} yet"


def _check(model: PublishedModel, settings: Settings, given: Collection[str]) -> None:
    wrong = differences(model, settings, given)
    if wrong:
        raise SettingsError(
            f"the model {model.name} was made with other settings than these: {', '.join(wrong)}. "
            "Leave them out: its manifests say what it was made with"
        )
