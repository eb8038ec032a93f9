"""Text cut into sentences, in any script: a rough cut that never loses a character of a word."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, groupby, pairwise

from calypso_mcp.local.indexing.formats.tables import CELL_SEPARATOR, is_labelled

#: Longer ones, mostly from scripts without full stops, are cut again between words.
LONGEST = 400

_END = re.compile(
    "(?<=[\u3002\uff01\uff1f\uff61])(?![\u300d\u300f\u201d\u2019\uff09])"  # at once: Chinese, Japanese
    "|(?<=[.!?\u061f\u06d4\u0964\u0965\u104b\u17d4\u2026])[\"'\u201d\u2019\u00bb)\\]*_]*(?=\\s)"
    "|\n\\s*\n"
    "|\n(?=[ \t]*(?:[-*+\u2022|>#]|\\d{1,3}[.)])[ \t])"  # list items, headings
    "|\n(?=[ \t]*\\**(?:[QA]|Question|Answer)[ \t]?\\d{0,3}[:.)])"  # questions and answers
)
_FIGURES = re.compile(r"[ \t][^\s\w]?\d[\d.,]*[)%]{0,2}\Z")
#: A line is wrapped if the next word would not have fit on it: beyond this share of its paragraph's longest
#: line, which letters of different widths ask for. Text is not wrapped to fewer characters than the second.
_FULL_LINE, _NARROWEST = 0.85, 40
#: Without these, a line may be a heading, which belongs to what stands below it.
_STATES = re.compile(r"[\d:=]")
#: The name of a value, which begins a line of its own ("port: 80", "LEVEL = info").
_KEY = re.compile(r"\s*[^\s:=]{1,60}\s?[:=]")
#: The time that begins an entry of a log.
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d")
_CLOSING = " \"'\u201d\u2019\u00bb)]*_"
#: A full stop after these ends no sentence: initials and common abbreviations.
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[^\W\d_]|Mr|Mrs|Ms|Dr|Prof|St|No|Nr|Fig|vs|etc|approx|ca|bzw|Inc|Ltd|Co|(?:[^\W\d_]\.)+[^\W\d_])\.$"
)

#: A number and a full stop are an ordinal before a small letter ("10. april") and in German dates and floors.
_ORDINAL = re.compile(r"(?:^|[\s(])(?P<in_german>(?:[Aa]m|[Ii]m|[Zz]um|[Vv]om)\s)?\d{1,2}\.$")
_GERMAN_MONTH = re.compile(r"\s(?:Jan|Jän|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez)")
#: The line that Markdown puts below the header of a table.
_RULE = re.compile(r"[\s|:=-]+")
_LONGEST_ABBREVIATION = 60
#: The number of a list item, which belongs to the sentence after it.
_LIST_NUMBER = re.compile(r"\s*\d{1,3}[.)]\s*")


def split(text: str, *, by_line: bool = False) -> list[str]:
    """Return the sentences of `text` in their order, each on one line; rows of a table with its header.

    `by_line`: a line that no margin ended is a sentence, as in lists, logs and receipts.
    """
    if CELL_SEPARATOR not in text:
        return _of_prose(text, by_line=by_line)
    sentences: list[str] = []
    for is_table, lines in groupby(text.split("\n"), _is_row):
        run = list(lines)
        sentences += (
            _of_table(run) if is_table and len(run) > 1 else _of_prose("\n".join(run), by_line=by_line)
        )
    return sentences


def find_spans(text: str) -> list[tuple[int, int]]:
    """Return start and end of every sentence and row of a table, long ones in parts; none of white space.

    Lines of figures are rows.
    """
    spans: list[tuple[int, int]] = []
    offset = 0
    for is_table, lines in groupby(text.split("\n"), _is_row):
        run = list(lines)
        size = sum(map(len, run)) + len(run)
        if is_table and len(run) > 1:
            begins = accumulate((len(line) + 1 for line in run), initial=offset)
            spans += [(begin, begin + len(line)) for begin, line in zip(begins, run, strict=False)]
        else:
            prose = _prose_spans(text[offset : offset + size])
            spans += [(offset + start, offset + stop) for start, stop in prose]
        offset += size
    trimmed = ((start, start + len(text[start:end].rstrip())) for start, end in spans)
    return [
        part
        for start, end in trimmed
        if end > start
        for part in _cut_span(text, end - len(text[start:end].lstrip()), end)
    ]


def is_question(sentence: str) -> bool:
    """Whether a sentence asks."""
    return sentence.rstrip(_CLOSING).endswith(("?", "\uff1f", "\u061f"))


def is_row_of_figures(sentence: str) -> bool:
    """Whether a sentence is a row of a printed table."""
    return _FIGURES.search(sentence) is not None


def _is_row(line: str) -> bool:
    return CELL_SEPARATOR in line or line.startswith("|-")


def _of_table(lines: Sequence[str]) -> Iterator[str]:
    """Yield the rows, each with the names of its columns where the table's first line says them."""
    rows = [_cells(line) for line in lines if not _RULE.fullmatch(line)]
    if not rows:
        return
    header, *others = rows
    if is_labelled(header) or not others:
        others = rows
        header = []
    for row in others:
        named = [f"{name}: {cell}" if name else cell for name, cell in zip(header, row, strict=False) if cell]
        yield from _cut(CELL_SEPARATOR.join([*named, *row[len(header) :]]))


