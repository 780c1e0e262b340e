"""Tokens for OAUTHBEARER: kept and shared by all clients of a process, and renewed before they end."""

from __future__ import annotations

import importlib
import logging
import os
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from kafka.net.sasl.oauth import AbstractTokenProvider

from unlearn.log.kafka.security.aws import msk_token
from unlearn.log.kafka.security.errors import TokenRefused, TokenUnavailable
from unlearn.log.kafka.security.token import Token, end_of
from unlearn.log.kafka.security.token_endpoint import Endpoint, ask
from unlearn.service_settings.kafka import KafkaSettings

__all__ = ["KeptToken", "token_provider"]

_log = logging.getLogger(__name__)
RENEW_AT = 0.75
"""Share of a token's life after which another is asked for. Clients log in again at 85 % of it, at the earliest."""
AGAIN_AFTER = 5.0
"""Seconds before another try, after one that failed while the token before was still good."""
FAILED_FOR = 2.0
"""Seconds for which a failure is told again without another try: several clients connect anew many times a second."""


class KeptToken(AbstractTokenProvider):  # type: ignore[misc]
    """What the clients ask for a token; `get` makes a new one, `now` gives seconds since 1970.

    A token without an end is asked for anew each time. Asking happens on the client's own thread, so `get` must have a
    bound.
    """

    def __init__(
        self, get: Callable[[], Token], extensions: tuple[tuple[str, str], ...], now: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self._get, self._extensions, self._now = get, dict(extensions), now
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renew_at = 0.0
        self._failure: TokenRefused | TokenUnavailable | None = None
        self._failed_until = 0.0

    def token(self) -> str:
        """The token. Raises TokenRefused, TokenUnavailable."""
        with self._lock:
            if self._token is None or self._now() >= self._renew_at:
                self._renew()
            assert self._token is not None
            return self._token.text

    def extensions(self) -> dict[str, str]:
        return self._extensions

    def _renew(self) -> None:
        began = self._now()
        if self._failure is not None and began < self._failed_until:
            raise type(self._failure)(*self._failure.args)
        try:
            found = _fresh(self._got(), began)
        except (TokenRefused, TokenUnavailable) as error:
            if self._token is None or self._token.ends is None or began >= self._token.ends:
                self._failure, self._failed_until = type(error)(*error.args), self._now() + FAILED_FOR
                raise
            _log.warning("the token for Kafka is not renewed yet, and ends in %.0f s: %s", self._left(), error)
            self._renew_at = min(began + AGAIN_AFTER, self._token.ends)
            return
        self._token, self._failure = found, None
        self._renew_at = began if found.ends is None else began + (found.ends - began) * RENEW_AT

    def _got(self) -> Token:
        try:
            return self._get()
        except (TokenRefused, TokenUnavailable):
            raise
        except Exception as error:
            # Whatever a library raises must not end what the token before still serves.
            raise TokenUnavailable(f"asking for a token for Kafka raises {type(error).__name__}: {error}") from error

    def _left(self) -> float:
        assert self._token is not None
        assert self._token.ends is not None
        return self._token.ends - self._now()


def _fresh(token: Token, now: float) -> Token:
    if token.ends is not None and token.ends <= now:
        raise TokenRefused(
            f"the token for Kafka has ended {now - token.ends:.0f} s ago: is this machine's clock right? Check what "
            "UNLEARN_KAFKA__SASL_TOKEN_URL or SASL_TOKEN_PROVIDER gives"
        )
    return token


class _Source(NamedTuple):
    """Where tokens come from: one of the three, by settings."""

    endpoint: Endpoint | None
    function: str | None
    region: str | None
    extensions: tuple[tuple[str, str], ...]

    def get(self) -> Token:
        if self.endpoint is not None:
            return ask(self.endpoint)
        if self.function is not None:
            return _by_function(self.function)
        return msk_token(self.region)


def token_provider(settings: KafkaSettings) -> KeptToken | None:
    """Where clients of these settings get their tokens, one for all of them; None where they log in otherwise."""
    if settings.sasl_mechanism not in ("OAUTHBEARER", "AWS_MSK_IAM"):
        return None
    pairs = (pair.partition("=") for pair in (settings.sasl_extensions or "").split(",") if pair)
    extensions = tuple((name, value) for name, _, value in pairs)
    if settings.sasl_mechanism == "AWS_MSK_IAM":
        return _provider(_Source(None, None, settings.sasl_aws_region, extensions))
    return _provider(_Source(Endpoint.of(settings), settings.sasl_token_provider, None, extensions))


@lru_cache(maxsize=16)
def _provider(source: _Source) -> KeptToken:
    return KeptToken(source.get, source.extensions)


# A lock that another thread held at the fork would never be free in the child.
os.register_at_fork(after_in_child=_provider.cache_clear)


def _by_function(name: str) -> Token:
    setting = "UNLEARN_KAFKA__SASL_TOKEN_PROVIDER"
    module, _, attribute = name.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise TokenRefused(f"{setting}: there is no {name} to be imported here ({error})") from None
    except Exception as error:
        raise TokenRefused(f"{setting}: importing {name} raises {type(error).__name__}: {error}") from error
    try:
        said = function()
    except Exception as error:
        raise TokenUnavailable(f"{setting}: {name} raises {type(error).__name__}: {error}") from error
    text, ends = said if isinstance(said, tuple) and len(said) == 2 else (said, None)
    if not isinstance(text, str) or not text or not isinstance(ends, int | float | None):
        raise TokenRefused(f"{setting}: {name} gives {type(said).__name__}, not a token or a token and its end")
    return Token(text, end_of(text) if ends is None else float(ends))
