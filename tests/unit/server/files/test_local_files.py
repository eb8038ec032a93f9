"""Attacks on the file system itself; attacks by spelling are in the domain's tests."""

from __future__ import annotations

import os
import socket
import sys
import threading
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from calypso_mcp.errors import ConfigError, ContentError
from calypso_mcp.server.files import local_files
from calypso_mcp.server.files.local_files import FilePolicy, open_allowed, open_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX file system")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An allowed folder with a file in it, and things beside it that must stay out of reach."""
    allowed = tmp_path / "allowed"
    (allowed / "sub").mkdir(parents=True)
    (allowed / "a.md").write_text("inside")
    (allowed / "sub" / "b.md").write_text("deep inside")
    (tmp_path / "secret.md").write_text("outside")
    (tmp_path / "allowed_evil").mkdir()
    (tmp_path / "allowed_evil" / "a.md").write_text("twin")
    return allowed


@pytest.fixture
def policy(home: Path) -> FilePolicy:
    return FilePolicy((str(home),))


def read(path: str | Path, policy: FilePolicy) -> bytes:
    with open_allowed(str(path), policy) as opened:
        return opened.read(0, opened.size_bytes)


def refusal(path: str | Path, policy: FilePolicy) -> ContentError:
    with pytest.raises(ContentError) as caught, open_allowed(str(path), policy):
        pass
    assert caught.value.hint
    assert "outside\n" not in caught.value.message
    return caught.value


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0


@pytest.mark.parametrize("path", ["a.md", "./a.md", "sub/b.md"])
def test_a_file_inside_is_opened_by_its_relative_path(path: str, home: Path, policy: FilePolicy):
    assert read(path, policy) == (home / path).read_bytes()


def test_a_file_inside_is_opened_by_its_absolute_path(home: Path, policy: FilePolicy):
    with open_allowed(str(home / "sub" / "b.md"), policy) as opened:
        assert (opened.filename, opened.identity, opened.size_bytes) == ("b.md", "sub/b.md", 11)


def test_the_descriptor_is_closed_afterwards_also_after_a_refusal(home: Path, policy: FilePolicy):
    os.mkfifo(home / "pipe")
    before = open_descriptors()
    read("a.md", policy)
    for path in ("pipe", "nothing.md", "sub", "../secret.md", "sub/nothing/x"):
        refusal(path, policy)
    assert open_descriptors() == before


def linked_file(home: Path) -> str:
    (home / "link.md").symlink_to(home.parent / "secret.md")
    return "link.md"


def dangling_link(home: Path) -> str:
    (home / "dangling.md").symlink_to(home.parent / "nothing.md")
    return "dangling.md"


def linked_inside(home: Path) -> str:
    (home / "link.md").symlink_to(home / "a.md")
    return "link.md"


def linked_parent(home: Path) -> str:
    (home / "linked").symlink_to(home.parent / "allowed_evil")
    return "linked/a.md"


def linked_parent_deep(home: Path) -> str:
    (home / "sub" / "up").symlink_to("../..")
    return "sub/up/secret.md"


def link_chain(home: Path) -> str:
    (home / "one").symlink_to("two")
    (home / "two").symlink_to(home.parent)
    return "one/secret.md"


def link_loop(home: Path) -> str:
    (home / "loop").symlink_to("loop")
    return "loop"


def link_to_proc(home: Path) -> str:
    (home / "self").symlink_to("/proc/self")
    return "self/environ"


def link_to_a_device(home: Path) -> str:
    (home / "zero").symlink_to("/dev/zero")
    return "zero"


def fifo(home: Path) -> str:
    os.mkfifo(home / "pipe.md")
    return "pipe.md"


def folder(_home: Path) -> str:
    return "sub"


def the_folder_itself(home: Path) -> str:
    return str(home)


def file_as_folder(_home: Path) -> str:
    return "a.md/b.md"


def missing(_home: Path) -> str:
    return "nothing.md"


def device(_home: Path) -> str:
    return "/dev/zero"


def random_device(_home: Path) -> str:
    return "/dev/random"


