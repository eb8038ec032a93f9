from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs, urlsplit

from tests.architecture.install_links import install_links


def test_a_link_holds_one_server_in_the_notation_of_its_client() -> None:
    links = {
        title: parse_qs(urlsplit(link).query, strict_parsing=True) for title, link in install_links().items()
    }
    assert links.keys() == {"Cursor", "VS Code", "LM Studio"}
    server = {"command": "uvx", "args": ["calypso-mcp"]}
    for title, query in links.items():
        [config], [name] = query["config"], query["name"]
        assert name == "calypso"
        if title == "VS Code":
            assert json.loads(config) == {"type": "stdio", **server}
        else:
            assert json.loads(base64.b64decode(config, validate=True)) == server
