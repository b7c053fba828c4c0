"""What to do when memory runs out, said by whom it ran out for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_TEXTS = ("can't allocate memory", "not enough memory")
"""What torch's CPU allocator says in a RuntimeError."""


class OutOfMemory(MemoryError):
    """A step needs more memory than there is; the message says which batch size to try."""


@contextmanager
def named_memory_errors(*, rows: int) -> Iterator[None]:
    """Turn a lack of memory, of the GPU or of the machine, into an error that says what to try.

    Raises:
        OutOfMemory: a step on `rows` rows needs too much.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        if rows > 1:
            remedy = f"try batch_size={rows // 2}, or accumulate gradients over parts of the batch"
        else:
            remedy = "one row is too much: try smaller images or a smaller network"
        raise OutOfMemory(f"out of memory with {rows} rows in a batch; {remedy}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _TEXTS)
