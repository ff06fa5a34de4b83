"""Functions that run side by side, each in a process of its own, and end together when one fails or the user stops."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Generic, TypeVar

from amaranth.hdl import UnusedElaboratable

from .tool import ToolFailed

__all__ = ["Crew", "Task", "forgive_unused"]

T = TypeVar("T")


@dataclass(frozen=True)
class _Broken:
    """A tool that failed: the message, without the log's last lines, and the log; for such errors travel badly."""

    message: str
    log: Path


class Task(Generic[T]):
    """Something that is being done."""

    def __init__(self, future: Future[T | _Broken]) -> None:
        self._future = future

    def result(self) -> T:
        """Wait for it.

        Raises:
            ToolFailed: a tool failed; and whatever the function raised.
        """
        found = self._future.result()
        if isinstance(found, _Broken):
            raise ToolFailed(found.message, found.log)
        return found


class Crew:
    """As many processes as there are cores; used with ``with``, whose end stops what still runs if it is an error.

    Args:
        done: told the name of each task that has ended, and how many have, of how many so far.
    """

    def __init__(self, done: Callable[[str, int, int], None]) -> None:
        self._pool = ProcessPoolExecutor(os.cpu_count() or 1, get_context("spawn"), initializer=_heed)
        self._done, self._ended, self._begun = done, 0, 0

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            for child in active_children():
                child.terminate()
        self._pool.shutdown()

    def do(self, name: str, function: Callable[..., T], *arguments: Any) -> Task[T]:
        """Begin a task: a function of a module, with arguments that can be pickled."""
        self._begun += 1
        future: Future[T | _Broken] = self._pool.submit(_attempt, function, *arguments)
        future.add_done_callback(lambda _: self._tell(name))
        return Task(future)

    def _tell(self, name: str) -> None:
        self._ended += 1
        self._done(name, self._ended, self._begun)


def _attempt(function: Callable[..., T], *arguments: Any) -> T | _Broken:
    try:
        return function(*arguments)
    except ToolFailed as error:
        return _Broken(str(error).split("; the log is ")[0], error.log)
    except SystemExit:  # the pool would take it for a result, and begin with what is next in its queue
        os._exit(1)


def _heed() -> None:
    """A signal ends the process, and with it, by way of an exception, the tool that it waits for."""

    def stop(number: int, frame: FrameType | None) -> None:
        forgive_unused()
        raise SystemExit(1)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    # Errors travel by the future; what a worker itself would print is that its queue was closed when another failed.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stderr__.fileno() if sys.__stderr__ else 2)


def forgive_unused() -> None:
    """From now on Amaranth says nothing of what was built and not used: after an interrupt that is no mistake.

    As Amaranth's own excepthook does it; a filter of warnings is gone when the interpreter drops what was half built.
    """
    UnusedElaboratable._MustUse__silence = True
