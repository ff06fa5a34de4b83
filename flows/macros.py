"""Memories as macros: their sizes as a user gives them, models for simulation, stubs and Liberty for synthesis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nmpu_hdl.macros import Macro, Pin

__all__ = ["Sized", "behavioural", "liberty", "match", "parse_macro", "stub"]


@dataclass(frozen=True)
class Sized:
    """A macro as the user has it: at least ``words`` x ``bits``, ``area`` in um2."""

    name: str
    words: int
    bits: int
    area: float


def parse_macro(text: str) -> Sized:
    """Read ``name:words:bits:area``.

    Raises:
        ValueError: one line: a part is missing or is not what it should be.
    """
    parts = text.split(":")
    if len(parts) != 4 or not parts[0]:
        raise ValueError(f"--macro {text!r} is not name:words:bits:area, such as params:64:1664:21000")
    words, bits = _whole(text, "words", parts[1]), _whole(text, "bits", parts[2])
    try:
        area = float(parts[3])
    except ValueError:
        area = math.nan
    if not (math.isfinite(area) and area > 0):
        raise ValueError(f"--macro {text!r}: area = {parts[3]!r} is not a number of um2 above 0")
    return Sized(parts[0], words, bits, area)


def match(sized: Sequence[Sized], needed: Sequence[Macro]) -> dict[str, Sized]:
    """The sizes by the Verilog module of the macro; of those that got none there is no entry.

    A macro may be larger than needed, as one off the shelf is.

    Raises:
        ValueError: one line: a name is not needed or given twice, or a macro is too small; with what is needed.
    """
    found: dict[str, Sized] = {}
    by_name = {macro.name: macro for macro in needed}
    for given in sized:
        if given.name not in by_name:
            wanted = ", ".join(f"{m.name} ({_size(m)})" for m in needed) or "none is; how.memory = macro makes some"
            raise ValueError(f"--macro {given.name}: no such macro is needed, but {wanted}")
        macro = by_name[given.name]
        if macro.module in found:
            raise ValueError(f"--macro {given.name} is given twice; once is enough")
        if given.words < macro.words or given.bits < macro.bits:
            raise ValueError(
                f"--macro {given.name}: {given.words} words of {given.bits} bits are too small; "
                f"{_size(macro)} are needed"
            )
        found[macro.module] = given
    return found


def behavioural(macro: Macro) -> str:
    """Verilog that simulates the macro: undefined until written, and wherever its ports' contract says so."""
    word = f"[{macro.bits - 1}:0]"
    lines = [_header(macro, "reg "), f"  reg {word} words [0:{macro.words - 1}];"]
    unknown = f"{{{macro.bits}{{1'bx}}}}"
    if macro.ports == 2:
        lines += [
            "  always @(posedge clk0)",
            "    if (!csb0) words[addr0] <= din0;",
            "  always @(posedge clk1)",
            f"    if (!csb1) dout1 <= !csb0 && addr0 == addr1 ? {unknown} : words[addr1];",
        ]
    else:
        written = "din0"
        if macro.lanes > 1:
            width = macro.bits // macro.lanes
            lines += [
                f"  wire {word} mask;",
                "  genvar k;",
                "  generate",
                f"    for (k = 0; k < {macro.lanes}; k = k + 1) begin : lane",
                f"      assign mask[k * {width} +: {width}] = {{{width}{{wmask0[k]}}}};",
                "    end",
                "  endgenerate",
            ]
            written = "words[addr0] & ~mask | din0 & mask"
        lines += [
            "  always @(posedge clk0)",
            "    if (!csb0) begin",
            f"      if (!web0) words[addr0] <= {written};",
            f"      dout0 <= web0 ? words[addr0] : {unknown};",
            "    end",
        ]
    return "\n".join([*lines, "endmodule", ""])


def stub(macro: Macro) -> str:
    """Verilog of a black box with the macro's pins, for synthesis."""
    return f"(* blackbox *)\n{_header(macro)}\nendmodule\n"


def liberty(macro: Macro, area: float) -> str:
    """A Liberty library of the macro alone: its area in um2 and its pins, without times.

    It has no gates, so that it goes beside a library of cells, not instead of one.
    """
    widths = sorted({pin.width for pin in macro.pins if pin.width > 1})
    types = [
        f"  type (bits_{n}) {{\n    base_type : array;\n    data_type : bit;\n    bit_width : {n};\n"
        f"    bit_from : {n - 1};\n    bit_to : 0;\n    downto : true;\n  }}"
        for n in widths
    ]
    return "\n".join(
        [
            f"library ({macro.module}) {{",
            "  delay_model : table_lookup;",
            '  time_unit : "1ns";',
            '  voltage_unit : "1V";',
            '  current_unit : "1mA";',
            "  capacitive_load_unit (1, pf);",
            *types,
            f"  cell ({macro.module}) {{",
            f"    area : {area:.12g};",
            "    dont_touch : true;",
            "    interface_timing : true;",
            "    is_macro_cell : true;",
            "    memory () {",
            "      type : ram;",
            f"      address_width : {macro.address};",
            f"      word_width : {macro.bits};",
            "    }",
            *map(_pin, macro.pins),
            "  }",
            "}",
            "",
        ]
    )


def _whole(text: str, name: str, part: str) -> int:
    if not (part.isascii() and part.isdecimal() and int(part)):
        raise ValueError(f"--macro {text!r}: {name} = {part!r} is not a whole number from 1")
    return int(part)


def _size(macro: Macro) -> str:
    return f"{macro.words} words of {macro.bits} bits"


def _header(macro: Macro, output: str = "") -> str:
    mask = f", written {macro.bits // macro.lanes} at a time" if macro.lanes > 1 else ""
    ports = "port 0 writes, port 1 reads" if macro.ports == 2 else "one port"
    names = ", ".join(pin.name for pin in macro.pins)
    lines = [f"// {_size(macro)}{mask}; {ports}", f"module {macro.module}({names});"]
    for pin in macro.pins:
        flow = "input " if pin.flow == "in" else f"output {output}"
        lines.append(f"  {flow}{f'[{pin.width - 1}:0] ' if pin.width > 1 else ''}{pin.name};")
    return "\n".join(lines)


def _pin(pin: Pin) -> str:
    """A pin or bus in Liberty."""
    said = [f"direction : {'input' if pin.flow == 'in' else 'output'};"]
    if pin.name.startswith("clk"):
        said.append("clock : true;")
    if pin.flow == "in":
        said.append("capacitance : 0;")
    if pin.width > 1:
        said.insert(0, f"bus_type : bits_{pin.width};")
    body = "\n".join(f"      {line}" for line in said)
    return f"    {'bus' if pin.width > 1 else 'pin'} ({pin.name}) {{\n{body}\n    }}"
