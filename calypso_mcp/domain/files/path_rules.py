"""Which spellings of a local path are acceptable, and where below an allowed folder they lead.

Pure text rules, for POSIX and for Windows, applied before the file system is touched. A path is taken
apart into components and placed below a folder by comparing whole components, so `/data_evil` is never
inside `/data`. What a component may not contain is refused rather than repaired: a repaired path would
name another file than the one that was asked for.

Sources: Win32 "Naming Files, Paths, and Namespaces" (device names, trailing dots and spaces, streams,
namespaces); POSIX.1-2017 pathname resolution; UAX #15 (compatibility forms).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import unquote

from calypso_mcp.domain.amounts import join_first
from calypso_mcp.domain.unicode_forms import normalize
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.errors import ContentError

#: Longest name of one component: bytes of UTF-8 on POSIX, UTF-16 units on Windows.
LONGEST_COMPONENT = 255
#: Longest whole path, in bytes of UTF-8 (Linux PATH_MAX); stricter than Windows' own limit.
LONGEST_PATH = 4_096
#: Trees that hold devices and processes rather than documents, even where `/` itself is allowed.
SYSTEM_TREES = frozenset({"dev", "proc", "sys"})

_SHOWN_CHARS = 160
_SHOWN_ROOTS = 5
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_WINDOWS_FORBIDDEN = re.compile('[<>"|?*]')
_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:")
_WINDOWS_DEVICE = re.compile(
    r"(con|prn|aux|nul|clock\$|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\..*)?", re.IGNORECASE
)
#: One letter before the colon is a drive. Of `file:` the short form without a host counts, too.
_URL = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{1,30})://(?P<host>[^/\\]*)|(?P<short>file):(?=/)|(?P<data>data:))"
    r"(?P<rest>.*)",
    re.DOTALL | re.IGNORECASE,
)
_URL_DRIVE = re.compile(r"/([A-Za-z])[:|](?=/|$)")
_ENCODED_SLASH = re.compile("%2f|%5c", re.IGNORECASE)


class PathStyle(StrEnum):
    """Whose rules a path is read by."""

    POSIX = "posix"
    WINDOWS = "windows"


@dataclass(frozen=True, slots=True)
class SplitPath:
    """A path in components. `anchor` is empty for a relative path, else `/`, a drive or a network share."""

    anchor: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Placement:
    """A place below an allowed folder: the folder's index, and the components below it (none: itself)."""

    root: int
    parts: tuple[str, ...]


def place(path: str, roots: Sequence[Sequence[str]], style: PathStyle) -> tuple[Placement, ...]:
    """Return where `path` may lie, best first; an absolute path has one place, a relative one per folder.

    Args:
        path: As the caller wrote it.
        roots: Allowed folders, each with every absolute spelling it goes by.
        style: The rules of the machine the files are on.

    Raises:
        ContentError: `path` is spelled in a way that is refused, or lies in none of the folders.
    """
    shown = [spellings[0] for spellings in roots]
    if not roots:
        raise refused(path, "this server allows no folder on this machine", shown)
    try:
        target = split(path, style)
    except ValueError as problem:
        raise refused(path, str(problem), shown) from None
    if not target.anchor:
        return tuple(Placement(index, target.parts) for index in range(len(roots)))
    found: Placement | None = None
    for index, spellings in enumerate(roots):
        for spelling in spellings:
            below = parts_below(target, split_root(spelling, style), style)
            if below is not None and (found is None or len(below) < len(found.parts)):
                found = Placement(index, below)
    if found is None:
        raise refused(path, "it is outside the folders that are open to uploads", shown)
    return (found,)


def refused(path: str, reason: str, roots: Sequence[str]) -> ContentError:
    """Return the one error for a path that may not be used.

    It depends on the spelling alone, so it says nothing about what exists outside the allowed folders.
    """
    where = f"Allowed: {_name_roots(roots)}. " if roots else ""
    return ContentError(
        f"The path {clean_line(path, _SHOWN_CHARS)!r} cannot be used: {reason}.",
        code="path_not_allowed",
        hint=f"{where}Only the flag --allow-path (CALYPSO_ALLOWED_PATHS) allows a folder. If you have the "
        "content, send it with the text argument.",
    )


def missed(path: str, roots: Sequence[str], *, code: str) -> ContentError:
    """Return the error for a permitted path at which nothing exists; its code names what was sought."""
    return ContentError(
        f"There is no {code.partition('_')[0]} {clean_line(path, _SHOWN_CHARS)!r} in the allowed folders.",
        code=code,
        hint="A path names one file or folder; give upload_batch a pattern with directory and include."
        if is_pattern(path)
        else f"Check the spelling; a relative path starts at {_name_roots(roots)}.",
    )


def is_pattern(path: str) -> bool:
    """Whether `path` holds signs of a pattern, which no shell has expanded."""
    # `\\?\` begins long paths of Windows. Brackets are signs, too, but also in names like `[id].tsx`.
    return any(sign in path.removeprefix("\\\\?\\") for sign in "*?")


def _name_roots(roots: Sequence[str]) -> str:
    return join_first(roots, _SHOWN_ROOTS, lambda root: clean_line(root, _SHOWN_CHARS))


def split(path: str, style: PathStyle) -> SplitPath:
    """Take `path` apart.

    Raises:
        ValueError: The spelling is refused; the text says why, without quoting the path.
    """
    _check_text(path)
    path = _from_url(path, style)
    _check_text(path)
    parted = _split_windows(path) if style is PathStyle.WINDOWS else _split_posix(path)
    if not parted.anchor and parted.parts and parted.parts[0] == "~":
        raise ValueError("'~' is not expanded; write the full path")
    for part in parted.parts:
        check_component(part, style)
    _check_lookalikes(path, parted)
    return parted


