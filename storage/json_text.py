"""JSON from disk, which may be anything: decoded into a type, or refused with one kind of error."""

from __future__ import annotations

from typing import TypeVar

import msgspec

Value = TypeVar("Value")


class NotDecoded(ValueError):
    """Bytes that are not the JSON of the type that was asked for."""


def decoded(content: bytes, type_: type[Value]) -> Value:
    """Return the value in `content`.

    Raises:
        NotDecoded: it is not JSON, is not of that type, or is nested beyond measure.
    """
    try:
        return msgspec.json.decode(content, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotDecoded(str(error)) from error
