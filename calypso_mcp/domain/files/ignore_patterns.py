"""Patterns in the form of `.gitignore` lines, matched without backtracking.

Lines without wildcards are looked up. All others become one regular expression of atomic groups: once a
piece between two stars has found its first place, that place is never given up, which is enough because any
later place leaves less to the rest. So the time to match is at most the product of the lengths of path and
expression, whatever either holds, and the length of the expression is bounded.

Source: gitignore(5), and `wildmatch.c` and `dir.c` of git for what the manual leaves open. As in git, a line
that makes no sense matches nothing. Unlike git, `?` and `[...]` stand for one character, not for one byte,
and names match however their accents are written (UAX #15).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from calypso_mcp.domain.unicode_forms import normalize

_CLASSES = {
    "alnum": "A-Za-z0-9",
    "alpha": "A-Za-z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": " \\t-\\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_STAR = "*"
_SPECIAL = re.compile(r"[*?[\\]")
#: Of all lines with wildcards together, in characters: about 1,000 lines, made in a tenth of a second.
_LONGEST_EXPRESSION = 64 << 10
#: Of all ranges together, in characters: Python goes through them one by one, in a tenth of a second.
_WIDEST_RANGES = 2 << 20
#: Everywhere else a hyphen has a backslash before it.
_RANGE = re.compile(r"(.)-\\?(.)", re.DOTALL)
#: Python keeps the last 512 expressions that were made. It need not keep larger ones than this.
_LONGEST_KEPT = 8 << 10
_CLASS = re.compile(r"\[:([^]:]*):\]")
#: Later files beat earlier ones.
IGNORE_FILES = (".gitignore", ".calypsoignore")
#: Longest ignore file that is followed, in bytes: each entry of a folder is held against all of it.
LONGEST_IGNORE_FILE = 64 << 10


class _Meaningless(ValueError):
    """A pattern that can match nothing."""


class TooManyWildcards(ValueError):
    """The lines would take too long to match."""


@dataclass(frozen=True, slots=True)
class IgnorePatterns:
    """Lines as git reads them: the last one that matches decides."""

    #: For each line, whether it selects (or, with `!`, takes back).
    _selects: tuple[bool, ...]
    #: The numbers of the lines without wildcards. One that holds for one folder only begins with `/`.
    _plain: Mapping[str, int]
    #: The lines with wildcards, the last one first, and the number of each group's line.
    _matcher: re.Pattern[str] | None
    _wild: tuple[int, ...]
    _with_contents: bool
    #: The names that lines spell out in full, without wildcards, between slashes.
    named: frozenset[str]

    def decide(self, path: str) -> bool | None:
        """Say whether `path` is selected (True) or taken back (False); None if no line matches.

        Args:
            path: From where the patterns start, with `/`; a folder's ends in `/`.
        """
        path = normalize("NFC", path)
        ends = [at.end() for at in re.finditer("/", path)] if self._with_contents else []
        number = max(map(self._last_line, (path, *(path[:end] for end in ends))))
        return None if number < 0 else self._selects[number]

    def selects(self, path: str) -> bool:
        """Whether `path` is selected."""
        return self.decide(path) is True

    def _last_line(self, path: str) -> int:
        """Return the number of the last line that matches `path` itself; -1: none does."""
        bare = path.removesuffix("/")
        name = bare.rpartition("/")[2]
        spellings = (name, f"/{bare}") if bare == path else (name, f"/{bare}", f"{name}/", f"/{path}")
        found = self._matcher.match(path) if self._matcher else None
        wild = self._wild[found.lastindex - 1] if found and found.lastindex else -1
        return max(wild, *(self._plain.get(spelling, -1) for spelling in spellings))


def read_patterns(lines: Iterable[str], *, with_contents: bool = False) -> IgnorePatterns:
    """Return the patterns that `lines` hold.

    Args:
        lines: As in an ignore file, without line ends.
        with_contents: Whether a folder that matches stands for all that is in it, too. Not needed by a walk
            that stays out of such folders.

    Raises:
        TooManyWildcards: Matching them would take too long.
    """
    selects: list[bool] = []
    plain: dict[str, int] = {}
    wild: dict[str, int] = {}
    names: set[str] = set()
    for line in map(_without_trailing_spaces, lines):
        if not line or line.startswith("#"):
            continue
        pattern = normalize("NFC", line.removeprefix("!"))
        names.update(pattern.strip("/").split("/"))
        with suppress(_Meaningless):
            expression = _translate(pattern)
            if _SPECIAL.search(pattern):
                wild[expression] = len(selects)
            else:
                plain[_spell(pattern)] = len(selects)
            selects.append(not line.startswith("!"))
    # The first alternative that matches wins; git asks for the last line.
    ordered = sorted(wild, key=wild.__getitem__, reverse=True)
    numbers = tuple(wild[expression] for expression in ordered)
    return IgnorePatterns(tuple(selects), plain, _join(ordered), numbers, with_contents, frozenset(names))


def _spell(pattern: str) -> str:
    """Return a pattern without wildcards as it is looked up."""
    is_anchored = "/" in pattern.removesuffix("/")
    return f"/{pattern.removeprefix('/')}" if is_anchored else pattern


def _join(expressions: Iterable[str]) -> re.Pattern[str] | None:
    """Return one expression with a group for each; None for none."""
    whole = "|".join(f"({expression})" for expression in expressions)
    widths = (ord(last) - ord(first) for first, last in _RANGE.findall(whole))
    if len(whole) > _LONGEST_EXPRESSION or sum(widths) > _WIDEST_RANGES:
        raise TooManyWildcards
    matcher = re.compile(whole, re.DOTALL) if whole else None
    if len(whole) > _LONGEST_KEPT:
        re.purge()
    return matcher


def is_meaningless(line: str) -> bool:
    """Whether `line` could never match: an open bracket, a backslash at its end, nothing but slashes."""
    try:
        _translate(_without_trailing_spaces(line).removeprefix("!"))
    except _Meaningless:
        return True
    return False


def _without_trailing_spaces(line: str) -> str:
    bare = line.rstrip(" ")
    backslashes = len(bare) - len(bare.rstrip("\\"))
    return bare + " " if backslashes % 2 and len(bare) < len(line) else bare


def _translate(pattern: str) -> str:
    only_folders = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    is_anchored = "/" in pattern
    segments = _segments(pattern.removeprefix("/"))
    if not is_anchored:
        segments.insert(0, [_STAR, _STAR])
    return _path(segments, f"{'/' if only_folders else '/?'}\\Z")


def _path(segments: list[list[str]], end: str) -> str:
    """Return the expression of a path. `**` between slashes is any number of folders."""
    runs: list[list[str]] = [[]]
    for segment in segments:
        if len(segment) > 1 and set(segment) == {_STAR}:
            if runs[-1] or len(runs) == 1:
                runs.append([])
        else:
            runs[-1].append(_segment(segment))
    head, *rest = ["/".join(run) for run in runs]
    if not rest:
        return head + end
    expression = f"{head}/" if head else ""
    for middle in rest[:-1]:
        expression += f"(?>(?:[^/]++/)*?{middle}/)"
    last = rest[-1]
    # `a/**` is everything inside.
    return f"{expression}(?:[^/]++/)*?{last}{end}" if last else f"{expression}(?=[^/]).*?{end}"


def _segment(tokens: list[str]) -> str:
    """Return the expression of one name: atomic pieces, each at its first place, the last one at the end."""
    pieces = [""]
    for token in tokens:
        if token == _STAR:
            pieces.append("")
        else:
            pieces[-1] += token
    first, *others = pieces
    if not others:
        return first
    middle = "".join(f"(?>[^/]*?{piece})" for piece in others[:-1] if piece)
    return f"(?=[^/])(?>{first}{middle}[^/]*{others[-1]}(?=/|\\Z))"


def _segments(pattern: str) -> list[list[str]]:
    """Take a pattern apart: for each name its tokens, which are stars and expressions of one character."""
    segments: list[list[str]] = [[]]
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        at += 1
        if letter == "[":
            atom, at = _read_bracket(pattern, at)
        elif letter == "\\":
            if at == len(pattern):
                raise _Meaningless
            atom = re.escape(pattern[at])
            at += 1
        elif letter == "?":
            atom = "[^/]"
        else:
            atom = _STAR if letter == _STAR else re.escape(letter)
        if atom == "/":
            segments.append([])
        else:
            segments[-1].append(atom)
    if not all(segments):
        raise _Meaningless  # an empty name
    return segments


def _read_bracket(pattern: str, at: int) -> tuple[str, int]:
    """Read a bracket expression from behind its `[`; returns its expression and where the pattern goes on."""
    is_negated = pattern[at : at + 1] in ("!", "^")
    at += is_negated
    parts: list[str] = []
    start = at
    previous = ""
    while at == start or pattern[at : at + 1] != "]":
        if named := _CLASS.match(pattern, at):
            if named[1] not in _CLASSES:
                raise _Meaningless
            parts.append(_CLASSES[named[1]])
            at, previous = named.end(), ""
            continue
        if pattern[at : at + 1] == "-" and previous and pattern[at + 1 : at + 2] not in ("", "]"):
            last, at = _read_character(pattern, at + 1)
            if previous <= last:
                parts.append(f"{re.escape(previous)}-{re.escape(last)}")
            previous = ""
            continue
        previous, at = _read_character(pattern, at)
        parts.append(re.escape(previous))
    inside = "".join(parts)
    if not inside:  # ranges that run backwards only
        return ("[^/]" if is_negated else "(?!)"), at + 1
    return (f"[^/{inside}]" if is_negated else f"(?!/)[{inside}]"), at + 1


def _read_character(pattern: str, at: int) -> tuple[str, int]:
    """Read one character of a bracket expression, escaped or not."""
    at += pattern[at : at + 1] == "\\"
    if at >= len(pattern):
        raise _Meaningless
    return pattern[at], at + 1


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
