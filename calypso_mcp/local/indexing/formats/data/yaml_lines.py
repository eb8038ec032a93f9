"""YAML as lines of `path.to.key: value` with line numbers, comments among them.

The parser's events are read, never its values: aliases are not followed, so none can multiply.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import yaml

from calypso_mcp.local.indexing.formats.data.leaves import MOST_DEPTH, RECORD_CHARS, leaf_text
from calypso_mcp.local.indexing.formats.tables import CELL_SEPARATOR

_COMMENT = re.compile(r"(?:^|[ \t])#+[ \t]*(\S.*)")
#: The number of its list item, its text, its first and its last line.
Leaf = tuple[int | None, str, int, int]


def yaml_lines(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield leaves and comments with their 1-based first and last lines, in the order of the file.

    Items of one list that are mappings of short values become a line each: `name: a | port: 1`.

    Raises:
        yaml.YAMLError: It is not YAML.
        ValueError: It is nested too deeply.
    """
    leaves = list(_leaves(text))
    covered = {line for _, _, start, end in leaves for line in range(start, end + 1) if end > start}
    comments: list[Leaf] = [
        (None, comment, number, number)
        for number, line in enumerate(text.split("\n"), 1)
        if number not in covered and (comment := _find_comment(line))
    ]
    ordered = sorted([*leaves, *comments], key=lambda leaf: leaf[2])
    for record, group in groupby(ordered, key=lambda leaf: leaf[0]):
        members = list(group)
        line = CELL_SEPARATOR.join(text for _, text, _, _ in members)
        if record is not None and "\n" not in line and len(line) <= RECORD_CHARS:
            yield line, members[0][2], members[-1][3]
        else:
            yield from ((text, start, end) for _, text, start, end in members)


@dataclass(slots=True)
class _Collection:
    """An open mapping or list, or the file: its path, the key of its next value, and its list item."""

    is_mapping: bool
    path: str
    record: int | None
    key: str | None = None

    def take_path(self) -> str:
        """Return the path of the next value."""
        if not self.is_mapping or self.key is None:
            return self.path
        key, self.key = self.key, None
        return f"{self.path}.{key}" if self.path else key


def _leaves(text: str) -> Iterator[Leaf]:
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    stack = [_Collection(is_mapping=False, path="", record=None)]
    records = 0
    for event in yaml.parse(text, Loader=loader):
        outer = stack[-1]
        if isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
            yield from _leaf(event, outer)
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(stack) > MOST_DEPTH:
                raise ValueError("nested too deep")
            is_item = len(stack) > 1 and not outer.is_mapping
            records += is_item
            record = records if is_item else outer.record
            stack.append(_Collection(isinstance(event, yaml.MappingStartEvent), outer.take_path(), record))
        elif isinstance(event, yaml.CollectionEndEvent):
            stack.pop()


def _leaf(event: yaml.ScalarEvent | yaml.AliasEvent, outer: _Collection) -> Iterator[Leaf]:
    """Yield a scalar as a leaf; keep it as the next key if it is one."""
    value = str(event.value) if isinstance(event, yaml.ScalarEvent) else f"*{event.anchor}"
    if outer.is_mapping and outer.key is None:
        outer.key = value
        return
    path = outer.take_path()
    said = leaf_text(value).strip()
    if said and event.start_mark is not None and event.end_mark is not None:
        start, end = event.start_mark.line + 1, event.end_mark.line + 1
        # A block scalar ends where the next line begins.
        last = end - 1 if event.end_mark.column == 0 and end > start else end
        yield outer.record, f"{path}: {said}" if path else said, start, last


def _find_comment(line: str) -> str:
    """Return the comment in a line of YAML, as far as one line tells; empty without one."""
    found = _COMMENT.search(line)
    before = line.partition("#")[0]
    return found[1].rstrip() if found and before.count('"') % 2 == before.count("'") % 2 == 0 else ""
