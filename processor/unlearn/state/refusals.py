"""Errors of the Redis client as errors of our own, which name the server, what is wrong, and what to do.

Redis' own text is used sparingly: it repeats the arguments of a command it doesn't know, a password among them.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import redis

from unlearn.environment.redis_url import RedisAddress, is_loopback
from unlearn.environment.tls_files import fault_of
from unlearn.errors import StateDenied, StateUnavailable, StateUnsupported

__all__ = ["CLUSTER", "SENTINEL", "place_of", "told", "translate"]

_URL = "UNLEARN_REDIS__URL"
CLUSTER = f"is a node of a Redis Cluster: clusters aren't supported yet, name a single Redis in {_URL}"
SENTINEL = f"is a Redis Sentinel: these aren't supported yet, name the master itself in {_URL}"
_LOGIN = (
    "as in redis://user:password@host:6379/0; one that `unlearn services up` started has its password in "
    "UNLEARN_SERVICES_DIR"
)
_ACL = f"widen the ACL of the user in {_URL}"
_TLS_ADVICE = f"does that port speak it? Without TLS {_URL} is redis://..."

_TLS = "UNLEARN_REDIS__SSL_"
_FAULTS = {
    "trust": f"isn't trusted ({{why}}): name its authority in {_TLS}CAFILE",
    "name": f"is for another name ({{why}}): check the host in {_URL}, or have one made for this name",
    "time": "is not valid now ({why}): it must be renewed, unless this machine's clock is wrong",
}

_ANNOTATION = re.compile(r"^Command # \d+ \(.*\) of pipeline caused error: ", re.DOTALL)
_UNKNOWN = re.compile(r"unknown (?:sub)?command [`'\"]?([A-Za-z|]{1,40})", re.IGNORECASE)
_DENIED = re.compile(r"permissions? to run the '([A-Za-z| ]{1,60})' command", re.IGNORECASE)
_MOST_TEXT = 300


class _Rule(NamedTuple):
    """For an error whose code and text match `pattern`, `kind` is raised with the text "Redis at PLACE `says`"."""

    pattern: str
    kind: type[StateUnavailable]
    says: str


# The first rule that matches counts. Redis' code stands first, or behind a "-" in an error about a script.
_RULES = (
    _Rule("^(MOVED|ASK|CROSSSLOT|CLUSTERDOWN|TRYAGAIN) |cluster mode", StateUnsupported, CLUSTER),
    _Rule(
        "^WRONGPASS|invalid password", StateDenied, f"refuses the login: user or password in {_URL} are wrong, or off"
    ),
    _Rule("without any password|no password is set|for 'auth'", StateDenied, f"needs no login: take it out of {_URL}"),
    _Rule("^NOAUTH|Authentication required", StateDenied, f"asks for a login: name it in {_URL}, {_LOGIN}"),
    _Rule("keys? (used|mentioned)|access (a|the '.*') key", StateDenied, f"denies the model's keys: {_ACL}"),
    _Rule("^NOPERM|ACL failure|permissions? to|can't run this", StateDenied, f"denies {{command}}: {_ACL}"),
    _Rule("DB index", StateDenied, f"has no database of the number in {_URL}"),
    _Rule("^LOADING|is loading the dataset", StateUnavailable, "did not answer: it is still loading its data"),
    _Rule("(^|-)MISCONF ", StateUnavailable, "takes no writes: it can't save to its disk (full?), its log says why"),
    _Rule("(^|-)OOM |'maxmemory'", StateUnavailable, "takes no writes: it is out of memory, raise its maxmemory"),
    _Rule("(^|-)READONLY ", StateUnavailable, f"takes no writes: it is a replica, name its master in {_URL}"),
    _Rule("(^|-)MASTERDOWN ", StateUnavailable, f"is a replica without its master: name that in {_URL}"),
    _Rule("(^|-)NOREPLICAS ", StateUnavailable, "takes no writes: too few of its replicas are in reach"),
    _Rule("max number of clients", StateUnavailable, "did not answer: it has no room for a client, raise maxclients"),
    _Rule("(^|-)BUSY ", StateUnavailable, "did not answer: it is busy with somebody's script"),
)


@contextmanager
def told(client: redis.Redis) -> Iterator[None]:
    """Raises StateUnavailable, StateDenied or StateUnsupported for what the client raises within the block."""
    try:
        yield
    except redis.RedisError as error:
        raise translate(error, client) from None  # its text may repeat the password


def translate(error: redis.RedisError, client: redis.Redis) -> StateUnavailable:
    """The error to raise for the client's. StateDenied lasts until somebody changes a setting; others may pass."""
    place = place_of(client)
    kind, says = _meaning(error, place)
    return kind(f"Redis at {place} {says}")


def place_of(client: redis.Redis) -> RedisAddress:
    """The address that the client connects to."""
    options = client.connection_pool.connection_kwargs
    if "path" in options:
        return RedisAddress(socket=str(options["path"]))
    tls = issubclass(client.connection_pool.connection_class, redis.SSLConnection)
    return RedisAddress(host=str(options.get("host", "localhost")), port=int(options.get("port", 6379)), tls=tls)


