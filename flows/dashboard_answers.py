"""Answers what the dashboard asks of trained models, in a process of its own: torch there is nobody else's memory.

That process imports `flows.search` and `flows.upscaling`, which reach training; this module does not.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image

from dashboard.answers import IndexVersion, NoAnswer
from storage.errors import DatasetError
from storage.tiers import Tiers
from tasks.ops.image_search import open_search
from tasks.ops.query_picture import square_of
from tasks.ops.search_results import SearchResult

if TYPE_CHECKING:
    from flows.upscaling import LoadedNetwork

PATIENCE_SECONDS = 120.0
"""The first answer waits for torch, and for the weights."""
KEPT_NETWORKS = 2

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class AnswersInAnotherProcess:
    """Asks a process that starts with the first question; one question at a time. See `dashboard.answers`."""

    def __init__(self, tiers: Tiers, *, device: str) -> None:
        self._tiers, self._device = tiers, device
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._process: psutil.Process | None = None
        self._is_closed = False

    def near_picture(self, content: bytes, *, index: IndexVersion, count: int, nouns: int) -> SearchResult:
        """Return the nouns and rows of an index near the picture in the bytes of an image file."""
        return self._asked(_near_picture, self._tiers, content, index, count, nouns, self._device)

    def improved(self, pixels: NDArray[np.uint8], *, model: str) -> NDArray[np.uint8]:
        """Return what the model makes of `(h, w, 3)` uint8 RGB."""
        return self._asked(_improved, self._tiers, pixels, model, self._device)

    def close(self) -> None:
        """End the process, also amid an answer: nobody waits for it any more, and nothing is lost with it."""
        with self._lock:
            self._is_closed = True
            self._end()

    def _asked(
        self, question: Callable[Arguments, Answer], *arguments: Arguments.args, **options: Arguments.kwargs
    ) -> Answer:
        pool: ProcessPoolExecutor | None = None
        try:
            pool = self._started()
            return pool.submit(question, *arguments, **options).result(PATIENCE_SECONDS)
        except (ValueError, DatasetError) as error:
            raise NoAnswer(str(error)) from error
        except TimeoutError as error:
            self._give_up(pool)
            raise NoAnswer(f"the model took more than {PATIENCE_SECONDS:.0f} s; try again") from error
        except (BrokenProcessPool, CancelledError) as error:
            self._give_up(pool)
            raise NoAnswer("the process that looks at pictures died, perhaps for lack of memory; try again") from error
        except (OSError, RuntimeError) as error:  # a disk or a GPU failed, or lacks memory
            raise NoAnswer(f"the model could not look at it: {error}") from error

    def _started(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._is_closed:
                raise NoAnswer("the dashboard is ending")
            if self._pool is None:
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_bind_to_parent)
                try:
                    self._process = psutil.Process(self._pool.submit(os.getpid).result(PATIENCE_SECONDS))
                except BaseException:
                    self._end()
                    raise
            return self._pool

    def _give_up(self, pool: ProcessPoolExecutor | None) -> None:
        """End the process of a question that failed, unless another one has taken its place."""
        with self._lock:
            if self._pool is pool:
                self._end()

    def _end(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        if self._process is not None:
            with suppress(psutil.NoSuchProcess):
                self._process.kill()
        self._pool, self._process = None, None


def _bind_to_parent() -> None:
    """End with the dashboard, however that ends; Ctrl-C at the terminal is for it alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(0)

    # Not by prctl: the kernel would watch the thread that asked first, which is one of many.
    threading.Thread(target=watch, daemon=True).start()


def _near_picture(
    tiers: Tiers, content: bytes, index: IndexVersion, count: int, nouns: int, device: str
) -> SearchResult:
    from flows.search import vector_of_picture

    with open_search(tiers, index.name, number=index.number) as search:
        square = square_of(content, search.rows.version.parameters, search.features.size, name="this")
        vector = vector_of_picture(tiers, search.model.reference, square, device=device)
        return search.by_picture("this picture", vector, count=count, nouns=nouns, among="nouns")


def _improved(tiers: Tiers, pixels: NDArray[np.uint8], model: str, device: str) -> NDArray[np.uint8]:
    return np.asarray(_network(tiers, model, device).improved(Image.fromarray(pixels)).convert("RGB"))


@lru_cache(maxsize=KEPT_NETWORKS)
def _network(tiers: Tiers, model: str, device: str) -> LoadedNetwork:
    from flows.upscaling import RECIPES, loaded_network

    recipes = [recipe for some in RECIPES.values() for recipe in some]
    return loaded_network(tiers, model, recipes=recipes, device=device)
