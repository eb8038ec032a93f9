from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from calypso_mcp.domain.files.path_rules import (
    PathStyle,
    Placement,
    check_component,
    fold,
    missed,
    place,
    split,
)
from calypso_mcp.errors import ContentError

POSIX, WINDOWS = PathStyle.POSIX, PathStyle.WINDOWS
ROOTS = [("/srv/allowed",)]
WINDOWS_ROOTS = [("C:\\Data\\Allowed",)]

POSIX_ATTACKS = {
    "nothing": "",
    "spaces": "   ",
    "absolute elsewhere": "/etc/passwd",
    "traversal": "../secret",
    "traversal from inside": "/srv/allowed/../secret",
    "traversal deep inside": "/srv/allowed/a/b/../../../secret",
    "traversal that comes back": "sub/../a.md",
    "prefix twin": "/srv/allowed_evil/a.md",
    "prefix twin with a dot": "/srv/allowed.d/a.md",
    "parent of the folder": "/srv",
    "root": "/",
    "other case": "/srv/ALLOWED/a.md",
    "trailing space in the folder": "/srv/allowed /a.md",
    "trailing dot in the folder": "/srv/allowed./a.md",
    "home": "~/notes.md",
    "home alone": "~",
    "NUL": "a.md\x00.txt",
    "NUL before a climb": "/srv/allowed/\x00/../../etc/passwd",
    "newline": "a\n.md",
    "escape sequence": "a\x1b[2J.md",
    "delete": "a\x7f.md",
    "overlong name": "a" * 256,
    "overlong name in bytes": "ü" * 128,
    "overlong path": "/srv/allowed/" + "a/" * 2_100,
    "lone surrogate": "a\udcff.md",
    "backslash climb": "..\\..\\etc\\passwd",
    "backslash": "sub\\a.md",
    "windows drive": "C:\\Windows\\win.ini",
    "windows drive, slashes": "C:/Windows/win.ini",
    "UNC": "\\\\server\\share\\a.md",
    "UNC with slashes": "//server/share/a.md",
    "fullwidth slash climb": "a\uff0f..\uff0f..\uff0fetc",
    "fullwidth absolute": "\uff0fetc\uff0fpasswd",
    "one-dot leaders": "\u2024\u2024/etc/passwd",
    "two-dot leader": "a/\u2025/b",
    "fullwidth dots": "\uff0e\uff0e/secret",
    "fullwidth backslash climb": "a\uff3c..\uff3cb",
    "decomposed twin": "/srv/allowe\u0301d/a.md",
    "fullwidth twin": "/srv/\uff41llowed/a.md",
    "zero-width twin": "/srv/allow\u200bed/a.md",
}

WINDOWS_ATTACKS = {
    "elsewhere": "C:\\Windows\\win.ini",
    "other drive": "D:\\Data\\Allowed\\a.md",
    "prefix twin": "C:\\Data\\Allowed_evil\\a.md",
    "traversal": "..\\secret",
    "traversal with slashes": "C:/Data/Allowed/../secret",
    "drive-relative": "C:a.md",
    "drive-relative climb": "C:..\\secret",
    "rooted without a drive": "\\Windows\\win.ini",
    "rooted with a slash": "/Windows/win.ini",
    "UNC": "\\\\server\\share\\a.md",
    "UNC with slashes": "//server/share/a.md",
    "UNC of this machine": "\\\\localhost\\C$\\Windows\\win.ini",
    "incomplete UNC": "\\\\server",
    "raw namespace": "\\\\?\\C:\\Data\\Allowed\\a.md",
    "device namespace": "\\\\.\\PhysicalDrive0",
    "NT namespace": "\\??\\C:\\Windows\\win.ini",
    "device": "NUL",
    "device with an ending": "con.txt",
    "device in a folder": "sub\\COM1",
    "superscript device": "COM\u00b9",
    "device before a space": "nul .txt",
    "console input": "CONIN$",
    "stream": "a.md:hidden",
    "default stream": "a.md::$DATA",
    "stream of the folder": "C:\\Data\\Allowed:x\\a.md",
    "trailing dot": "a.md.",
    "trailing space": "a.md ",
    "trailing dots in a folder": "sub...\\a.md",
    "dots and spaces": ". .\\a.md",
    "wildcard": "*.md",
    "question mark": "a?.md",
    "pipe": "a|b",
    "quote": 'a".md',
    "NUL character": "a\x00.md",
    "control character": "a\x01.md",
    "overlong name": "a" * 256,
    "overlong path": "a\\" * 4_200,
    "one-dot leaders": "\u2024\u2024\\secret",
    "fullwidth climb": "a\uff3c..\uff3c..\uff3csecret",
    "long s is no s": "C:\\Data\\Allowed\\..\\\u017fecret",
}


