"""Our command line as a person or a host runs it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.secret_watch import watched
from tests.support.warm_commands import run_warm

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-W", "error", "-m", "calypso_mcp"]
#: Seconds after which a process that hangs is killed.
LIMIT_S = 60


def run(
    *arguments: str, environ: Mapping[str, str] | None = None, limit_s: float = LIMIT_S
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    # What the interpreter reads at its start counts in a new process only.
    if hasattr(os, "fork") and not any(name.startswith("PYTHON") for name in environ or ()):
        done = run_warm(arguments, {**os.environ, **(environ or {})}, limit_s)
        watched("stderr of a child process", done.stderr)
        return done
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**os.environ, **(environ or {})},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=limit_s,
    )


@contextmanager
def running(*arguments: str, environ: Mapping[str, str] | None = None) -> Generator[subprocess.Popen[str]]:
    """Run a command while the block lasts, with pipes; killed if it is still there afterwards."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env={**os.environ, **(environ or {})},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()
            if process.stderr is not None and not process.stderr.closed:
                watched("log of a server", process.stderr.read())
