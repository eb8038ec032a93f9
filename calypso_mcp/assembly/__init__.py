"""Builds one running program from settings - backend, client, MCP server - and owns its lifetime."""

from __future__ import annotations

from calypso_mcp.assembly.program import Program, running

__all__ = ["Program", "running"]
