"""A folder of many formats, from `calypso-mcp upload --wait` to searchable: rate, processor time, memory.

    python -m tests.benchmarks.mixed_files [--files N]

Each file has words of its own. Memory is the most that the command, and that any of its children, held.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import docx
import openpyxl
import pptx
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from tests.benchmarks.small_files import KINDS

_PDF_PAGES = 5
_POLL_S = 0.05


def _pdf(number: int, words: str) -> bytes:
    made = io.BytesIO()
    canvas = Canvas(made, pagesize=A4)
    for page in range(_PDF_PAGES):
        canvas.drawString(72, 780, f"Note {number}, page {page + 1}")
        for line, start in enumerate(range(0, len(words), 80)):
            canvas.drawString(72, 760 - 14 * line, words[start : start + 80])
        canvas.showPage()
    canvas.save()
    return made.getvalue()


def _docx(number: int, words: str) -> bytes:
    document, made = docx.Document(), io.BytesIO()
    document.add_heading(f"Note {number}", 1)
    document.add_paragraph(words)
    document.save(made)
    return made.getvalue()


def _xlsx(number: int, words: str) -> bytes:
    book, made = openpyxl.Workbook(), io.BytesIO()
    sheet = book.worksheets[0]
    for word in ("word", *words.split()):
        sheet.append([number, word])
    book.save(made)
    return made.getvalue()


def _pptx(number: int, words: str) -> bytes:
    show, made = pptx.Presentation(), io.BytesIO()
    slide = show.slides.add_slide(show.slide_layouts[5])
    title = slide.shapes.title
    assert title is not None
    title.text = f"Note {number}: {words[:200]}"
    show.save(made)
    return made.getvalue()


def _text(kind: str) -> Callable[[int, str], bytes]:
    return lambda number, words: KINDS[kind](number, words).encode()


#: Three PDFs, two office files and five texts in turn.
WRITERS: tuple[tuple[str, Callable[[int, str], bytes]], ...] = (
    ("pdf", _pdf),
    ("md", _text("md")),
    ("docx", _docx),
    ("html", _text("html")),
    ("pdf", _pdf),
    ("csv", _text("csv")),
    ("xlsx", _xlsx),
    ("json", _text("json")),
    ("pdf", _pdf),
    ("eml", _text("eml")),
    ("pptx", _pptx),
    ("txt", _text("txt")),
)


def write_files(folder: Path, count: int) -> int:
    """Write `count` files; return their size in bytes."""
    dice = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(dice.choices(letters, k=dice.randint(3, 9))) for _ in range(3_000)]
    size_bytes = 0
    for number in range(count):
        kind, write = WRITERS[number % len(WRITERS)]
        content = write(number, " ".join(dice.choices(words, k=200)))
        (folder / f"file-{number:05}.{kind}").write_bytes(content)
        size_bytes += len(content)
    return size_bytes


def upload(folder: Path, data: Path) -> dict[str, float]:
    """Upload a folder into an empty Calypso; return what it took."""
    command = [sys.executable, "-m", "calypso_mcp", "upload", str(folder), "--bucket=files"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--create-bucket", "--wait"],
        env={**os.environ, "CALYPSO_DATA_DIR": str(data)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peaks: dict[int, float] = {}
    while process.poll() is None:
        for pid in (process.pid, *_children(process.pid)):
            # The last look counts: before it starts its own program, a child shows the memory of the command.
            peaks[pid] = _peak_mb(pid) or peaks.get(pid, 0.0)
        time.sleep(_POLL_S)
    wall_s = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert process.returncode == 0, process.returncode
    own = peaks.pop(process.pid)
    return {
        "wall_s": wall_s,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "command_mb": own,
        "child_mb": max(peaks.values(), default=0.0),
    }


def _children(pid: int) -> list[int]:
    """Return the ids of a process's children (Linux)."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except OSError:  # it has ended
            continue
    return found


def _peak_mb(pid: int) -> float:
    """Return the most memory that a process has held, in MB (Linux); 0 for one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def main() -> None:
    """Print a line of what the upload took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=1_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, data = Path(name, "files"), Path(name, "data")
        folder.mkdir()
        megabytes = write_files(folder, arguments.files) / 1e6
        took = upload(folder, data)
    row = {
        "files": arguments.files,
        "MB": round(megabytes, 1),
        "files a second": round(arguments.files / took["wall_s"], 1),
        "MB a second": round(megabytes / took["wall_s"], 2),
        "CPU ms a file": round(took["cpu_s"] / arguments.files * 1000, 1),
        "peak MB of the command": round(took["command_mb"]),
        "peak MB of a child": round(took["child_mb"]),
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
