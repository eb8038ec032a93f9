"""How much work a folder of small files is, from `calypso-mcp upload --wait` to searchable.

    python tests/benchmarks/small_files.py [--files N] [--repeat N] [--kind md --kind html ...]

Each run uploads the same notes (about 1 KB, Markdown and plain text in turn, or in the formats named)
into an empty embedded Calypso.
Processor time counts every process of the command and leaves out what an upload of one file takes (mostly the
start), so it is comparable on a busy machine where files a second are not.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def _letter(number: int, words: str) -> str:
    return f"From: a@example.com\nTo: b@example.com\nSubject: Note {number}\n\n{words}\n"


#: How a note reads in each format.
KINDS: dict[str, Callable[[int, str], str]] = {
    "txt": lambda number, words: f"# Note {number}\n\n{words}\n",
    "md": lambda number, words: f"# Note {number}\n\n{words}\n",
    "html": lambda number, words: f"<html><body><h1>Note {number}</h1><p>{words}</p></body></html>",
    "csv": lambda number, words: "\n".join(["number,word", *(f"{number},{word}" for word in words.split())]),
    "json": lambda number, words: json.dumps({"number": number, "words": words.split()}),
    "eml": _letter,
}


def write_notes(folder: Path, count: int, kinds: Sequence[str]) -> None:
    """Write `count` notes of about 160 words each, of each kind in turn."""
    dice = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(dice.choices(letters, k=dice.randint(3, 9))) for _ in range(3_000)]
    folder.mkdir()
    for number in range(count):
        kind = kinds[number % len(kinds)]
        text = KINDS[kind](number, " ".join(dice.choices(words, k=160)))
        (folder / f"note-{number:05}.{kind}").write_text(text)


def upload(folder: Path) -> tuple[float, float]:
    """Upload a folder into an empty Calypso; return the seconds it took and those of the processors.

    The data stays beside the folder: ext4 takes longer to make files soon after many were deleted.
    """
    data = tempfile.mkdtemp(dir=folder.parent)
    command = [sys.executable, "-m", "calypso_mcp", "upload", str(folder), "--bucket=notes"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(
        [*command, "--create-bucket", "--wait"],
        env={**os.environ, "CALYPSO_DATA_DIR": data},
        check=True,
        capture_output=True,
    )
    wall_s = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a line for each run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=3_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--kind", action="append", choices=KINDS, help="a format; repeatable")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        one, many = Path(name, "one"), Path(name, "many")
        kinds = arguments.kind or ["txt", "md"]
        write_notes(one, 1, kinds)
        write_notes(many, arguments.files, kinds)
        for _ in range(arguments.repeat):
            (start_s, start_cpu_s), (wall_s, cpu_s) = upload(one), upload(many)
            each_ms = (cpu_s - start_cpu_s) / arguments.files * 1000
            rate = arguments.files / (wall_s - start_s)
            load = os.getloadavg()[0]
            print(f"{each_ms:.2f} ms a file, {rate:.0f} files a second (load {load:.1f})", flush=True)


if __name__ == "__main__":
    main()
