"""Our server in the shape that each client reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from calypso_mcp.cli.clients.entries import NAME
from calypso_mcp.cli.clients.facts import Client
from calypso_mcp.errors import ConfigError

Fields = dict[str, object]

#: Codex waits 10 s by default, which a first start from a slow disk may take.
_CODEX_START_S = 60
_GOOSE_CALL_S = 300


@dataclass(frozen=True, slots=True)
class Local:
    """A server that the client starts: a command, and the variables it takes from the person's own."""

    command: Sequence[str]
    variables: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Remote:
    """A server at an address, with a token from a variable of the person; empty for none."""

    url: str
    token_variable: str = ""


def fields_of(client: Client, server: Local | Remote) -> Fields:
    """Return the fields of a server in the shape of a client. No secret is among them.

    Raises:
        ConfigError: The client cannot use such a server.
    """
    return _write_local(client, server) if isinstance(server, Local) else _write_remote(client, server)


def _write_local(client: Client, server: Local) -> Fields:
    program, *arguments = server.command
    environ = {name: _refer_to(client, name) for name in server.variables if client.name != "codex"}
    fields: Fields = {"command": program, "args": arguments}
    match client.name:
        case "opencode":
            fields = {"type": "local", "command": [program, *arguments]}
        case "goose":
            fields = {"name": NAME, "type": "stdio", "cmd": program, "args": arguments}
            fields |= {"envs": {}, "enabled": True, "timeout": _GOOSE_CALL_S}
        case "continue":
            fields = {"name": NAME, **fields}
        case "claude-code" | "vscode":
            fields = {"type": "stdio", **fields}
        case "copilot-cli":
            fields = {"type": "local", **fields, "tools": ["*"]}
        case "codex":
            fields["startup_timeout_sec"] = _CODEX_START_S
            if server.variables:
                fields["env_vars"] = list(server.variables)
        case _:
            pass
    return {**fields, client.environment_field: environ} if environ else fields


def _write_remote(client: Client, server: Remote) -> Fields:
    if not client.url_field:
        raise ConfigError(
            f"{client.title} only starts commands; this file cannot hold an address.",
            hint="Add the server under Settings, Connectors; or leave out --http.",
        )
    fields: Fields = {client.url_field: server.url}
    if client.type_field:
        fields = {"type": client.type_field, **fields}
    if client.name in {"goose", "continue"}:
        fields = {"name": NAME, **fields}
    if client.name == "goose":
        fields |= {"enabled": True, "timeout": _GOOSE_CALL_S}
    if client.name == "copilot-cli":
        fields["tools"] = ["*"]
    if not server.token_variable:
        return fields
    if client.name == "codex":
        return {**fields, "bearer_token_env_var": server.token_variable}
    headers = {"Authorization": f"Bearer {_refer_to(client, server.token_variable)}"}
    if client.name == "continue":
        return {**fields, "requestOptions": {"headers": headers}}
    return {**fields, "headers": headers}


def _refer_to(client: Client, name: str) -> str:
    if not client.variable:
        raise ConfigError(
            f"{client.title} cannot read a value from a variable, and a secret does not belong in its file.",
            hint="For an API key, name the file that holds it with --api-key-file FILE.",
        )
    return client.variable.replace("NAME", name)
