"""Takes Redis' URL apart: the place, the login, the options for the client. Only the place is ever shown.

The URL is read strictly: with a character in a password that isn't percent-encoded, a part of the password could be
taken for the host, and be shown. No error message holds any of the text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Any
from urllib.parse import parse_qsl, unquote

__all__ = ["RedisAddress", "is_loopback", "read_redis_url"]

_SCHEME = re.compile("(redis|rediss|unix)://", re.IGNORECASE)
_SHAPE = re.compile(
    r"(?P<scheme>redis|rediss|unix)://(?:(?P<login>[^@/?#]*)@)?(?P<place>[^@/?#]*)"
    r"(?P<path>/[^@?#]*)?(?:\?(?P<query>[^@#]*))?",
    re.IGNORECASE,
)
_PLACE = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<name>[A-Za-z0-9._-]{1,253}))(?::(?P<port>\d{0,5}))?", re.ASCII)
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")

_EXAMPLES = "redis://127.0.0.1:6379/0, rediss://host:6380/0 for TLS, or unix:///run/redis.sock"
_NO_URL = f"not a URL such as {_EXAMPLES}"
_ENCODE = (
    "not well formed: in a user or password write @ as %40, / as %2F, # as %23, ? as %3F, : as %3A, % as %25; "
    f"the whole is such as {_EXAMPLES}"
)
_DATABASE = "its database is no number: it stands alone behind the place, as in redis://127.0.0.1:6379/0"


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """One Redis server: `host` and `port`, or the path of its `socket`. Its text is the place alone."""

    host: str = ""
    port: int = 6379
    socket: str = ""
    tls: bool = False
    database: int = 0
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        if self.socket:
            return f"unix://{self.socket}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments of `redis.Redis`."""
        place = {"unix_socket_path": self.socket} if self.socket else {"host": self.host, "port": self.port}
        login = {"username": self.username, "password": self.password}
        # Without a password OpenSSL would ask a terminal for that of a key.
        tls = {"ssl": True, "ssl_password": ""} if self.tls else {}
        return {**place, "db": self.database, **login, **tls, **self.options}


def is_loopback(host: str) -> bool:
    """Whether the host means this machine, to be seen without asking for its address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def read_redis_url(url: str) -> RedisAddress:
    """The parts of a URL. Raises ValueError, with a sentence that holds nothing of the text."""
    if not url.isprintable() or " " in url:
        raise ValueError(f"holds blanks or control characters; {_NO_URL}")
    found = _SHAPE.fullmatch(url)
    if found is None:
        raise ValueError(_ENCODE if _SCHEME.match(url) and ("@" in url or "#" in url) else _NO_URL)
    scheme, query = found["scheme"].lower(), _read_query(found["query"] or "")
    username, password = _read_login(found["login"] or "", query)
    place = _socket(found) if scheme == "unix" else _host_and_port(found)
    return RedisAddress(
        **place,
        tls=_tls(scheme, query),
        database=_database("" if scheme == "unix" else found["path"] or "", query),
        username=username,
        password=password,
        options=query,
    )


def _host_and_port(found: re.Match[str]) -> dict[str, Any]:
    place = _PLACE.fullmatch(found["place"])
    if place is None:
        raise ValueError(_ENCODE if found["login"] else _NO_URL)
    port = int(place["port"] or 6379)
    if not 1 <= port <= 65535:
        raise ValueError("its port is none: 1 to 65535")
    return {"host": _name(place["name"]) if place["six"] is None else _six(place["six"]), "port": port}


def _name(text: str) -> str:
    # An empty or overlong label makes the resolver raise an error that isn't one of the network.
    if not all(1 <= len(label) <= 63 for label in text.removesuffix(".").split(".")):
        raise ValueError("its host is no name")
    return text


def _six(text: str) -> str:
    try:
        return str(IPv6Address(unquote(text)))
    except ValueError:
        raise ValueError("its host in brackets is no IPv6 address") from None


def _socket(found: re.Match[str]) -> dict[str, Any]:
    path = _decoded(found["path"] or "")
    if found["place"] or len(path) < 2 or not path.isprintable():
        raise ValueError("names no socket: three slashes and its path, as in unix:///run/redis.sock")
    return {"socket": path}


def _read_login(login: str, query: dict[str, Any]) -> tuple[str | None, str | None]:
    username, _, password = (_decoded(part) for part in login.partition(":"))
    return username or query.pop("username", None), password or query.pop("password", None)


def _decoded(text: str) -> str:
    if _STRAY_PERCENT.search(text):
        raise ValueError(_ENCODE)
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("what is percent-encoded in it is no UTF-8") from None


def _database(path: str, query: dict[str, Any]) -> int:
    asked = query.pop("db", None)
    digits = path.removeprefix("/")
    if not digits:
        return asked or 0
    if not re.fullmatch(r"\d{1,9}", digits, re.ASCII):
        raise ValueError(_DATABASE)
    if asked not in (None, int(digits)):
        raise ValueError("it names two databases")
    return int(digits)


def _tls(scheme: str, query: dict[str, Any]) -> bool:
    wanted = query.pop("ssl", None)
    if scheme == "unix" and wanted:
        raise ValueError("a socket has no TLS")
    if scheme == "rediss" and wanted is False:
        raise ValueError("it asks for TLS by rediss:// and against it by ssl=false")
    tls = scheme == "rediss" or bool(wanted)
    if not tls and any(name.startswith("ssl_") for name in query):
        raise ValueError("its options of TLS need rediss://")
    return tls


# -- what may stand behind the question mark


def _flag(text: str) -> bool:
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    return known[text.lower()]


def _number(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise ValueError
    return int(text)


def _seconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise ValueError
    return value


def _one_of(*words: str) -> Callable[[str], str]:
    return {word: word for word in words}.__getitem__


def _word(text: str) -> str:
    if not text or not text.isprintable() or " " in text:
        raise ValueError
    return text


def _path(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError
    return text


# Options that make the client retry by itself, or answer in other types, are left out on purpose.
_OPTIONS: Mapping[str, Callable[[str], Any]] = {
    "client_name": _word,
    "db": _number,
    "health_check_interval": _number,
    "password": str,
    "protocol": lambda text: int(_one_of("2", "3")(text)),
    "socket_connect_timeout": _seconds,
    "socket_keepalive": _flag,
    "socket_timeout": _seconds,
    "ssl": _flag,
    "ssl_ca_certs": _path,
    "ssl_ca_path": _path,
    "ssl_cert_reqs": _one_of("none", "optional", "required"),
    "ssl_certfile": _path,
    "ssl_check_hostname": _flag,
    "ssl_keyfile": _path,
    "ssl_password": str,
    "username": str,
}


def _read_query(query: str) -> dict[str, Any]:
    if _STRAY_PERCENT.search(query):
        raise ValueError(_ENCODE)
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict") if query else []
    except ValueError:
        raise ValueError("its options behind the ? are no name=value&name=value") from None
    if len({name for name, _ in pairs}) < len(pairs) or any(name not in _OPTIONS for name, _ in pairs):
        raise ValueError(f"its options behind the ? are not once each of {', '.join(sorted(_OPTIONS))}")
    return {name: _read_option(name, value) for name, value in pairs}


def _read_option(name: str, value: str) -> Any:
    try:
        return _OPTIONS[name](value)
    except (ValueError, KeyError):
        raise ValueError(f"its option {name} has no fit value") from None
