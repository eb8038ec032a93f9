"""How a declaration stands in a row: the same columns in every table that has one.

The destination is not among them: it is resolved to bucket ids before anything is stored.
"""

from __future__ import annotations

import json
from typing import Any, Final

from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local.identifiers import json_text

_COLUMNS: Final = ("filename", "content_type", "title", "tags", "metadata", "path", "if_exists")
#: The columns in SQL, and as many placeholders.
COLUMNS: Final = ", ".join(_COLUMNS)
PLACES: Final = ", ".join("?" for _ in _COLUMNS)


def values_of(declaration: Declaration) -> tuple[str | None, ...]:
    """Return the values for `COLUMNS`."""
    return (
        declaration.filename,
        declaration.content_type or "",
        declaration.title,
        json_text(declaration.tags),
        json_text(declaration.metadata or {}),
        declaration.path,
        declaration.if_exists or "keep_both",
    )


def take_declaration(fields: dict[str, Any]) -> Declaration:
    """Return the declaration in the fields of a row, and take its columns out of them."""
    declared = {name: fields.pop(name) for name in _COLUMNS}
    declared["tags"] = tuple(json.loads(declared["tags"]))
    declared["metadata"] = json.loads(declared["metadata"])
    return Declaration(**declared)
