"""Who serves which version: scorers announce themselves to nobody, so those are asked whose URLs are known."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterable, Mapping
from http.client import HTTPException
from urllib.error import HTTPError

from prometheus_client.parser import text_string_to_metric_families

from unlearn.console.shown.seen import ScorerSaid
from unlearn.environment.bounded_calls import within
from unlearn.environment.no_redirects import NoRedirects

__all__ = ["ask_scorers", "said_by"]

_WITHIN = 2.0
_MOST_BYTES = 4 * 2**20
_REFUSED: Mapping[int, str] = {
    421: "it isn't asked by a name of its own: its UNLEARN_SERVING__HOSTS lists those that it has beside addresses"
}
"""By an answer's code."""

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirects)


def ask_scorers(urls: Iterable[str], model: str) -> tuple[ScorerSaid, ...]:
    """What each says, one after the other, each within two seconds. Never raises."""
    return tuple(_ask(url, model) for url in urls)


def said_by(url: str, metrics: str, model: str) -> ScorerSaid:
    """What these metrics of `unlearn serve` say of the model. Raises ValueError where they are none."""
    values: Mapping[str, float] = {
        sample.name: sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.labels.get("model") == model
    }
    if "unlearn_serve_ready" not in values:
        return ScorerSaid(url, trouble=f"it doesn't serve the model {model}")
    ready, ends = bool(values["unlearn_serve_ready"]), values.get("unlearn_serve_lease_ends_timestamp_seconds")
    version = values.get("unlearn_serve_version")
    return ScorerSaid(
        url,
        ready,
        None if version is None else int(version),
        None if ends is None else round(ends * 1000),
        int(values.get("unlearn_serve_left_out", 0)),
        "" if ready else "it isn't ready: its /readyz says why",
    )


def _ask(url: str, model: str) -> ScorerSaid:
    def answered() -> str:
        with _OPENER.open(f"{url.rstrip('/')}/metrics", timeout=_WITHIN) as answer:
            found: bytes = answer.read(_MOST_BYTES)
            return found.decode("utf-8", "replace")

    try:
        return said_by(url, within(_WITHIN, answered), model)
    except HTTPError as error:
        error.close()
        return ScorerSaid(url, trouble=_REFUSED.get(error.code, f"it answers {error.code} {error.reason}")[:200])
    except (OSError, HTTPException, ValueError, ArithmeticError) as error:
        return ScorerSaid(url, trouble=f"it gives no answer: {getattr(error, 'reason', None) or error}"[:200])