@lru_cache(maxsize=64)
def split_root(path: str, style: PathStyle) -> SplitPath:
    """Take an allowed folder's absolute path apart. The operator chose it, so its names are not judged."""
    return _split_windows(path) if style is PathStyle.WINDOWS else _split_posix(path)


def check_component(part: str, style: PathStyle) -> None:
    """Refuse a name that means something else to the system, or nothing.

    Raises:
        ValueError: The name is refused; the text says why.
    """
    if part == "..":
        raise ValueError("it contains '..'")
    if _CONTROL.search(part):
        raise ValueError("it contains control characters")
    try:
        size = len(part.encode("utf-16-le")) // 2 if style is PathStyle.WINDOWS else len(part.encode())
    except UnicodeEncodeError:
        raise ValueError("a name in it is not valid Unicode") from None
    if size > LONGEST_COMPONENT:
        raise ValueError("a name in it is too long")
    if style is PathStyle.WINDOWS:
        _check_windows_name(part)
    elif "\\" in part:
        raise ValueError("it contains backslashes; this machine separates folders with '/'")


def _check_windows_name(part: str) -> None:
    if ":" in part:
        raise ValueError("it names an alternate data stream or a drive without a folder")
    if _WINDOWS_FORBIDDEN.search(part):
        raise ValueError("it contains characters that Windows does not allow in names")
    if part != part.rstrip(". "):
        raise ValueError("a name in it ends in a dot or a space")
    if _WINDOWS_DEVICE.fullmatch(part):
        raise ValueError("it names a device")


def fold(part: str, style: PathStyle) -> str:
    """Return `part` as it is compared: its accents composed, and on Windows letter by letter upper.

    Composed, because macOS hands out names taken apart, and agents write them composed (UAX #15). Two names
    that differ in that alone are told apart when they are opened.

    Not `casefold`: NTFS maps single characters, and "ß" must not become the twin of "ss".
    """
    part = normalize("NFC", part)
    if style is PathStyle.POSIX:
        return part
    return "".join(upper if len(upper := letter.upper()) == 1 else letter for letter in part)


def parts_below(target: SplitPath, root: SplitPath, style: PathStyle) -> tuple[str, ...] | None:
    """Return the components of `target` below `root`; None if it lies elsewhere, or in a system tree."""
    if fold(target.anchor, style) != fold(root.anchor, style):
        return None
    depth = len(root.parts)
    head = [fold(part, style) for part in target.parts[:depth]]
    if head != [fold(part, style) for part in root.parts]:
        return None
    below = target.parts[depth:]
    if style is PathStyle.POSIX and not root.parts and below and below[0] in SYSTEM_TREES:
        return None
    return below


def _check_text(path: str) -> None:
    if not path.strip():
        raise ValueError("it is empty")
    if "\x00" in path:
        raise ValueError("it contains a NUL character")
    if len(path.encode(errors="surrogatepass")) > LONGEST_PATH:
        raise ValueError("it is too long")


def _from_url(path: str, style: PathStyle) -> str:
    """Return the path that a `file:` URL means (RFC 8089), or `path` as it is; other URLs are refused."""
    found = _URL.match(path)
    if found is None:
        return path
    scheme, host, rest = found["scheme"] or found["short"] or "data", found["host"] or "", found["rest"]
    if scheme.lower() != "file":
        raise ValueError(
            "it is a URL, and this server fetches nothing; download it and give the file's path, or send its "
            "content with text"
        )
    if _ENCODED_SLASH.search(rest):
        raise ValueError("a name in the URL contains an encoded slash")
    try:
        plain = unquote(rest, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("the URL is not percent-encoded UTF-8") from None
    is_local = host.lower() in ("", "localhost", "127.0.0.1", "[::1]")
    if style is PathStyle.WINDOWS:
        drive = _URL_DRIVE.match(plain)
        if is_local and drive:
            return f"{drive[1]}:{plain[3:]}"
        return plain if is_local else f"//{host}{plain}"
    if not is_local:
        raise ValueError("the URL names another machine")
    return plain


def _split_posix(path: str) -> SplitPath:
    if _WINDOWS_DRIVE.match(path) and path[2:3] in ("\\", "/"):
        raise ValueError("it is a Windows path, and the server runs on another kind of machine")
    anchor = "/" if path.startswith("/") else ""
    return SplitPath(anchor, _components(path))


def _split_windows(path: str) -> SplitPath:
    path = path.replace("/", "\\")
    if path.startswith(("\\\\?\\", "\\\\.\\", "\\??\\")):
        raise ValueError("it names a device or uses a raw namespace")
    if path.startswith("\\\\"):
        server, _, rest = path[2:].partition("\\")
        share, _, rest = rest.partition("\\")
        if not server or not share:
            raise ValueError("it is an incomplete network path")
        return SplitPath(f"\\\\{server}\\{share}", _components(rest.replace("\\", "/")))
    if _WINDOWS_DRIVE.match(path):
        if path[2:3] != "\\":
            raise ValueError("it is relative to the current folder of a drive")
        return SplitPath(path[:2], _components(path[3:].replace("\\", "/")))
    if path.startswith("\\"):
        raise ValueError("it is relative to the current drive")
    return SplitPath("", _components(path.replace("\\", "/")))


def _components(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part not in ("", "."))


def _check_lookalikes(path: str, parted: SplitPath) -> None:
    """Refuse a path that another layer could read as a climb: fullwidth slashes, one-dot leaders."""
    plain = normalize("NFKC", path).replace("\\", "/")
    if plain == path:
        return
    climbs = any(part.strip() == ".." for part in plain.split("/"))
    if climbs or (plain.startswith("/") and not parted.anchor):
        raise ValueError("it contains characters that imitate '/' or '..'")