def _cells(line: str) -> list[str]:
    return [" ".join(cell.split()) for cell in line.strip().strip("|").split("|")]


def _of_prose(text: str, *, by_line: bool) -> list[str]:
    spans = _prose_spans(text, by_line=by_line)
    return [sentence for start, end in spans for sentence in _cut(" ".join(text[start:end].split()))]


def _prose_spans(text: str, *, by_line: bool = True) -> Iterator[tuple[int, int]]:
    """Yield start and end of each sentence, white space around it included."""
    start = 0
    ends = {match.end() for match in _END.finditer(text)}.union(_line_ends(text) if by_line else ())
    for end in (*sorted(ends), len(text)):
        if not _goes_on(text, start, end):
            yield start, end
            start = end
    if start < len(text):
        yield start, len(text)


def _line_ends(text: str) -> Iterator[int]:
    """Yield where lines end that no margin ended: rows of figures, named values, short statements."""
    end = 0
    for _, run in groupby(text.split("\n"), lambda line: not line.strip()):
        lines = list(run)
        # Lines of prose end with figures, too, but not most of them.
        is_table = 2 * sum(map(is_row_of_figures, lines)) > len(lines)
        kinds = (is_row_of_figures, _KEY.match) if is_table else (_KEY.match,)
        full = _FULL_LINE * max(_NARROWEST, *map(len, lines))
        for line, following in pairwise([*lines, ""]):
            end += len(line) + 1
            if following.strip() and _ends_before(following, line, full, kinds):
                yield end


def _ends_before(following: str, line: str, full: float, kinds: Sequence[Callable[[str], object]]) -> bool:
    """Whether a line states something by itself: the next is one of its kind, or would have fit on it."""
    if line.endswith(",") or not _STATES.search(line):
        return False
    if _TIME.match(following) or any(kind(line) and kind(following) for kind in kinds):
        return True
    words = following.split()
    word = next((word for word in words if word[1:].isalpha()), "")
    begins = _KEY.match(following) is not None or not word[:1].islower()
    return begins and len(line) + 1 + len(words[0]) <= full


def _goes_on(text: str, start: int, end: int) -> bool:
    # The end is enough to tell: looking through all of it after each piece takes quadratic time.
    tail = text[max(start, end - _LONGEST_ABBREVIATION) : end]
    is_whole = end - start == len(tail)
    if (is_whole and not tail.strip()) or (is_whole and _LIST_NUMBER.fullmatch(tail)):
        return True
    tail = tail.rstrip(" \t")
    return _ABBREVIATION.search(tail) is not None or _is_ordinal(tail, text, end)


def _is_ordinal(tail: str, text: str, end: int) -> bool:
    found = _ORDINAL.search(tail)
    if found is None:
        return False
    is_small = text[end + 1 : end + 2].islower()
    return bool(is_small or found["in_german"] or _GERMAN_MONTH.match(text, end))


def _cut(sentence: str) -> Iterator[str]:
    yield from (sentence[start:end] for start, end in _cut_span(sentence, 0, len(sentence)))


def _cut_span(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of `text[start:end]` that are short enough, cut between words where there are any."""
    while end - start > LONGEST:
        space = text.rfind(" ", start + LONGEST // 2, start + LONGEST)
        stop = start + LONGEST if space < 0 else space
        yield start, stop
        start = stop + (stop < end and text[stop] == " ")
    if start < end:
        yield start, end
