"""Run a Yosys script in a process of its own, so that neither a crash nor its memory is ours."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from .tool import ToolFailed, run, write_atomic

__all__ = ["run_script"]

_CHILD = (
    "import sys; from pyosys import libyosys as yosys; design = yosys.Design(); "
    "[yosys.run_pass(line.strip(), design) for line in open(sys.argv[1]) if line.strip()]"
)


def run_script(
    commands: Sequence[str], work: Path, outputs: Sequence[str], name: str = "synthesize.ys", log_name: str = "log"
) -> str:
    """Run Yosys commands in the folder ``work``.

    Leaves there the script, ``command``, ``log`` and the outputs; on failure no output.

    Args:
        commands: one a line; file names relative to ``work``.
        work: the folder, made if absent.
        outputs: files that the commands write; old ones are removed first.
        name: name of the script.
        log_name: name of the log.

    Returns:
        The log.

    Raises:
        ToolFailed: Yosys or ABC stopped, said ERROR, or an output is missing or empty, whatever the exit status.
        OSError: ``work`` cannot be written.
    """
    work.mkdir(parents=True, exist_ok=True)
    targets = [work / output for output in outputs]
    _remove(targets)
    write_atomic(work / name, "\n".join(commands) + "\n")
    try:
        run([sys.executable, "-c", _CHILD, name], work, log_name=log_name)
        log = work / log_name
        text = log.read_text(errors="replace")
        error = re.search(r"^.*\bERROR: .*$", text, re.MULTILINE)
        if error:
            raise ToolFailed(f"Yosys stopped: {error[0].strip()}", log)
        for target in targets:
            if not target.is_file() or not target.stat().st_size:
                raise ToolFailed(f"Yosys ended without writing {target.name}", log)
    except BaseException:
        _remove(targets)
        raise
    return text


def _remove(files: Sequence[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
