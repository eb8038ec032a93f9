"""Markdown: headings and paragraphs with line numbers; the markup itself stays in the text."""

from __future__ import annotations

import re

from calypso_mcp.local.indexing.documents import Block, Document, FileContent
from calypso_mcp.local.indexing.formats.encodings import decode
from calypso_mcp.local.indexing.formats.text import paragraphs

_ATX_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))??(?:[ \t]+#+)?[ \t]*$")
_SETEXT_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_FRONT_MATTER_END = re.compile(r"(?:---|\.\.\.)[ \t]*$")
_FRONT_MATTER_TITLE = re.compile(r"title:[ \t]*(.+?)[ \t]*$", re.IGNORECASE)
#: Lines that cannot be the text of an underlined heading.
_NOT_HEADING_TEXT = re.compile(r"\s*$|\s*(?:[-*+>|]|\d+[.)])\s|\s*[|>]| {4}|\t")
#: Front matter longer than this many lines is not front matter.
_FRONT_MATTER_LINES = 200


def read_markdown(file: FileContent) -> Document:
    """Return the blocks of a Markdown file; title from front matter or the first top heading."""
    decoded = decode(file.data, file.charset)
    lines = decoded.text.split("\n")
    front = _front_matter_length(lines)
    blocks: list[Block] = list(paragraphs(lines[:front], 1))
    title = _front_matter_title(lines[:front])
    start = front
    fence = ""
    for index in range(front, len(lines)):
        if index < start:
            continue
        fence_mark = _FENCE.match(lines[index])
        if fence_mark:
            fence = _fence_after(fence, fence_mark[1], lines[index])
        elif not fence and (heading := _heading(lines, index, start)) is not None:
            blocks += paragraphs(lines[start:index], start + 1)
            blocks.append(heading)
            start = heading.line_end or index
    blocks += paragraphs(lines[start:], start + 1)
    if title is None:
        title = next((block.text for block in blocks if block.heading_level == 1), None)
    return Document(tuple(blocks), title, warnings=decoded.warnings)


def _fence_after(fence: str, mark: str, line: str) -> str:
    """Return the fence that is open after `line`, which begins with `mark`."""
    if not fence:
        return mark
    closes = mark.startswith(fence) and not line.strip().strip(mark[0])
    return "" if closes else fence


def _heading(lines: list[str], index: int, start: int) -> Block | None:
    """Return the heading that begins at `lines[index]`; `start` is the first line not yet in a block."""
    line = lines[index]
    number = index + 1
    if (atx := _ATX_HEADING.match(line)) is not None:
        text = (atx[2] or "").strip()
        return Block(text, line_start=number, line_end=number, heading_level=len(atx[1])) if text else None
    if index + 1 >= len(lines) or _NOT_HEADING_TEXT.match(line):
        return None
    underline = _SETEXT_UNDERLINE.match(lines[index + 1])
    follows_text = index > start and lines[index - 1].strip() != ""
    if underline is None or follows_text:
        return None
    level = 1 if underline[1][0] == "=" else 2
    return Block(line.strip(), line_start=number, line_end=number + 1, heading_level=level)


def _front_matter_length(lines: list[str]) -> int:
    if lines[0].rstrip() != "---":
        return 0
    for index, line in enumerate(lines[1:_FRONT_MATTER_LINES], 1):
        if _FRONT_MATTER_END.match(line):
            return index + 1
    return 0


def _front_matter_title(lines: list[str]) -> str | None:
    for line in lines:
        if (match := _FRONT_MATTER_TITLE.match(line)) is not None:
            return match[1].strip("\"'") or None
    return None
