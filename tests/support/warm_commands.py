"""Runs the command line in copies of one process that has loaded everything already.

Loading takes a command ten times as long as its work, and most tests ask for the work. `tests.commands`
starts new processes where the start counts: servers, at terminals, in `test_startup`.

`python -m tests.support.warm_commands` reads one JSON object a line and answers each with the exit code,
below 0 for a signal.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory


def run_warm(
    arguments: Sequence[str], environ: Mapping[str, str], limit_s: float
) -> subprocess.CompletedProcess[str]:
    """Run `calypso-mcp` to its end, as `subprocess.run` does."""
    process = _started()
    assert process.stdin is not None
    assert process.stdout is not None
    with TemporaryDirectory() as folder:
        asked = {"arguments": arguments, "environ": dict(environ), "limit_s": limit_s, "folder": folder}
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        code = int(process.stdout.readline())
        out, err = (Path(folder, name).read_text(encoding="utf-8") for name in ("out", "err"))
    if code == -signal.SIGALRM:
        raise subprocess.TimeoutExpired([*arguments], limit_s, out, err)
    return subprocess.CompletedProcess([*arguments], code, out, err)


@cache
def _started() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.support.warm_commands"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)
    return process


def _serve() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        folder = Path(asked["folder"])
        if (pid := os.fork()) == 0:
            raise SystemExit(_run_copy(folder, asked))
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if (loaded := folder / "modules").exists():
            # What this copy loaded, the following need not load again.
            for module in loaded.read_text(encoding="utf-8").splitlines():
                if module not in sys.modules:
                    with suppress(ImportError):
                        import_module(module)
        print(code, flush=True)


def _run_copy(folder: Path, asked: dict[str, object]) -> int:
    signal.setitimer(signal.ITIMER_REAL, float(str(asked["limit_s"])))
    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, folder / "out", os.O_WRONLY | os.O_CREAT),
        (2, folder / "err", os.O_WRONLY | os.O_CREAT),
    ):
        file = os.open(path, flags, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(asked["environ"])  # type: ignore[arg-type] - of strings
    from calypso_mcp.cli import main

    try:
        return main(asked["arguments"])  # type: ignore[arg-type] - a list of strings
    finally:
        (folder / "modules").write_text("\n".join(sys.modules), encoding="utf-8")


if __name__ == "__main__":
    _serve()
