"""Operations of binary16, copies of each side by side, as emitted Verilog in Verilator: operands in, results out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from flows import simulators
from flows.simulate import parse_results
from flows.tool import run, write_atomic
from nmpu_hdl.float_unit import FloatUnit
from nmpu_hdl.formats import Format
from nmpu_hdl.modules import ModuleLibrary, place
from nmpu_hdl.presets import preset
from nmpu_hdl.verilog import _netlist, _to_verilog
from tb.test_float_unit import OPERANDS, RESULTS

__all__ = ["UNITS", "FloatSimulation", "Unit"]

Ints = NDArray[np.int64]

_COPIES = 4
"""Vectors a step: an access to a pin costs more than its bits do, and more copies take longer to compile; 8 at most."""


class Unit(NamedTuple):
    """A :class:`FloatUnit`, by its arguments."""

    operation: str
    lean: bool
    form: Format

    @property
    def name(self) -> str:
        """Of its port."""
        form = f"_{self.form}".replace(".", "_").lower() if self.converts else ""
        return f"{self.operation}{form}{'_lean' if self.lean else ''}"

    @property
    def converts(self) -> bool:
        """From or to integers."""
        return self.operation.endswith("integer")

    @property
    def field(self) -> int:
        """Bits of a result: y, and, of integers, ``low`` and ``high`` from bit 16 on."""
        return 32 if self.operation == "to_integer" else 16


_FORMATS = {
    "multiply": ("UQ16.0",),
    "add": ("UQ16.0",),
    "fused": ("UQ16.0",),
    "from_integer": ("UQ16.0", "SQ16.0", "UQ10.0", "UQ11.0", "SQ13.0", "SQ6.2", "UQ0.16", "SQ1.15", "UQ2.0"),
    "to_integer": ("SQ8.0", "UQ8.0", "SQ16.0", "UQ16.0", "SQ2.0", "UQ2.0", "SQ11.0", "UQ12.0"),
}

UNITS = tuple(
    Unit(operation, lean, Format.parse(text))
    for operation, texts in _FORMATS.items()
    for text in texts
    for lean in (False, True)
)
"""All that is built and run; the format of an arithmetic operation means nothing."""


class _Units(wiring.Component):
    """``_COPIES`` of each of :data:`UNITS`; copy k has field k of every port.

    Attributes:
        a, b, c: operands of multiply, add, fused.
        x: the operand of conversions, its lowest bits where they take fewer; ``relu``: a bit a copy.
        (one output for each unit, by its name)
    """

    def __init__(self) -> None:
        operands = {name: In(16 * _COPIES) for name in "abcx"}
        super().__init__({**operands, "relu": In(_COPIES), **{unit.name: Out(unit.field * _COPIES) for unit in UNITS}})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        for unit in UNITS:
            for k in range(_COPIES):
                copy = FloatUnit(*unit)
                place(m, platform, unit.name, copy, f"{unit.name}_{k}", clocked=False)
                result = getattr(self, unit.name).word_select(k, unit.field)
                m.d.comb += result[:16].eq(copy.y)
                if not unit.converts:
                    for name in _operands(unit.operation):
                        m.d.comb += getattr(copy, name).eq(getattr(self, name).word_select(k, 16))
                elif unit.operation == "from_integer":
                    m.d.comb += copy.code.eq(self.x.word_select(k, 16))
                else:
                    m.d.comb += [copy.a.eq(self.x.word_select(k, 16)), copy.relu.eq(self.relu[k])]
                    m.d.comb += result[16:18].eq(Cat(copy.low, copy.high))
        return m


class FloatSimulation:
    """The units, built once.

    Args:
        folder: where; made if absent.
        runtime: a simulation whose compiled library serves again.

    Raises:
        ToolMissing: Verilator, or what it needs, is not installed.
    """

    def __init__(self, folder: Path, runtime: Path) -> None:
        library, self._folder = ModuleLibrary(), folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        netlists = [_netlist("nmpu", _Units(), library)]
        netlists += [_netlist(name, unit, library) for name, unit in library.components.items()]
        source = folder / "units.v"
        write_atomic(source, _to_verilog("\n".join(netlists)))
        # The recipe is for a top of this name, whatever its ports are.
        recipe = simulators.verilator(
            [source.resolve()], self._folder, preset("tiny"), simulators.Options(False, False, 1, runtime)
        )
        write_atomic(folder / "access.vlt", _access())
        for name, command in recipe.build:
            run(command, self._folder, log_name=f"{name}.log")
        self._recipe = recipe

    def operations(self, a: Ints, b: Ints, c: Ints) -> dict[str, Ints]:
        """Results of multiply, add and fused, (vectors,), by the names of their units.

        Args:
            a, b, c: (vectors,) operands, 0..65535.
        """
        units = [unit for unit in UNITS if not unit.converts]
        pins = {name: _steps(bits) for name, bits in zip("abc", (a, b, c), strict=True)}
        return self._play(pins, units, len(a))

    def conversions(self, x: Ints, relu: bool) -> dict[str, Ints]:
        """Results of all conversions, (vectors,), likewise; of those to integers with the flags in bits 16 and 17."""
        units = [unit for unit in UNITS if unit.converts]
        steps = _steps(x)
        active = np.full((len(steps), 1), relu * ((1 << _COPIES) - 1), np.uint8)
        return self._play({"x": steps, "relu": active}, units, len(x))

    def _play(self, pins: dict[str, Any], units: list[Unit], vectors: int) -> dict[str, Ints]:
        folder = self._folder
        for stale in ("results.xml", RESULTS):
            (folder / stale).unlink(missing_ok=True)
        np.savez(folder / OPERANDS, read=np.array([unit.name for unit in units]), **pins)
        env = simulators.cocotb_environment("nmpu", folder, folder / "results.xml", 1, "tb.test_float_unit", (), 0)
        done = run(self._recipe.command, folder, env=env | self._recipe.env)
        _, failures = parse_results(folder / "results.xml", done.log)
        assert not failures, failures[0].message
        with np.load(folder / RESULTS) as file:
            fields = {unit.name: file[unit.name].view(f"<u{unit.field // 8}").reshape(-1) for unit in units}
        return {name: values[:vectors].astype(np.int64) for name, values in fields.items()}


def _operands(operation: str) -> str:
    return "abc" if operation == "fused" else "ab"


def _steps(bits: Ints) -> NDArray[np.uint8]:
    """(steps, bytes) of (vectors,); the last step is filled up with zeros."""
    padded = np.zeros(-(-len(bits) // _COPIES) * _COPIES, "<u2")
    padded[: len(bits)] = bits
    return padded.view(np.uint8).reshape(-1, 2 * _COPIES)


def _access() -> str:
    """As flows.simulators has it: pins accessible, and each unit compiled once."""
    lines = [f'public_flat_rw -module "nmpu" -var "{name}"' for name in ("a", "b", "c", "x", "relu")]
    for unit in UNITS:
        # Results too, or else the logic behind them is sunk into the top, once for each copy.
        pins = {"from_integer": ("code", "y"), "to_integer": ("a", "relu", "y", "low", "high")}
        names = pins.get(unit.operation, (*_operands(unit.operation), "y"))
        lines += [f'public_flat_rw -module "nmpu" -var "{unit.name}"', f'no_inline -module "nmpu_{unit.name}"']
        lines += [f'public_flat_rw -module "nmpu_{unit.name}" -var "{name}"' for name in names]
    return "\n".join(["`verilator_config", *lines, ""])
