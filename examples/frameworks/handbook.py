"""A filled bucket and the server that searches it, shared by the examples of this folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

QUESTION = "How long may a customer return an order?"
ANSWER = "45 days"
INSTRUCTIONS = "Answer from the passages that search_bucket finds, and name their file."


@contextmanager
def serve_handbook() -> Iterator[tuple[str, list[str]]]:
    """Yield the command, and its arguments, of a server over stdio whose bucket holds a small handbook."""
    program = shutil.which("calypso-mcp")
    if program is None:
        sys.exit("calypso-mcp is not on the PATH: install it, in an environment of its own if you like.")
    with tempfile.TemporaryDirectory() as folder:
        handbook = Path(folder, "handbook")
        handbook.mkdir()
        text = "# Refunds\n\nA customer may return any order within 45 days.\n"
        (handbook / "refunds.md").write_text(text, encoding="utf-8")
        where = ["--backend", "embedded", "--data-dir", f"{folder}/data"]
        upload = ["upload", str(handbook), "--bucket", "handbook", "--create-bucket", "--wait"]
        subprocess.run([program, *upload, *where], check=True, capture_output=True)
        yield program, [*where, "--read-only"]


def check(answer: str) -> None:
    """Print an answer, and make sure that it came from the handbook."""
    print(answer)
    assert ANSWER in answer, answer
