"""The command line in a terminal, and with output that cannot be written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from calypso_mcp.cli.printing.terminal import guard_output
from tests.commands.processes import COMMAND, LIMIT_S, ROOT

pty = pytest.importorskip("pty", reason="this system has no pseudo terminals")
FULL = Path("/dev/full")
NEEDS_FULL = pytest.mark.skipif(not FULL.exists(), reason=f"this system has no {FULL}")


@contextmanager
def _in_terminal(*arguments: str, ignored: bool = False) -> Generator[tuple[subprocess.Popen[str], int]]:
    """Run a command with a terminal as standard input; yields it and the terminal's other end."""
    ours, theirs = pty.openpty()
    before = signal.getsignal(signal.SIGINT)
    try:
        if ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
    finally:
        signal.signal(signal.SIGINT, before)
        os.close(theirs)
    with process:
        try:
            yield process, ours
        finally:
            process.kill()
            os.close(ours)


@pytest.mark.parametrize("ignored", [False, True])
def test_started_by_hand_it_says_what_it_waits_for_and_ctrl_c_ends_it(*, ignored: bool) -> None:
    with _in_terminal(ignored=ignored) as (process, _):
        assert process.stderr
        assert process.stdout
        told = [process.stderr.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == 130
        assert process.stdout.read() == ""
    assert "MCP server" in told[0]
    assert "waits for an MCP client" in told[1]
    assert "calypso-mcp demo" in told[2]


def test_started_by_hand_with_a_wrong_setting_it_says_so_and_ends() -> None:
    with _in_terminal("--bucket", "") as (process, _):
        assert process.wait(LIMIT_S) == 2
        assert process.stderr
        [line] = process.stderr.read().splitlines()
    assert "flag --bucket" in line


@NEEDS_FULL
@pytest.mark.parametrize("line", ["--help", "demo", "token new bot", "backend --port 0"])
def test_output_that_cannot_be_written_is_one_clear_line(line: str) -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [*COMMAND, *line.split()], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "calypso-mcp: cannot write the output: No space left on device."
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_a_log_that_could_not_be_written_for_a_while_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "log")
    reader = os.open(tmp_path / "log", os.O_RDONLY | os.O_NONBLOCK)
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        monkeypatch.setattr(sys, "stdout", None)
        monkeypatch.setattr(sys, "stderr", log)
        guard_output()
        os.close(reader)
        print("nobody reads this", file=sys.stderr)
        reader = os.open(tmp_path / "log", os.O_RDONLY | os.O_NONBLOCK)
        print("and this is read", file=sys.stderr)
        assert os.read(reader, 100) == b"and this is read\n"
        os.close(reader)


def test_output_that_nobody_reads_any_more_is_one_clear_line() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, "demo"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False, timeout=60
    )
    os.close(writing)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("calypso-mcp: cannot write the output: it was closed")
    assert "Traceback" not in done.stderr


@NEEDS_FULL
def test_a_log_that_cannot_be_written_does_not_stop_the_job() -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [*COMMAND, "demo"], stdout=subprocess.PIPE, stderr=full, text=True, check=False, timeout=60
        )
    assert done.returncode == 0
    assert "cited passages" in done.stdout


def test_tests_that_send_sigint_pass_when_the_suite_ignores_it() -> None:
    chosen = "tests/commands/test_serving.py::test_stdio_ends_when_told_to_even_while_its_backend_runs"
    program = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        "os.execv(sys.executable, [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', "
        f"{chosen!r}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT, timeout=120
    )
    assert done.returncode == 0, done.stdout
