"""Files by a library that the tests do not install: python make_files.py LIBRARY FOLDER WORDS."""

# pyright: basic
from __future__ import annotations

import io
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

library, folder, words = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
sections, sentences = words["sections"], words["sentences"]
pairs = list(zip(sections, sentences, strict=True))
text = "\r\n\r\n".join(f"{title}\r\n{sentence}" for title, sentence in pairs)


def by_pyrtf() -> None:
    """RTF."""
    elements: Any = import_module("PyRTF.Elements")
    document = elements.Document()
    section = import_module("PyRTF.document.section").Section()
    document.Sections.append(section)
    for pair in pairs:
        for line in pair:
            section.append(line)
    target = io.StringIO()
    import_module("PyRTF.Renderer").Renderer().Write(document, target)
    (folder / "PyRTF.rtf").write_text(target.getvalue(), encoding="utf-8")


def by_rtflite() -> None:
    """RTF: one table."""
    rtf: Any = import_module("rtflite")
    frame = import_module("polars").DataFrame({"section": sections, "rule": sentences})
    rtf.RTFDocument(df=frame).write_rtf(str(folder / "rtflite.rtf"))


def by_odpslides() -> None:
    """OpenDocument slides."""
    deck: Any = import_module("odpslides.presentation").Presentation(title_font_color="black")
    for title, sentence in pairs:
        deck.add_titled_outline_chart(title=title, outline=sentence)
    deck.save(filename=str(folder / "odpslides.odp"))


def by_independentsoft() -> None:
    """An Outlook message whose text is in a code page that it does not state."""
    outlook: Any = import_module("independentsoft.msg")
    message = outlook.Message()
    message.subject, message.body = sections[3], text
    message.save(str(folder / "independentsoft.msg"))


def by_spire() -> None:
    """Word, RTF and OpenDocument texts, Excel workbooks."""
    word: Any = import_module("spire.doc")
    document = word.Document()
    section = document.AddSection()
    for title, sentence in pairs:
        heading = section.AddParagraph()
        heading.AppendText(title)
        heading.ApplyStyle(word.BuiltinStyle.Heading1)
        section.AddParagraph().AppendText(sentence)
    for ending in ("Doc", "Docx2013", "Rtf", "Odt"):
        kind = getattr(word.FileFormat, ending)
        document.SaveToFile(str(folder / f"Spire.{ending.removesuffix('2013').lower()}"), kind)
    excel: Any = import_module("spire.xls")
    book = excel.Workbook()
    for row, pair in enumerate([("section", "rule"), *pairs], 1):
        for column, cell in zip("AB", pair, strict=True):
            book.Worksheets[0].Range[f"{column}{row}"].Text = cell
    book.SaveToFile(str(folder / "Spire.xls"), excel.ExcelVersion.Version97to2003)
    book.SaveToFile(str(folder / "Spire.ods"), excel.ExcelVersion.ODS)


def by_asposeslides() -> None:
    """PowerPoint and OpenDocument slides."""
    slides: Any = import_module("asposeslides")
    deck = slides.Presentation()
    for number, (title, sentence) in enumerate(pairs):
        slide = deck.slides[0] if not number else deck.slides.add_empty_slide(deck.layout_slides[6])
        box = slide.shapes.add_auto_shape(slides.ShapeType.RECTANGLE, 50, 50, 600, 200)
        box.text_frame.text = f"{title}: {sentence}"
    for ending in ("PPT", "PPTX", "ODP"):
        deck.save(str(folder / f"Aspose-Slides.{ending.lower()}"), getattr(slides.export.SaveFormat, ending))


def by_aspose_words() -> None:
    """Word."""
    aspose: Any = import_module("aspose.words")
    builder = aspose.DocumentBuilder()
    for title, sentence in pairs:
        builder.paragraph_format.style_identifier = aspose.StyleIdentifier.HEADING1
        builder.writeln(title)
        builder.paragraph_format.style_identifier = aspose.StyleIdentifier.NORMAL
        builder.writeln(sentence)
    builder.document.save(str(folder / "Aspose-Words.doc"))


def by_pyxlsbwriter() -> None:
    """A binary Excel workbook."""
    with import_module("pyxlsbwriter").XlsbWriter(str(folder / "pyxlsbwriter.xlsb")) as book:
        book.add_sheet("Rules")
        book.write_sheet([["section", "rule"], *pairs])


def by_formulon() -> None:
    """Excel workbooks, binary and not."""
    formulon: Any = import_module("formulon")
    book = formulon.Workbook.create_default()
    for row, pair in enumerate([("section", "rule"), *pairs]):
        for column, cell in enumerate(pair):
            book.set_text(0, row, column, cell)
    for ending in ("XLSX", "XLSB"):
        data = book.save_as(getattr(formulon.WorkbookFormat, ending))
        (folder / f"formulon.{ending.lower()}").write_bytes(data)


globals()[f"by_{library.lower().replace('.', '_')}"]()
