"""The view in a chat: the page's look and drawing modules in one HTML document that loads nothing."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path

from calypso_mcp.page.bundle import bundle

_FOLDER = Path(__file__).parent
_CHAT = _FOLDER / "chat"
_STYLES = (
    _FOLDER / "static" / "shared" / "tokens.css",
    _FOLDER / "static" / "shared" / "controls.css",
    _CHAT / "view.css",
)


def chat_view(tools: Iterable[str], page_address: str | None) -> str:
    """Return the HTML document of a view that may call `tools`.

    The address of the page has a slash at its end; None without a page.
    """
    names, page = escape(" ".join(sorted(tools))), escape(page_address or "")
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Calypso Buckets</title>
<style>
{_style()}</style>
</head>
<body>
<main data-tools="{names}" data-page="{page}"><h1>Calypso Buckets</h1></main>
<p id="status" class="unseen" role="status" aria-live="polite"></p>
<script>
{_script()}</script>
</body>
</html>
"""


@cache
def _style() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in _STYLES)


@cache
def _script() -> str:
    return bundle(_CHAT / "view.js")
