"""What reading a PDF takes beside bare pypdfium2, for the same pages in one process.

    python -m tests.benchmarks.pdf_pages [--pages N] [--repeat N]

Bare is: open the file, get each page's text in the order in which it was drawn, close it. Both take turns,
in processor time, so that the ratio is comparable on a busy machine.
"""

from __future__ import annotations

import argparse
import io
import random
import time
from collections.abc import Callable
from statistics import median

import pypdfium2
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from calypso_mcp.local.indexing.documents import FileContent
from calypso_mcp.local.indexing.formats.pdf.reader import read_pdf

_LINES, _WORDS_IN_LINE = 50, 11


def write_pdf(pages: int) -> bytes:
    """Return a PDF of that many full pages of plain text."""
    dice = random.Random(1)
    letters = "aaeeiioounrtslmbdgk"
    words = ["".join(dice.choices(letters, k=dice.randint(3, 9))) for _ in range(3_000)]
    made = io.BytesIO()
    canvas = Canvas(made, pagesize=A4)
    for _ in range(pages):
        for line in range(_LINES):
            canvas.drawString(60, 800 - 15 * line, " ".join(dice.choices(words, k=_WORDS_IN_LINE)))
        canvas.showPage()
    canvas.save()
    return made.getvalue()


def read_bare(data: bytes) -> None:
    """Get the text of all pages from pypdfium2."""
    pdf = pypdfium2.PdfDocument(data)
    for page in pdf:
        text_page = page.get_textpage()
        text_page.get_text_range()
        text_page.close()
        page.close()
    pdf.close()


def processor_s(read: Callable[[], object]) -> float:
    """Return the processor time that `read` takes, in seconds."""
    started = time.process_time()
    read()
    return time.process_time() - started


def main() -> None:
    """Print the times of a page and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--repeat", type=int, default=25)
    arguments = parser.parse_args()
    data = write_pdf(arguments.pages)
    read_pdf(FileContent(data))
    rounds = [
        (processor_s(lambda: read_bare(data)), processor_s(lambda: read_pdf(FileContent(data))))
        for _ in range(arguments.repeat)
    ]
    bare, ours = (median(times) / arguments.pages * 1000 for times in zip(*rounds, strict=True))
    ratio = median(own / other for other, own in rounds)
    print(f"bare {bare:.2f} ms a page, read {ours:.2f} ms a page, ratio {ratio:.2f} (median of rounds)")


if __name__ == "__main__":
    main()
