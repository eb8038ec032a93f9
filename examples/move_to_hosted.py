"""From the embedded Calypso to the hosted one: fill a bucket on this machine, move it, search it there.

    python examples/move_to_hosted.py

A second embedded Calypso on a port stands in for the hosted one, so that nothing leaves this machine. With a
key of your project, run the printed commands, without `--api-base-url` and `--data-dir`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = [sys.executable, "-m", "calypso_mcp"]
KEY = "sk_example"
QUESTION = "how wide is the moon"


def run(*arguments: str, key: str = "") -> str:
    """Run a command, show it and return what it prints."""
    print(f"$ calypso-mcp {' '.join(arguments)}")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CALYPSO_")}
    environ |= {"CALYPSO_API_KEY": key} if key else {}
    done = subprocess.run([*PROGRAM, *arguments], env=environ, stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout)
    return done.stdout


def move(folder: Path, hosted: str) -> None:
    """Fill a bucket on this machine, then move it."""
    notes = folder / "notes"
    notes.mkdir()
    (notes / "moon.md").write_text(
        "# Moon\n\nThe moon is a quarter as wide as the earth.\n", encoding="utf-8"
    )
    here = ["--data-dir", str(folder / "here")]
    there = ["--api-base-url", hosted]
    run("upload", str(notes), "--bucket", "notes", "--create-bucket", "--wait", *here)
    run("move", "notes", "--to", "hosted", "--dry-run", *here, *there, key=KEY)
    run("move", "notes", "--to", "hosted", *here, *there, key=KEY)
    found = run("search", QUESTION, "--data-dir", str(folder / "memory"), *there, key=KEY)
    assert "a quarter as wide" in found


def main() -> None:
    """Start the Calypso that stands in for the hosted one, and move to it."""
    with tempfile.TemporaryDirectory() as folder:
        backend = subprocess.Popen(
            [*PROGRAM, "backend", "--port", "0", "--data-dir", f"{folder}/hosted"],
            env={**os.environ, "CALYPSO_API_KEY": KEY},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert backend.stdout
        with backend.stdout:
            try:
                # Its first line: "Embedded Calypso: http://127.0.0.1:PORT/v1".
                move(Path(folder), backend.stdout.readline().split()[-1])
            finally:
                backend.terminate()
                backend.wait(timeout=20)


if __name__ == "__main__":
    main()
