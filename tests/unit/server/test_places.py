"""Places of passages: written, and read back from whatever a person or model writes."""

from __future__ import annotations

from typing import Any

import pytest

from calypso_mcp.server.results.places import Place, is_beyond, place_text, read_place


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"page": 4, "line_start": 3, "line_end": 5}, "page 4, lines 3-5"),
        ({"page": 4, "page_label": "iv"}, "page 4, printed iv"),
        ({"sheet": "Prices", "row_start": 2, "row_end": 9}, 'sheet "Prices", rows 2-9'),
        ({"heading": "Leave > Notice", "line_start": 3}, 'section "Leave > Notice", line 3'),
        ({"slide": 2, "heading": 'A "quoted" title'}, "slide 2, section \"A 'quoted' title\""),
        ({"line_start": 3, "line_end": 3}, "line 3"),
        ({"page": True, "line_start": "3", "heading": 7}, ""),
        ({}, ""),
    ],
)
def test_a_place_is_written_for_people(attributes: dict[str, Any], expected: str) -> None:
    assert place_text(attributes) == expected


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("12", Place(number=12)),
        ("page 12", Place(part=12)),
        ("Slide 3", Place(part=3)),
        ("lines 40-60", Place(line=40)),
        ("line 7", Place(line=7)),
        ("passage 5", Place(passage=5)),
        ("page 4, lines 3-5", Place(part=4, line=3)),
        ("pages 2-3", Place(part=2)),
        ("p. 3", Place(part=3)),
        ("2-3", Place(number=2)),
        ("2\u20133", Place(number=2)),
        ("Plot P07", Place(section="Plot P07")),
        ("sheet Rooms", Place(section="Rooms")),
        ("sheet Rooms row 3", Place(section="Rooms", line=3)),
        ("Sheet Rules 2026, rows 12-14", Place(section="Rules 2026", line=12)),
        ("sheet 2, row 3", Place(part=2, line=3)),
        ("sheet Rows", Place(section="Rows")),
        ("sheet Row data, rows 2-4", Place(section="Row data", line=2)),
        ('handbook.md, section "Leave > Notice", lines 3-5', Place(line=3)),
        ('sheet "Rules 2026", rows 12-14', Place(section="Rules 2026", line=12)),
        ('section "Leave > Notice"', Place(section="Leave > Notice")),
        ("rates.xlsx, sheet 'Rules 2026', rows 12-14", Place(section="Rules 2026", line=12)),
        ("sheet 'Row 9'", Place(section="Row 9")),
        ("section 'What's new > It isn't row 9'", Place(section="What's new > It isn't row 9")),
        ("section 'Leave > Notice', lines 3-5", Place(line=3)),
        ("section Access", Place(section="Access")),
        ("VPN access", Place(section="VPN access")),
        ('section "Page 3"', Place(section="Page 3")),
        ("page 99999999999999999999", Place(section="page 99999999999999999999")),
    ],
)
def test_a_place_is_read_however_it_is_written(written: str, meant: Place) -> None:
    assert read_place(written) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2-3", Place(number=3)),
        ("2 \u2013 3", Place(number=3)),
        ("lines 40\u201360", Place(line=60)),
        ("pages 2-3", Place(part=3)),
        ("lines 40-60", Place(line=60)),
        ("page 4, lines 3-5", Place(part=4, line=5)),
        ("page 4", Place(part=4)),
    ],
)
def test_a_range_ends_at_its_last_place(written: str, meant: Place) -> None:
    assert read_place(written, is_end=True) == meant


@pytest.mark.parametrize(
    "attributes",
    [
        {"page": 4, "line_start": 3, "line_end": 5},
        {"slide": 2},
        {"heading": "Leave > Notice", "line_start": 3, "line_end": 9},
        {"line_start": 8, "line_end": 8},
    ],
)
def test_what_is_written_leads_back_to_where_it_stands(attributes: dict[str, Any]) -> None:
    place = read_place(place_text(attributes))
    assert place.line == attributes.get("line_start")
    assert place.part == attributes.get("page", attributes.get("slide"))


@pytest.mark.parametrize(
    ("end", "attributes", "beyond"),
    [
        ("4", {"page": 5}, True),
        ("4", {"page": 4, "line_start": 9}, False),
        ("4", {"line_start": 5}, True),
        ("page 4, line 2", {"page": 4, "line_start": 3}, True),
        ("line 4", {"line_start": 4, "line_end": 9}, False),
        ("slide 1", {"line_start": 4}, False),
        ("section X", {"page": 4}, False),
    ],
)
def test_an_end_leaves_out_what_begins_behind_it(end: str, attributes: dict[str, Any], beyond: bool) -> None:
    assert is_beyond(read_place(end), attributes) is beyond
