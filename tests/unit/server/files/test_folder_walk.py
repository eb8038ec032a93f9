from __future__ import annotations

import itertools
import os
import sys
import time
import unicodedata
from pathlib import Path

import pytest

from calypso_mcp.domain.files.ignore_patterns import LONGEST_IGNORE_FILE
from calypso_mcp.domain.limits import FILE_BYTES
from calypso_mcp.errors import ContentError
from calypso_mcp.server.files.folder_walk import REASONS, WalkResult, walk
from calypso_mcp.server.files.folders import PathFolder
from calypso_mcp.server.files.local_files import FilePolicy


def tree(root: Path, files: dict[str, str]) -> FilePolicy:
    """Write `files` below `root` and return a policy that allows it."""
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    root.mkdir(exist_ok=True)
    return FilePolicy((str(root),))


def names(result: WalkResult) -> list[str]:
    return list(result.files)


def skips(result: WalkResult) -> dict[str, str]:
    return dict(result.skipped)


def test_files_come_in_the_order_of_their_names_with_slashes(tmp_path: Path):
    policy = tree(tmp_path / "r", {"b.md": "b", "a/z.md": "z", "a/b/c.md": "c", "A.md": "A"})
    result = walk(".", [], [], policy)
    assert names(result) == ["A.md", "a/b/c.md", "a/z.md", "b.md"]
    assert names(walk(".", [], [], policy)) == names(result)


def test_paths_are_relative_to_the_folder_asked_for(tmp_path: Path):
    policy = tree(tmp_path / "r", {"docs/sub/a.md": "a", "other.md": "o"})
    result = walk("docs", [], [], policy)
    assert names(result) == ["sub/a.md"]
    assert Path(result.base, "sub/a.md").read_text() == "a"


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.md"], [], ["a.md", "docs/b.md", "docs/deep/c.md"]),
        (["docs/**"], [], ["docs/b.md", "docs/b.txt", "docs/deep/c.md"]),
        (["docs/*.md"], [], ["docs/b.md"]),
        (["/a.*"], [], ["a.md", "a.txt"]),
        ([], ["docs/"], ["a.md", "a.txt"]),
        ([], ["*.txt"], ["a.md", "docs/b.md", "docs/deep/c.md"]),
        (["*.md"], ["deep"], ["a.md", "docs/b.md"]),
        (["*.md", "!docs/b.md"], [], ["a.md", "docs/deep/c.md"]),
        ([""], [" "], ["a.md", "a.txt", "docs/b.md", "docs/b.txt", "docs/deep/c.md"]),
    ],
)
def test_globs_choose_as_gitignore_lines_do(
    include: list[str], exclude: list[str], expected: list[str], tmp_path: Path
):
    files = dict.fromkeys(["a.md", "a.txt", "docs/b.md", "docs/b.txt", "docs/deep/c.md"], "x")
    result = walk(".", include, exclude, tree(tmp_path / "r", files))
    assert names(result) == expected
    assert set(skips(result).values()) <= {"excluded", "not_included"}


def test_a_pattern_without_sense_is_refused(tmp_path: Path):
    with pytest.raises(ContentError, match="include"):
        walk(".", ["!"], [], tree(tmp_path / "r", {"a.md": "a"}))


def test_ignore_files_count_nested_with_the_deeper_one_first(tmp_path: Path):
    policy = tree(
        tmp_path / "r",
        {
            ".gitignore": "*.log\nbuild/\n",
            "a.log": "x",
            "a.md": "x",
            "build/out.md": "x",
            "sub/.gitignore": "!keep.log\n",
            "sub/keep.log": "x",
            "sub/drop.log": "x",
            "sub/.calypsoignore": "private.md\n",
            "sub/private.md": "x",
            "sub/deep/private.md": "x",
        },
    )
    result = walk(".", [], [], policy)
    assert names(result) == ["a.md", "sub/keep.log"]
    assert skips(result) == {
        ".gitignore": "ignore_file",
        "a.log": "ignored",
        "build/": "ignored",
        "sub/.calypsoignore": "ignore_file",
        "sub/.gitignore": "ignore_file",
        "sub/drop.log": "ignored",
        "sub/private.md": "ignored",
        "sub/deep/private.md": "ignored",
    }