def process_environment(_home: Path) -> str:
    return "/proc/self/environ"


def process_root(home: Path) -> str:
    return f"/proc/self/root{home}/a.md"


def descriptor_folder(_home: Path) -> str:
    return "/dev/fd/0"


def twin_by_prefix(home: Path) -> str:
    return f"{home}_evil/a.md"


def other_case(home: Path) -> str:
    return str(home.parent / "ALLOWED" / "a.md")


def traversal(home: Path) -> str:
    return f"{home}/../secret.md"


def fullwidth_climb(home: Path) -> str:
    (home / "a\uff0f..\uff0fb.md").write_text("imitation")
    return "a\uff0f..\uff0fb.md"


def secret_by_name(home: Path) -> str:
    (home / ".env").write_text("PASSWORD=1")
    return ".env"


def secret_by_folder(home: Path) -> str:
    (home / ".ssh").mkdir()
    (home / ".ssh" / "notes.md").write_text("x")
    return ".ssh/notes.md"


def secret_by_name_missing(_home: Path) -> str:
    return "nowhere/id_rsa"


ATTACKS: dict[Callable[[Path], str], str] = {
    linked_file: "not_a_file",
    dangling_link: "not_a_file",
    linked_inside: "not_a_file",
    linked_parent: "path_not_allowed",
    linked_parent_deep: "path_not_allowed",
    link_chain: "path_not_allowed",
    link_loop: "not_a_file",
    link_to_proc: "path_not_allowed",
    link_to_a_device: "not_a_file",
    fifo: "not_a_file",
    folder: "is_a_folder",
    the_folder_itself: "is_a_folder",
    file_as_folder: "path_not_allowed",
    missing: "file_not_found",
    device: "path_not_allowed",
    random_device: "path_not_allowed",
    process_environment: "path_not_allowed",
    process_root: "path_not_allowed",
    descriptor_folder: "path_not_allowed",
    twin_by_prefix: "path_not_allowed",
    other_case: "path_not_allowed",
    traversal: "path_not_allowed",
    fullwidth_climb: "path_not_allowed",
    secret_by_name: "secret_name",
    secret_by_folder: "secret_name",
    secret_by_name_missing: "secret_name",
}


