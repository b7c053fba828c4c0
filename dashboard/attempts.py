"""Reading parts of a page that may be damaged: what cannot be read is told there, and the rest is shown."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from storage.errors import DatasetError

logger = logging.getLogger(__name__)

Value = TypeVar("Value")


def attempted(read: Callable[[], Value], *, otherwise: Value) -> tuple[Value, str]:
    """Return what `read` returns and "", or `otherwise` and why it cannot be read."""
    try:
        return read(), ""
    except (DatasetError, OSError) as error:
        logger.warning("a part of a page cannot be shown: %s", error)
        return otherwise, str(error)
