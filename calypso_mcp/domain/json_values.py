"""Parsed JSON, YAML and TOML by its shape: foreign values, of which a type checker knows nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a value is an object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether a value is a list, or the tuple that a model of ours holds in its place."""
    return isinstance(value, list | tuple)


def as_object(value: object) -> dict[str, Any]:
    """Return a value as an object; an empty one for any other value."""
    return value if is_object(value) else {}


def as_list(value: object) -> Sequence[Any]:
    """Return a value as a list; an empty one for any other value."""
    return value if is_list(value) else ()
