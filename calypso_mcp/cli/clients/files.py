"""Finding and reading the configurations of clients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from calypso_mcp.cli.clients import jsonc
from calypso_mcp.cli.clients.facts import CLIENTS, Client, Syntax
from calypso_mcp.cli.clients.jsonc import Unreadable
from calypso_mcp.cli.clients.places import Places


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A configuration that may exist, of a person or of a project."""

    client: Client
    path: Path
    in_project: bool = False


def config_files(places: Places) -> Iterator[ConfigFile]:
    """Yield every configuration that exists, each path once for every client that reads it."""
    for client in CLIENTS:
        own = dict.fromkeys(places.user_files(client))
        for path in own:
            if path.is_file():
                yield ConfigFile(client, path)
        project = places.project_file(client)
        # In the home folder some clients' project file is the person's own.
        if project is not None and project not in own and project.is_file():
            yield ConfigFile(client, project, in_project=True)


def parse(text: str, syntax: Syntax) -> object:
    """Return what a configuration says.

    Raises:
        Unreadable: It does not follow its syntax, or says one thing twice.
    """
    try:
        if syntax == "json":
            return jsonc.loads(text)
        if syntax == "toml":
            import tomllib

            return tomllib.loads(text)
        from calypso_mcp.cli.clients.yaml_edit import loads

        return loads(text)
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None
    except Unreadable:
        raise
    except ValueError as error:  # such as a number with too many digits
        raise Unreadable(str(error)) from None
