"""One table of a TOML text written at its end or taken out; every other line stays as it was.

What is cut out is judged by lines, and a text may hold lines that look like headers: the caller parses
the result and compares.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import cast


def set_table(text: str, path: Sequence[str], value: Mapping[str, object]) -> str:
    """Return `text` with the table at `path`, rewritten at the end."""
    kept = remove_table(text, path)
    end = "\r\n" if "\r\n" in text else "\n"
    lines: list[str] = []
    _write(lines, path, value)
    # One empty line before the table, also if our earlier table left one.
    gap = "" if not kept.strip() or kept.endswith(end * 2) else end if kept.endswith("\n") else end * 2
    return kept + gap + end.join(lines) + end


def remove_table(text: str, path: Sequence[str]) -> str:
    """Return `text` without the table at `path` and the tables in it; comments before the next one stay."""
    names = r"\s*\.\s*".join(
        rf"(?:{re.escape(name)}|\"{re.escape(name)}\"|'{re.escape(name)}')" for name in path
    )
    ours = re.compile(rf"\s*\[\s*{names}\s*(?:\.[^\]]*)?\]\s*(?:#.*)?$")
    kept: list[str] = []
    waiting: list[str] = []
    is_ours = False
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        if bare.startswith("["):
            is_ours = ours.match(line.rstrip("\r\n")) is not None
            kept += [] if is_ours else waiting
            waiting = []
        if not is_ours:
            kept.append(line)
        elif bare and not bare.startswith("#"):
            waiting = []
        else:
            waiting.append(line)
    return "".join([*kept, *waiting])


def _write(lines: list[str], path: Sequence[str], value: Mapping[str, object]) -> None:
    lines.append(f"[{'.'.join(path)}]")
    for name, item in value.items():
        if not isinstance(item, Mapping):
            lines.append(f"{name} = {json.dumps(item, ensure_ascii=False)}")
    for name, item in value.items():
        if isinstance(item, Mapping):
            lines.append("")
            _write(lines, [*path, name], cast("Mapping[str, object]", item))
