"""Runs the command line again and again in copies of one process, and kills a copy at a chosen moment.

`python -m tests.support.dying_process` reads one JSON list a line: the moment to die at (0: never), the file
that the moments are written to, and the arguments of `calypso-mcp`. It answers each with the exit code, below
0 for a signal. A moment is whatever changes what a restart would find: the start and the commit of a
transaction, a flush, a rename, a deletion, bytes sent to a socket. The copy dies before it happens.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from socket import socket
from threading import Lock
from typing import Any, NoReturn

#: The exit code of a copy that was killed.
KILLED = -9
_ENDS = ("BEGIN IMMEDIATE", "COMMIT")
#: What an event loop sends to itself.
_WAKING_BYTES = 1
_AUDITED = frozenset({"os.rename", "os.remove", "os.truncate"})
_connect = sqlite3.connect


class Commands:
    """Runs commands in copies of a process that has loaded everything already."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._log = folder / "moments"
        self._printed = folder / "printed"

    @property
    def printed(self) -> str:
        """What all commands have printed."""
        return self._printed.read_text()

    def run(self, *arguments: str, dies_at: int = 0) -> tuple[int, list[str]]:
        """Run `calypso-mcp` and return its exit code and the moments that it came to."""
        self._log.write_text("")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([dies_at, str(self._log), arguments]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that runs commands has ended"
        return int(answer), self._log.read_text().split()


@contextmanager
def dying_commands(folder: Path) -> Generator[Commands]:
    """Yield commands that run until the block ends; what they print goes to `folder`."""
    with (folder / "printed").open("wb") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.dying_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=printed,
            text=True,
        )
        with process:
            try:
                yield Commands(process, folder)
            finally:
                process.kill()


class _Moments:
    """Counts moments, and kills this process before the chosen one."""

    def __init__(self, dies_at: int, log: int) -> None:
        self._dies_at = dies_at
        self._log = log
        self._count = 0
        self._lock = Lock()

    def pass_one(self, name: str) -> None:
        with self._lock:
            self._count += 1
            os.write(self._log, f"{name}\n".encode())
            if self._count == self._dies_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def hook(self, event: str, _arguments: tuple[Any, ...]) -> None:
        if event in _AUDITED:
            self.pass_one(event)

    def before(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def counted(first: Any, *arguments: Any) -> Any:
            if not arguments or len(arguments[0]) > _WAKING_BYTES:
                self.pass_one(name)
            return function(first, *arguments)

        return counted

    def connect(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = _connect(*arguments, **options)
        connection.set_trace_callback(self._trace)
        return connection

    def _trace(self, statement: str) -> None:
        if statement.startswith(_ENDS):
            self.pass_one(statement.partition(" ")[0])


def _run_copy(dies_at: int, log: Path, arguments: list[str]) -> NoReturn:
    from calypso_mcp.cli import main

    code = 70
    try:
        moments = _Moments(dies_at, os.open(log, os.O_WRONLY | os.O_APPEND))
        sys.addaudithook(moments.hook)
        sqlite3.connect = moments.connect
        os.fsync = moments.before(os.fsync, "fsync")
        socket.send = moments.before(socket.send, "send")  # type: ignore[method-assign] - counted, then sent
        os.dup2(2, 1)
        code = main(arguments)
        sys.stdout.flush()
        log.with_suffix(".modules").write_text("\n".join(sys.modules))
    finally:
        os._exit(code)


def _serve() -> None:
    for line in sys.stdin:
        dies_at, log, arguments = json.loads(line)
        if (pid := os.fork()) == 0:
            _run_copy(dies_at, Path(log), arguments)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code == 0:
            # What this copy loaded, the following need not load again.
            for module in Path(log).with_suffix(".modules").read_text().splitlines():
                if module not in sys.modules:
                    with suppress(ImportError):
                        import_module(module)
        print(code, flush=True)


if __name__ == "__main__":
    _serve()