@pytest.mark.parametrize("path", POSIX_ATTACKS.values(), ids=POSIX_ATTACKS.keys())
def test_a_posix_path_that_leads_elsewhere_is_refused(path: str):
    with pytest.raises(ContentError) as caught:
        place(path, ROOTS, POSIX)
    error = caught.value
    assert error.code == "path_not_allowed"
    assert "--allow-path" in error.hint
    assert "CALYPSO_ALLOWED_PATHS" in error.hint
    assert not error.retryable


@pytest.mark.parametrize("path", WINDOWS_ATTACKS.values(), ids=WINDOWS_ATTACKS.keys())
def test_a_windows_path_that_leads_elsewhere_is_refused(path: str):
    with pytest.raises(ContentError) as caught:
        place(path, WINDOWS_ROOTS, WINDOWS)
    assert caught.value.code == "path_not_allowed"


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/srv/allowed/a.md", ("a.md",)),
        ("a.md", ("a.md",)),
        ("./sub//./a.md", ("sub", "a.md")),
        ("/srv//allowed/sub/", ("sub",)),
        ("/srv/allowed", ()),
        (".", ()),
        ("~notes.md", ("~notes.md",)),
        ("..a/b..", ("..a", "b..")),
        ("a:b.md", ("a:b.md",)),
        ("Umsatz 2024\uff0f25.md", ("Umsatz 2024\uff0f25.md",)),
        ("日本語/資料\uff1a要約.md", ("日本語", "資料\uff1a要約.md")),
    ],
)
def test_an_honest_posix_path_is_placed_below_its_folder(path: str, parts: tuple[str, ...]):
    assert place(path, ROOTS, POSIX) == (Placement(0, parts),)


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("C:\\Data\\Allowed\\a.md", ("a.md",)),
        ("c:\\DATA\\allowed\\Sub\\a.md", ("Sub", "a.md")),
        ("C:/Data/Allowed/a.md", ("a.md",)),
        ("sub/a.md", ("sub", "a.md")),
        ("console.txt", ("console.txt",)),
    ],
)
def test_an_honest_windows_path_is_placed_whatever_its_case_and_slashes(path: str, parts: tuple[str, ...]):
    assert place(path, WINDOWS_ROOTS, WINDOWS) == (Placement(0, parts),)


def test_a_network_folder_is_usable_where_the_operator_opened_it():
    roots = [("\\\\server\\share\\docs",)]
    assert place("\\\\SERVER\\share\\docs\\a.md", roots, WINDOWS) == (Placement(0, ("a.md",)),)
    with pytest.raises(ContentError):
        place("\\\\server\\other\\docs\\a.md", roots, WINDOWS)


def test_a_relative_path_may_lie_in_any_allowed_folder_in_their_order():
    roots = [("/one",), ("/two",)]
    assert place("a.md", roots, POSIX) == (Placement(0, ("a.md",)), Placement(1, ("a.md",)))


def test_an_absolute_path_belongs_to_the_innermost_folder_by_any_of_its_spellings():
    roots = [("/data", "/private/data"), ("/data/inner", "/elsewhere/inner")]
    assert place("/data/inner/a.md", roots, POSIX) == (Placement(1, ("a.md",)),)
    assert place("/private/data/a.md", roots, POSIX) == (Placement(0, ("a.md",)),)
    assert place("/elsewhere/inner/a.md", roots, POSIX) == (Placement(1, ("a.md",)),)


@pytest.mark.parametrize("path", ["/proc/self/environ", "/dev/zero", "/sys/kernel/notes"])
def test_system_trees_stay_closed_even_where_the_whole_disk_is_open(path: str):
    assert place("/etc/motd", [("/",)], POSIX) == (Placement(0, ("etc", "motd")),)
    with pytest.raises(ContentError):
        place(path, [("/",)], POSIX)


def test_without_folders_nothing_is_readable():
    with pytest.raises(ContentError, match="no folder"):
        place("a.md", [], POSIX)


