"""The comments on the cells of an Excel workbook, with their places (ECMA-376 part 1, 18.7)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from html import unescape

from calypso_mcp.local.indexing.formats.office.packages import Markup, Package

_WORKBOOK = "xl/workbook.xml"
# The Open XML SDK prefixes every element.
_SHEET = re.compile(r'<(?:x:)?sheet\b(?=[^<>]*\sname="([^"<>]*)")[^<>]*\s\w+:id="([^"<>]+)"')
_COMMENT = Markup(re.compile(r"<(?:x:)?comment "), "comment>", re.compile(r"<(?:x:)?t(?: [^<>]*)?>([^<]*)</"))
_COMMENTS = re.compile(r"^xl/(?:comments\d*|comments/comment\d+)\.xml$")
_ROW = re.compile(r'\sref="[A-Z]{1,3}([0-9]{1,7})"')
_RELATION = re.compile(r'<Relationship\b(?=[^<>]*\sTarget="([^"<>]+)")[^<>]*\sId="([^"<>]+)"')


def cell_comments(package: Package) -> Iterator[tuple[str, int, str]]:
    """Yield the name of the sheet, the row and the text of each comment on a cell."""
    if _WORKBOOK not in package.names:
        return
    parts = _targets(package, _WORKBOOK)
    for name, relation in _SHEET.findall(package.text(_WORKBOOK)):
        for part in _targets(package, parts.get(relation, "")).values():
            if _COMMENTS.match(part) is None or part not in package.names:
                continue
            for comment in _COMMENT.paragraphs_of(package.text(part)):
                row = _ROW.search(comment)
                if text := _COMMENT.text_of(comment):
                    yield unescape(name), int(row[1]) if row is not None else 1, text


def _targets(package: Package, part: str) -> dict[str, str]:
    """Return the names of the parts that a part refers to, by the ids of its relations."""
    folder, name = posixpath.split(part)
    relations = f"{folder}/_rels/{name}.rels"
    found = _RELATION.findall(package.text(relations)) if relations in package.names else []
    return {key: posixpath.normpath(posixpath.join(f"/{folder}", target))[1:] for target, key in found}
