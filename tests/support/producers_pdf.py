"""The sentences of `producers` as PDFs, one section on each page."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator
from html import escape
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pypdf
from fpdf import FPDF
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfgen.canvas import Canvas

from tests.support.producers import SECTIONS, SENTENCES, Made, made_by_libraries

_PAIRS = tuple(zip(SECTIONS, SENTENCES, strict=True))
#: What the fonts that every PDF program knows can show.
_LATIN = _PAIRS[:3]


def made_as_pdf() -> Iterator[Made]:
    """Yield the PDFs of libraries."""
    drawn = _reportlab()
    yield _made("reportlab.pdf", drawn, (*_LATIN, _PAIRS[4]))
    yield _made("pypdf.pdf", _pypdf(drawn), (*_LATIN, _PAIRS[4]))
    yield _made("pypdf-encrypted.pdf", _pypdf(drawn, encrypted=True), (*_LATIN, _PAIRS[4]))
    yield _made("fpdf2.pdf", _fpdf2(), _LATIN)


def made_by_pdf_programs(folder: Path) -> Iterator[Made]:
    """Yield the PDFs of programs that are installed here: Chromium, LibreOffice, Typst."""
    # Chromium writes letters that no font of the machine draws as blanks: the last pair is Chinese.
    pairs = _PAIRS if _has_chinese_font() else _PAIRS[:-1]
    page = "".join(
        f"<section style='break-after:page'><h1>{escape(title)}</h1><p>{escape(text)}</p></section>"
        for title, text in pairs
    )
    source = folder / "rules.html"
    source.write_text(f"<!doctype html><meta charset=utf-8><title>Rules</title>{page}", encoding="utf-8")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium:
        target = folder / "chromium.pdf"
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
        command = [chromium, *options, f"--print-to-pdf={target}", source.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        yield _made("Chromium.pdf", target.read_bytes(), pairs)
    if shutil.which("soffice"):
        [source] = [made for made in made_by_libraries() if made.name == "python-docx.docx"]
        (folder / "rules.docx").write_bytes(source.data)
        command = ["soffice", f"-env:UserInstallation=file://{folder}/office", "--headless", "--convert-to"]
        command += ["pdf", "--outdir", str(folder), str(folder / "rules.docx")]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        yield Made("LibreOffice.pdf", (folder / "rules.pdf").read_bytes(), ("page", 1))
    if find_spec("typst"):
        markup = "#set smartquote(enabled: false)\n" + "\n#pagebreak()\n".join(
            f"= {title}\n{text}" for title, text in _PAIRS
        )
        (folder / "rules.typ").write_text(markup, encoding="utf-8")
        compiled: Any = import_module("typst").compile(str(folder / "rules.typ"))
        yield _made("Typst.pdf", compiled, _PAIRS[:4])


def _has_chinese_font() -> bool:
    lister = shutil.which("fc-list")
    if lister is None:
        return False
    return bool(subprocess.run([lister, ":lang=zh"], capture_output=True, check=True).stdout)


def _made(name: str, data: bytes, pairs: tuple[tuple[str, str], ...]) -> Made:
    texts = tuple(text for pair in pairs for text in pair)
    return Made(name, data, ("page", 3), texts, pairs[2][1])


def _reportlab() -> bytes:
    registerFont(UnicodeCIDFont("STSong-Light"))
    target = io.BytesIO()
    canvas = Canvas(target)
    for title, sentence in (*_LATIN, _PAIRS[4]):
        font = "STSong-Light" if title == SECTIONS[4] else "Helvetica"
        canvas.setFont(font, 18)
        canvas.drawString(72, 760, title)
        canvas.setFont(font, 11)
        canvas.drawString(72, 720, sentence)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def _pypdf(source: bytes, *, encrypted: bool = False) -> bytes:
    writer = pypdf.PdfWriter()
    writer.append(io.BytesIO(source))
    for page in writer.pages:
        page.compress_content_streams()
    if encrypted:
        # Opens without a password; only changing it needs one.
        writer.encrypt("", "owner", algorithm="AES-256-R5")
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def _fpdf2() -> bytes:
    document = FPDF()
    for title, sentence in _LATIN:
        document.add_page()
        document.set_font("Helvetica", "B", 18)
        document.cell(text=title, new_x="LMARGIN", new_y="NEXT")
        document.set_font("Helvetica", size=11)
        document.multi_cell(0, text=sentence)
    return bytes(document.output())
