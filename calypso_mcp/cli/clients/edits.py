"""Our server put into a configuration, or taken out, with everything else as it was.

Each edit is parsed and compared with what it should say; what differs in anything else is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from calypso_mcp.cli.clients.command import server_command
from calypso_mcp.cli.clients.entries import NAME, Entry, keeps_servers_apart, servers_of
from calypso_mcp.cli.clients.facts import CLIENTS, Client
from calypso_mcp.cli.clients.jsonc import Unreadable
from calypso_mcp.cli.clients.places import parse
from calypso_mcp.cli.clients.shapes import Fields, Local, Remote, fields_of
from calypso_mcp.domain.json_values import as_object, is_list, is_object
from calypso_mcp.errors import ConfigError

#: What a configuration of Continue begins with.
_CONTINUE_HEAD = {"name": NAME, "version": "1.0.0", "schema": "v1"}


def with_server(client: Client, text: str, fields: Mapping[str, object] | None) -> str:
    """Return `text` with our server as `fields`; without it if they are None.

    Raises:
        Unreadable: The text does not follow its syntax, or cannot be edited without touching anything else.
    """
    before = parse(text, client.syntax)
    if not is_object(before):
        raise Unreadable("the top level is not a mapping")
    key = _find_key(client, before)
    try:
        expected = _expect(client, before, key, fields)
        after = _edit(client, text, key, before, fields)
        is_as_expected = _without_empty(parse(after, client.syntax)) == _without_empty(expected)
    except RecursionError:  # copying and comparing take more of the stack than parsing
        raise Unreadable("it is nested too deeply") from None
    if not is_as_expected:
        raise Unreadable("its layout is unusual, and an edit could spoil it")
    return after


def server_in(client: Client, text: str) -> Entry | None:
    """Return our server, or what has its name; None if the file has neither.

    Raises:
        Unreadable: The text does not follow its syntax.
    """
    entries = servers_of(client, parse(text, client.syntax))
    return next(
        (entry for entry in entries if entry.name == NAME and entry.is_read and not entry.scope), None
    )


def _find_key(client: Client, document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return where this configuration lists servers; opencode has two ways."""
    if client.name == "opencode" and keeps_servers_apart(document.get("mcp")):
        return (*client.key, "servers")
    return client.key


def _edit(
    client: Client,
    text: str,
    key: tuple[str, ...],
    document: Mapping[str, Any],
    fields: Mapping[str, object] | None,
) -> str:
    path = (*key, NAME)
    if client.syntax == "json":
        from calypso_mcp.cli.clients.json_edit import remove_member, set_member

        return remove_member(text, path) if fields is None else set_member(text, path, fields)
    if client.syntax == "toml":
        from calypso_mcp.cli.clients.toml_edit import remove_table, set_table

        return remove_table(text, path) if fields is None else set_table(text, path, fields)
    from calypso_mcp.cli.clients.yaml_edit import remove_entry, set_entry

    listing = "sequence" if client.name == "continue" else "mapping"
    if fields is None:
        return remove_entry(text, key[0], NAME, listing)
    if client.name == "continue" and not document:
        text += "".join(f"{name}: {value}\n" for name, value in _CONTINUE_HEAD.items())
    return set_entry(text, key[0], NAME, fields, listing)


def _expect(
    client: Client, document: dict[str, Any], key: tuple[str, ...], fields: Mapping[str, object] | None
) -> Any:
    """Return what the configuration should say after the edit."""
    wanted: dict[str, Any] = deepcopy(document)
    if client.name == "continue":
        if not document and fields is not None:
            wanted |= _CONTINUE_HEAD
        listed: object = wanted.get(key[0]) or []
        if not is_list(listed):
            raise Unreadable(f"{key[0]} is not a list")
        others = [item for item in listed if as_object(item).get("name") != NAME]
        wanted[key[0]] = others if fields is None else [fields, *others]
        return wanted
    listing = wanted
    for name in key:
        below: object = listing.get(name) or {}
        if not is_object(below):
            raise Unreadable(f"{name} is not a mapping")
        listing[name] = below
        listing = below
    listing.pop(NAME, None)
    if fields is not None:
        listing[NAME] = fields
    return wanted


def _without_empty(document: Any) -> Any:
    """Return a configuration without top-level listings that are empty: they say nothing."""
    if not is_object(document):
        return document
    return {name: value for name, value in document.items() if value not in (None, {}, [])}


def pasted(client: Client, fields: Fields) -> str:
    """Return the part of a client's configuration that has our server, and nothing else."""
    return with_server(client, "", fields).rstrip("\n")


def snippets(server: Remote | None = None) -> list[Mapping[str, str]]:
    """Return for each client what installs our server and what to paste by hand; no secret is among it.

    For a team's `server`, clients that cannot use one are left out.
    """
    found: list[Mapping[str, str]] = []
    chosen = Local(server_command()) if server is None else server
    for client in CLIENTS:
        try:
            text = pasted(client, fields_of(client, chosen))
        except ConfigError:
            continue
        remote = "" if server is None else f" --http {server.url}"
        command = f"calypso-mcp install {client.name}{remote}"
        found.append({"title": client.title, "command": command, "file": client.user_files[0], "text": text})
    return found
