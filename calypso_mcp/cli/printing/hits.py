"""Printing what a search found: where it stands, and the rows and sentences that answer the question."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from calypso_mcp.cli.printing.terminal import columns
from calypso_mcp.domain.untrusted_text import clean, clean_line

#: Characters of a snippet, as far as whole rows and sentences allow; what a search shows fits (`matches`).
_CHARS = 500
#: A row or a sentence longer than this is cut.
_LONGEST_UNIT = 600
#: Two neighbouring words of the question that stand together say more than two words apart.
_PAIR_WEIGHT = 2.0
#: Shortest beginning that two forms of a word share: "mean" and "means", "return" and "returned".
_STEM_CHARS = 4
_WORD = re.compile(r"\w{2,}")
_SENTENCE_END = re.compile(r"(?<=[.!?\u3002\uff01\uff1f])\s+")
_INDENT = " " * 5
#: Longest question or name shown, in characters.
_LONGEST_LINE = 200


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is shown whole: a row of a table, or a sentence."""

    text: str
    is_row: bool
    words: tuple[str, ...]


def snippet(text: str, question: str, width: int) -> str:
    """Return the lines of `text` to show below `question`, wrapped at `width` columns."""
    units = [_make_unit(part, is_row=is_row) for part, is_row in _split(text)]
    shown = _choose(units, _words(question))
    lines: list[str] = []
    for first, last in _find_runs(shown, units):
        texts = [unit.text for unit in units[first : last + 1]]
        if first and first - 1 not in shown:
            texts[0] = f"… {texts[0]}"
        if last == max(shown) and last + 1 < len(units):
            texts[-1] = f"{texts[-1]} …"
        is_row = units[first].is_row
        blocks = texts if is_row else [" ".join(texts)]
        lines += [textwrap.fill(block, width, subsequent_indent="  " if is_row else "") for block in blocks]
    return "\n".join(lines)


def _split(text: str) -> list[tuple[str, bool]]:
    """Return rows and sentences in order, each with whether it is a row."""
    parts: list[tuple[str, bool]] = []
    prose: list[str] = []
    for line in [*text.splitlines(), ""]:
        is_row = " | " in line or line.lstrip().startswith("|")
        if line.strip() and not is_row:
            prose.append(line.strip())
            continue
        parts += [(sentence, False) for sentence in _SENTENCE_END.split(" ".join(prose)) if sentence]
        prose.clear()
        if is_row:
            parts.append((" ".join(line.split()), True))
    return parts


def _make_unit(text: str, *, is_row: bool) -> _Unit:
    shown = text if len(text) <= _LONGEST_UNIT else f"{text[:_LONGEST_UNIT]}…"
    return _Unit(shown, is_row, _words(shown))


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold()))


def _choose(units: Sequence[_Unit], question: tuple[str, ...]) -> set[int]:
    """Return which units to show: each adds the most of the question that is not shown yet.

    The remaining room goes to the units after them, then to those before.
    """
    found = [_find_words(unit, question) for unit in units]
    chosen: list[int] = []
    seen: set[object] = set()
    room = _CHARS
    while len(chosen) < len(units):
        left = [number for number in range(len(units)) if number not in chosen]
        best = max(left, key=lambda number: _weigh(found[number] - seen))
        if chosen and (not found[best] - seen or len(units[best].text) > room):
            break
        chosen.append(best)
        seen |= found[best]
        room -= len(units[best].text)
    shown = set(chosen)
    for step in (1, -1):
        for number in chosen:
            near = number + step
            while 0 <= near < len(units) and (near in shown or len(units[near].text) <= room):
                if near not in shown:
                    shown.add(near)
                    room -= len(units[near].text)
                near += step
    return shown


def _weigh(found: set[object]) -> float:
    return sum(_PAIR_WEIGHT if isinstance(phrase, tuple) else 1.0 for phrase in found)


def _find_words(unit: _Unit, question: tuple[str, ...]) -> set[object]:
    """Return the words of the question that a unit holds, and the pairs of them that stand together."""
    found: set[object] = {asked for asked in question if any(_is_same(asked, word) for word in unit.words)}
    for first, second in pairwise(question):
        if any(_is_same(first, word) and _is_same(second, two) for word, two in pairwise(unit.words)):
            found.add((first, second))
    return found


def _is_same(asked: str, word: str) -> bool:
    shorter, longer = sorted((asked, word), key=len)
    return asked == word or (len(shorter) >= _STEM_CHARS and longer.startswith(shorter))


def _find_runs(shown: set[int], units: Sequence[_Unit]) -> list[tuple[int, int]]:
    """Return the first and the last of units that stand together and are of one kind."""
    runs: list[tuple[int, int]] = []
    for number in sorted(shown):
        if runs and runs[-1][1] == number - 1 and units[number - 1].is_row == units[number].is_row:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def is_cited(hit: Mapping[str, Any]) -> bool:
    """Whether a hit names its source."""
    return bool(hit.get("filename") or hit.get("title")) and bool(hit.get("file_id") and hit.get("text"))


def print_hits(question: str, hits: Sequence[Mapping[str, Any]]) -> None:
    """Print a question and its passages, best first, each with file and page or lines."""
    wide = columns()
    print()
    print(textwrap.fill(f'"{clean_line(question, _LONGEST_LINE)}"', wide))
    if not hits:
        print("  nothing found")
    for rank, hit in enumerate(hits, start=1):
        print(textwrap.fill(f"  {rank}. {_source(hit)}", wide, subsequent_indent=_INDENT))
        print(textwrap.indent(snippet(clean(str(hit["text"])), question, wide - len(_INDENT)), _INDENT))


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
