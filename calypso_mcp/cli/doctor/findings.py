"""What a check found, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from calypso_mcp.cli.printing.terminal import fill
from calypso_mcp.domain.untrusted_text import clean_line

Status = Literal["ok", "note", "problem"]

_MARKS: dict[Status, str] = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}
#: Longest text of a finding shown, in characters.
_SHOWN_CHARS = 600


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, in words without secrets; `area` is the part of the installation."""

    status: Status
    message: str
    fix: str = ""
    area: str = ""

    def as_json(self) -> dict[str, str]:
        """Return it for programs, without an empty fix."""
        return {name: value for name, value in asdict(self).items() if value}


def ok(message: str) -> Finding:
    """Return that something is as it should be."""
    return Finding("ok", message)


def note(message: str, fix: str = "") -> Finding:
    """Return something worth knowing that is not wrong."""
    return Finding("note", message, fix)


def problem(message: str, fix: str) -> Finding:
    """Return that something is wrong, and what to do."""
    return Finding("problem", message, fix)


def is_well(findings: Iterable[Finding]) -> bool:
    """Whether there is no problem."""
    return all(finding.status != "problem" for finding in findings)


def render(findings: Iterable[Finding], width: int) -> str:
    """Return the findings for a person, by area, wrapped at `width` columns."""
    lines: list[str] = []
    area = ""
    for finding in findings:
        if finding.area != area:
            area = finding.area
            lines += ["", area] if lines else [area]
        message = clean_line(finding.message, _SHOWN_CHARS)
        lines.append(
            fill(message, width, initial_indent=f"  {_MARKS[finding.status]}  ", subsequent_indent=" " * 11)
        )
        if finding.fix:
            fix = clean_line(finding.fix, _SHOWN_CHARS)
            lines.append(
                fill(
                    fix,
                    width,
                    initial_indent=" " * 11 + "-> ",
                    subsequent_indent=" " * 14,
                )
            )
    return "\n".join(lines)
