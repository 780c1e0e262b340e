"""Asks a worker whether it lives, for probes that run a command."""

from __future__ import annotations

import http.client

from unlearn.errors import Unavailable

__all__ = ["livez"]

_WITHIN = 5.0


def livez(address: str) -> tuple[bool, str]:
    """Whether the worker at HOST:PORT says that it lives, and what it says. Raises Unavailable where none answers."""
    connection = http.client.HTTPConnection(address, timeout=_WITHIN)
    try:
        connection.request("GET", "/livez")
        answer = connection.getresponse()
        return answer.status == 200, answer.read().decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"no worker answers at {address}: {error}") from None
    finally:
        connection.close()
