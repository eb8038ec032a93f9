"""MCP server, REST client and embedded backend for Calypso Buckets."""

from __future__ import annotations

__all__ = ["__version__"]

#: Equal to the version in pyproject.toml, server.json and manifest.json (checked by a test).
__version__ = "0.1.0"
