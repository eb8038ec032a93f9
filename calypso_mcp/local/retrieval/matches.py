"""The part of a passage that matches a query: sentences that stand together, or the rows of a table.

It is what a reader is shown and what is cited: it stays in its section where that holds all that matches.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile, zip_longest

from calypso_mcp.domain.outlines import HEADING_SEPARATOR, find_spot, widen_to_section
from calypso_mcp.local.indexing.formats.tables import CELL_SEPARATOR, is_labelled
from calypso_mcp.local.retrieval import sentences
from calypso_mcp.local.retrieval.index import Passage
from calypso_mcp.local.retrieval.words.stems import Sought, weigh

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


def find_matches(sought: Sought, passages: Sequence[Passage], weights: Mapping[str, float]) -> list[Passage]:
    """Return the passages of a search, each with the part that holds most of what is sought."""
    told = list(weights.values())
    return [_with_match(passage, sought, told) for passage in passages]


def match_quotations(passage: Passage, quoted: Collection[str]) -> Passage:
    """Return a passage with the part that holds the sentences `quoted` from it; unchanged without them."""
    spans = sentences.find_spans(passage.text)
    wanted = {"".join(text.split()) for text in quoted}
    said = ["".join(passage.text[start:end].split()) for start, end in spans]
    held = [
        any(text in other or other in text for other in wanted) << number for number, text in enumerate(said)
    ]
    match = _show(passage, spans, [(own, 0) for own in held], [1.0] * len(held))
    return replace(passage, match=match) if match else passage


def _with_match(passage: Passage, sought: Sought, weights: Sequence[float]) -> Passage:
    if _is_short_section(passage):  # shown whole, whichever of its sentences match
        is_held = sought.held_by(passage.text) or sought.held_by(_heading(passage, 0, len(passage.text)))
        return replace(passage, match=(0, len(passage.text.rstrip()))) if is_held else passage
    spans = sentences.find_spans(passage.text)
    headings = [_heading(passage, *span) for span in spans]
    above = {heading: sought.held_by(heading) for heading in set(headings)}
    held = [
        (0 if _is_heading(said, heading) else sought.held_by(said), above[heading])
        for said, heading in zip((passage.text[start:end] for start, end in spans), headings, strict=True)
    ]
    if "|" in passage.text:
        held = _with_names_above(passage.text, spans, held)
    return replace(passage, match=_show(passage, spans, held, weights))


def _with_names_above(
    text: str, spans: Sequence[_Span], held: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return what sentences hold and what stands above them: names of columns, which hold nothing, do."""
    is_row = [_is_unlabelled_row(text[start:end]) for start, end in spans]
    names = 0
    told: list[tuple[int, int]] = []
    for number, (own, above) in enumerate(held):
        if is_row[number] and not (number and is_row[number - 1]) and any(is_row[number + 1 : number + 2]):
            names = own
            told.append((0, above))
            continue
        names = names if is_row[number] else 0
        told.append((own, above | names))
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


def _best(held: Sequence[tuple[int, int]], weights: Sequence[float]) -> list[int]:
    """Return the positions of the sentences that hold most of the query, the best first.

    `held` states of each sentence the phrases that it holds, and that its headings hold.
    """
    scores = [weigh(own, weights) + _HEADING_WEIGHT * weigh(above & ~own, weights) for own, above in held]
    best = max(scores, default=0.0)
    if not best:
        return []
    chosen = [number for number, score in enumerate(scores) if score == best]
    known = held[chosen[0]][0] | held[chosen[0]][1]
    for number in sorted(range(len(held)), key=lambda number: -scores[number]):
        own, _ = held[number]
        if weigh(own & ~known, weights) >= _LEAST_ADDED * best:
            chosen.append(number)
            known |= own
    return chosen


def _show(
    passage: Passage, spans: Sequence[_Span], held: Sequence[tuple[int, int]], weights: Sequence[float]
) -> _Span | None:
    """Return what to show: the section if it is short, else the stretch of it that holds most."""
    matching = _best(held, weights)
    if not matching:
        return None
    text = passage.text
    chosen = [spans[number] for number in matching]
    is_printed = sentences.is_row_of_figures(text[slice(*chosen[0])])
    if is_printed:  # the names of its columns, which stand above its first row, are shown anyway
        chosen.sort(key=lambda span: "\n" in text[slice(*span)])
    first, *others = chosen
    is_row = CELL_SEPARATOR in text[slice(*first)]
    shown = _grow(first, others, _TABLE_CHARS if is_row and len(matching) <= _FEW_ROWS else _SECTION_CHARS)
    if is_row:
        return _with_column_names(text, *shown)
    begin, stop = widen_to_section(passage.outline, text, *shown)
    if stop - begin <= _SECTION_CHARS:
        return begin, begin + len(text[begin:stop].rstrip())
    inside = [
        (span, own)
        for span, (own, _) in zip(spans, held, strict=True)
        if begin <= span[0] and span[1] <= stop
    ]
    if any(own for _, own in inside) and not is_printed:
        shown = _best_stretch(inside, weights)
    after = [span for span, _ in inside if shown[1] <= span[0]]
    before = [span for span, _ in reversed(inside) if span[1] <= shown[0]]
    in_turns = (span for pair in zip_longest(after, before) for span in pair if span is not None)
    return _grow(shown, in_turns, _SHOWN_CHARS)


def _best_stretch(held: Sequence[tuple[_Span, int]], weights: Sequence[float]) -> _Span:
    """Return the stretch of sentences, each with the phrases it holds, that holds most for its length."""
    told = [weigh(own, weights) for _, own in held]
    cost = _COST * sum(weights) / _SHOWN_CHARS
    best, shown = -math.inf, held[0][0]
    for first in reversed(range(len(held))):  # of equal ones the shortest comes first
        begin, known, score = held[first][0][0], 0, 0.0
        for number in range(first, len(held)):
            (_, end), own = held[number]
            length = end - begin
            if number > first and length > _SECTION_CHARS:
                break
            score += _REPEATED_WEIGHT * told[number]
            if added := own & ~known:  # seldom: there may be many short sentences
                score += weigh(added, weights)
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
