"""Builds one running program from settings - backend, client, MCP server - and owns its lifetime.

Nothing touches disk or network before the first request needs it.
"""
