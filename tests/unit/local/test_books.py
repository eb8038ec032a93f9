"""Chapters of EPUB books whose names stand in the table of contents only."""

from __future__ import annotations

import io
import zipfile
from contextlib import nullcontext

import pytest

from calypso_mcp.local.indexing.documents import ExtractionFailed
from calypso_mcp.local.indexing.formats.office.books import with_chapter_names
from calypso_mcp.local.indexing.formats.office.packages import Package

NAV = (
    '<html><body><nav epub:type="toc"><ol><li><a href="text/c%201.xhtml#top">Fees</a></li></ol></nav>'
    "</body></html>"
)
NCX = (
    "<ncx><navMap><navPoint><navLabel><text>Fees</text></navLabel>"
    '<content src="text/c%201.xhtml"/></navPoint></navMap></ncx>'
)


def book(toc: str, text: str, page: str) -> Package:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as packed:
        packed.writestr(f"OEBPS/{toc}", text)
        packed.writestr("OEBPS/text/c 1.xhtml", f"<html><body class='x'>{page}</body></html>")
    return Package(target.getvalue())


def chapter(toc: str, text: str, page: str) -> str:
    package = book(toc, text, page)
    copy = with_chapter_names(package)
    return (package if copy is None else Package(copy)).text("OEBPS/text/c 1.xhtml")


@pytest.mark.parametrize(("toc", "text"), [("nav.xhtml", NAV), ("toc.ncx", NCX)])
@pytest.mark.parametrize("page", ["<p>Fees are due in May.</p>", "<p>Nine euros.</p>", "<h1>II</h1><p>x</p>"])
def test_a_chapter_that_does_not_say_its_name_gets_it(toc: str, text: str, page: str) -> None:
    assert "<body class='x'><h1>Fees</h1>" in chapter(toc, text, page)


@pytest.mark.parametrize(
    "page", ["<h2>2. Fees</h2><p>x</p>", "<div><p>FEES</p></div><p>x</p>", "<h1>Fees</h1>"]
)
def test_a_chapter_that_says_its_name_stays_as_it_is(page: str) -> None:
    assert with_chapter_names(book("nav.xhtml", NAV, page)) is None


@pytest.mark.parametrize("toc", ["<nav", "<ncx><navPoint/></ncx>", "", NAV.replace("text/", "../../")])
def test_a_damaged_table_of_contents_changes_nothing(toc: str) -> None:
    for name in ("nav.xhtml", "toc.ncx"):
        assert with_chapter_names(book(name, toc, "<p>x</p>")) is None


def test_a_page_in_another_encoding_is_unpacked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    page = "<?xml version='1.0' encoding='windows-1251'?><html><body><p>Отпуск</p></body></html>"
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as packed:
        packed.writestr("nav.xhtml", NAV.replace("text/c%201.xhtml", "a.xhtml"))
        packed.writestr("a.xhtml", page.encode("cp1251"))
    unpacked: list[str] = []
    part = Package.part

    def count(package: Package, name: str) -> bytes:
        unpacked.append(name)
        return part(package, name)

    monkeypatch.setattr(Package, "part", count)
    copy = with_chapter_names(Package(target.getvalue()))
    assert copy is not None
    assert "<h1>Fees</h1><p>Отпуск</p>" in Package(copy).text("a.xhtml")
    assert unpacked.count("a.xhtml") == 2  # of the book, and of its copy just now


def test_a_protected_book_is_refused_and_one_with_hidden_fonts_is_not() -> None:
    for page, is_refused in (("OEBPS/c.xhtml", True), ("OEBPS/font.ttf", False)):
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as packed:
            packed.writestr("META-INF/encryption.xml", f'<e><enc:CipherReference URI="{page}"/></e>')
        with pytest.raises(ExtractionFailed, match="DRM") if is_refused else nullcontext():
            Package(target.getvalue()).check_protection()
