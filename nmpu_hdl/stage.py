"""The register pipeline's control: ready/valid, and the side band that travels with the data."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Delay", "Pipeline"]


class Pipeline(wiring.Component):
    """Control of ``stages`` registers in a row.  Data registers live with their arithmetic and obey ``enable``.

    A stage moves on when the next one does or is empty, so bubbles close up while the sink stalls, and a beat a
    clock flows while it does not.  ``ready`` depends on ``o.ready`` combinationally, never on ``i.valid``.

    Args:
        side: what accompanies the data, such as the settings of its pass.
        stages: number of registers, at least 1.  Latency: as many clocks.
        moves: whether there is a port of that name.

    Attributes:
        i, o: streams of ``side``.
        enable: bit ``k``: the registers at the end of stage ``k`` load at the next edge.
        at: the side band at the input of each stage.
        moves: (only with ``moves``) bit ``k``: a beat moves into the registers at the end of stage ``k``.
    """

    def __init__(self, side: ShapeLike, stages: int, *, moves: bool = False) -> None:
        self._side, self._stages, self._moves = side, stages, moves
        super().__init__(
            ({"moves": Out(stages)} if moves else {})
            | {
                "i": In(stream.Signature(side)),
                "o": Out(stream.Signature(side)),
                "enable": Out(stages),
                "at": Out(side).array(stages),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        valid = Signal(self._stages)
        ready, before, payload = self.o.ready, self.i.valid, self.i.payload
        for k in reversed(range(self._stages)):
            m.d.comb += self.enable[k].eq(~valid[k] | ready)
            ready = self.enable[k]
        m.d.comb += self.i.ready.eq(ready)
        for k in range(self._stages):
            register = Signal(self._side, name=f"side_{k}", reset_less=True)
            m.d.comb += self.at[k].eq(payload)
            if self._moves:
                m.d.comb += self.moves[k].eq(self.enable[k] & before)
            with m.If(self.enable[k]):
                m.d.sync += [valid[k].eq(before), register.eq(payload)]
            before, payload = valid[k], register
        m.d.comb += [self.o.valid.eq(before), self.o.payload.eq(payload)]
        return m


class Delay:
    """Registers that carry a value from the stage where it enters to the stage where it is used.

    Args:
        m: the module that holds the registers.
        enable: the pipeline's ``enable``.
    """

    def __init__(self, m: Module, enable: Signal) -> None:
        self._m, self._enable = m, enable

    def __call__(self, value: Any, start: int, end: int, name: str) -> Any:
        """``value``, valid at the input of stage ``start``, as it is at the input of stage ``end``."""
        for k in range(start, end):
            register = Signal(value.shape(), name=f"{name}_{k}", reset_less=True)
            with self._m.If(self._enable[k]):
                self._m.d.sync += register.eq(value)
            value = register
        return value
