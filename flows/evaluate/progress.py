"""A bar on a terminal, for work whose amount is known; nothing in a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

__all__ = ["Tell", "counting", "quiet"]


class Tell(Protocol):
    """Told how far the work is."""

    def __call__(self, step: str, done: int = 0, total: int | None = None) -> None:
        """``step`` is being done, ``done`` of ``total`` parts of it; None: of one whole."""


def quiet(step: str, done: int = 0, total: int | None = None) -> None:
    """Shows nothing."""


@contextmanager
def counting() -> Iterator[Tell]:
    """A spinner, the step, and a bar where it has parts; on a terminal only."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[parts]}"))
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("start", total=None, parts="")

        def tell(step: str, done: int = 0, total: int | None = None) -> None:
            parts = "" if total is None else f"{done} of {total}"
            bar.update(task, description=step, completed=done, total=total, parts=parts)

        yield tell
