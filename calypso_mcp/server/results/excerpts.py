"""Passages cut to what a model's context can spare, around the words that were asked for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import takewhile

#: Tokens that the passages of one result may take together, and of a concise one the first and any other.
CONCISE_TOKENS = 2_400
CONCISE_FIRST_TOKENS = 300
CONCISE_OTHER_TOKENS = 160
FULL_TOKENS = 20_000

_CELLS = re.compile(r" \| ")
#: A cell that names its column.
_LABEL = re.compile(r"^[^|\n]{1,60}: ")
#: A figure of a printed table: "1,654", "(1,792)", "50%".
_FIGURE = re.compile(r"[^\s\w]?\d(?:[\d.,]*\d)?[)%]{0,2}")
_NUMBER = re.compile(r"\d[\d.,]*")
_YEAR = re.compile(r"(?:19|20)\d\d")
_MOST_DAY_CHARS = 2
#: Characters of the lines that name columns, without the spaces that align them.
_MOST_NAMES = 160
_WORD = re.compile(r"\w{3,}|\d\d")
_ASCII_CHARS_PER_TOKEN = 4
#: Characters of other alphabets per token; from `_WHOLE_FROM` on (Korean, Chinese) each is a token.
_OTHER_CHARS_PER_TOKEN = 2
_WHOLE_FROM = "\u1100"
#: Words of lead-in kept before the first word found, in characters.
_LEAD = 80
#: The room beside the words found, divided by this, comes before them.
_SHARE_BEFORE = 3


def estimate_tokens(text: str) -> int:
    """Return roughly how many tokens `text` takes: generous for scripts other than Latin."""
    if text.isascii():
        return len(text) // _ASCII_CHARS_PER_TOKEN + 1
    ascii_chars = sum(map(str.isascii, text))
    whole = sum(character >= _WHOLE_FROM for character in text)
    others = len(text) - ascii_chars - whole
    return ascii_chars // _ASCII_CHARS_PER_TOKEN + others // _OTHER_CHARS_PER_TOKEN + whole + 1


def allowances(passages: int, *, concise: bool) -> list[int]:
    """Return the tokens that each of `passages` may take, the best one first."""
    if not concise:
        return [FULL_TOKENS // max(passages, 1)] * passages
    share = CONCISE_TOKENS // max(passages, 1)
    others = [min(CONCISE_OTHER_TOKENS, share)] * (passages - 1)
    return [min(CONCISE_FIRST_TOKENS, CONCISE_TOKENS - sum(others)), *others][:passages]


def cut(text: str, query: str, tokens: int) -> tuple[str, bool]:
    """Return the part of `text` that answers `query` best within `tokens`, and whether it is a part."""
    start, end = find_part(text, query, tokens)
    return show_part(text, start, end, 0, len(text)), end - start < len(text)


def find_part(text: str, query: str, tokens: int, start: int = 0, end: int | None = None) -> tuple[int, int]:
    """Return the span in `text[start:end]` that answers `query` best within `tokens`."""
    whole = text[start:end]
    needed = estimate_tokens(whole)
    if needed <= tokens:
        return start, start + len(whole)
    width = max(len(whole) * tokens // needed, 1)
    # The names of columns, which stand above the last row of a table, are shown with any of its rows.
    names = range(*find_names_above(whole, whole.rfind(" | ")))
    begin = _best_start(whole, [word.casefold() for word in _WORD.findall(query)], width, names)
    stop = begin + width
    if begin:
        begin = _next_break(whole, begin)
    if stop < len(whole):
        stop = _last_break(whole, begin, stop)
    return start + begin, start + stop


def find_names_above(text: str, start: int) -> tuple[int, int]:
    """Return the span of the lines above the row at `start` that name its columns; an empty one without them.

    Only the text tells them: printed tables, and those of other backends, have no outline that does.

    A row is a line of cells, or one of several that end with two figures, as in a printed table: with one,
    most are prose, code or a table of contents.
    """
    begin = text.rfind("\n", 0, start) + 1
    row, _, below = text[begin:].partition("\n")
    above = list(takewhile(_may_be_in_table, reversed(text[:begin].splitlines(keepends=True))))
    if _CELLS.search(row):
        is_row = True
        while above and not _CELLS.search(above[-1]):
            above.pop()  # a caption, or the rule on top of a grid
        names = [line for line in above[-1:] if _may_name_cells(line) and not _LABEL.search(row)]
    else:
        # A line of years begins a table, also right below another.
        rows = list(takewhile(lambda line: not _are_years(line), above))
        above = [*rows, *takewhile(_may_name_figures, above[len(rows) :])]
        names = list(takewhile(_may_name_figures, reversed(above)))
        beside = (*above[: len(above) - len(names)], below.partition("\n")[0])
        is_row = (
            _ends_with_figures(row, 2)
            and not _are_years(row)
            and any(_ends_with_figures(line, 2) for line in beside)
        )
    top = begin - sum(map(len, above))
    stop = top + sum(map(len, names))
    is_short = len(" ".join(text[top:stop].split())) <= _MOST_NAMES
    return (top, stop) if is_row and is_short else (begin, begin)


def _may_name_cells(line: str) -> bool:
    """Whether no cell of a line is a number, except years: a table may begin without names."""
    cells = [cell.strip() for cell in line.split("|")]
    return len(cells) > 1 and all(_YEAR.fullmatch(cell) or not _FIGURE.fullmatch(cell) for cell in cells)


def _ends_with_figures(line: str, least: int) -> bool:
    """Whether the last words of a line are at least so many figures; signs that stand alone do not count."""
    words = [word for word in line.split() if any(map(str.isalnum, word))]
    return len(words) > least and all(map(_FIGURE.fullmatch, words[-least:]))


def _may_name_figures(line: str) -> bool:
    return not _ends_with_figures(line, 1) or _are_years(line)


def _are_years(line: str) -> bool:
    """Whether the figures in a line are several years, or days of them."""
    figures = _NUMBER.findall(line)
    years = [figure for figure in figures if _YEAR.fullmatch(figure)]
    return len(years) > 1 and all(len(figure) <= _MOST_DAY_CHARS for figure in figures if figure not in years)


def _may_be_in_table(line: str) -> bool:
    return bool(line.strip()) and not line.rstrip().endswith((".", "!", "?"))


def show_part(text: str, start: int, end: int, first: int, last: int) -> str:
    """Return `text[start:end]` with a mark at each end where more of `text[first:last]` is left out."""
    shown = text[start:end]
    shown = f"… {shown.lstrip()}" if text[first:start].strip() else shown
    return f"{shown.rstrip()} …" if text[end:last].strip() else shown


def _best_start(text: str, words: Sequence[str], width: int, ignored: range) -> int:
    """Return where a window of `width` holds most of `words`, the earliest where several do.

    What begins in `ignored` does not count.

    If there is room, they come in its first half, because the text about them tends to follow.
    """
    folded = text.casefold()
    if len(folded) != len(text):
        return 0
    found = sorted(
        (match.start(), word)
        for word in set(words)
        if len(word) <= width
        for match in re.finditer(re.escape(word), folded)
        if match.start() not in ignored
    )
    latest = len(text) - width
    best = _best_window(found, width, latest)
    last = {word: place for place, word in found if best <= place <= best + width - len(word)}
    if not last:
        return 0
    begin, end = min(last.values()), max(place + len(word) for word, place in last.items())
    return min(max(begin - (width - (end - begin)) // _SHARE_BEFORE, 0), latest)


def _best_window(found: Sequence[tuple[int, str]], width: int, latest: int) -> int:
    """Return the start, at most `latest`, of the first window that holds most of the words found."""
    by_end = sorted(found, key=lambda part: part[0] + len(part[1]))
    # The window only moves on, so every word enters it once and leaves it once.
    inside: Counter[str] = Counter()
    entered = left = best = best_count = 0
    for place, _ in found:
        start = min(max(place - _LEAD, 0), latest)
        while entered < len(by_end) and by_end[entered][0] + len(by_end[entered][1]) <= start + width:
            inside[by_end[entered][1]] += 1
            entered += 1
        while found[left][0] < start:
            word = found[left][1]
            inside[word] -= 1
            if not inside[word]:
                del inside[word]
            left += 1
        if len(inside) > best_count:
            best, best_count = start, len(inside)
    return best


def _next_break(text: str, start: int) -> int:
    match = re.compile(r"\s").search(text, start, start + _LEAD)
    return match.end() if match else start


def _last_break(text: str, start: int, end: int) -> int:
    for place in range(end, max(end - _LEAD, start + 1), -1):
        if text[place].isspace():
            return place
    return end