def test_an_ignore_file_is_read_byte_by_byte_as_git_does(tmp_path: Path):
    policy = tree(
        tmp_path / "r",
        {
            "bom/.gitignore": "\ufeffa.md\n",
            "bom/a.md": "x",
            "crlf/.gitignore": "a.md\r\n",
            "crlf/a.md": "x",
            "feed/.gitignore": "x\x0ca.md\n",
            "feed/a.md": "x",
        },
    )
    assert walk(".", (), (), policy).files == ("feed/a.md",)


def test_calypsoignore_beats_gitignore_in_one_folder(tmp_path: Path):
    policy = tree(
        tmp_path / "r",
        {".gitignore": "*.md\n", ".calypsoignore": "!a.md\n*.txt\n", "a.md": "x", "b.md": "x", "c.txt": "x"},
    )
    assert names(walk(".", [], [], policy)) == ["a.md"]


def test_what_lies_in_an_ignored_folder_stays_out(tmp_path: Path):
    policy = tree(tmp_path / "r", {".gitignore": "out/\n!out/a.md\n", "out/a.md": "x", "b.md": "x"})
    assert names(walk(".", [], [], policy)) == ["b.md"]


def test_ignore_files_above_the_folder_count_too(tmp_path: Path):
    policy = tree(
        tmp_path / "r",
        {".gitignore": "*.log\n/docs/draft.md\n", "docs/a.log": "x", "docs/draft.md": "x", "docs/b.md": "x"},
    )
    assert names(walk("docs", [], [], policy)) == ["b.md"]


def test_a_folder_asked_for_by_name_is_walked_although_it_is_ignored(tmp_path: Path):
    policy = tree(tmp_path / "r", {".gitignore": "build/\n", "build/a.md": "x"})
    assert names(walk("build", [], [], policy)) == ["a.md"]


def test_an_ignore_file_with_nonsense_in_it_still_counts(tmp_path: Path):
    policy = tree(tmp_path / "r", {".gitignore": "*.log\n!\n\\\n", "a.log": "x", "a.md": "x"})
    assert names(walk(".", [], [], policy)) == ["a.md"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")
def test_links_pipes_and_an_ignore_file_that_is_a_link_are_not_followed(tmp_path: Path):
    policy = tree(tmp_path / "r", {"a.md": "x"})
    root = tmp_path / "r"
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "s.md").write_text("secret")
    (tmp_path / "ignore").write_text("*.md")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "file.md").symlink_to(tmp_path / "outside" / "s.md")
    (root / "dangling").symlink_to("nowhere")
    (root / "loop").symlink_to(".")
    (root / ".gitignore").symlink_to(tmp_path / "ignore")
    os.mkfifo(root / "pipe")
    result = walk(".", [], [], policy)
    assert names(result) == ["a.md"]
    assert skips(result) == {
        ".gitignore": "link",
        "dangling": "link",
        "file.md": "link",
        "loop": "link",
        "out": "link",
        "pipe": "not_a_file",
    }


def test_secrets_version_control_and_litter_are_left_out_with_the_reason(tmp_path: Path):
    secrets = [".env", "id_rsa", ".ssh/config", ".git/HEAD", ".hg/store"]
    litter = [".DS_Store", "sub/Thumbs.db", "~$Lease.docx", ".~lock.Lease.odt#", "sub/._Lease.pdf"]
    files = dict.fromkeys(["a.md", *secrets, *litter], "x")
    policy = tree(tmp_path / "r", {**files, "empty.md": "", "module/.git": "gitdir: ../.git"})
    result = walk(".", [], [], policy)
    assert names(result) == ["a.md"]
    assert skips(result) == {
        ".env": "secret_name",
        ".git/": "version_control",
        ".hg/": "version_control",
        ".ssh/": "secret_name",
        "empty.md": "empty_file",
        "id_rsa": "secret_name",
        "module/.git": "version_control",
        **dict.fromkeys(litter, "system_file"),
    }
    assert all(REASONS[code] for code in result.skipped.values())


