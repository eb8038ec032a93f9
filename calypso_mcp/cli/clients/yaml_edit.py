"""One entry of a YAML listing written first or taken out; every other line stays as it was.

The listing is a mapping by name, or a sequence of mappings with a `name`. The caller parses the result
and compares, so that an unusual layout is refused and never spoilt.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Literal

import yaml

from calypso_mcp.cli.clients.jsonc import Unreadable

Listing = Literal["mapping", "sequence"]
_INDENT = 2
#: More than any configuration has.
_MOST_NODES = 100_000


class _Loader(yaml.SafeLoader):
    """Takes no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        if len(set(map(str, names))) < len(names):
            raise Unreadable(f"a name occurs twice below line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep=deep)


def loads(text: str) -> object:
    """Return the value of a YAML text. An empty text is an empty mapping.

    Raises:
        Unreadable: It is no YAML, a mapping has a name twice, or references repeat too much. Nothing of the
            text is repeated: it may hold secrets.
    """
    try:
        return _load(_Loader(text))
    except Unreadable:
        raise
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise Unreadable(f"{line}{error.problem}") from None
    except yaml.YAMLError:
        raise Unreadable("it holds a character that YAML does not allow") from None
    except (AttributeError, LookupError, TypeError, ValueError):  # as the library's constructors fail
        raise Unreadable("it holds a malformed number, date or other typed value") from None


def _load(loader: Any) -> object:
    node = loader.get_single_node()
    if node is None:
        return {}
    if _size(node, {}) > _MOST_NODES:
        raise Unreadable("its references repeat too much")
    return loader.construct_document(node) or {}


def _size(node: yaml.Node, sizes: dict[int, int]) -> int:
    """Return the number of nodes with those that references repeat; one within itself has too many."""
    if id(node) not in sizes:
        sizes[id(node)] = _MOST_NODES
        nodes: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            nodes = [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            nodes = node.value
        sizes[id(node)] = 1 + sum(_size(part, sizes) for part in nodes)
    return sizes[id(node)]


def set_entry(text: str, key: str, name: str, value: Mapping[str, object], listing: Listing) -> str:
    """Return `text` with the entry `name` below the top-level `key`.

    Raises:
        Unreadable: The listing has a layout that cannot be kept.
    """
    text = remove_entry(text, key, name, listing)
    end = "\r\n" if "\r\n" in text else "\n"
    found = _find_listing(text, key)
    if found is None:
        gap = "" if not text or text.endswith("\n") else end
        return f"{text}{gap}{key}:{end}{_block(name, value, listing, _INDENT, end)}"
    _, node = found
    entries = _entries(node)
    if not entries:
        text = text if text.endswith("\n") else text + end
        line_end = text.index("\n", node.end_mark.index) + 1
        key_line = text[: node.start_mark.index].rstrip(" ") + text[node.end_mark.index : line_end]
        return key_line + _block(name, value, listing, _INDENT, end) + text[line_end:]
    _require_lines(key, node)
    first = entries[0][0].start_mark
    line = first.index - first.column
    column = text.index("-", line) - line if listing == "sequence" else first.column
    return text[:line] + _block(name, value, listing, column, end) + text[line:]


def remove_entry(text: str, key: str, name: str, listing: Listing) -> str:
    """Return `text` without the entry `name` below the top-level `key`.

    Raises:
        Unreadable: The listing has a layout that cannot be kept.
    """
    found = _find_listing(text, key)
    if found is None:
        return text
    key_node, node = found
    ours = [(first, value) for first, value in _entries(node) if _name_of(first, value) == name]
    if not ours:
        return text
    _require_lines(key, node)
    [(first, value)] = ours
    start = first.start_mark.index - first.start_mark.column
    last = max(leaf.end_mark.index for leaf in _leaves(value))
    end = text.find("\n", last) + 1 or len(text)
    if len(_entries(node)) > 1:
        return text[:start] + text[end:]
    colon = text.index(":", key_node.end_mark.index) + 1
    empty = " {}" if listing == "mapping" else " []"
    return text[:colon] + empty + text[colon:start] + text[end:]


def _find_listing(text: str, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:  # what was written before does not fit behind what stood there
        raise Unreadable("the top level is not a mapping in block style") from None
    if root is None:
        return None
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise Unreadable("the top level is not a mapping in block style")
    return next(((name, value) for name, value in root.value if name.value == key), None)


def _entries(node: yaml.Node) -> list[tuple[yaml.Node, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        return list(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [(item, item) for item in node.value]
    return []


def _require_lines(key: str, node: yaml.Node) -> None:
    if _is_on_one_line(node):
        raise Unreadable(f"{key} is written on one line, in braces")


def _is_on_one_line(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def _name_of(first: yaml.Node, value: yaml.Node) -> str | None:
    if first is not value:
        return str(first.value)
    if not isinstance(value, yaml.MappingNode):
        return None
    return next((str(item.value) for key, item in value.value if key.value == "name"), None)


def _leaves(node: yaml.Node) -> Iterator[yaml.Node]:
    """Yield the nodes that end where their text ends; those in lines end where the next token begins."""
    entries = _entries(node)
    if not entries or _is_on_one_line(node):
        yield node
        return
    for first, value in entries:
        if first is not value:
            yield first
        yield from _leaves(value)


def _block(name: str, value: Mapping[str, object], listing: Listing, column: int, end: str) -> str:
    """Return an entry in lines; values are JSON, which is YAML."""
    lines = [f"{field}: {json.dumps(item, ensure_ascii=False)}" for field, item in value.items()]
    if listing == "mapping":
        written = [f"{name}:", *(" " * _INDENT + line for line in lines)]
    else:
        written = [f"{'- ' if number == 0 else '  '}{line}" for number, line in enumerate(lines)]
    return "".join(f"{' ' * column}{line}{end}" for line in written)
