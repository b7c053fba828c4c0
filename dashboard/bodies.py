"""Reads what a browser sends, as long as it is what was asked for."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request


async def read_body(request: Request, *, most: int, told: str) -> bytes:
    """Return the body of a request, of at most `most` bytes.

    Raises:
        HTTPException: 413 with the sentence `told`, it is longer; the rest is not read.
    """
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > most:
            raise HTTPException(413, told)
    return bytes(content)
