"""One member of a JSON text with comments set or taken out; every other character stays where it was."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from calypso_mcp.cli.clients.jsonc import Member, Unreadable, members, skip_space, strict, without_comments

_INDENTED = re.compile(r"^([ \t]+)\S", re.MULTILINE)


def set_member(text: str, path: Sequence[str], value: object) -> str:
    """Return `text` with the member at `path` set; objects on the way are made.

    Raises:
        Unreadable: Something on the way is not an object.
    """
    bare = strict(text)
    if not bare.strip():
        return f"{text}{_dump(_nest(path, value), '  ', '')}\n"
    found = _walk(bare, path)
    unit = _find_indent(text)
    if found.member is not None:
        indent = _indent_at(text, found.member.start)
        written = _dump(value, unit, indent)
        return text[: found.member.value_start] + _with_line_ends_of(written, text) + text[found.member.end :]
    return _insert(text, bare, found, _nest(found.missing[1:], value), unit)


def remove_member(text: str, path: Sequence[str]) -> str:
    """Return `text` without the member at `path`; comments around it stay.

    Raises:
        Unreadable: Something on the way is not an object.
    """
    bare = strict(text)
    if not bare.strip():
        return text
    found = _walk(bare, path)
    member = found.member
    if member is None:
        return text
    commas = without_comments(text)
    start = member.start
    while text[start - 1] in " \t":
        start -= 1
    if text[start - 1] in "\r\n":
        start -= 2 if text[start - 2 : start] == "\r\n" else 1
    else:
        start = member.start
    after = skip_space(commas, member.end)
    if commas[after] == ",":
        return text[:start] + text[member.end : after] + text[after + 1 :]
    before = len(commas[: member.start].rstrip()) - 1
    if commas[before] == ",":
        return text[:before] + text[before + 1 : start] + text[member.end :]
    return text[:start] + text[member.end :]


@dataclass(frozen=True, slots=True)
class _Found:
    """The last object on a path that exists: its beginning, the member there, and the names missing below."""

    start: int
    member: Member | None
    missing: Sequence[str]


def _walk(bare: str, path: Sequence[str]) -> _Found:
    start = skip_space(bare, 0)
    for depth, name in enumerate(path):
        if bare[start] != "{":
            raise Unreadable(f"{'.'.join(path[:depth]) or 'the top'} is not an object")
        member = next((member for member in members(bare, start) if member.name == name), None)
        if member is None or depth == len(path) - 1:
            return _Found(start, member, path[depth:])
        start = member.value_start
    raise Unreadable("nothing is named")


def _insert(text: str, bare: str, found: _Found, value: object, unit: str) -> str:
    """Write a member at the end of an object, after everything in it, comments included."""
    there = list(members(bare, found.start))
    _, end = json.JSONDecoder().raw_decode(bare, found.start)
    tail = found.start + 1 + len(text[found.start + 1 : end - 1].rstrip())
    outer = _indent_at(text, found.start)
    indent = _indent_at(text, there[0].start) if there else outer + unit
    if there and indent == outer:
        indent += unit
    written = _with_line_ends_of(
        f"\n{indent}{json.dumps(found.missing[0])}: {_dump(value, unit, indent)}", text
    )
    closing = text[tail : end - 1]
    if "\n" not in closing:
        closing = _with_line_ends_of(f"\n{outer}", text)
    if not there:
        return text[:tail] + written + closing + text[end - 1 :]
    last = there[-1].end
    commas = without_comments(text)
    # Where the last member has a comma of its own, so has ours: taken out again, the text is as it was.
    before, after = ("", ",") if commas[skip_space(commas, last)] == "," else (",", "")
    return text[:last] + before + text[last:tail] + written + after + closing + text[end - 1 :]


def _nest(path: Sequence[str], value: object) -> object:
    for name in reversed(path):
        value = {name: value}
    return value


def _dump(value: object, unit: str, indent: str) -> str:
    return json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", f"\n{indent}")


def _with_line_ends_of(written: str, text: str) -> str:
    """Return `written` with the line endings of `text`."""
    return written.replace("\n", "\r\n") if "\r\n" in text else written


def _find_indent(text: str) -> str:
    found = _INDENTED.search(text)
    return found.group(1) if found else "  "


def _indent_at(text: str, position: int) -> str:
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return line[: len(line) - len(line.lstrip(" \t"))]
