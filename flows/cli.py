"""The command line ``nmpu``: every command takes the same words for the configuration, and ``--json`` for machines.

The commands themselves are in :mod:`flows.commands`, :mod:`flows.measure_commands`, and a module each for the others.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from nmpu_hdl import __version__

from . import calibrate_command, commands, families_command, measure_commands
from .deploy import command as deploy_command
from .evaluate import command as evaluate_command
from .optimize import command as optimize_command
from .parallel import forgive_unused
from .tool import ToolFailed, ToolMissing

__all__ = ["app", "main"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=False)


@app.callback(invoke_without_command=True)
def _main(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="print the version")] = False
) -> None:
    """Generate, verify and measure the near-memory digital processing unit of an analog in-memory-computing array."""
    if version:
        print(f"nmpu-hdl {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


for _command in (
    commands.init,
    commands.schema,
    commands.generate,
    commands.registers,
    commands.lint,
    commands.sim,
    measure_commands.area,
    measure_commands.timing,
    measure_commands.power,
    measure_commands.layout,
    measure_commands.compare,
    measure_commands.sweep,
    families_command.families,
    calibrate_command.calibrate,
    evaluate_command.evaluate,
    optimize_command.optimize,
    deploy_command.deploy,
    commands.run,
    commands.doctor,
):
    app.command()(_command)


def main() -> None:
    """Run the command line; complaints are one line on stderr, status 2, or 1 where a tool or a check failed."""
    interrupts: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupts.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)  # as Ctrl-C: tools are stopped, nothing is half-written
    try:
        status = app(standalone_mode=False)
        if interrupts:  # typer has caught it, or it came in a place that cannot raise
            raise KeyboardInterrupt
    except ToolFailed as error:
        status = _complain(error, 1)
    except typer.exceptions.TyperException as error:
        status = _complain(error.format_message().replace("Value error, ", ""), 2)
    except (KeyboardInterrupt, typer.Abort):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the end is near; another would be a traceback
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        forgive_unused()
        status = _complain("interrupted; what was finished is kept", 2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        status = _complain(f"{where}{error.strerror or error}", 2)
    except (ValueError, ToolMissing) as error:
        status = _complain(error, 2)
    except RuntimeError as error:
        status = _complain(error, 1)
    sys.exit(status)


def _complain(message: object, status: int) -> int:
    """One line; but for a failed tool, whose last words follow on lines of their own."""
    text = str(message) if status == 1 else " ".join(str(message).split())
    print(f"nmpu: {text}", file=sys.stderr)
    return status
