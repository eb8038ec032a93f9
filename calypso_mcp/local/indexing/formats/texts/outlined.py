"""Text in reStructuredText, AsciiDoc, Org, Typst, LaTeX, TOML and INI as headings and paragraphs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from calypso_mcp.local.indexing.documents import Block, Document, FileContent
from calypso_mcp.local.indexing.formats.texts.text import decode_text, split_paragraphs

_EQUALS_SIGNS = re.compile(r"(={1,6})[ \t]+(\S.*)")
_ASTERISKS = re.compile(r"(\*{1,9}|#\+title:)[ \t]+(\S.*)", re.IGNORECASE)
_BRACKETS = re.compile(r"(\[)(\[?[^\[\]]+\]{1,2}[ \t]*(?:#.*)?)$")
_BRACKET = re.compile(r"[\[\]]")
#: Text on the same line would be lost.
_COMMANDS = re.compile(
    r"^[ \t]*+\\(title|part|chapter|(?:sub){0,2}section)\*?(?:\[[^\[\]]*+\])?"
    r"\{((?:[^{}]|\{[^{}]*+\})++)\}[ \t]*+(?:\\label\{[^{}]*+\})?[ \t]*+(?:%.*)?$"
)
#: Markup within a heading of LaTeX.
_COMMAND = re.compile(r"\\[a-zA-Z]+|[\\{}]")
#: The lines around what is shown as it stands, by what both name or, in AsciiDoc and Typst, both are.
_DELIMITED = re.compile(r"^(-{4,}|\.{4,}|\+{4,}|/{4,})[ \t]*$|^(`{3,})[^`]*$")
_BLOCK_OF_ORG = re.compile(r"^[ \t]*+#\+(?:begin|end)_(\w+)", re.IGNORECASE)
_VERBATIM = re.compile(r"^[ \t]*+\\(?:begin|end)\{(verbatim\*?|Verbatim|lstlisting|minted|comment)\}")
_UNDERLINE = re.compile(r"([^\w\s])\1{2,}[ \t]*$")
#: Levels of marks whose length is not the level.
_LEVELS = {"#+title:": 1, "title": 1, "[": 2, "part": 2, "chapter": 3, "section": 4, "subsection": 5}
_LOWEST = 6
#: A line this long underlines any text.
_SHORTEST_UNDERLINE = 4


def read_outlined(file: FileContent) -> Document:
    """Return the headings and paragraphs of a text with their lines."""
    decoded = decode_text(file)
    lines = decoded.text.split("\n")
    find = _FINDERS.get(file.filename.rpartition(".")[2].lower(), _underlined)
    blocks = tuple(_blocks(lines, find(lines)))
    title = next((block.text for block in blocks if block.heading_level == 1), None)
    return Document(blocks, title, warnings=decoded.warnings)


def _blocks(lines: list[str], headings: Iterable[Block]) -> Iterator[Block]:
    start = 0
    for heading in headings:
        if heading.line_start and heading.line_end:
            yield from split_paragraphs(lines[start : heading.line_start - 1], start + 1)
            yield heading
            start = heading.line_end
    yield from split_paragraphs(lines[start:], start + 1)


def _marked(
    mark: re.Pattern[str], listing: re.Pattern[str] | None = None, markup: re.Pattern[str] | None = None
) -> Callable[[Sequence[str]], Iterator[Block]]:
    """Return what finds headings, without markup, in lines outside listings that begin with a mark."""

    def find(lines: Sequence[str]) -> Iterator[Block]:
        listed = _listed(lines, listing) if listing else ()
        for number, line in enumerate(lines, 1):
            if (found := mark.match(line)) is not None and number not in listed:
                text = markup.sub("", found[2]) if markup else found[2]
                sign = found[1].lower()
                level = _LEVELS.get(sign, len(sign) + sign.startswith("*"))
                yield Block(" ".join(text.split()), None, number, number, min(level, _LOWEST))

    return find


def _listed(lines: Sequence[str], listing: re.Pattern[str]) -> set[int]:
    """Return the numbers of the lines in listings; one that nothing ends is none."""
    listed: set[int] = set()
    name, start = "", 0
    for number, line in enumerate(lines, 1):
        if (edge := listing.match(line)) is None:
            continue
        found = edge[edge.lastindex or 0].lower()
        if not name:
            name, start = found, number
        elif name == found:
            listed.update(range(start, number + 1))
            name = ""
    return listed


def _underlined(lines: Sequence[str]) -> Iterator[Block]:
    """Yield the headings of reStructuredText: their levels follow from the order of their lines' signs."""
    styles: dict[tuple[str, bool], int] = {}
    end = 0
    for index, line in enumerate(lines):
        under = _UNDERLINE.match(line)
        if under is None or index <= end:
            continue
        text = lines[index - 1].rstrip()
        above = lines[index - 2].rstrip() if index - 2 >= end else ""
        is_framed = above == line.rstrip()
        is_long_enough = len(line.rstrip()) >= min(len(text), _SHORTEST_UNDERLINE)
        if not (is_framed or (not above and text[:1].strip())) or not is_long_enough or _is_sign(text):
            continue
        level = min(styles.setdefault((under[1], is_framed), len(styles) + 1), _LOWEST)
        yield Block(text.strip(), None, index - is_framed, index + 1, level)
        end = index + 1


def _is_sign(text: str) -> bool:
    return not any(map(str.isalnum, text))


_FINDERS = {
    **dict.fromkeys(("adoc", "asciidoc", "typ"), _marked(_EQUALS_SIGNS, _DELIMITED)),
    "org": _marked(_ASTERISKS, _BLOCK_OF_ORG),
    **dict.fromkeys(("toml", "ini", "cfg", "conf"), _marked(_BRACKETS, markup=_BRACKET)),
    **dict.fromkeys(("tex", "latex", "ltx"), _marked(_COMMANDS, _VERBATIM, _COMMAND)),
}
