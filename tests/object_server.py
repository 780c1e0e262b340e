"""An S3 server of the tests: versitygw, built by Go once and kept in the user's cache.

`python -m tests.object_server` builds it before the tests, which would else wait for Go beside them.
It keeps buckets as folders and files as files, so that a test can look at them, spoil them and make them older.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from tests.harness.s3_requests import Login, request
from unlearn.service_settings.store import StoreSettings
from unlearn.services.address import Address
from unlearn.services.protocol import wait_until

__all__ = ["MODULE", "ROOT", "Bucket", "NotBuilt", "ObjectServer", "built_server", "stop_left_behind"]

MODULE: Final = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
ROOT: Final = Login("tests", "a key of the tests")
_COMPILED_QUICKLY: Final = ("-gcflags=all=-N -l", "-ldflags=-s -w")
"""It serves for minutes: the optimizing compiler would take half as much again, and never win it back."""
_BUILD_WITHIN = 800.0
_STARTS_WITHIN = 30.0


class NotBuilt(Exception):
    """Why there is no server."""


def built_server() -> Path:
    """The server's program. Built once for all runs of this user, by one of those that want it. Raises NotBuilt."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "unlearn-tests" / MODULE.rpartition("/")[2]
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "versitygw"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _build(folder / "new")
            (folder / "new" / program.name).rename(program)
    return program


def _build(folder: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise NotBuilt("Go is not installed")
    made = subprocess.run(
        ["nice", go, "install", *_COMPILED_QUICKLY, MODULE],
        env={**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0"},
        timeout=_BUILD_WITHIN,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise NotBuilt(f"Go can't build {MODULE}: {made.stderr[-300:]}")


def stop_left_behind(folder: Path) -> None:
    """Kill the server that a killed run has left on this folder, if there is one."""
    with suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess):
        process = psutil.Process(int((folder / "pid").read_text()))
        if str(folder / "buckets") in process.cmdline():
            process.kill()


class Bucket(NamedTuple):
    """A bucket, and the folder in which the server keeps it."""

    name: str
    folder: Path


class ObjectServer:
    """One server on one port; it can be killed, and started again on the same files.

    `certificate`: a folder with key.pem and cert.pem, if it speaks TLS.
    """

    def __init__(self, program: Path, folder: Path, port: int, certificate: Path | None = None) -> None:
        self._program = program
        self._folder = folder
        self._address = Address("127.0.0.1", port)
        self._popen: subprocess.Popen[bytes] | None = None
        self._tls = [f"--cert={certificate / 'cert.pem'}", f"--key={certificate / 'key.pem'}"] if certificate else []
        self.endpoint = f"{'https' if certificate else 'http'}://{self._address}"
        self.environment: Mapping[str, str] = {
            "AWS_ACCESS_KEY_ID": ROOT.access_key,
            "AWS_SECRET_ACCESS_KEY": ROOT.secret_key,
        }
        """What a client needs to log in."""
        for name in ("buckets", "versions", "users"):
            (folder / name).mkdir(parents=True)

    def start(self) -> None:
        folder, options = self._folder, ["--quiet", "--port", str(self._address)]
        own = ["posix", "--versioning-dir", str(folder / "versions"), str(folder / "buckets")]
        with (folder / "log.txt").open("ab") as log:
            self._popen = subprocess.Popen(
                [self._program, *options, *self._tls, "--iam-dir", str(folder / "users"), *own],
                env={**os.environ, "ROOT_ACCESS_KEY": ROOT.access_key, "ROOT_SECRET_KEY": ROOT.secret_key},
                stdout=log,
                stderr=log,
            )
        (folder / "pid").write_text(str(self._popen.pid))
        assert wait_until(self._address.listens, _STARTS_WITHIN), (folder / "log.txt").read_text()

    def kill(self) -> None:
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait(10)

    def freeze(self) -> None:
        """It answers nothing, though it listens."""
        assert self._popen is not None
        self._popen.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._popen is not None
        self._popen.send_signal(signal.SIGCONT)

    def make_bucket(self, name: str, *, versioned: bool = False) -> Bucket:
        (self._folder / "buckets" / name).mkdir()
        if versioned:
            self.set_versioning(name, "Enabled")
        return Bucket(name, self._folder / "buckets" / name)

    def set_versioning(self, bucket: str, status: str) -> None:
        self.ask(
            "PUT",
            f"/{bucket}",
            "versioning",
            f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>",
        )

    def set_policy(self, bucket: str, policy: str) -> None:
        self.ask("PUT", f"/{bucket}", "policy", policy)

    def add_user(self, login: Login) -> None:
        login_of = f"<Access>{login.access_key}</Access><Secret>{login.secret_key}</Secret>"
        self.ask("PATCH", "/create-user", "", f"<Account>{login_of}<Role>user</Role></Account>")

    def ask(self, method: str, path: str, query: str = "", body: str = "") -> None:
        """One request by the server's own user, which has to succeed."""
        status, answer = request(self.endpoint, ROOT, method, path, query, body.encode())
        assert status in (200, 201, 204), answer

    def settings(self, bucket: str, prefix: str = "", **changed: object) -> StoreSettings:
        """Of a store in the bucket. No cache: tests change files behind the server's back."""
        values = {"url": f"s3://{bucket}/{prefix}", "endpoint": self.endpoint, "cache_bytes": 0, "retry_for": 0}
        return StoreSettings.model_validate(values | changed)


if __name__ == "__main__":
    try:
        print(built_server())
    except NotBuilt as error:
        sys.exit(str(error))
