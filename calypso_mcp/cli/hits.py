"""Printing what a search found, so that a person can check it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from calypso_mcp.domain.untrusted_text import clean, clean_line
from calypso_mcp.server.results.excerpts import cut

#: About 300 characters around the words of the question.
_SNIPPET_TOKENS = 75
_WIDTH = 96


def is_cited(hit: Mapping[str, Any]) -> bool:
    """Whether a hit tells where its text stands."""
    return bool(hit.get("filename") or hit.get("title")) and bool(hit.get("file_id") and hit.get("text"))


def print_hits(question: str, hits: Sequence[Mapping[str, Any]]) -> None:
    """Print a question and its passages, best first, each with file and page or lines."""
    print(f'\n"{clean_line(question, _WIDTH)}"')
    if not hits:
        print("  nothing found")
    for hit in hits:
        print(f"  {hit['rank']}. {_source(hit)}")
        print(textwrap.indent(_snippet(str(hit["text"]), question), "     "))


def _source(hit: Mapping[str, Any]) -> str:
    name = clean_line(str(hit.get("filename") or hit.get("title") or "?"), _WIDTH)
    if (page := hit.get("page")) is not None:
        return f"{name}, page {page}"
    if (first := hit.get("line_start")) is not None:
        last = hit.get("line_end") or first
        return f"{name}, line {first}" if first == last else f"{name}, lines {first}-{last}"
    return name


def _snippet(text: str, question: str) -> str:
    shown, _ = cut(" ".join(clean(text).split()), question, _SNIPPET_TOKENS)
    return textwrap.fill(shown, _WIDTH)
