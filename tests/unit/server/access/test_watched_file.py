import logging
import sys
from collections import UserDict
from collections.abc import Callable
from pathlib import Path

import pytest

from calypso_mcp.errors import ConfigError
from calypso_mcp.server.access.access_file import tokens
from calypso_mcp.server.access.access_file.access_file import WatchedAccessFile
from tests.support.odd_files import ODD_FILES, end_of


def agent(name: str, extra: str = "all_buckets = true") -> str:
    return f'[agents.{name}]\ntoken_hash = "{tokens.hash_token(name)}"\n{extra}\n'


def replace(path: Path, text: str) -> None:
    """Replace a file as editors and secret mounts do: a new file under the old name."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def test_a_changed_file_counts_from_the_next_request(tmp_path: Path) -> None:
    path = tmp_path / "access.toml"
    path.write_text(agent("one"))
    watched = WatchedAccessFile(path, {})
    assert watched.current().grant_of("one") is not None
    replace(path, agent("two"))
    assert watched.current().grant_of("one") is None
    assert watched.current().grant_of("two") is not None


@pytest.mark.parametrize(
    ("now", "is_read_only"),
    [
        (agent("one", "all_buckets = true\nread_only = true"), True),
        (agent("one").replace(tokens.hash_token("one"), tokens.hash_token("new")), None),
        (agent("one").replace("agents.one", "agents.renamed"), None),
        (agent("two"), None),
    ],
    ids=["other rights", "another token", "another name", "gone"],
)
def test_what_began_with_a_token_goes_on_while_its_agent_has_it(
    tmp_path: Path, now: str, is_read_only: bool | None
) -> None:
    path = tmp_path / "access.toml"
    path.write_text(agent("one"))
    watched = WatchedAccessFile(path, {})
    grant = watched.current().grant_of("one")
    assert grant is not None
    replace(path, now)
    renewed = watched.renewed(grant)
    assert (renewed and renewed.read_only) == is_read_only


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "access.toml"
    path.write_text(agent("one"))
    watched = WatchedAccessFile(path, {})
    assert watched.current() is watched.current()


@pytest.mark.parametrize("broken", ["[agents", "[agents.one]\ntoken_hash = 'cmt_one_clear'\n", None])
def test_a_broken_or_vanished_file_keeps_the_old_version_and_is_logged_once_without_its_content(
    tmp_path: Path, broken: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "access.toml"
    path.write_text(agent("one"))
    watched = WatchedAccessFile(path, {})
    if broken is None:
        path.unlink()
    else:
        replace(path, broken)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert watched.current().grant_of("one") is not None
    assert len(caplog.records) == 1
    assert "stays in force" in caplog.text
    assert "cmt_one_clear" not in caplog.text
    replace(path, agent("two"))
    assert watched.current().grant_of("two") is not None


def test_an_exchanged_key_file_counts_from_the_next_request(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-old")
    path = tmp_path / "access.toml"
    path.write_text(agent("one", 'all_buckets = true\napi_key_file = "key"'))
    watched = WatchedAccessFile(path, {})
    replace(tmp_path / "key", "sk-new")
    key = watched.key("file:key")
    assert key is not None
    assert key.get_secret_value() == "sk-new"
    assert watched.key("file:other") is None


def test_a_key_file_named_by_a_later_version_is_watched_too(tmp_path: Path) -> None:
    path = tmp_path / "access.toml"
    path.write_text(agent("one"))
    watched = WatchedAccessFile(path, {})
    (tmp_path / "key").write_text("sk-1")
    replace(path, agent("one", 'all_buckets = true\napi_key_file = "key"'))
    assert watched.key("file:key") is not None
    replace(tmp_path / "key", "sk-2")
    key = watched.key("file:key")
    assert key is not None
    assert key.get_secret_value() == "sk-2"


def test_a_wrong_first_version_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        WatchedAccessFile(tmp_path / "gone.toml", {})


class AskedOnce(UserDict[str, str]):
    """Variables; the first time one is looked up, while the file is being loaded, something happens."""

    def __init__(self, happens: Callable[[], object]) -> None:
        super().__init__({"KEY": "sk-env"})
        self._happens: Callable[[], object] | None = happens

    def __getitem__(self, name: str) -> str:
        happens, self._happens = self._happens, None
        if happens:
            happens()
        return super().__getitem__(name)


def test_what_changes_while_the_file_is_loaded_counts_from_the_next_request(tmp_path: Path) -> None:
    path = tmp_path / "access.toml"
    with_key = agent("one", 'all_buckets = true\napi_key_file = "key"')
    with_variable = agent("two", 'all_buckets = true\napi_key_env = "KEY"')
    (tmp_path / "key").write_text("sk-old")

    def change() -> None:
        replace(path, with_key)
        replace(tmp_path / "key", "sk-new")

    path.write_text(with_key + with_variable)
    watched = WatchedAccessFile(path, AskedOnce(change))
    key = watched.key("file:key")
    assert key is not None
    assert key.get_secret_value() == "sk-new"
    assert watched.current().grant_of("two") is None


def test_a_key_file_that_arrives_after_the_version_that_names_it_brings_that_version_into_force(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "access.toml"
    path.write_text(agent("one"))
    watched = WatchedAccessFile(path, {})
    replace(path, agent("two", 'all_buckets = true\napi_key_file = "key"'))
    for _ in range(3):
        assert watched.current().grant_of("one") is not None
    assert len(caplog.records) == 1
    (tmp_path / "key").write_text("sk-1")
    assert watched.current().grant_of("two") is not None
    assert watched.current().grant_of("one") is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("name", ["access.toml", "key"])
@pytest.mark.parametrize("odd", ODD_FILES)
def test_a_file_that_becomes_something_else_keeps_the_old_version_and_hangs_nothing(
    tmp_path: Path, odd: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "key").write_text("sk-old")
    path = tmp_path / "access.toml"
    path.write_text(agent("one", 'all_buckets = true\napi_key_file = "key"'))
    watched = WatchedAccessFile(path, {})
    (tmp_path / name).unlink()
    ODD_FILES[odd](tmp_path / name)
    end_of(watched.current)
    assert watched.current().grant_of("one") is not None
    assert "stays in force" in caplog.text
