"""How much of what a program wrote stands in the passages, and whether it is cited where it stands."""

from __future__ import annotations

import re

from calypso_mcp.local.indexing.chunking import Chunk, split
from calypso_mcp.local.indexing.documents import FileContent
from calypso_mcp.local.indexing.formats.detection import choose_entry
from tests.support.producers import Made


def passages(made: Made) -> list[Chunk]:
    """Return the passages of a document."""
    entry = choose_entry(made.name, "", made.data[:8_192])
    return split(entry.read(FileContent(made.data, made.name)))


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
