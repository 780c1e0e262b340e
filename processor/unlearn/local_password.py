"""The password of the local Redis: made when it is first started, kept beside its data, found by every command."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from unlearn.environment.private_files import make_file
from unlearn.environment.redis_url import is_loopback

if TYPE_CHECKING:
    from unlearn.settings import Settings

__all__ = ["make_password", "with_local_password"]


def with_local_password(settings: Settings) -> Settings:
    """The settings, with the password of the local Redis where their URL names its port and no login."""
    address = settings.redis.address
    if address.socket or address.tls or address.username or address.password or not is_loopback(address.host):
        return settings
    try:
        password = _file(settings).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return settings
    if not password:
        return settings
    place = settings.redis.url.get_secret_value().partition("://")[2].removeprefix(":").removeprefix("@")
    redis = settings.redis.model_copy(update={"url": SecretStr(f"redis://:{password}@{place}")})
    return settings.model_copy(update={"redis": redis})


def make_password(settings: Settings) -> None:
    """Write a new password for the port that the settings' URL names. The folder of the local Redis must exist."""
    path = _file(settings)
    whole = make_file(path.with_name(path.name + ".new"))
    whole.write_text(secrets.token_urlsafe(32), encoding="ascii")
    whole.replace(path)


def _file(settings: Settings) -> Path:
    return settings.services_dir / "redis" / f"password-{settings.redis.address.port}"
