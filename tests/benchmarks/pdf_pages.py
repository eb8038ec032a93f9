"""What reading a PDF takes beside bare pypdfium2, for the same pages in as many processes.

    python -m tests.benchmarks.pdf_pages [--pages N] [--repeat N] [--processes N]

Bare is: open the file, get each page's text in the order in which it was drawn, close it. Both take turns,
in processor time, so that the ratio is comparable on a busy machine. With several processes each reads a PDF
of that many pages; the text reaches the process that asked for it, and what one page takes (mostly the start
of the processes) is left out.
"""

from __future__ import annotations

import argparse
import io
import random
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import anyio
import pypdfium2
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from calypso_mcp.concurrency import for_each
from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local.indexing.child_process import ExtractionLimits
from calypso_mcp.local.indexing.documents import FileContent
from calypso_mcp.local.indexing.extraction import Extractor
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


def read_bare_in_processes(data: bytes, processes: int) -> None:
    """Let each process get the text of all pages from pypdfium2."""
    readers = [get_context("spawn").Process(target=read_bare, args=(data,)) for _ in range(processes)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()


def read_in_processes(data: bytes, processes: int) -> None:
    """Let each process read a PDF as the indexing worker has it read."""

    async def read(path: Path) -> None:
        async with Extractor(ExtractionLimits(processes=processes)) as extractor:
            extract = partial(
                extractor.extract, declared=Declaration("pages.pdf", content_type="application/pdf")
            )
            await for_each(extract, [path] * processes, limit=processes)

    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        anyio.run(read, Path(file.name))


def all_processors_s(read: Callable[[], object]) -> float:
    """Return the processor time that `read` takes with the processes that it starts, in seconds."""

    def used() -> float:
        usages = (resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    started = used()
    read()
    return used() - started


def main() -> None:
    """Print the times of a page and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--repeat", type=int, default=25)
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    data, processes = write_pdf(arguments.pages), arguments.processes
    if processes == 1:
        read_pdf(FileContent(data))
        rounds = [
            (processor_s(lambda: read_bare(data)), processor_s(lambda: read_pdf(FileContent(data))))
            for _ in range(arguments.repeat)
        ]
    else:
        page = write_pdf(1)

        def beyond_start_s(read: Callable[[bytes, int], None]) -> float:
            taken = [all_processors_s(partial(read, pdf, processes)) for pdf in (data, page)]
            return taken[0] - taken[1]

        rounds = [
            (beyond_start_s(read_bare_in_processes), beyond_start_s(read_in_processes))
            for _ in range(arguments.repeat)
        ]
    pages = arguments.pages * processes
    bare, ours = (median(times) / pages * 1000 for times in zip(*rounds, strict=True))
    ratio = median(own / other for other, own in rounds)
    print(f"bare {bare:.2f} ms a page, read {ours:.2f} ms a page, ratio {ratio:.2f} (median of rounds)")


if __name__ == "__main__":
    main()
