"""Static timing and power by OpenSTA: what its scripts begin with, how it is run, and what it says of paths.

Written for 2.0.17, which Debian has: it takes neither ``input signed`` nor a library whose path has a space, goes on to
exit status 0 after an error, and gives a net the library's default wires unless it is told of others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .library import Library
from .tool import ToolFailed, find, run, write_atomic, write_together

__all__ = ["Surroundings", "available", "check_wires", "preamble", "run_script", "version", "wire_loads"]

CLOCK, NETLIST, WIRES = "clk", "netlist.v", "wires.lib"
_MODEL = "nmpu_wires"
_WIRES = """library ({model}) {{
  delay_model : table_lookup;
  time_unit : "1ps";
  voltage_unit : "1V";
  current_unit : "1mA";
  pulling_resistance_unit : "1kohm";
  capacitive_load_unit (1, ff);
  input_threshold_pct_rise : 50;
  input_threshold_pct_fall : 50;
  output_threshold_pct_rise : 50;
  output_threshold_pct_fall : 50;
  slew_lower_threshold_pct_rise : 20;
  slew_lower_threshold_pct_fall : 20;
  slew_upper_threshold_pct_rise : 80;
  slew_upper_threshold_pct_fall : 80;
  wire_load ({model}) {{
    resistance : 0;
    capacitance : {farads:.6g};
    area : 0;
    slope : 1;
    fanout_length (1, 1);
  }}
}}
"""


@dataclass(frozen=True)
class Surroundings:
    """What is around a netlist.

    Args:
        period_ps: of the clock ``clk``, ps, above 0; its network is ideal.
        input_delay_ps: how long after the edge inputs come, ps, from 0.
        output_delay_ps: how long before the next edge outputs must be there, ps, from 0.
        wires: ``none`` (wires have no capacitance), the name of a ``wire_load`` in the Liberty file, or a number: fF
            for each pin that a net drives.
    """

    period_ps: float
    input_delay_ps: float = 0
    output_delay_ps: float = 0
    wires: str = "none"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.period_ps) and self.period_ps > 0):
            raise ValueError(f"period = {self.period_ps:g} ps: a clock needs a period above 0")
        for name, delay in (("input delay", self.input_delay_ps), ("output delay", self.output_delay_ps)):
            if not (math.isfinite(delay) and delay >= 0):
                raise ValueError(f"{name} = {delay:g} ps: it must be 0 or more")
        fanout = self.wire_ff
        if fanout is not None and not (math.isfinite(fanout) and fanout >= 0):
            raise ValueError(f"wires = {self.wires}: fF for each pin must be 0 or more")

    @property
    def wire_ff(self) -> float | None:
        """fF for each pin that a net drives; None where the Liberty file says it."""
        if self.wires == "none":
            return 0.0
        try:
            return float(self.wires)
        except ValueError:
            return None


def available() -> bool:
    """Whether ``sta`` is installed."""
    return find("sta") is not None


def version(work: Path) -> str:
    """What OpenSTA says of its version.

    Raises:
        ToolMissing: it is not installed.
    """
    return run(["sta", "-version"], work, log_name="version.log").log.read_text().strip()


def wire_loads(library: Path) -> tuple[str, ...]:
    """The names of the wire-load models in a Liberty file.

    Raises:
        OSError: the file cannot be read.
    """
    found = re.findall(r'\bwire_load\s*\(\s*"?([^")\s]+)"?\s*\)\s*\{', library.read_bytes().decode("latin-1"))
    return tuple(dict.fromkeys(found))


def check_wires(around: Surroundings, library: Library) -> None:
    """See to it that the library has the wires.

    Raises:
        ValueError: one line: it has no such wire-load model; with those it has.
        OSError: its file cannot be read.
    """
    if around.wire_ff is None and around.wires not in (names := wire_loads(library.path)):
        known = f"none, a number of fF, or one of {', '.join(names)}" if names else "none or a number of fF"
        raise ValueError(f"wires = {around.wires!r}: {library.name} has no such wire_load; {known} would do")


def preamble(
    netlist: str,
    top: str,
    work: Path,
    library: Library,
    around: Surroundings,
    *,
    stubs: Sequence[Path] = (),
) -> list[str]:
    """What a script begins with: library, netlist, clock, delays, drivers, loads and wires; units are ps and fF.

    Inputs but the clock are driven by the library's smallest buffer, and outputs drive four NAND2 inputs, as in
    synthesis.  Leaves in ``work`` what the script reads: ``netlist.v``, ``wires.lib``, and links to the libraries.

    Args:
        netlist: Verilog of the mapped design, with or without hierarchy.
        top: its top module.
        work: the folder that the script will run in, made if absent.
        library: the cells; its whole file is read, not the lean copy.
        around: clock, delays and wires.
        stubs: Liberty files of macros.

    Raises:
        ValueError: one line: the library has no such wire-load model.
        OSError: a file cannot be read or written.
    """
    check_wires(around, library)
    work.mkdir(parents=True, exist_ok=True)
    links = _link([library.path, *stubs], work)
    wires = _WIRES.format(model=_MODEL, farads=around.wire_ff or 0)
    plain = re.sub(r"^(\s*(?:input|output|wire)) signed\b", r"\1", netlist, flags=re.MULTILINE)
    write_together({work / NETLIST: plain, work / WIRES: wires})
    model = f"-name {_quoted(around.wires)}" if around.wire_ff is None else f"-name {_MODEL} -library {_MODEL}"
    return [
        *(f"read_liberty {link}" for link in links),
        f"read_liberty {WIRES}",
        f"read_verilog {NETLIST}",
        f"link_design {top}",
        "set_cmd_units -time ps -capacitance fF",
        f"create_clock -name {CLOCK} -period {around.period_ps:.9g} [get_ports {CLOCK}]",
        "set inputs {}",
        f'foreach port [all_inputs] {{ if {{[get_name $port] ne "{CLOCK}"}} {{ lappend inputs $port }} }}',
        f"set_input_delay {around.input_delay_ps:.9g} -clock {CLOCK} $inputs",
        f"set_output_delay {around.output_delay_ps:.9g} -clock {CLOCK} [all_outputs]",
        f"set_driving_cell -lib_cell {library.driver.name} $inputs",
        f"set_load {library.output_load:.6g} [all_outputs]",
        "set_wire_load_mode top",
        f"set_wire_load_model {model}",
    ]


def run_script(script: Iterable[str], work: Path, name: str = "sta.tcl") -> str:
    """Run Tcl lines in ``work``.

    Leaves there the script, ``command`` and ``log``.

    Returns:
        The log.

    Raises:
        ToolMissing: ``sta`` is not installed.
        ToolFailed: it stopped or said Error, whatever its exit status.
    """
    work.mkdir(parents=True, exist_ok=True)
    write_atomic(work / name, "\n".join(script) + "\n")
    log = run(["sta", "-no_init", "-no_splash", "-exit", name], work).log
    text = log.read_text(errors="replace")
    error = re.search(r"^Error: .*$", text, re.MULTILINE)
    if error:
        raise ToolFailed(f"OpenSTA stopped: {error[0].strip()}", log)
    return text


def _link(files: Sequence[Path], work: Path) -> list[str]:
    """Links in ``work`` to the files, under names that OpenSTA can read."""
    names = []
    for number, file in enumerate(files):
        link = work / f"library_{number}.lib"
        link.unlink(missing_ok=True)
        link.symlink_to(file.resolve())
        names.append(link.name)
    return names


def _quoted(word: str) -> str:
    """A word of Tcl."""
    return '"' + re.sub(r'([\\"$\[\]{}])', r"\\\1", word) + '"'
