"""Markdown: headings and paragraphs with line numbers, without HTML; its own marks stay but in headings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import unescape
from itertools import groupby

from calypso_mcp.domain.outlines import REPEATED
from calypso_mcp.local.indexing.chunking import MAX_CHARS, TARGET_CHARS
from calypso_mcp.local.indexing.documents import Block, Document, FileContent
from calypso_mcp.local.indexing.formats.encodings.decoding import decode
from calypso_mcp.local.indexing.formats.tables import fill_passages
from calypso_mcp.local.indexing.formats.texts.front_matter import read_front_matter
from calypso_mcp.local.indexing.formats.texts.text import split_paragraphs

_ATX_HEADING = re.compile(r" {0,3}(#{1,6})(?![^ \t])(.*)")
_SETEXT_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
#: Fenced code, also in quotations and lists; what follows backticks on the line of the first holds none.
_FENCE = re.compile(r"((?:[ \t>]*+)(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?)(`{3,}(?=[^`]*$)|~{3,})")
_ITEM = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)")
#: What code without a fence is indented by, and such code in lists.
_INDENTED, _INDENTED_IN_LIST = (" " * 4, "\t"), (" " * 8, "\t\t", " " * 4 + "\t")
#: Lines that cannot be the text of an underlined heading.
_NOT_HEADING_TEXT = re.compile(r"\s*$|\s*(?:[-*+>|]|\d+[.)])\s|\s*[|>]| {4}|\t")
#: The line between the header of a table and its rows (GitHub Flavored Markdown).
_TABLE_RULE = re.compile(r"[ \t]*+\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-*+:?[ \t]*+)*+$")
_HTML_HEADING = re.compile(r" {0,3}<h([1-6])(?:[ \t][^<>]{0,200})?>(.{1,500})</h[1-6]>[ \t]*$", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{1,500}>")
#: A link or a picture, of which a heading shows the text.
_LINK = re.compile(r"!?\[([^\[\]]{0,300})\](?:\([^()<>]{0,500}\)|\[[^\[\]]{0,100}\])")
#: Code, words in bold, an escaped sign, and the name by which a heading is linked.
_MARKUP = re.compile(
    r"(`{1,3})(.{1,300}?)\1|(\*{1,3}|~~)(?=\S)(.{1,300}?)(?<=\S)\3|\\([^\w\s])|\{#[^{}]{1,100}\}$"
)
#: HTML within Markdown, character references and escaped signs (CommonMark 0.31, 2.4, 2.5, 4.6, 6.6) and what
#: single programs add (MDX, Obsidian, Pandoc, GitHub), after what stays as it is: headings, code, formulas.
#: What nothing ends stays, too, and reaches to the end. A search skips to the next character of the set that
#: comes first, so each alternative looks back at its own.
_SHOWN_OTHERWISE = re.compile(
    r"(?-i:[<&\\`$%=!\[ \t:iI])(?<![^\n][ \t:iI])(?:"
    r"(?P<kept>(?:(?<=^<)|(?<=^ )[ ]{0,2}<)h[1-6](?:[ \t][^<>\n]{0,200})?>[^\n]{1,500}</h[1-6]>[ \t]*$"
    r"|(?<=`)(?<!``)(`{0,2})(?!`)[^\n]{1,300}?(?<!`)`\2(?!`)"
    r"|(?<=\$)(?:\$[^$]{1,2000}\$\$|(?=\S)[^$\n]{1,300}(?<=\S)\$(?!\d))|(?<=\\)\\)"
    r"|(?P<unseen>(?<=<)!--[^-]*+(?:-(?!->)[^-]*+)*+(?:-->)?+"
    r"|(?:(?<=^<)|(?<=^[ \t])[ \t]*+<)(script|style)\b[^<]*+(?:<(?!/\4)[^<]*+)*+(?:</\4[ ]*>)?+)"
    r"|(?<=^\[)//\]:[ ]*#[^\n]*+|(?<=%)(?<!\S%)%[^%\n]{1,1000}%%(?!\w)"
    r"|(?:(?<=^:)|(?<=^ )[ ]{0,7}:):{2,}[ ]*+(?:\{[^{}\n]{0,200}\})?"
    r"|(?<=^i)mport\s[^\n]{1,300}\sfrom\s[\"'][^\"'\n]{1,200}[\"'];?$"
    r"|(?:(?<=^<)|(?<=^[ \t])[ \t]*+<)/?(?-i:[A-Z])[\w.]*+(?P<component>\s[^<>]{0,1000})?>[ \t]*$"
    r"|(?:(?<=!)\[|(?<=\[))\[(?P<page>[^\s\[\]|][^\[\]|\n]{0,200})(?:\|(?P<named>[^\[\]|\n]{0,200}))?\]\](?!\()"
    r"|(?<==)(?<![\w=]=)=(?=\S)(?P<marked>[^=\n]{1,300})(?<=\S)==(?![\w=])"
    r"|(?<=> \[)!(?P<callout>\w{1,30})\][-+]?|(?P<power>(?<=\d<)sup>(?=\d))"
    r"|(?<=<)/?(?P<inline>a|abbr|b|bdi|big|code|del|em|font|i|img|ins|kbd|mark|s|samp|small|span|strike|strong|sub|sup|tt"
    r"|u|var)(?P<attributes>\s++[^\W\d][^<>]{0,1000}|\s*+/?)>"
    r"|(?P<block>(?<=<)/?(?:address|article|aside|blockquote|br|caption|center|col|colgroup|dd|details|div|dl|dt|figcaption"
    r"|figure|footer|h[1-6]|header|hr|li|main|nav|ol|p|picture|pre|section|source|summary|table|tbody|td|tfoot|th|thead"
    r"|tr|ul|video)(?:\s++[^\W\d][^<>]{0,1000}|\s*+/?)>)"
    r"|(?P<reference>(?<=&)(?:\#[0-9]{1,7}|\#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});)"
    r"""|(?<=\\)(?P<escaped>[!-+\-./<-@\[\]-`{}~]|(?=\n)))""",
    re.IGNORECASE | re.MULTILINE,
)
#: What an element shows or says aloud, of those of MDX also by other attributes than a picture.
_SAID = r"""\b(?:%s)\s{0,4}=\s{0,4}(?:"([^"]{0,500})"|'([^']{0,500})')"""
_ALTERNATIVE = re.compile(_SAID % "alt", re.IGNORECASE)
_LABEL = re.compile(_SAID % "alt|caption|description|label|question|summary|title", re.IGNORECASE)
#: What lines in lists and quotations begin with, or are empty.
_WITHIN = ("", " ", "\t", ">")
#: Most characters for which a reference stands.
_MOST_REFERENCED = 2
#: Longer headings stay as they are.
_LONGEST_HEADING = 1_000


def read_markdown(file: FileContent) -> Document:
    """Return the blocks of a Markdown file; title and tags are from front matter or a heading."""
    decoded = decode(file.data, file.charset)
    lines = decoded.text.split("\n")
    front, length = read_front_matter(lines)
    blocks = (*split_paragraphs(lines[1 : max(length - 1, 0)], 2), *split_markdown(lines, length))
    title = front.title or next((block.text for block in blocks if block.heading_level == 1), None)
    return Document(blocks, title, front.tags, decoded.warnings)


def split_markdown(lines: list[str], start: int) -> tuple[Block, ...]:
    """Return the blocks of Markdown from line `start` (0-based) on."""
    blocks: list[Block] = []
    is_code = _code(lines, start)
    lines = _without_html(lines, is_code)
    for index in range(start, len(lines)):
        if index >= start and not is_code[index] and (heading := _heading(lines, index, start)) is not None:
            blocks += _paragraphs(lines, start, index)
            blocks.append(heading)
            start = heading.line_end or index
    return (*blocks, *_paragraphs(lines, start, len(lines)))


def _code(lines: Sequence[str], start: int) -> list[bool]:
    """Return for each line whether it stays as it is: those before `start`, and those of code."""
    is_code = [True] * start
    fence, is_within, is_listed, may_indent = "", False, False, True
    for line in lines[start:]:
        if is_within and line[:1] not in _WITHIN:
            fence, is_within = "", False  # the list or quotation of the fence ends, and it, too
        if mark := _FENCE.match(line):
            is_within = is_within if fence else mark[1].strip() != "" or mark[1].startswith(_INDENTED)
            is_code.append(True)
            fence = _fence_after(fence, mark[2], line.lstrip("> \t"))
            may_indent = False
        elif fence or not line.strip():
            is_code.append(bool(fence))
            may_indent = True
        elif line.startswith(_INDENTED):
            may_indent &= line.startswith(_INDENTED_IN_LIST if is_listed else _INDENTED)
            is_code.append(may_indent)
        else:
            is_listed = _ITEM.match(line) is not None or (is_listed and (line[0] == " " or not may_indent))
            is_code.append(False)
            may_indent = False
    return is_code


def _without_html(lines: list[str], is_code: Sequence[bool]) -> list[str]:
    """Return as many lines as they are shown, but for Markdown's own marks."""
    shown: list[str] = []
    for is_kept, run in groupby(zip(lines, is_code, strict=True), lambda pair: pair[1]):
        part = [line for line, _ in run]
        changed = part if is_kept else _SHOWN_OTHERWISE.sub(_shown, "\n".join(part)).split("\n")
        # A tag at its beginning indents no line, and one at its end leaves no space.
        shown += (
            new if new == old else new.strip() if old.lstrip()[:1] == "<" else new.rstrip()
            for old, new in zip(part, changed, strict=True)
        )
    return shown


def _shown(found: re.Match[str]) -> str:
    """Return what stands for a piece of HTML or markup, with all of its line ends."""
    show = _SHOWN.get(found.lastgroup or "")
    shown = show(found) if show is not None else ""
    return shown + "\n" * (found[0].count("\n") - shown.count("\n"))


def _referenced(reference: str) -> str:
    said = unescape(reference)
    # Of an unknown name, `unescape` replaces the beginning.
    return " ".join(said.replace("\xa0", " ").splitlines()) if len(said) <= _MOST_REFERENCED else reference


def _said(attribute: re.Pattern[str], attributes: str) -> str:
    return " ".join(said[1] or said[2] or "" for said in attribute.finditer(attributes)).replace("\n", " ")


#: What is shown, by the last group of `_SHOWN_OTHERWISE` that is in it; of all others, nothing is.
_SHOWN: Mapping[str, Callable[[re.Match[str]], str]] = {
    "kept": lambda found: found[0],
    "unseen": lambda found: "" if found[0].endswith(">") else found[0],
    "component": lambda found: _said(_LABEL, found["component"]),
    "page": lambda found: found["page"],
    "named": lambda found: (found[0][0] != "!" and found["named"]) or found["page"],
    "marked": lambda found: found["marked"],
    "callout": lambda found: found["callout"],
    "power": lambda _: "^",
    "attributes": lambda found: (
        _said(_ALTERNATIVE, found["attributes"]) if found["inline"].lower() == "img" else ""
    ),
    "block": lambda found: " | " if found[0].lower() in {"</td>", "</th>"} else " ",
    "reference": lambda found: _referenced(found[0]),
    "escaped": lambda found: found["escaped"],
}


def _paragraphs(lines: list[str], start: int, end: int) -> Iterator[Block]:
    """Yield the paragraphs between two lines; long tables in blocks that repeat their header."""
    text_from = start
    index = start
    while index < end - 1:
        if "|" in lines[index] and _TABLE_RULE.match(lines[index + 1]) and "|" in lines[index + 1]:
            stop = next((at for at in range(index + 2, end) if "|" not in lines[at]), end)
            yield from split_paragraphs(lines[text_from:index], text_from + 1)
            yield from _table(lines, index, stop)
            text_from = index = stop
        else:
            index += 1
    yield from split_paragraphs(lines[text_from:end], text_from + 1)


def _table(lines: list[str], start: int, stop: int) -> Iterator[Block]:
    top = lines[start : start + 2]
    is_too_long_to_repeat = sum(map(len, top)) > TARGET_CHARS
    if sum(map(len, lines[start:stop])) <= MAX_CHARS or stop == start + 2 or is_too_long_to_repeat:
        yield Block("\n".join(lines[start:stop]), None, start + 1, stop, is_table=True)
        return
    above = tuple((REPEATED, REPEATED) for _ in top)
    for run in fill_passages(range(start + 2, stop), lambda index: len(lines[index]), sum(map(len, top))):
        rows = tuple((index + 1, index + 1) for index in run)
        text = "\n".join([*top, *(lines[index] for index in run)])
        yield Block(text, None, run[0] + 1, run[-1] + 1, is_table=True, row_lines=above + rows)


def _fence_after(fence: str, mark: str, line: str) -> str:
    """Return the fence that is open after `line`, which begins with `mark`."""
    if not fence:
        return mark
    closes = mark.startswith(fence) and not line.strip().strip(mark[0])
    return "" if closes else fence


def _without_closing_sequence(text: str) -> str:
    """Return the text of a heading without the `#` signs that may end its line, after a space."""
    bare = text.rstrip("#")
    return text if bare and not bare.endswith((" ", "\t")) else bare.rstrip()


def _without_markup(text: str) -> str:
    """Return the text that a heading shows."""
    if len(text) > _LONGEST_HEADING:
        return text
    linked = _LINK.sub(r"\1", _LINK.sub(r"\1", text))  # twice for a picture in a link
    shown = _MARKUP.sub(lambda mark: mark[2] or mark[5] or _without_markup(mark[4] or ""), linked)
    return " ".join(shown.split()) or text


def _heading(lines: list[str], index: int, start: int) -> Block | None:
    """Return the heading that begins at `lines[index]`; `start` is the first line not yet in a block."""
    line, last = lines[index], index + 1
    if (atx := _ATX_HEADING.match(line)) is not None:
        level, text = len(atx[1]), _without_markup(_without_closing_sequence(atx[2].strip()))
    elif (html := _HTML_HEADING.match(line)) is not None:  # as README files have it
        level, text = int(html[1]), unescape(" ".join(_TAG.sub(" ", html[2]).split()))
    elif level := _underlined_level(lines, index, start):
        text, last = _without_markup(line.strip()), last + 1
    else:
        return None
    return Block(text, line_start=index + 1, line_end=last, heading_level=level) if text else None


def _underlined_level(lines: list[str], index: int, start: int) -> int:
    """Return the level of a heading whose text is a line and whose level the next one tells; 0 for none."""
    underline = _SETEXT_UNDERLINE.match(lines[index + 1]) if index + 1 < len(lines) else None
    follows_text = index > start and lines[index - 1].strip() != ""
    if underline is None or follows_text or _NOT_HEADING_TEXT.match(lines[index]):
        return 0
    return 1 if underline[1][0] == "=" else 2
