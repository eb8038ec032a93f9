"""The text of a source as it is read: from a line, to a line, and where reading goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from calypso_mcp.api.sources import SourcePassage, SourceText
from calypso_mcp.domain.outlines import find_column_names, find_lines
from calypso_mcp.server.results.places import Place, has_part, is_beyond, narrow, outline_of, place_text


@dataclass(frozen=True, slots=True)
class ReadPart:
    """A passage, or the lines of it that were asked for, and where they stand."""

    text: str
    place: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What was asked for.

    Attributes:
        parts: In the order of the source.
        is_whole: No passage was cut.
        is_to_end: Nothing of what the backend returned is left out behind them.
        next_start: What goes on from there; None at the end.
    """

    parts: Sequence[ReadPart]
    is_whole: bool
    is_to_end: bool
    next_start: str | None


def cut_reading(text: SourceText, start: Place, end: Place) -> Reading:
    """Return what a backend returned from `start` on, without lines before it and those after `end`."""
    within = tuple(passage for passage in text.passages if not is_beyond(end, passage.attributes))
    passages = within or text.passages[:1]
    starts = (start, *[Place()] * len(passages))
    spans = [_span(passage, first, end) for passage, first in zip(passages, starts, strict=False)]
    rest = _line_after(passages[-1], spans[-1]) if passages else None
    return Reading(
        [_part(passage, *span) for passage, span in zip(passages, spans, strict=True)],
        all(span == (0, len(passage.text)) for passage, span in zip(passages, spans, strict=True)),
        rest is None and len(passages) == len(text.passages),
        rest or _place_after(text, passages),
    )


def _place_after(text: SourceText, read: Sequence[SourcePassage]) -> str | None:
    """Return the place that follows the passages `read`, which are the first of a text."""
    if text.section_after:
        return f'section "{text.section_after}"'
    following = text.next if len(read) == len(text.passages) else read[-1].index + 1
    return None if following is None else f"passage {following + 1}"


def _span(passage: SourcePassage, start: Place, end: Place) -> tuple[int, int]:
    """Return the span of the lines asked for; of all where the passage does not know its lines."""
    first, last = _line_in(start, passage), _line_in(end, passage)
    whole = 0, len(passage.text)
    if first is None and last is None:
        return whole
    return find_lines(outline_of(passage.attributes), passage.text, first or 1, last) or whole


def _line_in(place: Place, passage: SourcePassage) -> int | None:
    """Return the line that a place names in a passage; a number alone is a page where there are pages."""
    attributes = passage.attributes
    if place.number is not None:
        return None if has_part(attributes) else place.number
    part = attributes.get("page", attributes.get("slide"))
    return None if place.part is not None and part not in (None, place.part) else place.line


def _part(passage: SourcePassage, start: int, end: int) -> ReadPart:
    place = place_text(narrow(passage.attributes, passage.text, start, end))
    names = find_column_names(outline_of(passage.attributes), passage.text, start) if start else ""
    return ReadPart("\n".join(filter(None, (names, passage.text[start:end].strip()))), place)


def _line_after(passage: SourcePassage, span: tuple[int, int]) -> str | None:
    """Return the place of the first line behind a span of a passage; None at its end."""
    rest = passage.text[span[1] :]
    if not rest.strip():
        return None
    start = span[1] + len(rest) - len(rest.lstrip())
    after = narrow(passage.attributes, passage.text, start, start + 1)
    return place_text({name: value for name, value in after.items() if name != "heading"}) or None