@pytest.mark.parametrize(
    ("prepare", "code"), ATTACKS.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_an_attack_on_the_file_system_is_refused(
    prepare: Callable[[Path], str], code: str, home: Path, policy: FilePolicy
):
    error = refusal(prepare(home), policy)
    assert error.code == code
    if code == "path_not_allowed":
        assert "--allow-path" in error.hint
        assert "CALYPSO_ALLOWED_PATHS" in error.hint
    if code == "not_a_file":
        assert error.hint == "Name a regular file; links are not followed."


def test_a_socket_is_refused(home: Path, policy: FilePolicy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(home)  # socket paths are short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s.md")
        assert refusal("s.md", policy).code == "not_a_file"


def test_system_trees_stay_closed_where_the_whole_disk_is_open():
    everything = FilePolicy(("/",))
    for path in ("/proc/self/environ", "proc/self/mem", "/dev/zero", "/sys/kernel/notes"):
        assert refusal(path, everything).code == "path_not_allowed"


def test_what_is_outside_is_refused_alike_whether_it_exists_or_not(home: Path, policy: FilePolicy):
    there = refusal(home.parent / "secret.md", policy)
    absent = refusal(home.parent / "absent.md", policy)
    assert there.message.replace("secret", "absent") == absent.message
    assert (there.hint, there.code) == (absent.hint, absent.code)


def test_links_are_refused_alike_whatever_they_point_to(home: Path, policy: FilePolicy):
    (home / "x1").symlink_to(home.parent / "secret.md")
    (home / "x2").symlink_to(home.parent / "absent.md")
    assert refusal("x1", policy).message.replace("x1", "x2") == refusal("x2", policy).message
    (home / "y1").symlink_to(home.parent / "allowed_evil")
    (home / "y2").symlink_to(home.parent / "absent")
    assert refusal("y1/a.md", policy).message.replace("y1", "y2") == refusal("y2/a.md", policy).message


def test_a_file_swapped_for_a_link_between_look_and_opening_is_not_followed(
    home: Path, policy: FilePolicy, monkeypatch: pytest.MonkeyPatch
):
    victim = home / "a.md"
    looked = os.stat

    def look_then_swap(path: Any, **options: Any) -> os.stat_result:
        status = looked(path, **options)
        if path == "a.md" and "dir_fd" in options:
            victim.unlink()
            victim.symlink_to(home.parent / "secret.md")
        return status

    monkeypatch.setattr(local_files.os, "stat", look_then_swap)
    assert refusal("a.md", policy).code == "path_not_allowed"


def test_a_file_swapped_for_a_fifo_between_look_and_opening_does_not_hang(
    home: Path, policy: FilePolicy, monkeypatch: pytest.MonkeyPatch
):
    victim = home / "a.md"
    looked = os.stat

    def look_then_swap(path: Any, **options: Any) -> os.stat_result:
        status = looked(path, **options)
        if path == "a.md" and "dir_fd" in options:
            victim.unlink()
            os.mkfifo(victim)
        return status

    monkeypatch.setattr(local_files.os, "stat", look_then_swap)
    assert refusal("a.md", policy).code == "not_a_file"


def test_a_parent_swapped_for_a_link_all_the_time_never_leads_outside(home: Path, policy: FilePolicy):
    """Another thread swaps the folder for a link to its evil twin as fast as it can."""
    real, evil = home / "sub", home.parent / "evil"
    evil.mkdir()
    (evil / "b.md").write_text("outside!!!!")
    stop = threading.Event()

    def swap() -> None:
        spare = home / "spare"
        while not stop.is_set():
            real.rename(spare)
            real.symlink_to(evil)
            real.unlink()
            spare.rename(real)

    seen: set[bytes | str] = set()

    def look() -> None:
        try:
            seen.add(read("sub/b.md", policy))
        except ContentError as error:
            seen.add(error.code)

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        for _ in range(600):
            look()
    finally:
        stop.set()
        swapping.join()
    look()
    assert seen <= {b"deep inside", "path_not_allowed", "file_not_found"}
    assert b"deep inside" in seen


def test_a_write_is_noticed_although_its_time_was_set_back(home: Path, policy: FilePolicy):
    file = home / "a.md"
    with open_allowed(str(file), policy) as opened:
        before = opened.version
    times = file.stat()
    # The system's clock for files may stand still for some milliseconds.
    while file.stat().st_ctime_ns == times.st_ctime_ns:
        file.write_bytes(b"x" * times.st_size)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    with open_allowed(str(file), policy) as opened:
        assert opened.version != before


def test_the_size_is_that_of_the_open_file_not_of_what_stands_there_now(home: Path, policy: FilePolicy):
    with open_allowed("a.md", policy) as opened:
        (home / "a.md").unlink()
        (home / "a.md").write_text("something much longer than before")
        assert opened.size_bytes == 6
        assert opened.read(0, 100) == b"inside"


def test_a_folder_may_itself_be_a_link_that_the_operator_set(home: Path):
    alias = home.parent / "alias"
    alias.symlink_to(home)
    policy = FilePolicy((str(alias),))
    assert read(alias / "a.md", policy) == b"inside"
    assert read(home / "a.md", policy) == b"inside"
    assert read("a.md", policy) == b"inside"
    alias.unlink()
    alias.symlink_to(home.parent / "allowed_evil")
    assert read(alias / "a.md", policy) == b"inside"


def test_a_relative_path_is_taken_from_the_first_folder_that_has_it(home: Path):
    other = home.parent / "other"
    other.mkdir()
    (other / "only.md").write_text("other")
    (other / "a.md").write_text("other a")
    policy = FilePolicy((str(home), str(other)))
    assert read("a.md", policy) == b"inside"
    assert read("only.md", policy) == b"other"
    assert refusal("none.md", policy).code == "file_not_found"


def test_secret_names_open_where_the_operator_allows_them(home: Path):
    (home / ".env").write_text("x=1")
    assert read(".env", FilePolicy((str(home),), allow_secret_names=True)) == b"x=1"


def test_the_allowed_folders_own_name_is_the_operators_choice(tmp_path: Path):
    folder = tmp_path / ".aws"
    folder.mkdir()
    (folder / "notes.md").write_text("fine")
    assert read("notes.md", FilePolicy((str(folder),))) == b"fine"


def test_a_file_that_cannot_be_opened_for_a_moment_may_be_tried_again(policy: FilePolicy):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
    try:
        refused = refusal("a.md", policy)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert (refused.code, refused.retryable) == ("unreadable_file", True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_says_so(home: Path, policy: FilePolicy):
    (home / "a.md").chmod(0)
    assert refusal("a.md", policy).code == "unreadable_file"


@pytest.mark.parametrize("root", ["/nowhere/at/all", "a.md"])
def test_a_folder_that_is_none_is_a_wrong_setting(root: str, home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(home)
    with pytest.raises(ConfigError, match="--allow-path"):
        FilePolicy((root,))


def test_opening_a_folder_follows_the_same_rules(home: Path, policy: FilePolicy):
    with open_folder("sub", policy) as (placement, descriptor):
        assert placement.parts == ("sub",)
        assert os.listdir(descriptor) == ["b.md"]  # noqa: PTH208 - of a descriptor
    (home / "link").symlink_to(home.parent)
    (home / ".ssh").mkdir()
    for path, code in {
        "a.md": "is_a_file",
        "link": "path_not_allowed",
        "nowhere": "folder_not_found",
        "..": "path_not_allowed",
        ".ssh": "secret_name",
        "/etc": "path_not_allowed",
    }.items():
        with pytest.raises(ContentError) as caught, open_folder(path, policy):
            pass
        assert caught.value.code == code, path


def test_what_is_missing_says_where_a_relative_path_starts(home: Path, policy: FilePolicy):
    for opens in (open_folder, open_allowed):
        with pytest.raises(ContentError) as caught, opens("nowhere", policy):
            pass
        assert caught.value.hint == f"Check the spelling; a relative path starts at {home}."


_Form = Literal["NFC", "NFD"]
_FORMS: tuple[_Form, ...] = ("NFC", "NFD")


@pytest.mark.parametrize("stored", _FORMS)
@pytest.mark.parametrize("asked", _FORMS)
def test_accents_are_found_however_they_are_written(
    stored: _Form, asked: _Form, home: Path, policy: FilePolicy
):
    path = "Überblick/Überstunden.md"
    on_disk = home / unicodedata.normalize(stored, path)
    on_disk.parent.mkdir()
    on_disk.write_text("overtime")
    for spelled in (path, str(home / path), (home / path).as_uri()):
        with open_allowed(unicodedata.normalize(asked, spelled), policy) as opened:
            assert opened.filename == "Überstunden.md"
            assert opened.identity == unicodedata.normalize(stored, path)
    with open_folder(unicodedata.normalize(asked, "Überblick"), policy) as (placement, _):
        assert placement.parts == (unicodedata.normalize(stored, "Überblick"),)


@pytest.mark.skipif(sys.platform == "darwin", reason="both spellings name one file there")
def test_of_two_names_that_differ_in_accents_alone_each_is_itself(home: Path, policy: FilePolicy):
    for form in _FORMS:
        (home / unicodedata.normalize(form, "é.md")).write_text(form)
    assert read(unicodedata.normalize("NFC", "é.md"), policy) == b"NFC"
    assert read(unicodedata.normalize("NFD", "é.md"), policy) == b"NFD"


@pytest.mark.skipif(sys.platform == "win32", reason="an allowed folder of another spelling")
def test_an_allowed_folder_is_known_however_its_accents_are_written(tmp_path: Path):
    root = tmp_path / unicodedata.normalize("NFD", "Büro")
    root.mkdir()
    (root / "a.md").write_text("inside")
    assert read(unicodedata.normalize("NFC", str(root / "a.md")), FilePolicy((str(root),))) == b"inside"