def test_secret_names_are_found_where_the_operator_allows_them(tmp_path: Path):
    tree(tmp_path / "r", {".env": "x"})
    assert names(walk(".", [], [], FilePolicy((str(tmp_path / "r"),), allow_secret_names=True))) == [".env"]


def test_oversized_files_are_reported(tmp_path: Path):
    policy = tree(tmp_path / "r", {"big.md": "x", "fits.md": "x"})
    os.truncate(tmp_path / "r" / "big.md", FILE_BYTES + 1)
    os.truncate(tmp_path / "r" / "fits.md", FILE_BYTES)
    result = walk(".", [], [], policy)
    assert names(result) == ["fits.md"]
    assert skips(result) == {"big.md": "file_too_large"}


def test_too_many_files_are_refused_with_what_to_do(tmp_path: Path):
    tree(tmp_path / "r", {f"{number}.md": "x" for number in range(6)})
    root = str(tmp_path / "r")
    assert len(walk(".", [], [], FilePolicy((root,), max_files=6)).files) == 6
    with pytest.raises(ContentError) as caught:
        walk(".", [], [], FilePolicy((root,), max_files=5))
    assert caught.value.code == "too_many_files"
    assert "include" in caught.value.hint


def test_a_folder_full_of_what_is_not_wanted_ends_the_walk_too(tmp_path: Path):
    tree(tmp_path / "r", {f"{number}.log": "x" for number in range(50)})
    with pytest.raises(ContentError, match="entries"):
        walk(".", ["*.md"], [], FilePolicy((str(tmp_path / "r"),), max_files=2))


def test_folders_deeper_than_allowed_are_reported(tmp_path: Path):
    tree(tmp_path / "r", {"a/b/c/d.md": "x", "a/x.md": "x"})
    result = walk(".", [], [], FilePolicy((str(tmp_path / "r"),), max_depth=2))
    assert names(result) == ["a/x.md"]
    assert skips(result) == {"a/b/c/": "too_deep"}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not take these names")
def test_names_that_cannot_be_sent_are_left_out(tmp_path: Path):
    policy = tree(tmp_path / "r", {"a.md": "x", "new\nline.md": "x", "back\\slash.md": "x"})
    Path(os.fsdecode(os.fsencode(tmp_path / "r") + b"/\xff.md")).write_text("x")
    result = walk(".", [], [], policy)
    assert names(result) == ["a.md"]
    assert skips(result) == dict.fromkeys(("new\nline.md", "back\\slash.md", "\udcff.md"), "unusable_name")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root reads everything")
@pytest.mark.parametrize(("mode", "expected"), [(0, "closed/"), (0o400, "closed/b.md")])
def test_what_there_is_no_permission_for_is_reported(mode: int, expected: str, tmp_path: Path):
    policy = tree(tmp_path / "r", {"a.md": "x", "closed/b.md": "x"})
    closed = tmp_path / "r" / "closed"
    closed.chmod(mode)
    try:
        assert skips(walk(".", [], [], policy)) == {expected: "unreadable"}
    finally:
        closed.chmod(0o700)


@pytest.mark.parametrize("directory", ["..", "/etc", "nowhere", "a.md"])
def test_a_folder_outside_or_missing_is_refused(directory: str, tmp_path: Path):
    with pytest.raises(ContentError):
        walk(directory, [], [], tree(tmp_path / "r", {"a.md": "x"}))


def test_every_entry_has_exactly_one_place(tmp_path: Path):
    files = {
        f"d{number % 7}/f{number}.{'md' if number % 3 else 'log'}": "x" * (number % 5)
        for number in range(140)
    }
    policy = tree(tmp_path / "r", {**files, ".gitignore": "*.log\n"})
    result = walk(".", [], [], policy)
    met = [*names(result), *skips(result)]
    assert len(met) == len(set(met)) == len(files) + 1
    assert set(skips(result).values()) <= set(REASONS)


