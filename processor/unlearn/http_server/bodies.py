"""A request's body, as long and as slow as it may be."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from unlearn.errors import HttpRefused

__all__ = ["read_body"]


async def read_body(request: Request, most: int, within: float) -> bytes:
    """Its bytes. Raises HttpRefused where it has more than `most`, or takes more than `within` seconds."""
    read = bytearray()
    try:
        async with asyncio.timeout(within):
            async for part in request.stream():
                read += part
                if len(read) > most:
                    raise HttpRefused(413, f"the body has more than {most} bytes")
    except TimeoutError:
        raise HttpRefused(408, f"the body took more than {within:g} s") from None
    return bytes(read)
