"""The command line. Each command is a module that is imported only when its command runs."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping

from calypso_mcp.cli import collector
from calypso_mcp.cli.ending import INTERRUPTED
from calypso_mcp.errors import CalypsoError, ConfigError

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Returns:
        0 on success, 1 when the job failed, 2 when a flag, variable or file is wrong, 130 after Ctrl-C.
    """
    collector.rest()
    try:
        # Not before: it takes a while to load, and Ctrl-C ends that quietly, too.
        from calypso_mcp.cli.arguments import parse

        arguments, flags = parse(sys.argv[1:] if argv is None else argv)
        return _command(arguments.command or "stdio")(arguments, flags)
    except ConfigError as error:
        _complain(error)
        return 2
    except CalypsoError as error:
        _complain(error)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has had enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    finally:
        collector.work()


def _command(name: str) -> Callable[[Namespace, Mapping[str, object]], int]:
    """Return the function that runs a command; only its imports are paid for."""
    match name:
        case "http":
            from calypso_mcp.cli.http import run
        case "backend":
            from calypso_mcp.cli.backend import run
        case "demo":
            from calypso_mcp.cli.demo import run
        case "upload":
            from calypso_mcp.cli.upload import run
        case "recover":
            from calypso_mcp.cli.recover import run
        case "token":
            from calypso_mcp.cli.tokens import run
        case _:
            # The only command that is started again and again: its collector works once it serves.
            from calypso_mcp.cli.stdio import run

            return run
    collector.work()
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        # A file may have a name that this terminal or file cannot show.
        reconfigure(errors="backslashreplace")
    return run


def _complain(error: CalypsoError) -> None:
    """Say on stderr what went wrong and what to do about it."""
    print(" ".join(filter(None, ("calypso-mcp:", error.message, error.hint))), file=sys.stderr)
