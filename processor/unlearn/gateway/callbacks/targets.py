"""Where the callbacks of a request go, checked against where they may go."""

from __future__ import annotations

from collections.abc import Sequence

from unlearn.environment.url_prefix import is_covered
from unlearn.errors import InputInvalid
from unlearn.gateway.opendsr.erasure import MOST_URL
from unlearn.gateway.requests.ticket import Callback
from unlearn.service_settings.gateway import GatewaySettings

__all__ = ["callbacks_of", "require_covered"]

_MOST_TOKEN = 4096


def callbacks_of(
    urls: Sequence[str], reply_to: str | None, reply_to_token: str | None, settings: GatewaySettings
) -> tuple[Callback, ...]:
    """The callbacks to status URLs, and the one of Fides' headers. Raises InputInvalid."""
    found = [*map(Callback, urls), *_fides(reply_to, reply_to_token, settings)]
    for callback in found:
        require_covered(callback, settings)
    return tuple(found)


def require_covered(callback: Callback, settings: GatewaySettings) -> None:
    """Raise InputInvalid where the settings don't let this be called."""
    what = "status_callback_urls" if callback.token is None else "reply-to"
    try:
        covered = is_covered(callback.url, settings.callbacks)
    except ValueError as error:
        raise InputInvalid(f"{what}: {error}") from None
    if not covered:
        raise InputInvalid(
            f"{what}: a URL that callbacks may not go to; UNLEARN_GATEWAY__CALLBACKS lists where they may"
        )


def _fides(reply_to: str | None, token: str | None, settings: GatewaySettings) -> list[Callback]:
    if reply_to is None and token is None:
        return []
    if not reply_to or not token or len(reply_to) > MOST_URL or len(token) > _MOST_TOKEN:
        raise InputInvalid(
            f"reply-to and reply-to-token: are needed both, of {MOST_URL} and {_MOST_TOKEN} characters at most"
        )
    if not (token.isascii() and token.isprintable()):
        raise InputInvalid("reply-to-token: has other characters than those of ASCII")
    if not reply_to.startswith("/"):
        return [Callback(reply_to, token)]
    if settings.fides_url is None:
        raise InputInvalid("reply-to: a path alone needs UNLEARN_GATEWAY__FIDES_URL, the URL of the Fides server")
    return [Callback(settings.fides_url.rstrip("/") + reply_to, token)]
