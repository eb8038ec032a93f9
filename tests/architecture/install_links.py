"""Links that install the server in a client with one click, as the README shows them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from calypso_mcp.cli.clients.command import PACKAGE
from calypso_mcp.cli.clients.entries import NAME
from calypso_mcp.cli.clients.facts import CLIENTS
from calypso_mcp.cli.clients.shapes import Local, fields_of

#: A link is made for any machine, so that it cannot name an absolute program.
_ANYWHERE = Local(["uvx", PACKAGE])
_PAGES = {
    "cursor": "https://cursor.com/install-mcp",
    "vscode": "https://insiders.vscode.dev/redirect/mcp/install",
    "lm-studio": "https://lmstudio.ai/install-mcp",
}


def install_links() -> dict[str, str]:
    """Return a link for every client that has such links, by the client's title."""
    return {
        client.title: _link(client.name, fields_of(client, _ANYWHERE))
        for client in CLIENTS
        if client.name in _PAGES
    }


def _link(name: str, fields: Mapping[str, object]) -> str:
    config = json.dumps(fields, separators=(",", ":"))
    if name != "vscode":
        # These two take the JSON in Base64.
        config = base64.b64encode(config.encode()).decode()
    return f"{_PAGES[name]}?{urlencode({'name': NAME, 'config': config}, quote_via=quote)}"
