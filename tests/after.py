"""Beats through the stages after the lanes, in Amaranth's own simulator."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from amaranth.hdl import Value
from amaranth.lib import data

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load

from .axi import simulate

__all__ = [
    "Beat",
    "Process",
    "Sink",
    "Taken",
    "configure",
    "drain",
    "feed",
    "plain",
    "refusal",
    "simulate",
    "stream_through",
]

Beat = dict[str, Any]
"""A payload as plain data: fields by name, lists for arrays."""

Process = Callable[[Any], Any]

Sink = Literal["ready", "random", "patient"]
"""Always ready; ready in two clocks of three; ready only once something has been offered."""


@dataclass(frozen=True)
class Taken:
    """A beat that left, and the number of the clock edge at which it did."""

    clock: int
    beat: Any


def configure(lanes: int, slots: int, form: str, *settings: str) -> NmpuConfig:
    """A small tile."""
    array = f"array={{columns={lanes * slots}, lanes={lanes}}}"
    basic = ["tile.kind=axi", "how.stages=2", array, f"output.format={form}"]
    return load(preset_name="tiny", settings=[*basic, *settings])


def plain(value: Any) -> Any:
    """A constant of the simulator as integers, lists and dictionaries."""
    if not isinstance(value, data.Const):
        return int(value)
    layout = value.shape()
    if isinstance(layout, data.ArrayLayout):
        return [plain(value[k]) for k in range(layout.length)]
    return {name: plain(value[name]) for name, _ in layout}


def refusal(component: Callable[[NmpuConfig], object], config: NmpuConfig) -> str:
    """The message of the ValueError that ``component`` answers ``config`` with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Amaranth complains of what was made in vain
        try:
            component(config)
        except ValueError as error:
            message = str(error)
        else:
            raise AssertionError("not refused")
        gc.collect()
    return message


def feed(stream: Any, beats: Sequence[Any], rng: np.random.Generator | None) -> Process:
    """Offer the beats, with random gaps if there is an ``rng``, with garbage in the gaps."""

    async def source(ctx: Any) -> None:
        for beat in beats:
            while rng is not None and rng.integers(3) == 0:
                ctx.set(Value.cast(stream.payload), int(rng.integers(1 << 30)))
                await ctx.tick()
            ctx.set(stream.valid, 1)
            ctx.set(stream.payload, beat)
            await ctx.tick().until(stream.ready)
            ctx.set(stream.valid, 0)

    return source


def drain(stream: Any, count: int, sink: Sink, rng: np.random.Generator, taken: list[Taken], after: int = 8) -> Process:
    """Take ``count`` beats and wait ``after`` clocks for more; what was offered must hold until it is taken."""

    async def process(ctx: Any) -> None:
        clock, quiet, offered = 0, 0, None
        while quiet < after:
            ready = {"ready": 1, "random": int(rng.integers(3) > 0), "patient": int(offered is not None)}[sink]
            ctx.set(stream.ready, ready)
            *_, valid, payload = await ctx.tick().sample(stream.valid, stream.payload)
            clock += 1
            assert offered is None or (valid and plain(payload) == offered), "a beat that was offered has changed"
            offered = plain(payload) if valid and not ready else None
            if valid and ready:
                taken.append(Taken(clock, plain(payload)))
            quiet += len(taken) >= count

    return process


def stream_through(
    dut: Any, beats: Sequence[Beat], count: int, sink: Sink, seed: int, background: Sequence[Process] = ()
) -> list[Taken]:
    """The beats that leave ``dut``, of which ``count`` are expected; without gaps where the sink is always ready."""
    rng = np.random.default_rng(seed)
    taken: list[Taken] = []
    source = feed(dut.i, beats, None if sink == "ready" else rng)
    simulate(dut, source, drain(dut.o, count, sink, rng, taken), always=tuple(background))
    return taken
