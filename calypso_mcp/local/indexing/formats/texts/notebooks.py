"""Jupyter notebooks: text and code cell by cell, with the text that the code printed (nbformat 4)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from calypso_mcp.domain.json_values import is_list, is_object
from calypso_mcp.local.indexing.documents import Block, Document, FileContent, Part
from calypso_mcp.local.indexing.formats.encodings.decoding import decode, strip_terminal_codes
from calypso_mcp.local.indexing.formats.html.reader import read_html
from calypso_mcp.local.indexing.formats.texts.markdown import split_markdown
from calypso_mcp.local.indexing.formats.texts.text import split_paragraphs, text_document


def read_notebook(file: FileContent) -> Document:
    """Return every cell as a part of its own; pictures are left out."""
    decoded = decode(file.data, file.charset)
    try:
        value = json.loads(decoded.text)
        cells = list(_cells(value))
    except (ValueError, RecursionError):
        return text_document(decoded, "not a valid notebook, read as plain text")
    blocks = tuple(block for number, cell in enumerate(cells, 1) for block in _cell_blocks(cell, number))
    title = next((block.text for block in blocks if block.heading_level == 1), None)
    return Document(blocks, title, warnings=decoded.warnings)


def _cells(value: Any) -> Iterator[Mapping[str, Any]]:
    notebook = _fields(value)
    # nbformat 3 had worksheets around the cells.
    for sheet in notebook.get("worksheets") or [notebook]:
        for cell in _fields(sheet).get("cells") or ():
            yield _fields(cell)


def _fields(value: Any) -> Mapping[str, Any]:
    if not is_object(value):
        raise ValueError("no notebook")
    return value


def _cell_blocks(cell: Mapping[str, Any], number: int) -> Iterator[Block]:
    part = Part("cell", number)
    source = _text(cell.get("source", cell.get("input")))
    if cell.get("cell_type") == "markdown":
        found = split_markdown(source.split("\n"), 0)
    else:
        printed = "\n".join(filter(None, map(_printed, cell.get("outputs") or ())))
        found = (*split_paragraphs(source.split("\n"), 1), *split_paragraphs(printed.split("\n"), 1))
    for block in found:
        yield replace(block.without_place(), part=part)


def _printed(output: Any) -> str:
    fields = _fields(output)
    data = _fields(fields.get("data") or {})
    failure = _text(fields.get("traceback")) or _text(fields.get("evalue"))
    said = (fields.get("text"), data.get("text/markdown"), data.get("text/plain"), failure)
    if printed := _text(next(filter(None, said), "")):
        return strip_terminal_codes(printed)
    page = _text(data.get("text/html"))
    return read_html(FileContent(page.encode(), charset="utf-8")).text if page.strip() else ""


def _text(value: Any) -> str:
    return "".join(map(str, value)) if is_list(value) else str(value or "")
