"""Whatever a password holds, and however it is written: no piece of it is in anything that is printed."""

from __future__ import annotations

import json
import logging
import traceback
from functools import cache
from unittest.mock import patch
from urllib.parse import quote

import click
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from unlearn.cli import main as cli_main
from unlearn.environment.redis_client import connect
from unlearn.errors import UnlearnError
from unlearn.services.address import redis_address
from unlearn.settings import Settings

SECRET = "0123456789abcdef"
PIECE = 4
ODD = st.text(
    st.sampled_from("@/#?:%[]&=+;\\\"'$ {}*~!<>|^`,.-_aZ09üß€\t\n\x00\x7f\u2100"), min_size=PIECE, max_size=24
)
FORMS = [
    "redis://full:{}@db.example:6380/1",
    "redis://:{}@db.example:6380/1",
    "redis://{}@db.example:6380/1",
    "redis://full:{}@[::1]:6380",
    "redis://full:{}@127.0.0.1:6380/0",
    "rediss://full:{}@db.example:6380/1?ssl_cert_reqs=none",
    "REDIS://full:{}@db.example/mydb",
    "unix://full:{}@/run/redis.sock",
    "redis://db.example:6380/1?password={}",
    "{}",
]


@cache
def said(url: str) -> str:
    """All that our own code says of it, taken or refused."""
    try:
        found = Settings(secret=SECRET, redis={"url": url})
    except ValidationError as error:
        return "".join(traceback.format_exception(error))
    texts = [repr(found), str(found), found.redis.shown_url(), repr(found.redis.address), logged(found)]
    client = connect(url)
    try:
        redis_address(found)
    except UnlearnError as error:
        texts += traceback.format_exception(error)
    client.close()
    return "".join(texts)


def logged(found: Settings) -> str:
    return logging.Formatter("%(message)s").format(
        logging.LogRecord("x", logging.INFO, "", 0, "%s %r", (found.redis, found), None)
    )


def pieces(password: str, plainly: str) -> set[str]:
    """Its pieces of four characters, but those that stand in what is said without any password."""
    forms = {password, quote(password, safe="")}
    cut = {form[i : i + PIECE] for form in forms for i in range(len(form) - PIECE + 1)}
    return {piece for piece in cut if piece not in plainly}


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=40)
@given(password=ODD)
@example("p@ss/w#rd")
@example("1234/5678")
@example("1234#5678")
@example("1234?5678")
@example("1234]5678")
@example("@1234:5678/9012")
@example("@12.34:5678/9012")
def test_no_piece_of_a_password_is_told(form: str, encoded: bool, password: str) -> None:
    url = form.format(quote(password, safe="") if encoded else password)
    plainly = said(form.format("")) + said(form.format("xx@#")) + said(form.format("x"))
    assert [piece for piece in pieces(password, plainly) if piece in said(url)] == []


COMMANDS = [["settings"], ["settings", "--json"], ["services", "status", "redis"], ["retry"]]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@settings(max_examples=15)
@given(password=ODD.filter(str.isprintable))
@example("p@ss/w#rd")
def test_no_command_prints_a_piece_of_the_password(arguments: list[str], password: str) -> None:
    plainly = _printed(tuple(arguments), "") + _printed(tuple(arguments), "xx@#")
    for word in (password, quote(password, safe="")):
        printed = _printed(tuple(arguments), word)
        assert printed
        assert [piece for piece in pieces(password, plainly) if piece in printed] == []


@cache
def _printed(arguments: tuple[str, ...], word: str) -> str:
    url = f"redis://:{word}@127.0.0.1:1/0"
    with patch.dict("os.environ", {"UNLEARN_SECRET": SECRET, "UNLEARN_REDIS__URL": url}):
        return _output(list(arguments))


def _output(arguments: list[str]) -> str:
    found: list[str] = []
    with (
        patch.object(click, "echo", lambda text="", **_: found.append(str(text))),
        patch("rich.console.Console.print", lambda _, *things, **__: found.extend(map(_text, things))),
        pytest.raises(SystemExit),
    ):
        cli_main.main(arguments)
    return "\n".join(found)


def _text(thing: object) -> str:
    columns = getattr(thing, "columns", None)
    return str(thing) if columns is None else json.dumps([list(column.cells) for column in columns], default=str)
