"""One try of a callback over HTTP, and tokens with which none can be made."""

from __future__ import annotations

import asyncio

import pytest

from tests.harness.gateway import receiving
from unlearn.errors import InputInvalid
from unlearn.gateway.callbacks.posting import HttpPoster
from unlearn.gateway.callbacks.targets import callbacks_of
from unlearn.service_settings.gateway import GatewaySettings


async def twice(url: str) -> list[str]:
    poster = HttpPoster(10)
    try:
        return [await poster.post(url, b"{}", {"X-Try": str(number)}) for number in range(2)]
    finally:
        await poster.close()


def test_no_cookie_of_one_answer_goes_with_the_next_callback() -> None:
    with receiving() as receiver:
        assert asyncio.run(twice(f"{receiver.url}/a")) == ["", ""]

    assert len(receiver.came) == 2
    assert not [name for called in receiver.came for name in called.headers if name.lower() == "cookie"]


async def with_header(value: str) -> str:
    poster = HttpPoster(10)
    try:
        return await poster.post("http://127.0.0.1:9/", b"{}", {"Authorization": value})
    finally:
        await poster.close()


def test_what_cannot_be_sent_is_a_failure_like_others() -> None:
    assert asyncio.run(with_header("Bearer \u00e9")) == "UnicodeEncodeError"


@pytest.mark.parametrize("token", ["t\u00e9", "a\tb"])
def test_a_token_that_no_header_can_hold_is_refused_before_anything_is_sent(token: str) -> None:
    settings = GatewaySettings(callbacks=("https://shop.example",))

    with pytest.raises(InputInvalid, match="reply-to-token") as seen:
        callbacks_of([], "https://shop.example/done", token, settings)
    assert token not in str(seen.value)
