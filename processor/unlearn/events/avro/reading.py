"""Avro behind a schema registry's id, as the JSON that says the same. It needs the `[avro]` extra.

Members that are null are left out, dates and times are RFC 3339, decimals are text; what no JSON can hold leaves the
message as it is, to stay open.
"""

from __future__ import annotations

import datetime as dt
import decimal
import io
import json
import uuid
from typing import Any, Final

from unlearn.events.avro.registry import SchemaRegistry
from unlearn.mapping.reading import Reading

__all__ = ["NO_AVRO", "AvroReader", "avro_of"]

NO_AVRO: Final = "behind a schema registry's id, and no Avro that its schema there reads"
_ID = slice(1, 5)
_BEHIND = 5
_TEXTS = (dt.date, dt.time, decimal.Decimal, uuid.UUID)


def avro_of(reading: Reading) -> AvroReader | None:
    """What reads Avro where the reading asks for it; None where it doesn't."""
    return AvroReader(SchemaRegistry(reading.registry)) if reading.mapping.avro and reading.registry else None


class AvroReader:
    """Reads by the schemas of one registry."""

    def __init__(self, registry: SchemaRegistry) -> None:
        from fastavro import parse_schema, schemaless_reader

        self._registry, self._parse, self._read = registry, parse_schema, schemaless_reader
        self._parsed: dict[str, Any] = {}

    def json_of(self, framed: bytes) -> bytes | None:
        """The JSON of framed Avro; None where it can't be read. Raises RegistryUnavailable."""
        schema = self._registry.avro_schema(int.from_bytes(framed[_ID], "big"))
        if schema is None:
            return None
        try:
            if schema not in self._parsed:
                self._parsed[schema] = self._parse(json.loads(schema))
            rest = io.BytesIO(framed[_BEHIND:])
            said = self._read(rest, self._parsed[schema], None)
            return None if rest.read(1) else json.dumps(_plain(said)).encode()
        except Exception:  # noqa: BLE001  whatever the bytes make of it, the message stays open
            return None


def _plain(value: Any) -> Any:
    """The value in JSON's terms. Raises TypeError for bytes."""
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items() if member is not None}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    if isinstance(value, dt.datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, _TEXTS) else value
