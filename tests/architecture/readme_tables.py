"""The tables of the README that follow from the code. `--write` brings the README up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic_core import PydanticUndefined

from calypso_mcp.cli.clients.links import install_links
from calypso_mcp.server.registry import TOOLS, ToolSpec
from calypso_mcp.settings import Settings, knobs

README = Path(__file__).parents[2] / "README.md"


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
    return text.partition(". ")[0].rstrip(".").replace("|", "\\|")


def buttons() -> str:
    badge = "https://img.shields.io/badge/Install_in-{}-0f4c5c"
    return "\n".join(
        f"[![Install in {title}]({badge.format(title.replace(' ', '_'))})]({link})"
        for title, link in install_links().items()
    )


TABLES = {"buttons": buttons, "settings": settings_table, "tools": tools_table}


def with_tables(readme: str) -> str:
    """Return the README's text with every generated table as the code has it now."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        before, _, rest = readme.partition(begin)
        _, _, after = rest.partition(end)
        readme = f"{before}{begin}\n{table()}\n\n{end}{after}"
    return readme


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    if "--write" in sys.argv:
        README.write_text(with_tables(text), encoding="utf-8")
    elif with_tables(text) != text:
        sys.exit("README.md is behind the code: run this with --write")
