"""MCP server, REST client and embedded backend for Calypso Buckets.

Layers, imports pointing down only (checked by import-linter):

    __main__        python -m calypso_mcp
    cli             flags and subcommands; the only reader of argv
    assembly        builds one running program from settings and owns its lifetime
    settings        every knob once; the only reader of the environment
    server          MCP: tools, resources, prompts, scope per request, access, transports
    client | local  typed REST client | embedded backend (strangers to each other)
    api             the REST contract both speak
    domain          rules without I/O, clock or randomness
    errors          the whole exception tree
"""

from __future__ import annotations

__all__ = ["__version__"]

#: Equal to the version in pyproject.toml, server.json and manifest.json (checked by a test).
__version__ = "0.1.0"
