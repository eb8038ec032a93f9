"""What `.gitignore` and `.calypsoignore` files leave out, nested as git reads them.

A deeper file beats a shallower one, the last matching line beats those before it, and what lies in an
ignored folder cannot be brought back (gitignore(5)). In one folder `.calypsoignore` beats `.gitignore`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

#: Later files beat earlier ones.
IGNORE_FILES = (".gitignore", ".calypsoignore")
#: Longest ignore file that is read, in bytes.
LONGEST_IGNORE_FILE = 1 << 20


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The rules in force in one folder, outermost first: whose they are (with a final `/`), and patterns."""

    layers: tuple[tuple[str, GitIgnoreSpec], ...] = ()

    def within(self, folder: str, contents: Iterable[bytes]) -> IgnoreRules:
        """Return the rules with those of `folder`'s own ignore files added.

        Args:
            folder: Path from where the rules start, ending in `/`; empty for the start itself.
            contents: Of the ignore files, in the order of `IGNORE_FILES`.
        """
        added = tuple((folder, gitignore_spec(content)) for content in contents)
        return IgnoreRules(self.layers + added) if added else self

    def ignores(self, path: str) -> bool:
        """Whether `path`, ending in `/` for a folder, is left out."""
        for folder, spec in reversed(self.layers):
            decided = spec.check_file(path[len(folder) :]).include
            if decided is not None:
                return decided
        return False


def gitignore_spec(content: bytes) -> GitIgnoreSpec:
    """Return the patterns of an ignore file; like git, without the lines that make no sense.

    Like git, too, a byte order mark belongs to no pattern, and only line feeds end a line, with or without a
    carriage return.
    """
    text = content.decode("utf-8-sig", errors="replace")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    try:
        return glob_spec(lines)
    except ValueError:
        return glob_spec(line for line in lines if _is_pattern(line))


def glob_spec(patterns: Iterable[str]) -> GitIgnoreSpec:
    """Return `patterns` compiled, by the rules of gitignore.

    Raises:
        ValueError: One makes no sense.
    """
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(patterns, backend="simple")


def _is_pattern(line: str) -> bool:
    try:
        glob_spec([line])
    except ValueError:
        return False
    return True
