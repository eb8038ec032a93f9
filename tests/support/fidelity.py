"""How much of what a program wrote stands in the passages, and whether it is cited where it stands."""

from __future__ import annotations

import re

from calypso_mcp.local.indexing.chunking import Chunk, split
from calypso_mcp.local.indexing.documents import Document, FileContent
from calypso_mcp.local.indexing.formats.encodings.decoding import decode
from calypso_mcp.local.indexing.formats.registry import choose_entry
from tests.support.producers import Made

_PLAIN = (".txt", ".md", ".rst", ".py", ".log")


def passages(made: Made) -> list[Chunk]:
    """Return the passages of a document."""
    return split(document_of(made))


def document_of(made: Made) -> Document:
    """Return what is read of a document."""
    entry = choose_entry(made.name, "", made.data[:8_192])
    return entry.read(FileContent(made.data, made.name))


def slices_back(made: Made) -> bool:
    """Whether each passage is cut out of the document by its span, and stands in the lines that it names."""
    document = document_of(made)
    lines = _source_lines(made)
    return all(
        document.text[chunk.start : chunk.end] == chunk.text and _stands_in(chunk, lines)
        for chunk in split(document)
    )


def _source_lines(made: Made) -> list[str] | None:
    """Return the lines of a file that people read as it is; None of any other."""
    if not made.name.endswith(_PLAIN):
        return None
    return decode(made.data).text.splitlines()


def _stands_in(chunk: Chunk, lines: list[str] | None) -> bool:
    if lines is None or chunk.line_start is None or chunk.line_end is None or chunk.part is not None:
        return True
    named = set(re.findall(r"\w+", "\n".join(lines[chunk.line_start - 1 : chunk.line_end])))
    return set(re.findall(r"\w+", chunk.text)) <= named


def share_found(made: Made) -> float:
    """Return the share of the words written that stand in the passages."""
    wanted = [word for text in made.texts for word in re.findall(r"\w+", text)]
    found = set(re.findall(r"\w+", "\n".join(chunk.text for chunk in passages(made))))
    return sum(word in found for word in wanted) / len(wanted)


def is_cited_right(made: Made) -> bool:
    """Whether a passage with the sought sentence is cited where that was written."""
    hits = [chunk for chunk in passages(made) if made.sought in chunk.text]
    if isinstance(made.place, str):
        return any(made.place in chunk.text or made.place in (chunk.heading or "") for chunk in hits)
    if made.place is None:
        return bool(hits)
    kind, number = made.place
    if kind == "row":
        return any((hit.line_start or 0) <= number <= (hit.line_end or 0) for hit in hits)
    return any(hit.part is not None and (hit.part.kind, hit.part.number) == (kind, number) for hit in hits)
