"""From anydoc's model of an office file to blocks: headings, paragraphs, lists, tables and notes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

import anydoc

from calypso_mcp.local.indexing.documents import Block, ExtractionFailed
from calypso_mcp.local.indexing.formats.members import ZIP_START
from calypso_mcp.local.indexing.formats.office.packages import DAMAGED
from calypso_mcp.local.indexing.formats.tables import (
    CELL_SEPARATOR,
    Row,
    is_header,
    repeat_cell,
    table_blocks,
)

_INDENT = "  "
_NOTE = re.compile(r"\[([^\[\]]{1,40})\]")
_PROTECTED = "The file is protected by a password. Upload a copy without a password."
#: Part of Office Open XML behind a password (MS-OFFCRYPTO 2.3.4.4).
_ENCRYPTED_PART = "EncryptedPackage".encode("utf-16-le")
_UNPACKS_TOO_FAR = "The unpacked file is larger than allowed. Upload it in parts."
TOO_MANY_CELLS = "A sheet spans too many cells. Delete the cells far away from its table, or save it as CSV."
#: The message for each limit of anydoc.
_TOO_LARGE = {
    "max_grid_slots": TOO_MANY_CELLS,
    "max_xml_nodes": "The file has too many cells or paragraphs. Upload it in parts, or large sheets as CSV.",
    "max_xml_depth": "The file is nested too deeply: it is damaged or malicious.",
}


def parse(data: bytes) -> anydoc.Document:
    """Return anydoc's model of an office file.

    Raises:
        ExtractionFailed: `encrypted`, `broken`, `too_large` or `unsupported`.
    """
    try:
        return anydoc.to_document(data)
    except anydoc.EncryptedError as error:
        raise ExtractionFailed("encrypted", _PROTECTED) from error
    except anydoc.ResourceLimitError as error:
        raise ExtractionFailed("too_large", _TOO_LARGE.get(error.limit, _UNPACKS_TOO_FAR)) from error
    except anydoc.UnsupportedError as error:
        if _ENCRYPTED_PART in data:
            raise ExtractionFailed("encrypted", _PROTECTED) from error
        if data.startswith(ZIP_START):  # a package whose end is missing
            raise ExtractionFailed("broken", DAMAGED) from error
        raise ExtractionFailed(
            "unsupported", "The file has an unsupported format. Save it as docx, xlsx, pptx or PDF."
        ) from error
    except anydoc.ConvertError as error:
        raise ExtractionFailed("broken", DAMAGED) from error


def document_blocks(document: anydoc.Document) -> Iterator[Block]:
    """Yield the blocks of a document, each before the foot- and endnotes that it refers to, numbered."""
    notes = {note.id: text for note in document.notes if (text := flat_text(note.blocks))}
    numbers: dict[str, int] = {}

    def number(note: str) -> str:
        return f"[{numbers.setdefault(note, len(numbers) + 1)}]" if note in notes else f"[{note}]"

    for block in blocks_of(document.blocks):
        new = [note for note in dict.fromkeys(_NOTE.findall(block.text)) if note not in numbers]
        yield replace(block, text=_NOTE.sub(lambda note: number(note[1]), block.text))
        yield from (Block(f"{number(note)} {notes[note]}") for note in new if note in notes)
    left = [note for note in notes if note not in numbers]
    yield from (Block(f"{number(note)} {notes[note]}") for note in left)


def blocks_of(blocks: Sequence[anydoc.Block]) -> Iterator[Block]:
    """Yield headings, paragraphs, lists (one block each) and tables."""
    for block in blocks:
        if block.kind == "heading":
            text = " ".join(inline_text(block.content).split())
            if text:
                yield Block(text, heading_level=block.level)
        elif block.kind == "table" and block.table is not None:
            yield from _table_blocks(block.table)
        elif block.kind == "block_quote":
            yield from blocks_of(block.blocks or ())
        elif text := _block_text(block):
            yield Block(text)


def flat_text(blocks: Sequence[anydoc.Block]) -> str:
    """Return the text of a cell or a note."""
    return "\n".join(text for block in blocks if (text := _block_text(block)))


def inline_text(content: Sequence[anydoc.Inline] | None) -> str:
    """Return running text, with the descriptions of pictures and the marks of notes."""
    return "".join(map(_inline, content or ()))


def _inline(run: anydoc.Inline) -> str:
    if run.kind == "link":
        return inline_text(run.content)
    if run.kind == "image":
        return run.alt or ""
    if run.kind == "note_ref":
        return f"[{run.note_id}]"
    if run.kind == "line_break":
        return "\n"
    if run.kind == "checkbox":
        return "[x] " if run.checked else "[ ] "
    return run.text or ""


def _block_text(block: anydoc.Block) -> str:
    if block.kind == "list" and block.list is not None:
        return "\n".join(_list_lines(block.list, ""))
    if block.kind == "table" and block.table is not None:
        return "\n".join(CELL_SEPARATOR.join(cells) for cells in grid_of(block.table))
    if block.blocks is not None:
        return flat_text(block.blocks)
    return (block.text if block.text is not None else inline_text(block.content)).strip()


def _list_lines(listed: anydoc.List, indent: str) -> Iterator[str]:
    for number, item in enumerate(listed.items, listed.start):
        marker = item.marker_label or ("-" if listed.marker == "bullet" else f"{number}.")
        for block in item.blocks:
            if block.kind == "list" and block.list is not None:
                yield from _list_lines(block.list, indent + _INDENT)
            elif text := _block_text(block):
                yield f"{indent}{marker} {text}"
                marker = " "


def grid_of(table: anydoc.Table) -> list[list[str]]:
    """Return the cells of a table as text on one line each.

    A cell that spans rows stands in each of them that holds more, if it is short; one that spans columns, in
    the first.
    """
    grid: list[list[str]] = []
    for slots in table.grid:
        row = ["" if slot.cell is None else " ".join(flat_text(slot.cell.blocks).split()) for slot in slots]
        if any(row):
            for column, slot in enumerate(slots):
                if slot.origin_row is not None and slot.origin_col == column:
                    row[column] = repeat_cell(grid[slot.origin_row][column])
        grid.append(row)
    return grid


def _table_blocks(table: anydoc.Table) -> Iterator[Block]:
    if table.kind == "layout":
        for row in table.grid:
            for slot in row:
                yield from blocks_of(slot.cell.blocks if slot.cell is not None else ())
        return
    rows = grid_of(table)
    top = table.header_rows or int(bool(rows) and is_header(*rows[:2]))
    columns = zip_longest(*rows[:top], fillvalue="")
    header = [" ".join(dict.fromkeys(filter(None, names))) for names in columns]
    yield from table_blocks(header, map(Row, rows[top:]), labelled=False)
