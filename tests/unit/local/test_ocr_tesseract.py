from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from calypso_mcp.local.indexing.child_process import ChildDied, ChildProcess, ExtractionLimits, FileToRead
from calypso_mcp.local.indexing.documents import FileContent
from calypso_mcp.local.indexing.formats.ocr.engines import (
    find_tesseract,
    is_rapidocr_installed,
    is_recognition_installed,
)
from calypso_mcp.local.indexing.formats.ocr.layout import join_lines
from calypso_mcp.local.indexing.formats.ocr.pictures import Picture
from calypso_mcp.local.indexing.formats.ocr.reader import parse_tesseract, read_picture, recognize
from calypso_mcp.local.indexing.formats.ocr.rules import without_rules
from tests.support.scans import photograph, picture_file

HEADER = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext"

TABLE = ("Hawser 24 mm", "Shackle bow", "Fender cylindrical", "Mooring winch")


def word(text: str, *, page: int = 1, line: int = 1, left: int, width: int = 50) -> str:
    return f"5\t{page}\t1\t1\t{line}\t1\t{left}\t{line * 40}\t{width}\t20\t96.1\t{text}"


def test_words_with_a_wide_gap_between_them_stand_in_two_columns() -> None:
    rows = [
        word(text, line=line, left=left, width=150)
        for line, texts in enumerate([("the", "key", "we", "open"), ("is", "ninety", "at", "ten")] * 2, 1)
        for text, left in zip(texts, (0, 155, 600, 755), strict=True)
    ]
    lines = parse_tesseract("\n".join([HEADER, "4\t1\t1\t1\t1\t0\t0\t0\t9\t9\t-1\t", *rows]))[1]
    assert [line.text for line in lines[:2]] == ["the key", "we open"]
    left, right = "the key is ninety", "we open at ten"
    assert " ".join(join_lines(lines).split()) == f"{left} {left} {right} {right}"


def test_pages_are_kept_apart_and_chinese_is_written_without_spaces() -> None:
    rows = [word("年", left=0), word("假", left=52), word("2026", left=104), word("x", page=2, left=0)]
    pages = parse_tesseract("\n".join([HEADER, *rows]))
    assert {number: [line.text for line in lines] for number, lines in pages.items()} == {
        1: ["年假 2026"],
        2: ["x"],
    }


def test_what_is_no_table_holds_no_lines() -> None:
    assert parse_tesseract("") == {}
    assert parse_tesseract("5\t1\nnoise") == {}


def photographed(*, is_ruled: bool) -> Image.Image:
    """Return a table, ruled if so asked, above a dark area and letters that hang from a line, as in Hindi."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=(420, 300))
    canvas.rect(30, 120, 360, 24, fill=1)
    canvas.rect(30, 80, 60, 1, fill=1)
    for x in range(31, 90, 6):
        canvas.rect(x, 68, 1, 12, fill=1)
    canvas.setFont("Helvetica", 10)
    for row, line in enumerate(TABLE):
        for x, text in ((40, f"{row + 1}"), (70, line), (200, "22.90"), (300, f"{row + 1},280.00")):
            canvas.drawString(x, 239 - 18 * row, text)
    if is_ruled:
        canvas.setLineWidth(1)
        canvas.grid([34, 64, 194, 294, 380], [180, 198, 216, 234, 252])
    canvas.save()
    return photograph(target.getvalue())


def test_rules_go_and_letters_and_dark_areas_stay() -> None:
    ruled, plain = photographed(is_ruled=True), photographed(is_ruled=False)
    unruled = without_rules(ruled.tobytes(), ruled.width)
    dark, unruled_dark, plain_dark = (
        [pixel < 128 for pixel in pixels] for pixels in (ruled.tobytes(), unruled, plain.tobytes())
    )
    assert unruled_dark == plain_dark != dark


@pytest.mark.skipif(not is_recognition_installed(), reason="needs the extra 'ocr' or tesseract")
def test_a_ruled_table_is_read() -> None:
    picture = photographed(is_ruled=True)
    text = recognize(Picture(picture.width, picture.height, 1, picture.tobytes()))
    rows = [f"{row} {name} 22.90 {row},280.00" for row, name in enumerate(TABLE, 1)]
    assert [row for row in rows if row not in text] == []


@pytest.mark.skipif(not is_recognition_installed(), reason="needs the extra 'ocr' or tesseract")
@pytest.mark.parametrize("columns", [(40, 200), (40, 170, 250, 330)], ids=["two columns", "four"])
@pytest.mark.parametrize("is_ruled", [True, False], ids=["ruled", "plain"])
def test_the_rows_of_a_table_in_a_picture_stay_together(columns: tuple[int, ...], is_ruled: bool) -> None:
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=(420, 300))
    canvas.drawString(30, 270, "The prices below hold for the whole season, in all harbours")
    rows = [(name, "22.90", "Bergen", f"{row},280")[: len(columns)] for row, name in enumerate(TABLE, 1)]
    for y, row in zip(range(239, 0, -18), rows, strict=False):
        for x, text in zip(columns, row, strict=True):
            canvas.drawString(x, y, text)
    if is_ruled:
        canvas.grid([x - 8 for x in (*columns, 400)], [180, 198, 216, 234, 252])
    canvas.save()
    scan = picture_file([photograph(target.getvalue())], "PNG")
    read = read_picture(FileContent(scan)).text.replace("|", " ")
    lines = [" ".join(line.split()) for line in read.splitlines()]
    assert [row for row in map(" ".join, rows) if row not in lines] == []


async def end_input(child: ChildProcess) -> None:
    """Do what the death of its parent does."""
    assert child._process.stdin is not None
    await child._process.stdin.aclose()


async def find_started(child: ChildProcess) -> int:
    """Return the process that a child has started."""
    threads = Path(f"/proc/{child._process.pid}/task")
    while True:
        for thread in threads.iterdir():
            if started := (thread / "children").read_text(encoding="ascii").split():
                return int(started[0])
        await anyio.sleep(0.001)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux lists the processes that one has started")
@pytest.mark.skipif(is_rapidocr_installed() or not find_tesseract(), reason="needs tesseract alone")
@pytest.mark.parametrize("end", [ChildProcess.close, end_input])
async def test_tesseract_ends_with_the_child_that_started_it(
    tmp_path: Path, end: Callable[[ChildProcess], Awaitable[object]]
) -> None:
    path = tmp_path / "scan.png"
    path.write_bytes(picture_file([photographed(is_ruled=False)], "PNG"))
    child = await ChildProcess.start()
    try:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:

                async def read() -> None:
                    with pytest.raises(ChildDied):
                        await child.read(FileToRead(path, "png", recognizes=True), ExtractionLimits())

                group.start_soon(read)
                started = os.pidfd_open(await find_started(child))
                signal.pidfd_send_signal(started, signal.SIGSTOP)  # it will not end by itself
                try:
                    await end(child)
                    await anyio.wait_readable(started)  # it is when the process has ended
                finally:
                    with contextlib.suppress(ProcessLookupError):
                        signal.pidfd_send_signal(started, signal.SIGKILL)
                    os.close(started)
    finally:
        await child.close()
