"""What a Markdown file states about itself before its text, in YAML or TOML."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from calypso_mcp.domain.json_values import as_list, is_object
from calypso_mcp.domain.toml_text import parse_toml

#: Front matter longer than this many lines is not front matter.
_MOST_LINES = 200
_MOST_TAGS = 20
_MOST_TAG_CHARS = 100
#: What ends front matter that begins with the key.
_ENDS = {"---": re.compile(r"(?:---|\.\.\.)[ \t]*$"), "+++": re.compile(r"\+\+\+[ \t]*$")}
_KEY = re.compile(r"\w[\w-]*+:(?:\s|$)")
_TITLE = re.compile(r"title:[ \t]*+(.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """Title and tags, where stated."""

    title: str | None = None
    tags: tuple[str, ...] = ()


def read_front_matter(lines: list[str]) -> tuple[FrontMatter, int]:
    """Return what front matter states and how many lines it takes."""
    mark = lines[0].rstrip()
    if mark not in _ENDS or (mark == "---" and _is_rule(lines)):
        return FrontMatter(), 0
    for index, line in enumerate(lines[1:_MOST_LINES], 1):
        if _ENDS[mark].match(line):
            return _stated(mark, lines[1:index]), index + 1
    return FrontMatter(), 0


def _is_rule(lines: list[str]) -> bool:
    """Whether the first line stands above the first slide or paragraph: a blank line and no key follow it."""
    below = lines[1:_MOST_LINES]
    return not any(map(str.strip, below[:1])) and _KEY.match(next(filter(str.strip, below), "")) is None


def _stated(mark: str, lines: list[str]) -> FrontMatter:
    text = "\n".join(lines)
    try:
        fields = parse_toml(text) if mark == "+++" else _yaml(text)
    except (ValueError, RecursionError):
        title = next(
            (match[1].rstrip(" \t").strip("\"'") for line in lines if (match := _TITLE.match(line))), None
        )
        return FrontMatter(title or None)
    lowered = {str(key).lower(): value for key, value in fields.items()}
    title = lowered.get("title")
    tags = _tags(lowered.get("tags") or lowered.get("keywords") or ())
    return FrontMatter(" ".join(title.split()) or None if isinstance(title, str) else None, tags)


def _yaml(text: str) -> dict[str, Any]:
    import yaml

    if "&" in text and "*" in text:
        raise ValueError("aliases can multiply")
    try:
        value = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  (a safe one)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if not is_object(value):
        raise ValueError("no mapping")
    return value


def _tags(value: Any) -> tuple[str, ...]:
    found = value.split(",") if isinstance(value, str) else as_list(value)
    words = (" ".join(str(item).split())[:_MOST_TAG_CHARS] for item in found if isinstance(item, str | int))
    return tuple(dict.fromkeys(filter(None, words)))[:_MOST_TAGS]
