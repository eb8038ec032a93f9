"""One server in a client's configuration, in whichever shape the client wants it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from calypso_mcp.cli.clients.facts import LISTING_KEYS, URL_FIELDS, Client
from calypso_mcp.domain.json_values import as_object, is_list, is_object

#: Occurs in our command lines and names.
_OURS = re.compile(r"\bcalypso[-_]mcp\b")
#: The name that `install` gives, and the one people take from the README.
NAME = "calypso"


@dataclass(frozen=True, slots=True)
class Entry:
    """A server as a client would start it.

    Attributes:
        name: Its name in the client.
        command: The program and its arguments; empty for a remote server.
        environ: Variables the client adds.
        url: Address of a remote server; None for a command.
        fields: As written.
        is_read: Whether the client reads the place where it is listed.
        scope: The project it is for, in a file of the person; empty for all.
    """

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict[str, str])
    url: str | None = None
    fields: Mapping[str, object] = field(default_factory=dict[str, object])
    is_read: bool = True
    scope: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether it is calypso-mcp, by its command or by its name."""
        return self.name == NAME or _OURS.search(self.name) is not None or self.is_ours_by_command

    @property
    def is_ours_by_command(self) -> bool:
        """Whether its command names calypso-mcp."""
        return any(_OURS.search(word) for word in self.command)

    @property
    def is_disabled(self) -> bool:
        """Whether the person turned it off."""
        return self.fields.get("disabled") is True or self.fields.get("enabled") is False

    @property
    def arguments(self) -> tuple[str, ...] | None:
        """What calypso-mcp itself is given; None if the command is not recognised."""
        for position, word in enumerate(self.command):
            if (
                _OURS.search(word.replace("\\", "/").rpartition("/")[2])
                and self.command[position - 1] != "--from"
            ):
                return self.command[position + 1 :]
        return None


def servers_of(client: Client, document: object) -> list[Entry]:
    """Return every server in a configuration, also those under a key that the client does not read."""
    found: list[Entry] = []
    top = as_object(document)
    for key in dict.fromkeys((client.key[0], *LISTING_KEYS)):
        found += _list_entries(client, top.get(key), is_read=key == client.key[0])
    if client.name == "claude-code":
        for folder, project in as_object(top.get("projects")).items():
            listed = _list_entries(client, as_object(project).get("mcpServers"), is_read=True)
            found += [replace(entry, scope=folder) for entry in listed]
    return found


def keeps_servers_apart(listing: object) -> bool:
    """Whether opencode's `mcp` is of version 2, which lists servers one level deeper."""
    servers = as_object(listing).get("servers")
    return isinstance(servers, dict) and "command" not in servers


def _list_entries(client: Client, listing: object, *, is_read: bool) -> Iterator[Entry]:
    if is_list(listing):
        for item in listing:
            fields = as_object(item)
            yield _read_entry(client, str(fields.get("name", "")), fields, is_read=is_read)
        return
    if client.name == "opencode" and keeps_servers_apart(listing):
        listing = as_object(listing)["servers"]
    for name, fields in as_object(listing).items():
        if is_object(fields):
            # In YAML a name may also be a number or a date.
            yield _read_entry(client, str(name), fields, is_read=is_read)


def _read_entry(client: Client, name: str, fields: Mapping[str, object], *, is_read: bool) -> Entry:
    program = fields.get(client.command_field, fields.get("command"))
    words = [*_texts(program), *_texts(fields.get("args"))]
    variables = as_object(fields.get(client.environment_field, fields.get("env")))
    url = next((fields[name] for name in (client.url_field, *URL_FIELDS) if name in fields), None)
    return Entry(
        name,
        tuple(words),
        {variable: str(value) for variable, value in variables.items()},
        str(url) if url is not None and not words else None,
        fields,
        is_read,
    )


def _texts(value: object) -> list[str]:
    if is_list(value):
        return [str(item) for item in value]
    return [] if value is None else [str(value)]