def test_a_folder_held_by_its_path_shows_the_same_as_one_held_open(tmp_path: Path):
    tree(tmp_path / "r", {"b.md": "b", "a.md": "aa", "sub/c.md": "c"})
    if sys.platform != "win32":
        (tmp_path / "r" / "link").symlink_to("sub")
    folder = PathFolder(tmp_path / "r")
    seen = {entry.name: (entry.is_folder, entry.is_file, entry.is_link) for entry in folder.entries()}
    assert seen["a.md"] == (False, True, False)
    assert seen["sub"] == (True, False, False)
    assert folder.read("a.md", 1) == b"a"
    assert [entry.name for entry in folder.enter("sub").entries()] == ["c.md"]
    with pytest.raises(OSError, match=r"a\.md"):
        folder.enter("a.md")
    if sys.platform != "win32":
        assert seen["link"] == (False, False, True)
        with pytest.raises(NotADirectoryError):
            folder.enter("link")
        with pytest.raises(ContentError):
            folder.read("link", 1)


@pytest.mark.parametrize(
    "name", ["node_modules", ".venv", "__pycache__", "dist", "build", ".tox", "target", ".cache"]
)
def test_what_programs_filled_is_left_out_unless_it_is_named(name: str, tmp_path: Path):
    policy = tree(
        tmp_path / "r", {f"{name}/a.md": "a", f"deep/{name}/b.md": "b", "c.md": "c", f"x/{name}": "file"}
    )
    left_out = walk(".", [], [], policy)
    assert names(left_out) == ["c.md", f"x/{name}"]
    assert set(skips(left_out)) == {f"{name}/", f"deep/{name}/"}
    assert set(skips(left_out).values()) <= {"dependencies", "build_output", "cache"}
    assert f"{name}/a.md" in names(walk(".", [f"{name}/"], [], policy))
    assert names(walk(".", [f"**/{name}/**"], [], policy)) == sorted([f"deep/{name}/b.md", f"{name}/a.md"])
    assert names(walk(name, [], [], policy)) == ["a.md"]
    (tmp_path / "r" / ".calypsoignore").write_text(f"!/{name}/")
    assert names(walk(".", [], [], policy)) == sorted([f"{name}/a.md", "c.md", f"x/{name}"])


@pytest.mark.parametrize(
    "pattern", ["*a*a*a*a*a*a*a*ab", "**/a*a*a*a*b/**/a*a*a*b", "a?*?*?*?*?*?*b", "*[a]*[a]*[a]*[a]*[a]*b"]
)
@pytest.mark.parametrize("given", ["include", "exclude", ".gitignore", ".calypsoignore"])
def test_a_pattern_made_to_be_slow_is_not(pattern: str, given: str, tmp_path: Path):
    name = "a" * 60
    policy = tree(tmp_path / "r", {f"{name}/{name}/{name}{number}.md": "a" for number in range(20)})
    if given.startswith("."):
        (tmp_path / "r" / given).write_text(pattern)
    started = time.process_time()
    result = walk(
        ".", [pattern, "*.md"] if given == "include" else [], [pattern] if given == "exclude" else [], policy
    )
    assert time.process_time() - started < 1
    assert len(result.files) == 20


def test_globs_match_names_however_their_accents_are_written(tmp_path: Path):
    spellings = [
        unicodedata.normalize("NFC", "Überstunden.md"),
        unicodedata.normalize("NFD", "Überstunden.md"),
    ]
    for stored, asked in itertools.product(spellings, spellings):
        policy = tree(tmp_path / str(len(stored)), {stored: "overtime", "other.md": "o"})
        pattern = asked.replace("tunden.md", "*")
        assert names(walk(".", [pattern], [], policy)) == [stored]
        assert names(walk(".", [], [pattern], policy)) == ["other.md"]


@pytest.mark.parametrize(
    "long", ["x\n" * LONGEST_IGNORE_FILE, "\n".join(f"*{number}.x" for number in range(3_000))]
)
def test_an_ignore_file_too_long_to_follow_keeps_its_folder_back(long: str, tmp_path: Path):
    policy = tree(tmp_path / "r", {"a.md": "a", "sub/.gitignore": long, "sub/b.md": "b"})
    result = walk(".", [], [], policy)
    assert (names(result), skips(result)) == (["a.md"], {"sub/": "ignore_file_too_long"})
    with pytest.raises(ContentError) as caught:
        walk("sub", [], [], policy)
    assert caught.value.code == "ignore_file_too_long"
