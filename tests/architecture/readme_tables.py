"""The tables of the README and the docs that follow from the code. `--write` brings the pages up to date."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from calypso_mcp.cli.arguments import CommandParser, load_module
from calypso_mcp.cli.command_list import COMMANDS, STDIO
from calypso_mcp.local.indexing.formats.registry import ENTRIES
from calypso_mcp.local.indexing.formats.unreadable import UNREADABLE
from calypso_mcp.server.calls.tool_spec import ToolSpec
from calypso_mcp.server.registry import TOOLS
from calypso_mcp.settings import Settings, knobs
from tests.architecture.install_links import install_links
from tests.protocol.tool_snapshots import EVERY_TOOL, published

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
REFERENCE = ROOT / "docs" / "reference"
#: Every page that holds a generated table.
PAGES = (README, *(REFERENCE / f"{name}.md" for name in ("settings", "tools", "commands", "formats")))
_MARKED_CHARS = str.maketrans({"|": "\\|"})


def settings_table() -> str:
    rows = ["| flag | variable | default | meaning |", "|---|---|---|---|"]
    for name, knob in knobs().items():
        field = Settings.model_fields[name]
        flag = f"`{knob.flag} {knob.metavar}`".replace(" `", "`") if knob.flag else "none"
        if field.default is True:
            flag = f"`--no-{knob.flag[2:]}`" if knob.flag else flag
        rows.append(f"| {flag} | `{knob.variable}` | {_default(name)} | {field.description} |")
    return "\n".join(rows)


def _default(name: str) -> str:
    default = Settings.model_fields[name].default
    if name == "data_dir":
        return "the system's folder for program data"
    if default in (None, (), PydanticUndefined):
        return ""
    return {True: "on", False: "off"}.get(
        default, f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
    )


def tools_table() -> str:
    rows = ["| tool | does | changes anything |", "|---|---|---|"]
    rows += [
        f"| `{spec.name}` | {_first_sentence(spec)} | {'no' if spec.read_only else 'yes'} |" for spec in TOOLS
    ]
    return "\n".join(rows)


def _first_sentence(spec: ToolSpec) -> str:
    text = " ".join((spec.function.__doc__ or "").split())
    return text.partition(". ")[0].rstrip(".").translate(_MARKED_CHARS)


def tool_sections() -> str:
    """Describe every tool as a client lists it: its description, arguments and results."""
    return "\n\n".join("\n".join(_tool_section(published(spec), spec)) for spec in EVERY_TOOL)


def _tool_section(tool: dict[str, Any], spec: ToolSpec) -> Iterator[str]:
    yield f"## `{tool['name']}`\n"
    yield f"{tool['description']}\n".translate(str.maketrans({"<": "&lt;"}))
    yield from [] if spec in TOOLS else ["Only with `--profile chatgpt`.\n"]
    yield "Changes nothing.\n" if spec.read_only else "Changes what is stored.\n"
    arguments: dict[str, Any] = tool["inputSchema"].get("properties", {})
    if arguments:
        required = tool["inputSchema"].get("required", [])
        yield "| argument | type | default | meaning |\n|---|---|---|---|"
        for name, schema in arguments.items():
            default = "required" if name in required else _json_default(schema)
            text = schema.get("description", "").translate(_MARKED_CHARS)
            yield f"| `{name}` | {_json_type(schema)} | {default} | {text} |"
        yield ""
    fields = (tool["outputSchema"] or {}).get("properties", {})
    if fields:
        yield (
            "Result: " + ", ".join(f"`{name}` ({_json_type(field)})" for name, field in fields.items()) + "."
        )


def _json_default(schema: dict[str, Any]) -> str:
    if schema.get("default") is None:
        return ""
    return f"`{str(schema['default']).lower()}`"


def _json_type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"] if value)
    if "anyOf" in schema:
        return " or ".join(_json_type(entry) for entry in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_json_type(schema.get('items', {}))}"
    limits = [f"{word} {schema[key]:g}" for key, word in _LIMITS.items() if key in schema]
    return ", ".join([str(schema.get("type", "object")), *limits])


_LIMITS = {"minimum": "at least", "maximum": "at most"}


def commands() -> str:
    """Describe every command with its own arguments; the settings are on a page of their own."""
    settings = set(knobs())
    sections: list[str] = []
    for command in COMMANDS:
        parser = CommandParser(command)
        if command is not STDIO:
            load_module(command).add_arguments(parser)
        title = "calypso-mcp" if command is STDIO else f"calypso-mcp {command.name}"
        rows = [f"## `{title}`\n", f"{parser.description if command is not STDIO else command.summary}\n"]
        rows.append(f"```text\ncalypso-mcp {command.name} {command.usage}\n```\n")
        own = [
            (" ".join(filter(None, [", ".join(action.option_strings), _metavar(action)])), action.help or "")
            for action in parser._actions
            if action.dest not in {*settings, "help", "version"}
        ]
        if own:
            rows.append("| argument | meaning |\n|---|---|")
            rows += [
                f"| `{name}` | {text.replace('%%', '%').translate(_MARKED_CHARS)} |" for name, text in own
            ]
        sections.append("\n".join(rows).rstrip())
    return "\n\n".join(sections)


def _metavar(action: Any) -> str:
    if action.choices and not action.metavar:
        return f"{{{','.join(map(str, action.choices))}}}"
    if action.nargs == 0:
        return ""
    return str(action.metavar or action.dest.upper())


def formats_table() -> str:
    """List what the embedded Calypso reads, with what a citation names."""
    rows = ["| format | endings | a citation names | needs |", "|---|---|---|---|"]
    for entry in ENTRIES:
        one = entry.format
        endings = ", ".join(f"`{ending}`" for ending in one.endings)
        needs = f"the `{one.extra}` extra" if one.extra else ""
        rows.append(f"| {one.label} | {endings} | {one.locator} | {needs} |")
    return "\n".join(rows)


def unreadable_table() -> str:
    rows = ["| what | endings | what to do |", "|---|---|---|"]
    rows += [
        f"| {kind.label} | {', '.join(f'`{ending}`' for ending in kind.endings)} | {kind.remedy} |"
        for kind in UNREADABLE
    ]
    return "\n".join(rows)


def buttons() -> str:
    badge = "https://img.shields.io/badge/Install_in-{}-0f4c5c"
    return "\n".join(
        f"[![Install in {title}]({badge.format(title.replace(' ', '_'))})]({link})"
        for title, link in install_links().items()
    )


TABLES: dict[str, Callable[[], str]] = {
    "buttons": buttons,
    "settings": settings_table,
    "tools": tools_table,
    "tool sections": tool_sections,
    "commands": commands,
    "formats": formats_table,
    "unreadable": unreadable_table,
}


def with_tables(page: str) -> str:
    """Return a page's text with every generated table in it as the code has it now."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        if begin not in page:
            continue
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n{table()}\n\n{end}{after}"
    return page


if __name__ == "__main__":
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        if "--write" in sys.argv:
            path.write_text(with_tables(text), encoding="utf-8")
        elif with_tables(text) != text:
            sys.exit(f"{path.relative_to(ROOT)} is behind the code: run this with --write")