def _meaning(error: redis.RedisError, place: RedisAddress) -> tuple[type[StateUnavailable], str]:
    text = _ANNOTATION.sub("", str(error))
    said = f"{getattr(error, 'status_code', None) or _code(error)} {text}".strip()
    unknown = _UNKNOWN.search(said)
    if unknown is not None:
        return _unknown_command(unknown[1].upper())
    for rule in _RULES:
        if re.search(rule.pattern, said, re.IGNORECASE):
            denied = _DENIED.search(said)
            return rule.kind, rule.says.format(command=denied[1].upper() if denied else "a command")
    if isinstance(error, redis.ResponseError):
        return StateUnavailable, f"refuses a command: {text[:_MOST_TEXT]}"
    if isinstance(error, redis.InvalidResponse):
        return StateDenied, f"answers in another protocol: is it a Redis? Where it speaks TLS, {_URL} is rediss://..."
    return _silence(error, place)


def _code(error: redis.RedisError) -> str:
    """The error code at the start of Redis' answer, by the error's class: the client takes it out of the text."""
    names = {
        redis.exceptions.OutOfMemoryError: "OOM",
        redis.exceptions.ReadOnlyError: "READONLY",
        redis.exceptions.NoPermissionError: "NOPERM",
        redis.exceptions.BusyLoadingError: "LOADING",
        redis.exceptions.MasterDownError: "MASTERDOWN",
        redis.exceptions.ClusterDownError: "CLUSTERDOWN",
        redis.exceptions.ClusterCrossSlotError: "CROSSSLOT",
        redis.exceptions.TryAgainError: "TRYAGAIN",
        redis.exceptions.AskError: "ASK",
    }
    return next((code for kind, code in names.items() if isinstance(error, kind)), "")


def _unknown_command(name: str) -> tuple[type[StateUnavailable], str]:
    if name == "SELECT":
        return StateUnsupported, f"has no databases: it {SENTINEL}"
    if name in ("HELLO", "AUTH"):
        return StateDenied, f"knows no {name}: it is older than 6.2, or hides it; with ?protocol=2 HELLO isn't asked"
    return StateDenied, f"knows no {name}: it is older than 6.2, hides that command, or is a Sentinel or a proxy"


def _silence(error: redis.RedisError, place: RedisAddress) -> tuple[type[StateUnavailable], str]:
    """The error where no answer came: told from the network's error that the client's own error was raised from."""
    cause = error.__context__
    if isinstance(cause, ssl.SSLEOFError):
        return StateUnavailable, f"broke off TLS; where it asks for a certificate of ours, {_TLS}CERTFILE names it"
    if isinstance(cause, ssl.SSLError):
        return StateDenied, _tls(cause)
    if "handshake" in str(cause):
        return StateUnavailable, f"did not answer to TLS: {_TLS_ADVICE}"
    if isinstance(cause, FileNotFoundError) and not place.socket:
        return StateDenied, f"was not asked: a file of TLS that {_URL} names isn't there"
    if isinstance(cause, PermissionError):
        return StateDenied, f"was not asked: the socket, or a file of TLS, that {_URL} names isn't ours to open"
    return StateUnavailable, f"did not answer ({_reason(error, cause, place)}): {_advice(place)}"


def _tls(cause: ssl.SSLError) -> str:
    reason = cause.reason or str(cause)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"shows a certificate that {_FAULTS[fault_of(cause)].format(why=cause.verify_message)}"
    if "ALERT" in reason and any(word in reason for word in ("CERTIFICATE", "UNKNOWN_CA", "EXPIRED")):
        return f"doesn't take our certificate, or asks for one ({reason}): set {_TLS}CERTFILE and {_TLS}KEYFILE"
    if cause.library != "SSL" or "PEM" in reason:
        return f"was not asked: a file of TLS that {_URL} names isn't what it should be ({reason})"
    return f"and this client can't agree on TLS ({reason}): {_TLS_ADVICE}"


def _reason(error: redis.RedisError, cause: BaseException | None, place: RedisAddress) -> str:
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused"
    if isinstance(cause, socket.gaierror):
        return "no such host"
    if isinstance(cause, FileNotFoundError):
        return "no such socket"
    if isinstance(error, redis.TimeoutError) or isinstance(cause, TimeoutError):
        return "time-out"
    if isinstance(cause, ConnectionError) or "closed by server" in str(error):
        asks = f"where it asks for a certificate of ours, {_TLS}CERTFILE names it"
        return f"it closed the connection; {asks if place.tls else 'where it speaks TLS, the URL is rediss://...'}"
    return type(cause or error).__name__


def _advice(place: RedisAddress) -> str:
    if place.socket or not is_loopback(place.host):
        return f"is it up, and {_URL} right?"
    return f"start it with `unlearn services up`, or set {_URL}"
