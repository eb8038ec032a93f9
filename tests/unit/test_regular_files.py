"""Files that an operator names may be anything; whoever reads them ends at once and says what is wrong."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from calypso_mcp.assembly.own_secrets import kept_secret
from calypso_mcp.cli.clients.jsonc import Unreadable
from calypso_mcp.cli.clients.writing import Snapshot
from calypso_mcp.errors import ConfigError
from calypso_mcp.local.processes.served import look_up
from calypso_mcp.regular_files import read_regular_file
from calypso_mcp.server.access.access_file import tokens
from calypso_mcp.server.access.access_file.access_file import load
from calypso_mcp.settings.loading import knobs, settings_from
from tests.support.odd_files import ODD_FILES, end_of

PACKAGE = Path(__file__).parents[2] / "calypso_mcp"
KEY_FILES = sorted(name for name in knobs() if name.endswith("_file") and name != "access_file")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


def read_key_file_of_an_agent(path: Path) -> object:
    access = path.with_name("access.toml")
    agent = f'token_hash = "{tokens.hash_token("one")}"\nall_buckets = true\napi_key_file = "{path}"'
    access.write_text(f"[agents.one]\n{agent}\n")
    return load(access, {})


#: Whoever reads a file that is named to this program, and the error it raises.
READERS: dict[str, tuple[Callable[[Path], object], type[Exception]]] = {
    "read_regular_file": (lambda path: read_regular_file(path, 4_096), OSError),
    **{
        name: (lambda path, name=name: settings_from({name: str(path)}, {}), ConfigError)
        for name in KEY_FILES
    },
    "access file": (lambda path: load(path, {}), ConfigError),
    "key file of an agent": (read_key_file_of_an_agent, ConfigError),
    "kept secret": (lambda path: kept_secret(path, lambda: "secret"), ConfigError),
    "configuration of a client": (Snapshot.of, Unreadable),
}


@pytest.mark.parametrize("odd", ODD_FILES)
@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_is_none_is_refused_at_once(tmp_path: Path, reader: str, odd: str) -> None:
    path = tmp_path / "named"
    ODD_FILES[odd](path)
    read, kind = READERS[reader]
    error = end_of(lambda: read(path))
    assert isinstance(error, kind)
    assert any(words in str(error) for words in ("regular file", "more than", "No such device", "directory"))


@pytest.mark.parametrize("odd", ODD_FILES)
@pytest.mark.parametrize("name", ["backend.json", "backend.lock"])
def test_a_backend_is_looked_for_without_waiting(tmp_path: Path, name: str, odd: str) -> None:
    (tmp_path / "backend.json").write_text('{"origin": "http://127.0.0.1:9", "run": "r"}')
    (tmp_path / name).unlink(missing_ok=True)
    ODD_FILES[odd](tmp_path / name)
    assert end_of(lambda: look_up(tmp_path)) is None


def test_a_file_is_read_to_the_last_byte_that_is_allowed(tmp_path: Path) -> None:
    path, link = tmp_path / "key", tmp_path / "link"
    path.write_bytes(b"k" * 10)
    link.symlink_to(path)
    assert read_regular_file(link, 10) == b"k" * 10
    with pytest.raises(OSError, match="more than 9 bytes"):
        read_regular_file(path, 9)


def test_what_settings_name_is_read_by_nothing_else() -> None:
    folders = ("settings", "assembly", "server/access", "cli/clients")
    own = {
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for folder in folders
        for path in (PACKAGE / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"read_text", "read_bytes"}
    }
    assert own == set()
