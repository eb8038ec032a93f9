"""Every client we know: where its configuration lies and what a server looks like in it.

Sources are the clients' documentation and what their released versions were seen to read and write.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Syntax = Literal["json", "toml", "yaml"]

# Notations of a value that a client puts in when it starts a server.
_DOLLAR_BRACES = r"\$\{[A-Za-z_]\w*(?::-[^}]*)?\}"
_ENV = r"\$\{env:\w+\}"
_EDITOR = r"\$\{(?:env:\w+|userHome|workspaceFolder|workspaceFolderBasename|pathSeparator|/)\}"


@dataclass(frozen=True, slots=True)
class Client:
    """One client.

    Attributes:
        name: As typed after `calypso-mcp install`.
        title: Its name for a person.
        user_files: Configurations of the person, see `places`; the first is the one to create.
        key: Where servers are listed, from the top of the file.
        project_file: Configuration of a project, relative to its folder; None for a client without one.
        syntax: Of all these files. JSON may hold comments and trailing commas.
        expands: Regular expression of the placeholders it replaces; empty if it replaces no placeholder.
        expands_in_project: The same in a project's file, if that differs.
        is_desktop: Whether it is started from a desktop, with a minimal PATH.
        url_field: Field of a remote server's address; empty if it cannot use one.
        type_field: Value that `type` must have for a remote server; empty if none is needed.
        command_field: Field of the program to start.
        environment_field: Field of the variables of a server.
        variable: How a value is taken from the variable NAME; empty if it cannot be.
        status: Words of its own command line that tell whether the server works; empty if it has none.
    """

    name: str
    title: str
    user_files: tuple[str, ...]
    key: tuple[str, ...] = ("mcpServers",)
    project_file: str | None = None
    syntax: Syntax = "json"
    expands: str = ""
    expands_in_project: str = ""
    is_desktop: bool = True
    url_field: str = "url"
    type_field: str = ""
    command_field: str = "command"
    environment_field: str = "env"
    variable: str = ""
    status: tuple[str, ...] = ()

    def placeholders(self, *, in_project: bool) -> str:
        """Regular expression of the placeholders this client replaces in a file of that scope."""
        return (self.expands_in_project or self.expands) if in_project else self.expands


CLIENTS = (
    Client("claude-desktop", "Claude Desktop", ("{config}/Claude/claude_desktop_config.json",), url_field=""),
    Client(
        "claude-code",
        "Claude Code",
        ("{CLAUDE_CONFIG_DIR}/.claude.json", "{home}/.claude.json"),
        project_file=".mcp.json",
        expands=_DOLLAR_BRACES,
        is_desktop=False,
        type_field="http",
        variable="${NAME}",
        status=("claude", "mcp", "get", "calypso"),
    ),
    Client(
        "cursor",
        "Cursor",
        ("{home}/.cursor/mcp.json",),
        project_file=".cursor/mcp.json",
        # `${workspaceFolder}` in the person's own file means nothing while no folder is open.
        expands=rf"{_ENV}|\$\{{userHome\}}",
        expands_in_project=_EDITOR,
        variable="${env:NAME}",
    ),
    Client(
        "vscode",
        "VS Code",
        ("{config}/Code/User/mcp.json",),
        key=("servers",),
        project_file=".vscode/mcp.json",
        expands=rf"{_ENV}|\$\{{(?:userHome|input:[\w.-]+)\}}",
        expands_in_project=rf"{_EDITOR}|\$\{{input:[\w.-]+\}}",
        variable="${env:NAME}",
        type_field="http",
    ),
    Client(
        "windsurf",
        "Windsurf",
        ("{home}/.codeium/windsurf/mcp_config.json", "{home}/.codeium/mcp_config.json"),
        expands=_ENV,
        variable="${env:NAME}",
        url_field="serverUrl",
    ),
    Client(
        "codex",
        "Codex",
        ("{CODEX_HOME}/config.toml", "{home}/.codex/config.toml"),
        key=("mcp_servers",),
        project_file=".codex/config.toml",
        syntax="toml",
        is_desktop=False,
        status=("codex", "mcp", "get", "calypso"),
    ),
    Client(
        "gemini",
        "Gemini CLI",
        ("{home}/.gemini/settings.json",),
        project_file=".gemini/settings.json",
        expands=r"\$\{[A-Za-z_]\w*\}|\$[A-Za-z_]\w*",
        is_desktop=False,
        url_field="httpUrl",
        variable="${NAME}",
        status=("gemini", "mcp", "list"),
    ),
    Client(
        "opencode",
        "opencode",
        ("{xdg}/opencode/opencode.json", "{xdg}/opencode/opencode.jsonc"),
        key=("mcp",),
        project_file="opencode.json",
        expands=r"\{(?:env|file):[^{}]+\}",
        is_desktop=False,
        type_field="remote",
        environment_field="environment",
        variable="{env:NAME}",
        status=("opencode", "mcp", "list"),
    ),
    Client(
        "zed",
        "Zed",
        ("{zed}/settings.json",),
        key=("context_servers",),
        project_file=".zed/settings.json",
    ),
    Client(
        "cline",
        "Cline",
        (
            "{CLINE_MCP_SETTINGS_PATH}",
            "{config}/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
            "{home}/.cline/data/settings/cline_mcp_settings.json",
        ),
        expands=_ENV,
        variable="${env:NAME}",
        type_field="streamableHttp",
    ),
    Client(
        "goose",
        "Goose",
        ("{goose}/config.yaml",),
        key=("extensions",),
        syntax="yaml",
        url_field="uri",
        type_field="streamable_http",
        command_field="cmd",
        environment_field="envs",
    ),
    Client("lm-studio", "LM Studio", ("{home}/.lmstudio/mcp.json",)),
    Client(
        "copilot-cli",
        "GitHub Copilot CLI",
        ("{COPILOT_HOME}/mcp-config.json", "{home}/.copilot/mcp-config.json"),
        project_file=".github/mcp.json",
        is_desktop=False,
        type_field="http",
        status=("copilot", "mcp", "get", "calypso"),
    ),
    Client(
        "continue",
        "Continue",
        ("{home}/.continue/config.yaml",),
        project_file=".continue/mcpServers/calypso.yaml",
        syntax="yaml",
        expands=r"\$\{\{\s*secrets\.\w+\s*\}\}",
        variable="${{ secrets.NAME }}",
        type_field="streamable-http",
    ),
)

#: Every key under which some client lists servers; a server under another client's key is never started.
LISTING_KEYS = tuple(dict.fromkeys(client.key[0] for client in CLIENTS))
#: Every field in which some client takes the address of a remote server.
URL_FIELDS = tuple(dict.fromkeys(client.url_field for client in CLIENTS if client.url_field))
