"""`python -m calypso_mcp` is `calypso-mcp`."""

from __future__ import annotations

from calypso_mcp.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
