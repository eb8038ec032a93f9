"""Printing what a search found: where it stands, and its text as the tool has cut it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from calypso_mcp.cli.printing.terminal import columns, fill
from calypso_mcp.domain.untrusted_text import clean, clean_line

_INDENT = " " * 5
#: Longest question or name shown, in characters.
_LONGEST_LINE = 200


def wrap(text: str, width: int) -> str:
    """Return `text` wrapped at `width` columns: paragraphs, and each row of a table on a line of its own."""
    blocks: list[str] = []
    for is_row, group in groupby(text.splitlines(), _is_row):
        if is_row is None:
            continue
        lines = [" ".join(line.split()) for line in group]
        texts, hang = (lines, "  ") if is_row else ([" ".join(lines)], "")
        blocks += [fill(text, width, subsequent_indent=hang) for text in texts]
    return "\n".join(blocks)


def _is_row(line: str) -> bool | None:
    """Whether a line is a row of a table; None for an empty one, which ends a paragraph."""
    return (" | " in line or line.lstrip().startswith("|")) if line.strip() else None


def is_cited(hit: Mapping[str, Any]) -> bool:
    """Whether a hit names its source."""
    return bool(hit.get("filename") or hit.get("title")) and bool(hit.get("file_id") and hit.get("text"))


def print_hits(question: str, hits: Sequence[Mapping[str, Any]]) -> None:
    """Print a question and its passages, best first, each with file and page or lines."""
    wide = columns()
    print()
    print(fill(f'"{clean_line(question, _LONGEST_LINE)}"', wide))
    if not hits:
        print("  nothing found")
    for rank, hit in enumerate(hits, start=1):
        print(fill(f"  {rank}. {_source(hit)}", wide, subsequent_indent=_INDENT))
        print(textwrap.indent(wrap(clean(str(hit["text"])), wide - len(_INDENT)), _INDENT))


def print_gaps(result: Mapping[str, Any]) -> None:
    """Print the words that no document holds, and how many sources cannot be found yet."""
    absent: Sequence[str] = result.get("absent_words", ())
    if absent:
        print(clean_line(f"No document searched contains: {', '.join(absent)}.", _LONGEST_LINE))
    incomplete: Mapping[str, int] = result.get("incomplete", {})
    for slug, count in incomplete.items():
        print(f"Not searchable yet in {clean_line(slug, _LONGEST_LINE)}: {count}.")


def _source(hit: Mapping[str, Any]) -> str:
    name = clean_line(str(hit.get("filename") or hit.get("title") or "?"), _LONGEST_LINE)
    place = clean_line(str(hit.get("place") or ""), _LONGEST_LINE)
    return f"{name}, {place}" if place else name
