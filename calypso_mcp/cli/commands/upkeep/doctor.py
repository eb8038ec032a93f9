"""`calypso-mcp doctor`: checks everything that an installation needs, and names the fix of each fault."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import anyio

from calypso_mcp.cli.arguments import LISTENING, CommandParser
from calypso_mcp.cli.calls.calling import print_result
from calypso_mcp.cli.doctor.findings import is_well, render
from calypso_mcp.cli.doctor.looking import findings_of
from calypso_mcp.cli.printing.terminal import columns


def add_arguments(parser: CommandParser) -> None:
    """Take every setting, so that a command line can be checked as it is."""
    parser.description = (
        "Check everything that an installation needs: settings, API key, data folder, a handshake "
        "through the command that a client would start, and the configurations of clients. The command "
        "changes nothing. The exit code is 1 if anything is wrong."
    )
    parser.add_json()
    parser.add_settings(LISTENING)


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Look at everything; return 0 only if all is well."""
    findings = anyio.run(findings_of, flags)
    is_all_well = is_well(findings)
    result = {"ok": is_all_well, "findings": [finding.as_json() for finding in findings]}
    if not print_result(result, arguments):
        print(render(findings, columns()))
        problems = sum(finding.status == "problem" for finding in findings)
        end = "All is well" if is_all_well else f"{problems} {'problem' if problems == 1 else 'problems'}"
        print(f"\n{end}.")
    return 0 if is_all_well else 1
