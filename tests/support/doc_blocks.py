"""The code blocks of README and docs, and the calypso-mcp commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
)
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_OPERATORS = frozenset("();<>|&")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        page: The page's path below the project's folder.
        line: Where its fence stands, counted from 1.
        language: The word after the fence.
        text: What stands in it, without the indentation of the fence.
        is_run: Whether the comment `<!-- run -->` stands above it.
    """

    page: str
    line: int
    language: str
    text: str
    is_run: bool

    def __str__(self) -> str:
        """Return where it stands, as the names of tests show it."""
        return f"{self.page}:{self.line}"


def list_blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(ROOT).as_posix()
    return [
        Block(
            name,
            text.count("\n", 0, found.start()) + 1,
            found[2],
            re.sub(f"^{found[1]}", "", found[3], flags=re.MULTILINE),
            text[: found.start()].rstrip().endswith("<!-- run -->"),
        )
        for found in _FENCE.finditer(text)
    ]


def list_commands(script: str) -> Iterator[list[str]]:
    """Yield the arguments of every calypso-mcp command in a shell script."""
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        command: list[str] | None = None
        before = ""
        for word in lexer:
            if set(word) <= _OPERATORS:
                if command is not None:
                    yield command
                command = None
            elif command is not None:
                command.append(word)
            elif Path(word).name == "calypso-mcp" and "://" not in word and before != "-t":
                command = []
            before = word
        if command is not None:
            yield command
