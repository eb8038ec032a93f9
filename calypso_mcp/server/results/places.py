"""The place of a passage in its source, written for people, and read from what people and models write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from calypso_mcp.domain.json_values import as_list
from calypso_mcp.domain.outlines import Outline, find_spot, read_outline
from calypso_mcp.domain.untrusted_text import clean_line

_NAME_CHARS: Final = 160
_PARTS: Final = ("page", "slide", "message", "cell")
#: What joins a range: models write hyphens and en dashes.
_TO: Final = r"\s?[-\u2013]\s?"
#: Digits no longer than any page or line number, so that nothing larger is ever converted.
_PLACE: Final = re.compile(
    rf"\b(passage|page|p|slide|message|cell|sheet|line|row)[s.]?\s+([0-9]{{1,9}})\b(?:{_TO}([0-9]{{1,9}})\b)?",
    re.IGNORECASE,
)
#: Hits quote a name with single marks, because their label stands between double ones.
_NAMED: Final = re.compile(
    r"""\b(section|sheet)\s+(?:"([^"]{1,200})"|'([^"]{1,200})'(?=\s*(?:,|$)))""", re.IGNORECASE
)
_BARE: Final = re.compile(rf"([0-9]{{1,9}})(?:{_TO}([0-9]{{1,9}}))?")
#: A sheet whose name stands without marks, and what ends the name.
_SHEET: Final = re.compile(r"^\s*sheet\s+(?=[^\s\"'0-9])", re.IGNORECASE)
_BEHIND_NAME: Final = re.compile(r",|\srows?\s", re.IGNORECASE)
_SHORT: Final = {"p": "page"}
_OF_SPOT: Final = frozenset({"heading", "line_start", "line_end", "row_start", "row_end", "outline", "match"})
_BARE_NAME: Final = re.compile(r"^(section|sheet)\s+", re.IGNORECASE)


def place_text(attributes: Mapping[str, Any]) -> str:
    """Return the place of a passage: page, slide, sheet, rows, section, lines; empty if nothing is known."""
    numbers = {name: value for name, value in attributes.items() if type(value) is int}
    sheet, section, label = (_name(attributes.get(name)) for name in ("sheet", "heading", "page_label"))
    places = (
        *(f"{part} {numbers[part]}" for part in _PARTS if part in numbers),
        f"printed {label}" if label and "page" in numbers else "",
        f'sheet "{sheet}"' if sheet else "",
        name_range("row", numbers.get("row_start"), numbers.get("row_end")),
        f'section "{section}"' if section and not sheet else "",
        name_range("line", numbers.get("line_start"), numbers.get("line_end")),
    )
    return ", ".join(filter(None, places))


def outline_of(attributes: Mapping[str, Any]) -> Outline:
    """Return the outline of a passage; empty if the API does not state it."""
    heading = attributes.get("heading")
    return read_outline(attributes.get("outline"), heading if isinstance(heading, str) else "")


def match_of(attributes: Mapping[str, Any], text: str) -> tuple[int, int] | None:
    """Return start and end of the part of `text` that matched best; None if the API does not state it."""
    match = as_list(attributes.get("match"))
    if [*map(type, match)] != [int, int]:
        return None
    start, end = match
    return (start, end) if 0 <= start < end <= len(text) else None


def narrow(attributes: Mapping[str, Any], text: str, start: int, end: int) -> Mapping[str, Any]:
    """Return the place of `text[start:end]` within a passage, in the form of the passage's `attributes`."""
    if (start, end) == (0, len(text)) or not (outline := outline_of(attributes)):
        return attributes
    spot = find_spot(outline, text, start, end)
    kind = "row" if "sheet" in attributes else "line"
    kept = {name: value for name, value in attributes.items() if name not in _OF_SPOT}
    return {**kept, "heading": spot.heading, f"{kind}_start": spot.line_start, f"{kind}_end": spot.line_end}


@dataclass(frozen=True, slots=True)
class Place:
    """A place as a person or model wrote it; `number` alone is a page, or a line where there are no pages."""

    passage: int | None = None
    part: int | None = None
    line: int | None = None
    section: str | None = None
    number: int | None = None


def read_place(text: str, *, is_end: bool = False) -> Place:
    """Return the place that `text` names: "12", "page 12", "lines 40-60", a section, a whole citation.

    Of a range it is the first place, or the last one if `is_end`.
    """
    if bare := _BARE.fullmatch(text.strip()):
        return Place(number=_of_range(bare[1], bare[2], is_end=is_end))
    found = {
        _SHORT.get(kind.lower(), kind.lower()): _of_range(first, last, is_end=is_end)
        for kind, first, last in _PLACE.findall(_NAMED.sub("", text))
    }
    if "passage" in found:
        return Place(passage=found["passage"])
    part = next((found[kind] for kind in (*_PARTS, "sheet") if kind in found), None)
    numbered = Place(part=part, line=found.get("line", found.get("row")))
    kind, name = _read_name(text)
    if kind == "sheet" or (kind and numbered == Place()):
        return Place(section=name, line=numbered.line)
    return Place(section=_BARE_NAME.sub("", text.strip())) if numbered == Place() else numbered


def _of_range(first: str, last: str | None, *, is_end: bool) -> int:
    return int((is_end and last) or first)


def _read_name(text: str) -> tuple[str, str]:
    """Return whether `text` names a section or a sheet, and its name; two empty texts if it does neither."""
    if named := _NAMED.search(text):
        return named[1].lower(), named[2] or named[3]
    if sheet := _SHEET.match(text):
        return "sheet", _BEHIND_NAME.split(text[sheet.end() :], maxsplit=1)[0].strip()
    return "", ""


def has_part(attributes: Mapping[str, Any]) -> bool:
    """Whether a passage stands on a page, slide, sheet or the like."""
    return any(kind in attributes for kind in (*_PARTS, "sheet"))


def is_beyond(end: Place, attributes: Mapping[str, Any]) -> bool:
    """Whether a passage begins behind `end`; a place of another kind than the passage has ends nothing."""
    return _distance(end, attributes, "start") > 0


def ends_before(start: Place, attributes: Mapping[str, Any]) -> bool:
    """Whether a passage ends before `start`: that lies behind the end of the source, whose last it is."""
    return _distance(start, attributes, "end") < 0


def _distance(place: Place, attributes: Mapping[str, Any], edge: str) -> int:
    """Return how far the first or last line of a passage lies behind `place`, or its page; 0 if unknown."""
    part = next((attributes[kind] for kind in _PARTS if kind in attributes), None)
    line = attributes.get(f"line_{edge}", attributes.get(f"row_{edge}"))
    numbered = (place.number, None) if part is not None else (None, place.number)
    wanted_part, wanted_line = (place.part, place.line) if place.number is None else numbered
    if part is not None and wanted_part is not None and part != wanted_part:
        return int(part - wanted_part)
    return 0 if line is None or wanted_line is None else int(line - wanted_line)


def _name(value: Any) -> str | None:
    return clean_line(value, _NAME_CHARS).replace('"', "'") or None if isinstance(value, str) else None


def name_range(kind: str, first: int | None, last: int | None) -> str:
    """Return "line 3" or "lines 3-5"; empty without a number."""
    if first is None:
        return ""
    return f"{kind} {first}" if last in (None, first) else f"{kind}s {first}-{last}"
