"""A schema registry: the schemas by whose ids serialisers frame what they write. An id stands for one schema always."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Final

from unlearn.errors import RegistryUnavailable

__all__ = ["SchemaRegistry"]

_PATIENCE = 10.0
_MOST: Final = 10_000
"""Schemas that are remembered, and ids that are not known; with more, all are asked for again."""
_NOT_FOUND = 404


class SchemaRegistry:
    """Asks the registry at a URL, which may hold `user:password@`, for each schema once."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self._place = parts.hostname or ""
        host = self._place if parts.port is None else f"{self._place}:{parts.port}"
        self._base = urllib.parse.urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self._login = _login(parts)
        self._known: dict[int, str | None] = {}

    def avro_schema(self, number: int) -> str | None:
        """The Avro schema of this id; None where there is none, or it needs others. Raises RegistryUnavailable."""
        if number not in self._known:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[number] = self._asked(number)
        return self._known[number]

    def _asked(self, number: int) -> str | None:
        request = urllib.request.Request(f"{self._base}/schemas/ids/{number}", headers=self._login)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310  its scheme is http or https
                said = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == _NOT_FOUND:
                return None
            raise RegistryUnavailable(f"the schema registry at {self._place} answers {error.code}") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise RegistryUnavailable(f"the schema registry at {self._place} can't be reached: {reason}") from None
        if said.get("schemaType", "AVRO") != "AVRO" or said.get("references"):
            return None
        return str(said["schema"])


def _login(parts: urllib.parse.SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    said = ":".join(urllib.parse.unquote(part or "") for part in (parts.username, parts.password))
    return {"Authorization": f"Basic {base64.b64encode(said.encode()).decode()}"}
