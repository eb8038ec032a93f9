"""Chooses the files of a folder for a batch, and gives the reason for each file left out.

Every file and every pruned folder that is met ends up in exactly one of two lists. The order is that of
the names, so the same folder always gives the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from fnmatch import translate
from typing import Any, Literal

from calypso_mcp.domain.files.ignore_patterns import (
    IGNORE_FILES,
    LONGEST_IGNORE_FILE,
    IgnorePatterns,
    IgnoreRules,
    TooManyWildcards,
    is_meaningless,
    read_patterns,
)
from calypso_mcp.domain.files.path_rules import check_component
from calypso_mcp.domain.files.secret_names import SECRET_FILES, SECRET_FOLDERS, secret_rule
from calypso_mcp.domain.limits import FILE_BYTES
from calypso_mcp.errors import ContentError
from calypso_mcp.server.files.folders import Entry, Folder, opened
from calypso_mcp.server.files.local_files import NATIVE_STYLE, FilePolicy
from calypso_mcp.server.files.upload_sources import stop_if_abandoned

SkipCode = Literal[
    "link",
    "secret_name",
    "version_control",
    "ignored",
    "excluded",
    "not_included",
    "ignore_file",
    "ignore_file_too_long",
    "dependencies",
    "build_output",
    "cache",
    "system_file",
    "empty_file",
    "file_too_large",
    "not_a_file",
    "unreadable",
    "unusable_name",
    "too_deep",
]

_TOO_LONG = (
    f"is longer than {LONGEST_IGNORE_FILE >> 10} KiB or has more than about 1,000 lines with wildcards"
)
#: Why a file is left out, completing "<path>: ...".
REASONS: dict[SkipCode, str] = {
    "link": "links are not followed",
    "secret_name": "names like this usually hold secrets",
    "version_control": "holds a version control system's own data",
    "ignored": "excluded by .gitignore or .calypsoignore",
    "excluded": "excluded by the exclude argument",
    "not_included": "matches nothing in the include argument",
    "ignore_file": "steers this selection",
    "ignore_file_too_long": f"its ignore file {_TOO_LONG}",
    "dependencies": "usually holds installed packages; name it in include to send it",
    "build_output": "usually holds the output of a build; name it in include to send it",
    "cache": "usually holds a program's cache; name it in include to send it",
    "system_file": "created by a program for its own use",
    "empty_file": "has no content",
    "file_too_large": "is larger than the API takes (25 MB)",
    "not_a_file": "is a device, pipe or socket",
    "unreadable": "cannot be read",
    "unusable_name": "has a name that cannot be sent (control characters, backslashes or no valid Unicode)",
    "too_deep": "is in too many nested folders",
}

_VERSION_CONTROL = frozenset({".git", ".hg", ".svn", ".bzr", ".jj", "_darcs", "cvs"})
#: Folders that a program filled. `vendor` is not among them: a folder of that name may be about vendors.
_GENERATED: dict[str, SkipCode] = {
    **dict.fromkeys(("node_modules", "bower_components", ".venv", "venv", "site-packages"), "dependencies"),
    **dict.fromkeys(("dist", "build", "target", ".next", ".nuxt", ".output"), "build_output"),
    **dict.fromkeys(("__pycache__", ".cache", ".gradle", ".ipynb_checkpoints", ".tox", ".nox"), "cache"),
    **dict.fromkeys((".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".parcel-cache"), "cache"),
}
#: Shell patterns: of desktops, of other systems' attributes ("._"), and of Office while a document is open.
_SYSTEM_FILES = (".ds_store", "thumbs.db", "desktop.ini", "icon\r", "._*", "~$*", ".~lock.*")
_IS_SYSTEM_FILE = re.compile("|".join(map(translate, _SYSTEM_FILES))).match
#: Entries looked at for each file allowed: a walk through a whole disk must end, too.
_ENTRIES_PER_FILE = 20


def names_left_out() -> dict[str, Any]:
    """Return what the page leaves out of folders, as JSON: names and patterns, each with the reason."""
    codes: dict[str, SkipCode] = {**dict.fromkeys(sorted(_VERSION_CONTROL), "version_control"), **_GENERATED}
    return {
        "folders": {name: REASONS[code].partition(";")[0] for name, code in codes.items()},
        "secret_folders": SECRET_FOLDERS,
        "secret_files": SECRET_FILES,
        "secret_reason": REASONS["secret_name"],
        "system_files": _SYSTEM_FILES,
    }


@dataclass(frozen=True, slots=True)
class WalkResult:
    """What a folder holds.

    Attributes:
        base: The folder's own absolute path.
        files: The paths of the files to send, below the folder, with `/`.
        skipped: Why files, and folders with everything in them (their paths end in `/`), are left out.
    """

    base: str
    files: tuple[str, ...]
    skipped: Mapping[str, SkipCode]


def walk(
    directory: str,
    include: Iterable[str],
    exclude: Iterable[str],
    policy: FilePolicy,
) -> WalkResult:
    """Walk through `directory`; blocks, so call it in a worker thread.

    Args:
        directory: A folder inside the allowed ones.
        include: Patterns in the form of `.gitignore` lines; a file must match one. None means every file.
        exclude: Patterns in the same form; a file or folder must match none.
        policy: What may be read.

    Raises:
        ContentError: The folder may not be read, a pattern makes no sense, or there are too many files.
    """
    included, excluded = _patterns("include", include), _patterns("exclude", exclude)
    with opened(directory, policy) as (root, parts, folder):
        rules = _rules_above(policy, root, parts)
        start = "".join(f"{part}/" for part in parts)
        walker = _Walker(policy, included, excluded, start)
        walker.visit(folder, "", rules, 0)
        # The native separator of Windows is read as well as '/'.
        base = "/".join((policy.roots[root].resolved.rstrip("/\\"), *parts))
    return WalkResult(base, tuple(walker.files), walker.skipped)


class _IgnoreFileTooLong(ContentError):
    """Only a part of it could be followed, which would send what the rest leaves out."""

    def __init__(self) -> None:
        super().__init__(
            f"An ignore file {_TOO_LONG}.",
            code="ignore_file_too_long",
            hint="Shorten the .gitignore or .calypsoignore of the folder or of those above it.",
        )


@dataclass(slots=True)
class _Walker:
    """One walk: what decides about each entry, and the two lists it fills."""

    policy: FilePolicy
    included: IgnorePatterns | None
    excluded: IgnorePatterns | None
    #: Where the walk starts, seen from the allowed folder: ignore files further up count, too.
    start: str
    files: list[str] = field(default_factory=list[str])
    skipped: dict[str, SkipCode] = field(default_factory=dict[str, SkipCode])
    seen: int = 0

    def visit(self, folder: Folder, prefix: str, rules: IgnoreRules, depth: int) -> None:
        """Sort the entries of `folder` (whose path is `prefix`) into the lists, then go deeper."""
        entries = folder.entries()
        rules = _rules_within(rules, self.start + prefix, folder, entries)
        for entry in entries:
            self._count()
            path = prefix + entry.name + ("/" if entry.is_folder else "")
            code = self._why_not(entry, path, rules)
            if code is not None:
                self.skipped[path] = code
            elif not entry.is_folder:
                self.files.append(path)
            elif depth >= self.policy.max_depth:
                self.skipped[path] = "too_deep"
            else:
                self._go_deeper(folder, entry.name, path, rules, depth)

    def _go_deeper(self, folder: Folder, name: str, path: str, rules: IgnoreRules, depth: int) -> None:
        try:
            inner = folder.enter(name)
        except OSError:
            self.skipped[path] = "unreadable"
            return
        with closing(inner):
            try:
                self.visit(inner, path, rules, depth + 1)
            except OSError:
                self.skipped[path] = "unreadable"
            except _IgnoreFileTooLong:
                self.skipped[path] = "ignore_file_too_long"

    def _why_not(self, entry: Entry, path: str, rules: IgnoreRules) -> SkipCode | None:
        name = entry.name.casefold()
        parts = tuple((self.start + path).rstrip("/").split("/"))
        decided = rules.decide(self.start + path)
        is_named = self.included is not None and entry.name in self.included.named
        is_generated = entry.is_folder and entry.name in _GENERATED
        checks: tuple[tuple[SkipCode, bool], ...] = (
            ("unusable_name", not _is_usable_name(entry.name)),
            ("link", entry.is_link),
            ("version_control", name in _VERSION_CONTROL and (entry.is_folder or name == ".git")),
            ("ignore_file", name in IGNORE_FILES),
            ("secret_name", not self.policy.allow_secret_names and secret_rule(parts) is not None),
            ("system_file", _IS_SYSTEM_FILE(name) is not None),
            ("excluded", self.excluded is not None and self.excluded.selects(path)),
            ("ignored", decided is True),
            # A folder that a program filled, unless the caller or an ignore file names it.
            (_GENERATED.get(entry.name, "cache"), is_generated and not is_named and decided is None),
        )
        found: SkipCode | None = next((code for code, applies in checks if applies), None)
        return found if found or entry.is_folder else self._why_no_file(entry, path)

    def _why_no_file(self, entry: Entry, path: str) -> SkipCode | None:
        if self.included is not None and not self.included.selects(path):
            return "not_included"
        if not entry.is_known:
            return "unreadable"
        if not entry.is_file:
            return "not_a_file"
        if entry.size_bytes == 0:
            return "empty_file"
        return "file_too_large" if entry.size_bytes > FILE_BYTES else None

    def _count(self) -> None:
        stop_if_abandoned()
        self.seen += 1
        most = self.policy.max_files
        if len(self.files) >= most or self.seen > most * _ENTRIES_PER_FILE:
            raise ContentError(
                f"The folder holds more than {most} files to send."
                if len(self.files) >= most
                else f"The folder holds more than {most * _ENTRIES_PER_FILE} entries to look through.",
                code="too_many_files",
                hint="Upload its subfolders one by one, or narrow it with include and exclude.",
            )


def _rules_above(policy: FilePolicy, root: int, parts: tuple[str, ...]) -> IgnoreRules:
    """Return the rules of the folders between the allowed one and the one asked for.

    Rules that would leave out the very folder that was asked for are overruled by asking for it.
    """
    rules = IgnoreRules()
    for depth in range(len(parts)):
        above = "/".join((policy.roots[root].resolved, *parts[:depth]))
        prefix = "".join(f"{part}/" for part in parts[:depth])
        with opened(above, policy) as (_, _, folder):
            rules = _rules_within(rules, prefix, folder, folder.entries())
    asked = "".join(f"{part}/" for part in parts)
    kept = tuple(layer for layer in rules.layers if not IgnoreRules((layer,)).decide(asked))
    return IgnoreRules(kept)


def _rules_within(rules: IgnoreRules, prefix: str, folder: Folder, entries: list[Entry]) -> IgnoreRules:
    present = {entry.name for entry in entries if entry.is_file}
    contents: list[bytes] = []
    for name in IGNORE_FILES:
        if name in present:
            try:
                content = folder.read(name, LONGEST_IGNORE_FILE + 1)
            except (OSError, ContentError):
                continue  # replaced in this moment by something that is no file: it ignores nothing
            if len(content) > LONGEST_IGNORE_FILE:
                raise _IgnoreFileTooLong
            contents.append(content)
    try:
        return rules.within(prefix, contents)
    except TooManyWildcards:
        raise _IgnoreFileTooLong from None


def _patterns(argument: str, patterns: Iterable[str]) -> IgnorePatterns | None:
    lines = [pattern for pattern in patterns if pattern.strip()]
    try:
        if sum(map(len, lines)) <= LONGEST_IGNORE_FILE and not any(map(is_meaningless, lines)):
            return read_patterns(lines, with_contents=True) if lines else None
    except TooManyWildcards:
        pass
    raise ContentError(
        f"A pattern in {argument} makes no sense.",
        code="invalid_pattern",
        hint="Patterns have the form of .gitignore lines, such as '*.md', 'docs/**' or 'build/'.",
    )


def _is_usable_name(name: str) -> bool:
    """Whether a name found in a folder could also be asked for by path."""
    try:
        check_component(name, NATIVE_STYLE)
    except ValueError:
        return False
    return True
