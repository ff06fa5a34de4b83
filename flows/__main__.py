"""Where ``nmpu`` starts: nothing heavy is imported before an interrupt is known to end in one line."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    try:
        from .cli import main as command_line
    except KeyboardInterrupt:
        print("nmpu: interrupted; nothing was done", file=sys.stderr)
        sys.exit(2)
    command_line()


if __name__ == "__main__":
    main()
