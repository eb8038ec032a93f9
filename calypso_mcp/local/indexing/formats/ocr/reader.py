"""Text in pictures: RapidOCR, which the `ocr` extra brings with its models, or the system's tesseract."""

from __future__ import annotations

import importlib
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

from calypso_mcp.local.indexing.documents import Block, Document, ExtractionFailed, FileContent, Part
from calypso_mcp.local.indexing.formats.ocr.engines import find_tesseract, is_rapidocr_installed
from calypso_mcp.local.indexing.formats.ocr.layout import Line, join_lines
from calypso_mcp.local.indexing.formats.ocr.pictures import Picture, open_pictures
from calypso_mcp.local.indexing.formats.ocr.rules import without_rules

#: Seconds for one picture.
_TESSERACT_S = 300
#: Confidence below which a line is noise.
_LEAST_SCORE = 0.5
#: Mean confidence above which a picture is not upside down.
_UPRIGHT_SCORE = 0.95
#: A gap between words that is wider than this many times their height parts two columns.
_COLUMN_GAP = 2.0
_COLUMNS = 12
#: The first character of the scripts that are written without spaces between words.
_FIRST_UNSPACED = "\u2e80"
#: Level of a word in tesseract's table; pages, blocks, paragraphs and lines are the others.
_WORD = "5"


def read_picture(file: FileContent) -> Document:
    """Return the text in a picture, by page where the file holds several.

    Raises:
        ExtractionFailed: `broken`, `too_large`, or `empty` where no text is seen.
    """
    if is_rapidocr_installed():
        texts = (_rapid_text(picture.as_array()) for picture in open_pictures(file.data))
    else:
        texts = _tesseract_pages(file.data)
    blocks = [
        Block(paragraph.strip(), part=Part("page", number))
        for number, text in enumerate(texts, 1)
        for paragraph in text.split("\n\n")
        if paragraph.strip()
    ]
    if not blocks:
        raise ExtractionFailed("empty", "OCR found no text in the picture.")
    return Document(tuple(blocks), warnings=("OCR read the text and may have made errors.",))


def recognize(picture: Picture) -> str:
    """Return the lines of a picture, paragraphs parted by blank lines."""
    if is_rapidocr_installed():
        return _rapid_text(picture.as_array())
    unruled = replace(picture, data=without_rules(picture.data, picture.width))
    return "\n\n".join(_tesseract_pages(unruled.as_pnm()))


@cache
def _rapidocr() -> Any:
    # One thread: other files are read beside this one.
    importlib.import_module("cv2").setNumThreads(1)
    engine = importlib.import_module("rapidocr").RapidOCR
    return engine(
        params={
            "Global.log_level": "critical",
            "Global.text_score": _LEAST_SCORE,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def _rapid_text(pixels: Any) -> str:
    """Return the text of a picture; of one on its side or upside down, as it reads upright."""
    seen = _seen(pixels)
    lies_down = sum(line.bottom - line.top > line.right - line.left for line in seen.lines)
    turns = (1, 3) if lies_down * 2 > len(seen.lines) else (2,) if seen.score < _UPRIGHT_SCORE else ()
    turned = [_seen(importlib.import_module("numpy").rot90(pixels, turn).copy()) for turn in turns]
    # Lines on their side are read nearly as well, but in reverse.
    best = max((*turned, seen), key=lambda picture: round(picture.score, 1 if lies_down else 2))
    return join_lines(best.lines)


class _Seen(NamedTuple):
    lines: list[Line]
    #: Mean confidence.
    score: float


def _seen(pixels: Any) -> _Seen:
    found = _rapidocr()(pixels)
    if found.txts is None or found.boxes is None:
        return _Seen([], 1.0)
    lines = [_line(text, corners) for text, corners in zip(found.txts, found.boxes, strict=True)]
    return _Seen(lines, sum(found.scores) / len(lines))


def _line(text: str, corners: Any) -> Line:
    across: Sequence[float] = [float(corner[0]) for corner in corners]
    down: Sequence[float] = [float(corner[1]) for corner in corners]
    return Line(text, min(across), min(down), max(across), max(down))


@cache
def _arguments(program: str) -> Sequence[str]:
    """Return what tesseract is to look for: the languages it has been installed for, pages on their side."""
    listed = subprocess.run([program, "--list-langs"], capture_output=True, timeout=_TESSERACT_S, check=False)
    names = [name.strip() for name in listed.stdout.decode(errors="replace").splitlines()[1:]]
    languages = "+".join(name for name in names if name and name != "osd") or "eng"
    return ("-l", languages, *(("--psm", "1") if "osd" in names else ()))


def _tesseract_pages(image: bytes) -> list[str]:
    """Return the text of every picture in a file."""
    program = find_tesseract() or "tesseract"  # pictures are refused where nothing reads them
    try:
        done = subprocess.run(
            [program, "-", "-", *_arguments(program), "tsv"],
            input=image,
            capture_output=True,
            timeout=_TESSERACT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ExtractionFailed("timeout", "Reading the picture took too long.") from error
    if done.returncode:
        raise ExtractionFailed("broken", "The picture is damaged or has an unsupported format.")
    pages = parse_tesseract(done.stdout.decode(errors="replace"))
    return [join_lines(pages.get(number, [])) for number in range(1, max(pages, default=0) + 1)]


def parse_tesseract(table: str) -> dict[int, list[Line]]:
    """Return the lines of every page of tesseract's `tsv` output, which has one word a row.

    Its columns are level, page, block, paragraph, line, word, left, top, width, height, confidence and text.
    """
    pages: defaultdict[int, list[Line]] = defaultdict(list)
    rows = (row.split("\t", _COLUMNS - 1) for row in table.splitlines())
    words = (row for row in rows if len(row) == _COLUMNS and row[0] == _WORD and row[-1].strip())
    for place, line in groupby(words, key=lambda row: row[1:5]):
        pages[int(place[0])] += map(_join, _columns(list(map(_word, line))))
    return pages


def _word(row: list[str]) -> Line:
    left, top, width, height = map(float, row[6:10])
    return Line(row[-1].strip(), left, top, left + width, top + height)


def _columns(words: list[Line]) -> Iterator[list[Line]]:
    height = sorted(word.height for word in words)[len(words) // 2]
    part: list[Line] = []
    for word in words:
        if part and word.left - part[-1].right > _COLUMN_GAP * height:
            yield part
            part = []
        part.append(word)
    yield part


def _join(words: list[Line]) -> Line:
    return Line(
        _text(words),
        min(word.left for word in words),
        min(word.top for word in words),
        max(word.right for word in words),
        max(word.bottom for word in words),
    )


def _text(words: list[Line]) -> str:
    text = ""
    for word in words:
        is_unspaced = text[-1:] >= _FIRST_UNSPACED and word.text >= _FIRST_UNSPACED
        text += word.text if is_unspaced or not text else f" {word.text}"
    return text
