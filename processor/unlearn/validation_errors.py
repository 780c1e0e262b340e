"""What pydantic finds wrong, in a sentence for people."""

from __future__ import annotations

from pydantic import ValidationError

__all__ = ["first_error"]


def first_error(error: ValidationError, depth: int | None = None, whole: str = "") -> str:
    """Where the first error is, at most `depth` steps deep, and what it is; never the value itself.

    `whole`: what the place is called where the error is of all of it.
    """
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"][:depth])) or whole
    return f"{where}: {first['msg']}" if where else first["msg"]
