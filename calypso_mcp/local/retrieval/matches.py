"""The part of a passage that matches a query: sentences that stand together, or the rows of a table.

It is what a reader is shown and what is cited: it stays in its section where that holds all that matches.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import takewhile, zip_longest

from calypso_mcp.domain.outlines import HEADING_SEPARATOR, find_spot, widen_to_section
from calypso_mcp.local.indexing.formats.tables import CELL_SEPARATOR, is_labelled
from calypso_mcp.local.retrieval import sentences
from calypso_mcp.local.retrieval.index import Passage
from calypso_mcp.local.retrieval.words.stems import Sought

#: Sections up to so many characters are shown whole; of longer ones, at most so many.
_SECTION_CHARS = 500
#: So many are shown where there is room; so many more cost that share of the weight of all words sought.
_SHOWN_CHARS = 320
_COST = 0.1
#: What a sentence of a stretch counts for words that the stretch holds already. With the cost it was measured
#: on XQuAD: .930 of the stretches hold the answer, .893 where the best sentence only got its neighbours.
_REPEATED_WEIGHT = 0.1
#: Characters of rows below the names of their columns, and of so few rows that match alike.
_TABLE_CHARS = 1_200
_FEW_ROWS = 3
#: What a word of the query in a heading counts for the sentences below it.
_HEADING_WEIGHT = 0.5
#: A sentence belongs to the match if its words add that share of the weight of the best one's.
_LEAST_ADDED = 0.5

_Span = tuple[int, int]
#: A sentence or row, with a bit for each phrase that it holds, and that its headings hold.
_Sentence = tuple[_Span, int, int]


def find_matches(sought: Sought, passages: Sequence[Passage]) -> list[Passage]:
    """Return the passages of a search, each with the part that holds most of what is sought."""
    return [_with_match(passage, sought) for passage in passages]


def match_quotations(passage: Passage, quoted: Collection[str]) -> Passage:
    """Return a passage with the part that holds the sentences `quoted` from it; unchanged without them."""
    wanted = {"".join(text.split()) for text in quoted}
    found: list[_Sentence] = []
    for number, span in enumerate(sentences.find_spans(passage.text)):
        said = "".join(passage.text[slice(*span)].split())
        is_quoted = any(said in other or other in said for other in wanted)
        found.append((span, is_quoted << number, 0))
    match = _show(passage, found, Sought({}, {}, [1.0] * len(found)))
    return passage._replace(match=match) if match else passage


def _with_match(passage: Passage, sought: Sought) -> Passage:
    text = passage.text
    if _is_short_section(passage):  # shown whole, whichever of its sentences match
        is_held = sought.held_by(text) or sought.held_by(_heading(passage, 0, len(text)))
        return passage._replace(match=(0, len(text.rstrip()))) if is_held else passage
    held_by = cache(sought.held_by)  # sentences stand below few headings
    found: list[_Sentence] = []
    for start, end in sentences.find_spans(text):
        said, heading = text[start:end], _heading(passage, start, end)
        own = 0 if _is_heading(said, heading) else sought.held_by(said)
        found.append(((start, end), own, held_by(heading)))
    if "|" in text:
        found = _with_names_above(text, found)
    return passage._replace(match=_show(passage, found, sought))


def _with_names_above(text: str, found: Sequence[_Sentence]) -> list[_Sentence]:
    """Let the names of columns, which stand above the first row, count for their rows, not by themselves."""
    is_row = [False, *(_is_unlabelled_row(text[slice(*span)]) for span, _, _ in found), False]
    names = 0
    told: list[_Sentence] = []
    for number, (span, own, above) in enumerate(found, 1):
        if is_row[number] and is_row[number + 1] and not is_row[number - 1]:
            names = own
            told.append((span, 0, above))
            continue
        names = names if is_row[number] else 0
        told.append((span, own, above | names))
    return told


def _is_unlabelled_row(said: str) -> bool:
    return said.startswith("|") or (CELL_SEPARATOR in said and not is_labelled(said.split(CELL_SEPARATOR)))


def _is_short_section(passage: Passage) -> bool:
    text = passage.text
    is_one = len({stretch.heading for stretch in passage.outline}) <= 1
    return is_one and len(text) <= _SECTION_CHARS and CELL_SEPARATOR not in text


def _is_heading(said: str, heading: str) -> bool:
    """Whether a sentence is the heading itself: what stands below it is sought, not its words."""
    return " ".join(said.split()) == heading.rpartition(HEADING_SEPARATOR)[2]


def _heading(passage: Passage, start: int, end: int) -> str:
    spot = find_spot(passage.outline, passage.text, start, end)
    return (spot.heading if passage.outline else passage.heading) or ""


def _best(found: Sequence[_Sentence], sought: Sought) -> list[_Sentence]:
    """Return the sentences that hold most of the query, the best first, then those that add much to them."""
    scores = [sought.weigh(own) + _HEADING_WEIGHT * sought.weigh(above & ~own) for _, own, above in found]
    best = max(scores, default=0.0)
    if not best:
        return []
    chosen = [sentence for sentence, score in zip(found, scores, strict=True) if score == best]
    known = chosen[0][1] | chosen[0][2]
    for number in sorted(range(len(found)), key=lambda number: -scores[number]):
        _, own, _ = found[number]
        if sought.weigh(own & ~known) >= _LEAST_ADDED * best:
            chosen.append(found[number])
            known |= own
    return chosen


def _show(passage: Passage, found: Sequence[_Sentence], sought: Sought) -> _Span | None:
    """Return what to show: rows, the section if it is short, or the stretch of it that holds most."""
    text = passage.text
    chosen = [span for span, _, _ in _best(found, sought)]
    if not chosen:
        return None
    is_printed = sentences.is_row_of_figures(text[slice(*chosen[0])])
    if is_printed:  # the names of its columns, which stand above its first row, are shown anyway
        chosen.sort(key=lambda span: "\n" in text[slice(*span)])
    first, *others = chosen
    if CELL_SEPARATOR in text[slice(*first)]:
        most = _TABLE_CHARS if len(chosen) <= _FEW_ROWS else _SECTION_CHARS
        return _with_column_names(text, *_grow(first, others, most))
    shown = _grow(first, others, _SECTION_CHARS)
    begin, stop = widen_to_section(passage.outline, text, *shown)
    if stop - begin <= _SECTION_CHARS:
        return begin, begin + len(text[begin:stop].rstrip())
    inside = [(span, own) for span, own, _ in found if begin <= span[0] and span[1] <= stop]
    if not is_printed and any(own for _, own in inside):
        shown = _best_stretch(inside, sought)
    return _grow(shown, _neighbours(shown, [span for span, _ in inside]), _SHOWN_CHARS)


def _neighbours(shown: _Span, spans: Sequence[_Span]) -> Iterator[_Span]:
    """Return the spans after and before what is shown in turns, the nearest first."""
    after = [span for span in spans if shown[1] <= span[0]]
    before = [span for span in reversed(spans) if span[1] <= shown[0]]
    return (span for pair in zip_longest(after, before) for span in pair if span is not None)


def _best_stretch(found: Sequence[tuple[_Span, int]], sought: Sought) -> _Span:
    """Return the stretch of sentences, each with the phrases it holds, that holds most for its length."""
    told = [sought.weigh(own) for _, own in found]
    cost = _COST * sought.whole / _SHOWN_CHARS
    best, shown = -math.inf, found[0][0]
    for first in reversed(range(len(found))):  # of equal ones the shortest comes first
        begin, known, score = found[first][0][0], 0, 0.0
        for number in range(first, len(found)):
            (_, end), own = found[number]
            length = end - begin
            if number > first and length > _SECTION_CHARS:
                break
            score += _REPEATED_WEIGHT * told[number]
            if added := own & ~known:  # seldom: there may be many short sentences
                score += sought.weigh(added)
            known |= own
            worth = score - cost * max(length - _SHOWN_CHARS, 0)
            if worth > best:
                best, shown = worth, (begin, end)
    return shown


def _grow(shown: _Span, others: Iterable[_Span], most: int) -> _Span:
    """Return the span that holds as many of `others`, too, as fit into `most` characters."""
    for start, end in others:
        grown = min(start, shown[0]), max(end, shown[1])
        if grown[1] - grown[0] <= most:
            shown = grown
    return shown


def _with_column_names(text: str, start: int, end: int) -> _Span:
    """Return the span of rows, from the top of their table on unless each cell names its column."""
    row = text[start:end].partition("\n")[0]
    if is_labelled(row.split(CELL_SEPARATOR)):
        return start, end
    above = text[max(end - _TABLE_CHARS, 0) : start].split("\n")[:-1]
    rows = list(takewhile(lambda line: CELL_SEPARATOR in line or line.startswith("|-"), reversed(above)))
    return start - sum(len(line) + 1 for line in rows), end
