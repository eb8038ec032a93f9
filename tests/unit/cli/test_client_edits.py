"""Our server goes into every client's configuration and out again, and nothing of anybody else's is lost."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from calypso_mcp.cli.clients import jsonc
from calypso_mcp.cli.clients.edits import server_in, with_server
from calypso_mcp.cli.clients.entries import servers_of
from calypso_mcp.cli.clients.facts import CLIENTS, Client, Syntax
from calypso_mcp.cli.clients.jsonc import Unreadable
from calypso_mcp.cli.clients.places import parse
from calypso_mcp.cli.clients.shapes import Local, Remote, fields_of
from calypso_mcp.cli.clients.writing import NotWritten, Snapshot
from calypso_mcp.errors import ConfigError

SERVER = Local(["/opt/calypso/bin/calypso-mcp", "--allow-path", "/home/ä b/docs"])
NEWER = Local(["/opt/newer/calypso-mcp"])
BY_NAME = {client.name: client for client in CLIENTS}
EACH = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)

#: Texts of other people, with KEY where a client lists its servers.
JSON_TEXTS = {
    "missing": "",
    "empty object": "{}",
    "empty listing": '{\n  "KEY": {}\n}\n',
    "other server": '{\n  "KEY": {\n    "other": {"command": "x"}\n  }\n}\n',
    "other settings": '{\n\t"theme": "dark",\n\t"nested": {"a": [1, {"b": "}"}]}\n}\n',
    "comments": '// top\n{ /* a */\n  "KEY": { // b\n    // "calypso": {"command": "no"},\n'
    '    "other": {"command": "x"} // c\n    // d\n  }, // e\n  "z": "// no comment"\n} // f\n',
    "trailing commas": '{\n    "KEY": {\n        "other": {"args": ["a",],},\n    },\n    "b": 1,\n}\n',
    "one line": '{"a": "\\"{", "KEY": {"other": {"command": "x"}}, "b": [1, 2]}',
    "windows": '{\r\n  "KEY": {\r\n    "other": {"command": "x"}\r\n  }\r\n}\r\n',
    "no final newline": '{\n  "a": 1 /* x */ , /* y */\n  "b": 2\n}',
    "unicode": '{\n  "ключ": "значение ✓",\n  "KEY": {}\n}\n',
}
TOML_TEXTS = {
    "missing": "",
    "comments and others": '# top\nmodel = "x" # a\n\n[mcp_servers.other] # b\ncommand = "y"\n'
    "args = [\n  \"[mcp_servers.calypso]\", # c\n]\n# d\n\n[tui]\nx = '''\n[a]\n'''\n# end\n",
    "windows": 'model = "x"\r\n[mcp_servers.other]\r\ncommand = "y"\r\n',
    "no final newline": '[mcp_servers.other]\ncommand = "y"',
    "similar name": '[mcp_servers.calypso-two]\ncommand = "y"\n[mcp_servers.other.env]\nA = "b"\n',
}
YAML_TEXTS = {
    "missing": "",
    "comments and others": "# top\nGOOSE_MODEL: x # a\nKEY:\n  # b\nOTHER  # e\n\n# f\nlast: 'x: y'\n",
    "deeper": "KEY:\nOTHERDEEP\nlast: 1\n",
    "windows": "a: 1\r\nKEY:\r\nOTHERCRLF\r\n",
    "other settings": "a: 1\nb:\n- c # x\n",
    "no final newline": "a: 1",
    "empty": "KEY:\na: 1\n",
    "empty braces": "KEY: BRACES # x\na: 1\n",
}


def _texts(client: Client) -> dict[str, str]:
    if client.syntax == "json":
        return {name: text.replace("KEY", client.key[0]) for name, text in JSON_TEXTS.items()}
    if client.syntax == "toml":
        return TOML_TEXTS
    is_list = client.name == "continue"
    other = "  - name: other # c\n    command: y # d" if is_list else "  other: # c\n    cmd: y # d"
    words = {
        "OTHERDEEP": re.sub("^", "    ", other, flags=re.MULTILINE),
        "OTHERCRLF": other.replace("\n", "\r\n"),
        "OTHER": other,
        "KEY": client.key[0],
        "BRACES": "[]" if is_list else "{}",
    }
    texts = dict(YAML_TEXTS)
    for word, replacement in words.items():
        texts = {name: text.replace(word, replacement) for name, text in texts.items()}
    return texts


CASES = [(client, name) for client in CLIENTS for name in _texts(client)]
EVERY_TEXT = pytest.mark.parametrize(
    ("client", "name"), CASES, ids=[f"{client.name}-{name}" for client, name in CASES]
)


def _is_kept(before: str, after: str) -> bool:
    """Whether every character of `before` stands in `after`, in order."""
    rest = iter(after)
    return all(character in rest for character in before)


@EVERY_TEXT
def test_what_was_there_stays_and_the_server_is_found(client: Client, name: str) -> None:
    before = _texts(client)[name]
    after = with_server(client, before, fields_of(client, SERVER))
    if name != "empty braces":
        assert _is_kept(before, after)
    entry = server_in(client, after)
    assert entry
    assert list(entry.command) == list(SERVER.command)
    assert ("\r\n" in before) == ("\r\n" in after)
    assert not re.search(r"[^\r]\n", after) or "\r\n" not in before


@EVERY_TEXT
def test_installing_twice_changes_nothing_and_a_newer_one_takes_its_place(client: Client, name: str) -> None:
    once = with_server(client, _texts(client)[name], fields_of(client, SERVER))
    assert with_server(client, once, fields_of(client, SERVER)) == once
    newer = with_server(client, once, fields_of(client, NEWER))
    entry = server_in(client, newer)
    assert entry
    assert list(entry.command) == list(NEWER.command)
    assert "/opt/calypso/bin" not in newer


def test_the_server_of_a_project_is_not_the_one_for_all() -> None:
    text = json.dumps({"projects": {"/work": {"mcpServers": {"calypso": {"command": "calypso-mcp"}}}}})
    assert server_in(BY_NAME["claude-code"], text) is None


@EVERY_TEXT
def test_taking_it_out_leaves_what_was_there_before(client: Client, name: str) -> None:
    before = _texts(client)[name]
    installed = with_server(client, before, fields_of(client, SERVER))
    after = with_server(client, installed, None)
    assert server_in(client, after) is None
    for comment in re.findall(r"(?:#|//) \w+$", before, re.MULTILINE):
        assert comment in after
    if "other" in before and "settings" not in name:
        assert after.rstrip() == before.rstrip() or name == "one line" or client.syntax == "toml"
        assert parse(after, client.syntax) == parse(before, client.syntax)


BROKEN = {
    "json": ['{"a": ', "[1, 2]", '{"KEY": {"a": 1}, "KEY": {}}', '{"KEY": []}', '{"KEY": "x"}', '{"a": "'],
    "toml": ["[a\n", 'mcp_servers = "x"\n', "mcp_servers = {other = {command = 'x'}}\n", "a = 1\na = 2\n"],
    "yaml": [
        "a: [\n",
        "- a\n",
        "a: 1\na: 2\n",
        "KEY: x\n",
        "--- {a: 1}\n",
        "KEY: {x: {name: x}}\n",
        "KEY: true\n",
        "KEY:\n  ? x\n",
    ],
}


@EACH
def test_what_cannot_be_edited_safely_is_refused(client: Client) -> None:
    for text in BROKEN[client.syntax]:
        with pytest.raises(Unreadable):
            with_server(client, text.replace("KEY", client.key[0]), fields_of(client, SERVER))


def test_both_shapes_of_opencode_are_kept() -> None:
    client = BY_NAME["opencode"]
    newer = '{"mcp": {"servers": {"other": {"type": "local", "command": ["x"]}}}}'
    written: Any = jsonc.loads(with_server(client, newer, fields_of(client, SERVER)))
    assert list(written["mcp"]) == ["servers"]
    assert set(written["mcp"]["servers"]) == {"other", "calypso"}


@EACH
def test_a_team_server_gets_its_token_from_a_variable_or_is_refused(client: Client) -> None:
    remote = Remote("https://mcp.example.org/mcp", "TEAM_TOKEN")
    if client.name == "codex":
        assert fields_of(client, remote) == {"url": remote.url, "bearer_token_env_var": "TEAM_TOKEN"}
    elif client.url_field and client.variable:
        text = json.dumps(fields_of(client, remote))
        assert re.search(client.expands, f"Bearer {client.variable.replace('NAME', 'TEAM_TOKEN')}")
        assert client.variable.replace("NAME", "TEAM_TOKEN") in text
        assert remote.url in text
    else:
        with pytest.raises(ConfigError):
            fields_of(client, remote)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(
    document=st.dictionaries(st.text().filter(lambda name: name != "mcpServers"), _JSON, max_size=4),
    servers=st.none()
    | st.dictionaries(st.text(min_size=1), st.dictionaries(st.text(), _JSON, max_size=2), max_size=3),
    indent=st.sampled_from([None, 2, "\t"]),
)
def test_any_json_document_survives(document: Any, servers: Any, indent: Any) -> None:
    client = BY_NAME["cursor"]
    whole = document if servers is None else {**document, "mcpServers": servers}
    before = json.dumps(whole, indent=indent)
    after = with_server(client, before, fields_of(client, SERVER))
    if "calypso" not in (servers or {}):
        assert _is_kept(before, after)
    written: Any = json.loads(after)
    written["mcpServers"].pop("calypso")
    assert written == {**document, "mcpServers": {k: v for k, v in (servers or {}).items() if k != "calypso"}}


def test_a_copy_is_kept_and_mark_mode_and_link_survive(tmp_path: Path) -> None:
    target = tmp_path / "real.json"
    target.write_bytes(b"\xef\xbb\xbf{}")
    target.chmod(0o600)
    link = tmp_path / "mcp.json"
    link.symlink_to(target)
    before = Snapshot.of(link)
    backup = before.replace(with_server(BY_NAME["cursor"], before.text, fields_of(BY_NAME["cursor"], SERVER)))
    assert backup
    assert backup.read_bytes() == b"\xef\xbb\xbf{}"
    assert link.is_symlink()
    assert target.read_bytes().startswith(b"\xef\xbb\xbf{")
    assert target.stat().st_mode & 0o777 == backup.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"real.json", "mcp.json", backup.name}


def test_a_change_by_another_program_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text("{}", encoding="utf-8")
    before = Snapshot.of(path)
    path.write_text('{"new": 1}', encoding="utf-8")
    with pytest.raises(NotWritten, match="changed by another program"):
        before.replace("{}")
    created = Snapshot.of(tmp_path / "later.json")
    (tmp_path / "later.json").write_text("theirs", encoding="utf-8")
    with pytest.raises(NotWritten, match="changed by another program"):
        created.replace("{}")
    assert path.read_text(encoding="utf-8") == '{"new": 1}'
    assert {entry.name for entry in tmp_path.iterdir()} == {"mcp.json", "later.json"}


def test_what_is_read_only_or_no_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text("{}", encoding="utf-8")
    path.chmod(0o444)
    with pytest.raises(NotWritten, match="read-only"):
        Snapshot.of(path).replace('{"a": 1}')
    (tmp_path / "folder").mkdir()
    (tmp_path / "loose").symlink_to(tmp_path / "nothing")
    for name in ("folder", "loose"):
        with pytest.raises(Unreadable):
            Snapshot.of(tmp_path / name)
    (tmp_path / "latin").write_bytes(b'{"a": "\xe4"}')
    with pytest.raises(Unreadable, match="UTF-8"):
        _ = Snapshot.of(tmp_path / "latin").text
    assert path.read_text(encoding="utf-8") == "{}"
    with pytest.raises(Unreadable):
        Snapshot.of(path / "below" / "x.json")


_REPEATS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))


@pytest.mark.parametrize(
    ("syntax", "text"),
    [
        ("json", '{"a":' * 50_000 + "1" + "}" * 50_000),
        ("json", f'{{"a": {"9" * 10_000}}}'),
        ("toml", "a = " + "[" * 5_000 + "]" * 5_000),
        ("toml", f"a = {'9' * 10_000}"),
        ("toml", "a" + ".a" * 30_000 + " = 1"),
        ("yaml", "[" * 5_000 + "]" * 5_000),
        ("yaml", f"a: {'9' * 10_000}"),
        ("yaml", _REPEATS),
        ("yaml", "a: &a [*a]"),
        *(("yaml", f"a: !!{value}") for value in ("timestamp x", "bool x", "int ''", "map [a]")),
    ],
)
def test_a_configuration_made_to_hurt_its_reader_is_left_alone(syntax: Syntax, text: str) -> None:
    with pytest.raises(Unreadable):
        parse(text, syntax)


@pytest.mark.parametrize("depth", range(300, 1_500, 300))
@pytest.mark.parametrize("name", ["cursor", "codex", "goose"])
def test_a_configuration_that_can_be_read_but_is_too_deep_to_compare_is_left_alone(
    name: str, depth: int
) -> None:
    client = BY_NAME[name]
    deep = {"json": '{"a":' * depth + "1" + "}" * depth, "toml": "a." * depth + "a = 1\n"}
    text = deep.get(client.syntax, "a: " + "[" * depth + "]" * depth + "\n")
    try:
        after = with_server(client, text, fields_of(client, SERVER))
    except Unreadable:
        return
    assert server_in(client, after) is not None


@pytest.mark.parametrize(
    "text",
    ['key: "sk-secret\n', "key: sk-secret\n- a\n", "key: !!int sk-secret\n", "key: [sk-secret\n", "k: \0"],
)
def test_what_is_said_of_a_broken_configuration_repeats_nothing_of_it(text: str) -> None:
    with pytest.raises(Unreadable) as raised:
        parse(text, "yaml")
    assert str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("name", ["1", "null", "2020-01-01", "1.5", "yes"])
def test_a_server_whose_name_is_no_text_in_yaml_is_read(name: str) -> None:
    [entry] = servers_of(BY_NAME["goose"], parse(f"extensions:\n  {name}: {{cmd: calypso-mcp}}\n", "yaml"))
    assert entry.is_ours


@pytest.mark.parametrize("text", ["{}", "{} # empty", "{a: 1}", "[]"])
@pytest.mark.parametrize("client", [c for c in CLIENTS if c.syntax == "yaml"], ids=lambda client: client.name)
def test_a_yaml_configuration_that_is_not_in_lines_is_left_alone(client: Client, text: str) -> None:
    with pytest.raises((Unreadable, ConfigError)):
        with_server(client, text, fields_of(client, SERVER))


def test_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "mcp.json"
    assert Snapshot.of(path).replace("{}\n") is None
    assert path.read_text(encoding="utf-8") == "{}\n"
