"""Patterns against git itself, and against time."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from calypso_mcp.domain.files.ignore_patterns import (
    LONGEST_IGNORE_FILE,
    IgnorePatterns,
    TooManyWildcards,
    is_meaningless,
    read_patterns,
)

_WORDS = ("a", "b", "ab", "*", "*", "?", " ")
_BRACKETS = ("[ab]", "[!a]", "[^b]", "[[:alpha:]]", "[[:x:]]", "[a-", "]", "[]a]", "[a-c]", "[b-a]", "[\\]]")
_ATOMS = (*_WORDS, *_BRACKETS, "\\a", "\\*")
_NAMES = ("a", "b", "ab", "ba", "aab", "*", " ", "a ", "]", "a]", "c")


def _pattern(dice: random.Random) -> str:
    def name() -> str:
        # Git takes `a**/` for `a` and `**/`; its manual calls such stars regular ones, and we follow that.
        return "".join(dice.choices(_ATOMS, k=dice.randint(1, 3))).replace("**", "*")

    path = "/".join(dice.choice([name(), name(), "**", "a", "*"]) for _ in range(dice.randint(1, 4)))
    return dice.choice(["", "", "/", "!"]) + path + dice.choice(["", "", "/", "/**", " ", "\\ ", "/*", "\\"])


def _is_ignored(patterns: IgnorePatterns, path: str) -> bool:
    """Decide as a walk does, which enters no folder that is left out."""
    names = path.split("/")
    folders = ["/".join(names[:depth]) + "/" for depth in range(1, len(names))]
    return any(map(patterns.selects, folders)) or patterns.selects(path)


@pytest.mark.skipif(not shutil.which("git"), reason="compares with git")
@pytest.mark.parametrize("seed", range(60))
def test_generated_patterns_mean_what_git_says(seed: int, tmp_path: Path):
    dice = random.Random(seed)
    paths = list({"/".join(dice.choices(_NAMES, k=dice.randint(1, 4))): None for _ in range(60)})
    lines = [_pattern(dice) for _ in range(dice.randint(1, 4))]
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("\n".join(lines) + "\n")
    command = ["git", "-C", str(tmp_path), "check-ignore", "-z", "--stdin", "--no-index", "-v", "-n"]
    answer = subprocess.run(command, input="\0".join(paths), capture_output=True, text=True, check=False)
    fields = answer.stdout.split("\0")
    said = {fields[at + 3]: fields[at + 2] for at in range(0, len(fields) - 1, 4)}
    expected = {path: bool(said[path]) and not said[path].startswith("!") for path in paths}
    patterns = read_patterns(lines)
    assert {path: _is_ignored(patterns, path) for path in paths} == expected, lines


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        (["*a" * 200 + "b"], "a" * 255),
        (["*?" * 200 + "b"], "a" * 255),
        (["*[a-z]" * 100 + "b"], "a" * 255),
        (["/".join(["**", "a"] * 200) + "b"], "a/" * 2_000),
        (["/".join(["**", "*a*a*b"] * 100)], "a/" * 2_000),
        (["**/" * 500 + "b"], "a/" * 2_000),
        (["*" * 10_000 + "b"], "a" * 255),
        (["a" * 60_000], "a" * 4_000),
        (["x"] * 5_000, "a" * 255),
        (["[" * 60_000], "a"),
        (["[[:" * 20_000], "a"),
        (["\\" * 60_001], "a"),
        ([" " * 30_000 + "\\ " * 9], "a"),
    ],
)
def test_patterns_made_to_be_slow_are_not(lines: list[str], path: str):
    started = time.process_time()
    assert not read_patterns(lines).selects(path)
    assert not read_patterns(lines, with_contents=True).selects(path)
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    "unit",
    [
        "*b",
        "!*b",
        "*{}b",
        "{}",
        "name{}.txt",
        "/a/{}/b",
        "**/{}",
        "a/**/{}",
        "[a-z]{}",
        "[[:alnum:]]{}",
        "?{}",
    ],
)
@pytest.mark.parametrize("separator", ["\n", "", "*", "/"])
def test_a_whole_ignore_file_of_one_kind_is_read_in_little_time_or_refused(unit: str, separator: str):
    """Each line once cost 0.1 ms, even the same one again: 64 KiB took seconds for every such file."""
    count = LONGEST_IGNORE_FILE // len(unit + separator)
    lines = separator.join(unit.format(number) for number in range(count))[:LONGEST_IGNORE_FILE].split("\n")
    started = time.process_time()
    try:
        patterns = read_patterns(lines)
    except TooManyWildcards:
        patterns = read_patterns(lines[:500]) if len(lines) > 1 else None
    made = time.process_time()
    if patterns:
        for _ in range(10):
            patterns.decide("a/" * 100 + "a" * 255)
    assert max(made - started, time.process_time() - made) < 0.5


@pytest.mark.parametrize(
    ("before", "between", "after"), [("[", "", "]"), ("[", "][", "]"), ("[!", "]*[!", "]")]
)
def test_ranges_of_characters_are_bounded_together(before: str, between: str, after: str):
    ranges = between.join(f"{chr(0x100 + number)}-\uff00" for number in range(2_500))
    with pytest.raises(TooManyWildcards):
        read_patterns([f"{before}{ranges}{after}"])


def test_lines_may_hold_the_ranges_that_people_write():
    assert read_patterns(["[\u4e00-\u9fff]*.txt"] * 50).selects("\u4e2d\u6587.txt")


def test_lines_without_wildcards_may_be_many_and_keep_their_order():
    lines = [f"name{number}.txt" for number in range(5_000)]
    patterns = read_patterns([*lines, "!name7.txt", "/top.md", "x/y/", "!*8.txt", "name8.txt"])
    paths = (
        "name6.txt",
        "a/name6.txt/",
        "name7.txt",
        "name18.txt",
        "name8.txt",
        "top.md",
        "x/top.md",
        "x/y/",
    )
    assert [patterns.decide(path) for path in (*paths, "x/y", "z/x/y/")] == [
        *(True, True, False, False, True, True, None, True),
        *(None, None),
    ]


def test_with_contents_a_folder_stands_for_all_in_it():
    patterns = read_patterns(["docs/", "!docs/b.md", "*.txt"], with_contents=True)
    paths = ("docs/a.md", "docs/b.md", "x/docs/c/d.md", "e.txt", "docs")
    assert [path for path in paths if patterns.selects(path)] == ["docs/a.md", "x/docs/c/d.md", "e.txt"]


@pytest.mark.parametrize("line", ["[a", "a\\", "[[:nothing:]]", "/", "//", "a//b"])
def test_what_can_match_nothing_is_known(line: str):
    assert is_meaningless(line)
