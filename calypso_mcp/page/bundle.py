"""Bundles our ES modules into one script, for places that cannot load a second file."""

from __future__ import annotations

import re
from pathlib import Path

_IMPORT = re.compile(r'^import \{ ([\w ,]+) \} from "(\.[\w./]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function|class|const|let) (\w+)", re.MULTILINE)
#: An import or export in a form that is not supported.
_LEFT = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def bundle(entry: Path) -> str:
    """Return a script that does what the module `entry` does.

    Each module becomes a function that returns what the module exports, after the modules that it imports.

    Raises:
        ValueError: The modules import each other in a circle, or in a form that is not supported.
    """
    names: dict[Path, str] = {}
    parts: list[str] = ['"use strict";']
    _add(entry.resolve(), names, parts, ())
    return "\n".join(parts) + "\n"


def _add(path: Path, names: dict[Path, str], parts: list[str], importers: tuple[Path, ...]) -> str:
    """Append the module and what it imports to `parts`; return the name that its exports have there."""
    if path in names:
        return names[path]
    if path in importers:
        raise ValueError(f"{path.name} imports itself, through others")

    def imported(found: re.Match[str]) -> str:
        name = _add((path.parent / found[2]).resolve(), names, parts, (*importers, path))
        return f"const {{ {found[1].replace(' as ', ': ')} }} = {name};"

    body = _IMPORT.sub(imported, path.read_text(encoding="utf-8"))
    exported = ", ".join(found[2] for found in _EXPORT.finditer(body))
    body = _EXPORT.sub(r"\1 \2", body)
    if left := _LEFT.search(body):
        raise ValueError(f"{path.name}: cannot bundle {left[0]!r}")
    names[path] = f"m{len(names)}"
    parts.append(f"const {names[path]} = (() => {{\n{body}return {{ {exported} }};\n}})();")
    return names[path]
