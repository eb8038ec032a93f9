"""Where the configurations of clients lie on this system, and what they say."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from calypso_mcp.cli.clients import jsonc
from calypso_mcp.cli.clients.facts import CLIENTS, Client, Syntax
from calypso_mcp.cli.clients.jsonc import Unreadable


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one person and one project.

    Attributes:
        home: The person's home folder.
        environ: Variables that move a configuration elsewhere.
        project: The folder whose project configurations are looked at.
        system: As `sys.platform` names it.
    """

    home: Path
    environ: Mapping[str, str]
    project: Path
    system: str = sys.platform

    @classmethod
    def of(cls, environ: Mapping[str, str], project: Path) -> Places:
        """Return the places of the user who runs this process with `environ`."""
        home = environ.get("USERPROFILE" if sys.platform == "win32" else "HOME")
        return cls(Path(home) if home else Path.home(), environ, project)

    def user_files(self, client: Client) -> list[Path]:
        """Return where a client's configuration of the person may lie, the one to create first."""
        return [path for pattern in client.user_files if (path := self._fill(pattern)) is not None]

    def project_file(self, client: Client) -> Path | None:
        """Return a client's configuration of the project."""
        return None if client.project_file is None else self.project / client.project_file

    def _fill(self, pattern: str) -> Path | None:
        """Return the path that a pattern describes; None if the variable in it is not set."""
        name, _, rest = pattern.removeprefix("{").partition("}")
        base = self._base(name)
        return None if base is None else Path(f"{base}{rest}")

    def _base(self, name: str) -> Path | None:
        home = self.home
        xdg = Path(self.environ.get("XDG_CONFIG_HOME") or home / ".config")
        roaming = Path(self.environ.get("APPDATA") or home / "AppData" / "Roaming")
        # On Linux, macOS and Windows. `config` is where programs of a desktop keep their configuration.
        folders = {
            "home": (home, home, home),
            "xdg": (xdg, xdg, xdg),
            "config": (xdg, home / "Library" / "Application Support", roaming),
            "zed": (xdg / "zed", home / ".config" / "zed", roaming / "Zed"),
            "goose": (xdg / "goose", home / ".config" / "goose", roaming / "Block" / "goose" / "config"),
        }
        if name in folders:
            return folders[name][{"darwin": 1, "win32": 2}.get(self.system, 0)]
        value = self.environ.get(name, "").strip()
        return Path(value) if value else None


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
            from calypso_mcp.domain.toml_text import parse_toml

            return parse_toml(text)
        from calypso_mcp.cli.clients.yaml_edit import loads

        return loads(text)
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None
    except Unreadable:
        raise
    except ValueError as error:  # such as a number with too many digits
        raise Unreadable(str(error)) from None
