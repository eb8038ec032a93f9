"""The files that `.gitignore` and `.calypsoignore` exclude, nested as git reads them.

A deeper file beats a shallower one, the last matching line beats those before it, and what lies in an
ignored folder cannot be brought back (gitignore(5)). In one folder `.calypsoignore` beats `.gitignore`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from calypso_mcp.domain.files.ignore_patterns import IgnorePatterns, read_patterns

#: Later files beat earlier ones.
IGNORE_FILES = (".gitignore", ".calypsoignore")
#: Longest ignore file that is followed, in bytes: each entry of a folder is held against all of it.
LONGEST_IGNORE_FILE = 64 << 10


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The rules in force in one folder, outermost first: whose they are (with a final `/`), and patterns."""

    layers: tuple[tuple[str, IgnorePatterns], ...] = ()

    def within(self, folder: str, contents: Iterable[bytes]) -> IgnoreRules:
        """Return the rules with those of `folder`'s own ignore files added.

        Args:
            folder: Path from where the rules start, ending in `/`; empty for the start itself.
            contents: Of the ignore files, in the order of `IGNORE_FILES`.

        Raises:
            TooManyWildcards: Matching the lines of a file would take too long.
        """
        added = tuple((folder, gitignore_patterns(content)) for content in contents)
        return IgnoreRules(self.layers + added) if added else self

    def decide(self, path: str) -> bool | None:
        """Say whether `path` is left out (True) or kept (False); None where no line says.

        A folder's path ends in `/`.
        """
        decisions = (patterns.decide(path[len(folder) :]) for folder, patterns in reversed(self.layers))
        return next((decided for decided in decisions if decided is not None), None)


def gitignore_patterns(content: bytes) -> IgnorePatterns:
    """Return the patterns of an ignore file.

    Like git, a byte order mark belongs to no pattern, and only line feeds end a line, with or without a
    carriage return.
    """
    text = content.decode("utf-8-sig", errors="replace")
    return read_patterns(line.removesuffix("\r") for line in text.split("\n"))
