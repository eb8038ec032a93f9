"""The command line: reads what a person or a client typed, and reports the outcome.

`commands` holds the commands; what several of them share lives here. A command's module is imported only
when that command runs.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from calypso_mcp.cli.printing.terminal import guard_output, started_by_hand
from calypso_mcp.cli.process import collector
from calypso_mcp.cli.process.ending import INTERRUPTED
from calypso_mcp.errors import CalypsoError, ConfigError

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Returns:
        0 on success, 1 when the job failed, 2 when a flag, variable or file is wrong, 130 after Ctrl-C.
    """
    collector.rest()
    try:
        _end_at_interrupts()
        return _run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        _raise_at_interrupts()
        collector.work()


def _run(argv: list[str]) -> int:
    try:
        # Imported here because it loads slowly, and Ctrl-C must end that quietly, too.
        from calypso_mcp.cli.arguments import UsageError, load_module, parse
        from calypso_mcp.cli.command_list import STDIO

        guard_output()
        try:
            parsed = parse(argv)
        except UsageError as error:
            if error.command is STDIO:
                from calypso_mcp.cli.commands.serving.stdio import report_problem

                _raise_at_interrupts()
                return report_problem(error)
            raise
        except SystemExit as ended:
            # `--help` and `--version` end like this.
            return _finished(int(ended.code or 0))
        run = load_module(parsed.command).run
        _raise_at_interrupts()
        if parsed.command is not STDIO:
            # Clients start stdio often: its collector works only once it serves.
            collector.work()
        return _finished(run(parsed.arguments, parsed.flags))
    except ConfigError as error:
        return _complain(error, 2)
    except CalypsoError as error:
        return _complain(error, 2 if error.code == "invalid_arguments" else 1)


def _finished(code: int) -> int:
    if sys.stdout is not None:
        sys.stdout.flush()
    return code


def _complain(error: CalypsoError, code: int) -> int:
    """Say what went wrong and what to do about it; the usage of a command on a line of its own."""
    from calypso_mcp.cli.arguments import UsageError

    separator = "\n" if isinstance(error, UsageError) else " "
    text = separator.join(filter(None, (error.message, error.hint)))
    if not isinstance(error, ConfigError):
        from calypso_mcp.cli.printing.tool_names import in_commands

        text = in_commands(text)
    print(f"calypso-mcp: {text}", file=sys.stderr, flush=True)
    return code


def _end_at_interrupts() -> None:
    """Let Ctrl-C end what a person started in a terminal, also under a parent that ignores it.

    While modules load it ends the process at once: nothing is open yet, and an exception in the middle of
    an import would come out as an error of the library that was being loaded.
    """
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler or (handler is signal.SIG_IGN and started_by_hand()):
        signal.signal(signal.SIGINT, _leave)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    os._exit(INTERRUPTED)


def _raise_at_interrupts() -> None:
    """From here on Ctrl-C raises KeyboardInterrupt, so that what is open is closed."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
