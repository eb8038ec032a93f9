"""What can be checked of Windows without one: where a final path lies, and what counts as a link."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from calypso_mcp.server.files.windows_files import check_folder, final_parts, is_reparse_point

ROOT = "C:\\Data\\Allowed"


@pytest.mark.parametrize(
    ("final", "parts"),
    [
        ("\\\\?\\C:\\Data\\Allowed\\a.md", ("a.md",)),
        ("C:\\Data\\Allowed\\Sub\\a.md", ("Sub", "a.md")),
        ("\\\\?\\c:\\data\\ALLOWED\\a.md", ("a.md",)),
        ("\\\\?\\C:\\Data\\Allowed", ()),
        ("\\\\?\\C:\\Data\\Allowed_evil\\a.md", None),
        ("\\\\?\\C:\\Windows\\win.ini", None),
        ("\\\\?\\D:\\Data\\Allowed\\a.md", None),
        ("\\\\?\\UNC\\server\\share\\a.md", None),
    ],
)
def test_the_real_place_of_an_open_file_decides(final: str, parts: tuple[str, ...] | None):
    assert final_parts(ROOT, final) == parts


def test_a_file_on_an_opened_network_folder_is_inside_it():
    assert final_parts("\\\\server\\share\\docs", "\\\\?\\UNC\\SERVER\\share\\docs\\a.md") == ("a.md",)


def test_links_junctions_and_mount_points_count_as_links():
    assert is_reparse_point(cast("Any", SimpleNamespace(st_file_attributes=0x410)))
    assert not is_reparse_point(cast("Any", SimpleNamespace(st_file_attributes=0x10)))


def test_a_folder_must_exist_and_be_one(tmp_path: Path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.md").write_text("x")
    check_folder(str(tmp_path), ("sub",))
    with pytest.raises(FileNotFoundError):
        check_folder(str(tmp_path), ("nowhere",))
    with pytest.raises(OSError, match="a directory") as caught:
        check_folder(str(tmp_path), ("a.md",))
    assert caught.value.errno == errno.ENOTDIR


@pytest.mark.skipif(sys.platform != "win32", reason="needs Windows")
def test_a_file_is_opened_and_found_below_its_folder(tmp_path: Path):
    import os

    from calypso_mcp.server.files.windows_files import open_below

    (tmp_path / "a.md").write_text("x")
    descriptor, parts = open_below(str(tmp_path.resolve()), ("A.MD",))
    os.close(descriptor)
    assert parts == ("a.md",)
