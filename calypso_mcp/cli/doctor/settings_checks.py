"""The settings: each with its origin, and everything that is wrong with them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from calypso_mcp.cli.doctor.findings import Finding, note, ok, problem
from calypso_mcp.settings import Reading, knobs

_AREA = "settings"
#: Variables of ours that are no settings.
_PREFIX = "CALYPSO_"


def check_settings(reading: Reading, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what was given, what is wrong with it, and variables that are no settings."""
    for given in reading.given.values():
        if not any(wrong.message.startswith(f"{given.name}: ") for wrong in reading.problems):
            yield ok(_AREA, f"{given.name}: {given.shown}")
    if not reading.given:
        yield ok(_AREA, "Nothing is set: every setting has its default.")
    for wrong in reading.problems:
        yield problem(_AREA, wrong.message, wrong.hint or "Correct the value where it is set.")
    known = {knob.variable for knob in knobs().values()}
    for name in sorted(environ):
        if name.startswith(_PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            fix = f"Did you mean {close[0]}?" if close else "Remove it."
            if close:
                yield problem(_AREA, f"variable {name} is no setting and does nothing.", fix)
            else:
                yield note(_AREA, f"variable {name} is no setting and does nothing.")
