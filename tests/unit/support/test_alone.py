"""A test marked `alone` has the machine to itself in a parallel run, too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TESTS = """
import os, time
from pathlib import Path
import pytest

RUNNING = Path(__file__).parent / "running"

def others_seen():
    seen, own = set(), RUNNING / str(os.getpid())
    own.touch()
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        seen.update(RUNNING.iterdir())
    own.unlink()
    return seen - {own}

@pytest.mark.parametrize("number", range(4))
def test_with_others(number):
    print("others" if others_seen() else "none")

@pytest.mark.alone
@pytest.mark.parametrize("number", range(4))
def test_alone(number):
    assert not others_seen()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="runs are not parallel there")
def test_no_other_test_runs_beside_one_that_is_alone(tmp_path: Path) -> None:
    (tmp_path / "running").mkdir()
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = alone\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.alone", "-c", "pytest.ini", "-rP"]
    done = subprocess.run(
        [
            *command,
            "-p",
            "no:schemathesis",
            "--numprocesses=2",
            "--dist=load",
            "--rootdir",
            str(tmp_path),
            str(tmp_path),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "8 passed" in done.stdout, done.stdout
    assert "others" in done.stdout.splitlines()  # the run was a parallel one
