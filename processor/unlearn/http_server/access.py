"""Who may ask: bearer tokens of a file, and how often each may."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from unlearn.environment.named_files import Unreadable, read_named_text
from unlearn.errors import SettingsError

__all__ = ["Rate", "Tokens", "bears_token", "read_tokens"]

_LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,64})\s+(?P<token>[A-Za-z0-9._~+/=-]{16,512})")
_BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE)
_BURST = 2.0


UNAUTHORIZED = "send a known token: Authorization: Bearer TOKEN"
"""What is answered with 401."""


class Tokens:
    """Which token belongs to whom; it holds their hashes alone."""

    def __init__(self, names: dict[bytes, str]) -> None:
        self._names = names

    def name_of(self, authorization: str) -> str | None:
        """Whose token an `Authorization` header has; None where it has none, or an unknown one."""
        match = _BEARER.fullmatch(authorization.strip())
        return None if match is None else self._names.get(_hash(match[1]))


def bears_token(authorization: str) -> bool:
    """Whether an `Authorization` header says to have a token, known or not. That of a login to a proxy doesn't."""
    return authorization.strip().lower().startswith("bearer")


def read_tokens(path: Path, setting: str) -> Tokens:
    """The tokens of a file with a name and a token a line; empty lines and those that begin with # say nothing.

    One name may have several tokens. `setting` is the variable that names the file. Raises SettingsError, which never
    holds a token.
    """
    try:
        lines = read_named_text(path).splitlines()
    except Unreadable as error:
        raise SettingsError(f"{setting}: {path} {error}") from None
    names: dict[bytes, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None or names.get(_hash(match["token"]), match["name"]) != match["name"]:
            raise SettingsError(
                f"{setting}: line {number} of {path} isn't a name, a blank, and a token of its own of 16 "
                "or more characters; make one with: openssl rand -hex 32"
            )
        names[_hash(match["token"])] = match["name"]
    if not names:
        raise SettingsError(f"{setting}: {path} has no token, so nobody could ask")
    return Tokens(names)


class Rate:
    """How often each name may ask: so many times a second, and twice that at once. `clock` gives seconds."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate, self._clock = rate, clock
        self._most = max(1.0, _BURST * rate)
        self._left: dict[str, tuple[float, float]] = {}

    def wait(self, name: str) -> float:
        """Seconds until the name may ask again; 0 where it may ask now, which then counts."""
        now = self._clock()
        left, since = self._left.get(name, (self._most, now))
        left = min(self._most, left + (now - since) * self._rate)
        self._left[name] = (left - 1, now) if left >= 1 else (left, now)
        return 0.0 if left >= 1 else (1 - left) / self._rate


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
