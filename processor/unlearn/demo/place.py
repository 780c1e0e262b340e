"""A run's own folder and settings, and how a later run removes them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import redis
from pydantic import SecretStr

from unlearn.environment.private_files import FOLDER_MODE, make_file, make_folder
from unlearn.log.kafka.errors import translated
from unlearn.service_settings.store import StoreSettings
from unlearn.services.process import LocalProcess
from unlearn.settings import KafkaSettings, Settings, TopicSettings
from unlearn.settings_sources import Loaded

__all__ = ["clear_earlier", "demo_settings", "locked", "new_model", "settings_file", "worker_process"]

_KEEP, _LOCK, _KAFKA = "keep", "lock", "on-kafka"
_SHORT = {"slice_span": 500, "seal_after": 2.0, "heartbeat_every": 1.0}
"""Slices and waits shorter than the defaults, where the user names none."""


def new_model() -> str:
    """A name for this run's model."""
    return f"demo-{secrets.token_hex(3)}"


def demo_settings(loaded: Loaded, model: str, classes: tuple[str, ...]) -> Settings:
    """The user's settings with a model, topics, group and store of this run's own."""
    given = loaded.settings
    mine: dict[str, Any] = {name: value for name, value in _SHORT.items() if name not in loaded.origins}
    if given.lease <= mine.get("heartbeat_every", given.heartbeat_every):
        mine.pop("heartbeat_every", None)
    folder = (given.services_dir / "demo" / model).absolute()
    return given.model_copy(
        update={
            **mine,
            "model": model,
            "classes": classes,
            "subjects": True,
            "services_dir": given.services_dir.absolute(),
            "kafka": given.kafka.model_copy(update={"group_id": None}),
            "topics": TopicSettings(),
            "store": StoreSettings(url=(folder / "store").as_uri()),
        }
    )


def folder_of(settings: Settings) -> Path:
    """The folder of the run that has these settings."""
    return settings.services_dir / "demo" / settings.model


def settings_file(settings: Settings) -> Path:
    """Write the run's settings to a file, for its workers and for users who look around later.

    Only its owner may read it, as it holds the secret.
    """
    path = folder_of(settings) / "settings.toml"
    make_file(path).write_text("\n".join(_toml(settings.model_dump(exclude_none=True))) + "\n", encoding="utf-8")
    return path


def _toml(values: Mapping[str, Any], table: str = "") -> Iterator[str]:
    if table:
        yield f"[{table}]"
    for name, value in values.items():
        if not isinstance(value, dict):
            yield f"{name} = {_toml_value(value)}"
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _toml(value, f"{table}.{name}" if table else name)


def _toml_value(value: object) -> str:
    if isinstance(value, SecretStr):
        return _toml_value(value.get_secret_value())
    if isinstance(value, Path):
        return _toml_value(str(value))
    # JSON spells these as TOML does, but for one control character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@contextlib.contextmanager
def locked(settings: Settings, *, on_kafka: bool, keep: bool) -> Iterator[Path]:
    """Inside the `with` block, the run's new folder, locked so that no other run clears it away.

    Files in it note for later runs whether it has topics on Kafka and whether to keep it.
    """
    folder = folder_of(settings)
    make_folder(folder.parent)
    folder.mkdir(mode=FOLDER_MODE)
    with _hold(folder):
        for name, wanted in ((_KAFKA, on_kafka), (_KEEP, keep)):
            if wanted:
                make_file(folder / name)
        yield folder


@contextlib.contextmanager
def _hold(folder: Path) -> Iterator[bool]:
    """Inside the `with` block, whether this process holds the folder's lock."""
    with make_file(folder / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def worker_process(folder: Path, number: int) -> LocalProcess:
    """The process of the run's worker of this number."""
    return LocalProcess(folder / f"worker-{number}")


def clear_earlier(settings: Settings, client: redis.Redis, *, kafka: bool) -> list[str]:
    """Remove what earlier runs left in Redis, Kafka and the folder, except runs that are kept or still going on.

    Without `kafka`, runs that have topics are left alone too. Gives the names of the models removed.
    """
    gone = []
    for folder in sorted((settings.services_dir / "demo").glob("demo-*")):
        if (folder / _KEEP).exists() or ((folder / _KAFKA).exists() and not kafka):
            continue
        with _hold(folder) as ours:
            if ours:
                _clear(folder, settings.kafka, client)
                gone.append(folder.name)
    return gone


def _clear(folder: Path, kafka: KafkaSettings, client: redis.Redis) -> None:
    for place in folder.glob("worker-*"):
        LocalProcess(place).stop(5.0)
    if (folder / _KAFKA).exists():
        _delete_topics(folder.name, kafka)
    keys = list(client.scan_iter(match=f"{{{folder.name}:*", count=5000))
    for start in range(0, len(keys), 5000):
        client.unlink(*keys[start : start + 5000])
    shutil.rmtree(folder, ignore_errors=True)


def _delete_topics(model: str, settings: KafkaSettings) -> None:
    from kafka import KafkaAdminClient

    with translated("deleting the topics of an earlier demo"):
        admin = KafkaAdminClient(**settings.client_options())
        try:
            mine = [topic for topic in admin.list_topics() if topic.startswith(f"{model}.")]
            if mine:
                admin.delete_topics(mine)
        finally:
            admin.close()
