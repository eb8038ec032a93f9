"""Commands that call one tool and show a person what it returned."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import anyio

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.calls.mcp_session import open_session
from calypso_mcp.cli.printing.terminal import columns, fill
from calypso_mcp.cli.printing.tool_names import in_commands
from calypso_mcp.cli.process.logs import load_settings_and_log
from calypso_mcp.domain.untrusted_text import clean_line

#: Longest cell of a table, in characters.
_CELL_CHARS = 200
#: Columns are not made narrower than this.
_NARROWEST_COLUMN = 10
#: Most pages to ask for, so that a backend that repeats itself cannot keep a command running.
_MOST_PAGES = 10_000


def add_calling_arguments(parser: CommandParser) -> None:
    """Take `--json`, and the settings that say where Calypso is and which buckets the command may touch."""
    parser.add_json()
    parser.add_settings({"calypso", "observing"}, names={"buckets", "agent"})


def call_tool(tool: str, arguments: Mapping[str, object], flags: Mapping[str, object]) -> dict[str, Any]:
    """Return the result of one tool call.

    Raises:
        ToolFailed: The tool answered with an error.
        ConfigError: A setting is wrong.
    """
    return call_pages(tool, arguments, flags)[0]


def call_pages(
    tool: str, arguments: Mapping[str, object], flags: Mapping[str, object]
) -> list[dict[str, Any]]:
    """Return the results of a tool that answers in pages; errors as for `call_tool`."""
    settings = load_settings_and_log(flags)

    async def work() -> list[dict[str, Any]]:
        async with open_session(settings) as session:
            pages = [await session.call(tool, arguments)]
            while len(pages) < _MOST_PAGES and (cursor := pages[-1].get("next_cursor")):
                pages.append(await session.call(tool, {**arguments, "cursor": cursor}))
            return pages

    return anyio.run(work)


def print_result(result: object, arguments: argparse.Namespace) -> bool:
    """Print a result as JSON if `--json` asks for it; return whether it does."""
    if arguments.as_json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    return bool(arguments.as_json)


def print_next_step(result: Mapping[str, object]) -> None:
    """Print what a result says to do next, with commands in place of tools."""
    if step := result.get("next_step"):
        text = clean_line(in_commands(str(step)), _CELL_CHARS)
        print(fill(text, columns()))


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[object]], *, whole: Sequence[str] = ()
) -> None:
    """Print rows under headings, as wide as the terminal; a long cell goes on in its column.

    Empty columns are left out. Cells under the headings in `whole` are never broken, so that they can
    be copied.
    """
    table = [[clean_line(str(cell), _CELL_CHARS) for cell in row] for row in (headings, *rows)]
    filled = [column for column in zip(*table, strict=True) if any(column[1:])]
    widest = [max(map(len, column)) for column in filled]
    least = [
        width if column[0] in whole else min(width, _NARROWEST_COLUMN)
        for column, width in zip(filled, widest, strict=True)
    ]
    widths = _fit(widest, least, columns())
    rule = tuple("-" * width for width in widths)
    lines = list(zip(*filled, strict=True))
    for row in (*lines[:1], rule, *lines[1:]):
        for line in zip_longest(*map(_fold, row, widths), fillvalue=""):
            print("  ".join(map(str.ljust, line, widths)).rstrip())


def _fit(widths: list[int], least: list[int], wide: int) -> list[int]:
    """Return the widths of columns, those with most to spare made narrower until all fit side by side."""
    room = wide - 2 * (len(widths) - 1)
    while sum(widths) > room and widths != least:
        widest = max(
            (place for place, width in enumerate(widths) if width > least[place]), key=widths.__getitem__
        )
        widths[widest] -= min(sum(widths) - room, widths[widest] - least[widest])
    return widths


def _fold(text: str, width: int) -> list[str]:
    if len(text) <= width:
        return [text]  # wrapping takes a hundred times as long, and a list may have 10,000 rows
    return fill(text, width).splitlines()
