"""How a declaration is stored: the same columns in every table that has one.

The destination is not among them: it is resolved to bucket ids before anything is stored.
"""

from __future__ import annotations

import json
from typing import Any, Final

from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local.text_forms import dump_json, parse_texts

_COLUMNS: Final = ("filename", "content_type", "title", "tags", "metadata", "path", "if_exists")


def columns_of(declaration: Declaration) -> dict[str, str | None]:
    """Return the values by column."""
    return {
        "filename": declaration.filename,
        "content_type": declaration.content_type or "",
        "title": declaration.title,
        "tags": dump_json(declaration.tags),
        "metadata": dump_json(declaration.metadata or {}),
        "path": declaration.path,
        "if_exists": declaration.if_exists or "keep_both",
    }


def take_declaration(fields: dict[str, Any]) -> Declaration:
    """Return the declaration in the fields of a row, and take its columns out of them."""
    declared = {name: fields.pop(name) for name in _COLUMNS}
    declared["tags"] = parse_texts(declared["tags"])
    metadata = declared["metadata"]
    declared["metadata"] = {} if metadata == "{}" else json.loads(metadata)
    return Declaration(**declared)