def test_the_refusal_names_the_allowed_folders_but_not_all_of_many():
    with pytest.raises(ContentError) as caught:
        place("/x", [(f"/data/{number}",) for number in range(9)], POSIX)
    assert "/data/0" in caught.value.hint
    assert "and 4 more" in caught.value.hint


def test_a_hostile_path_is_quoted_short_and_clean():
    with pytest.raises(ContentError) as caught:
        place("/evil\x1b[2J\u202e" + "x" * 5_000, ROOTS, POSIX)
    assert len(caught.value.message) < 300
    assert "\x1b" not in caught.value.message
    assert "\u202e" not in caught.value.message


def test_letters_are_folded_one_by_one_as_windows_does():
    assert fold("straße", WINDOWS) != fold("STRASSE", WINDOWS)
    assert fold("Ärger", WINDOWS) == fold("ärger", WINDOWS)
    assert fold("Ärger", POSIX) != fold("ärger", POSIX)


@given(st.text(max_size=40))
def test_whatever_is_accepted_stays_below_its_folder(path: str):
    for style, roots in ((POSIX, ROOTS), (WINDOWS, WINDOWS_ROOTS)):
        try:
            placements = place(path, roots, style)
        except ContentError:
            continue
        for placement in placements:
            assert not {"", ".", ".."} & set(placement.parts)
            assert not any("/" in part or "\x00" in part for part in placement.parts)
            if style is WINDOWS:
                assert not any("\\" in part or ":" in part for part in placement.parts)


@given(st.text(min_size=1, max_size=20))
def test_a_name_accepted_alone_is_accepted_as_a_path_and_comes_back_unchanged(name: str):
    try:
        check_component(name, POSIX)
        parts = split(f"/x/{name}", POSIX).parts
    except ValueError:
        return
    if "/" not in name and name != ".":
        assert parts == ("x", name)


@pytest.mark.parametrize(
    ("url", "style", "parts"),
    [
        ("file:///srv/a%20b/%C3%BC.md", PathStyle.POSIX, ("srv", "a b", "ü.md")),
        ("file://localhost/srv/a.md", PathStyle.POSIX, ("srv", "a.md")),
        ("FILE:///srv/a.md", PathStyle.POSIX, ("srv", "a.md")),
        ("file:/srv/a.md", PathStyle.POSIX, ("srv", "a.md")),
        ("file:///srv/100%25.md", PathStyle.POSIX, ("srv", "100%.md")),
        ("file:///C:/docs/a%20b.md", PathStyle.WINDOWS, ("docs", "a b.md")),
        ("file:///c|/docs/a.md", PathStyle.WINDOWS, ("docs", "a.md")),
        ("file://server/share/a.md", PathStyle.WINDOWS, ("a.md",)),
        ("notes: a.md", PathStyle.POSIX, ("notes: a.md",)),
    ],
)
def test_a_file_url_is_the_path_it_means(url: str, style: PathStyle, parts: tuple[str, ...]):
    assert split(url, style).parts == parts


@pytest.mark.parametrize("style", PathStyle)
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://example.com/a.md", "download it and give the file's path"),
        ("s3://bucket/a.md", "download it and give the file's path"),
        ("data:text/plain;base64,aGk=", "fetches nothing"),
        ("file:///srv/%2e%2e/a.md", "'..'"),
        ("file:///C:/srv/..%2Fa.md", "encoded slash"),
        ("file:///C:/srv/%00.md", "NUL"),
        ("file:///C:/srv/%ff.md", "UTF-8"),
    ],
)
def test_a_url_that_is_no_path_of_this_machine_says_what_to_do(url: str, reason: str, style: PathStyle):
    if style is PathStyle.WINDOWS and "/srv/%2e" in url:
        url = url.replace("/srv", "/C:/srv")
    with pytest.raises(ValueError, match=reason):
        split(url, style)


def test_a_file_url_of_another_machine_is_refused():
    with pytest.raises(ValueError, match="another machine"):
        split("file://server/srv/a.md", PathStyle.POSIX)


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("hr/*.md", "include"),
        ("hr/a?.md", "include"),
        ("app/[id].tsx", "spelling"),
        ("Plan [final].pdf", "spelling"),
        ("\\\\?\\C:\\Data\\a.md", "spelling"),
    ],
)
def test_only_a_pattern_that_leads_to_nothing_is_answered_as_one(path: str, hint: str):
    assert hint in missed(path, ["/srv"], code="file_not_found").hint
